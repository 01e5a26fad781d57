"""Reading the log for links: chains that continue, heads where they must be, also for relayed lanes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.leads import Lead
from server.domain.wire import LaneBatch, decode_header
from server.federation import frames
from server.federation.catchup import Page
from server.federation.forks import verify_fork
from server.federation.frames import Batch
from server.federation.lanes import Course, Held
from server.federation.pages import Pages
from server.federation.trust import key_id, sign_head, verify_batch
from tests.support.node import TestNode, open_test_node
from tests.unit.federation.lab import (
    EPOCH,
    LISTED,
    batch_of,
    event_after,
    events_after,
    key_of,
    public_of,
    roster_of,
)

ROSTER = roster_of("de", "fr")
FOREIGN = LaneKey("de", EPOCH, "global")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path, "fr") as opened:
        yield opened


def _pages(node: TestNode) -> Pages:
    return Pages("fr", node.reader, key_of("fr"), roster_of("fr", "de", "in"))


def _batch(page: Page | None) -> Batch:
    assert page is not None
    batch = frames.decode(page.frame)
    assert isinstance(batch, Batch)
    return batch


async def _publish(node: TestNode, count: int, text: str = "hello") -> LaneKey:
    await node.register("luc")
    place = await node.community("luc")
    for _ in range(count):
        await node.post("luc", place, text)
    return LaneKey("fr", node.handler.epoch, "global")


async def _replay(pages: Pages, key: LaneKey) -> list[Page]:
    """All pages of a lane, verified as a peer would."""
    found, tip = [], Held.nothing(key)
    while page := await pages.page(key, tip.seq):
        verified = verify_batch(_batch(page), tip, ROSTER)
        tip = Held(verified.head.seq, verified.head.hash)
        found.append(page)
    return found


async def test_own_lanes_are_pages_a_peer_accepts(node: TestNode) -> None:
    key = await _publish(node, 300)
    tip = node.handler.lane_tip(key)
    pages = await _replay(_pages(node), key)
    whole, rest = divmod(tip, limits.PAGE_EVENTS_MAX)
    assert [page.last - page.after for page in pages] == [limits.PAGE_EVENTS_MAX] * whole + [rest]
    assert (await _pages(node).tips())[key].seq == tip


async def test_pages_are_bounded_in_bytes(node: TestNode) -> None:
    key = await _publish(node, 12, "x" * 40_000)
    pages = await _replay(_pages(node), key)
    assert len(pages) > 1
    assert all(len(page.frame) <= limits.BATCH_BYTES_MAX + 4096 for page in pages)


async def test_a_page_may_begin_anywhere_also_after_a_restart(node: TestNode) -> None:
    key = await _publish(node, 5)
    whole = _batch(await _pages(node).page(key, 0))
    for after in range(1, node.handler.lane_tip(key)):
        batch = _batch(await _pages(node).page(key, after))
        assert batch.events == whole.events[after:]
        assert verify_batch(batch, Held(after, batch.previous), ROSTER).events


async def test_beyond_the_tip_there_is_nothing(node: TestNode) -> None:
    key = await _publish(node, 1)
    assert await _pages(node).page(key, node.handler.lane_tip(key)) is None
    assert await _pages(node).page(key, 99) is None
    assert await _pages(node).page(LaneKey("fr", 1, "global"), 0) is None


async def test_a_relayed_lane_ends_where_its_origin_signed(node: TestNode) -> None:
    """Batches of 2 and 3 arrived: their heads are the only ends there are (section 5)."""
    tip = Held.nothing(FOREIGN)
    for bodies in ([b"\x80"] * 2, [b"\x80"] * 3):
        verified = verify_batch(batch_of(FOREIGN, bodies, tip), tip, ROSTER)
        assert await node.handler.apply(verified) == tip.seq + len(bodies)
        tip = Held(verified.head.seq, verified.head.hash)
    pages = await _replay(_pages(node), FOREIGN)
    assert [(page.after, page.last) for page in pages] == [(0, 5)], "many small batches become one"
    # Somebody who already had three of them from elsewhere.
    batch = _batch(await _pages(node).page(FOREIGN, 3))
    assert (batch.after, batch.head.seq) == (3, 5)
    assert verify_batch(batch, Held(3, batch.previous), ROSTER).events


@pytest.mark.parametrize(("last", "sent"), [(1, None), (2, 2), (4, 2), (5, 5)])
async def test_what_a_key_signed_beyond_its_end_is_not_relayed(
    node: TestNode, last: int, sent: int | None
) -> None:
    """de had lost what we hold when it ended the key: a peer that knows would refuse us."""
    await _relayed(node, 2, 3)
    roster = roster_of("fr", "de")
    roster.end(key_id(public_of("de")), FOREIGN, last)
    page = await Pages("fr", node.reader, key_of("fr"), roster).page(FOREIGN, 0)
    assert (page.last if page else None) == sent


async def test_without_a_head_in_reach_nothing_is_relayed(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.federation import pages as module

    verified = verify_batch(batch_of(FOREIGN, [b"\x80"] * 5), Held.nothing(FOREIGN), ROSTER)
    await node.handler.apply(verified)
    page = module.event_log.lane_page

    async def two(snapshot: object, key: LaneKey, after: int, **_: int) -> object:
        return (await page(snapshot, key, after))[:2]  # type: ignore[arg-type]

    monkeypatch.setattr(module.event_log, "lane_page", two)
    assert await _pages(node).page(FOREIGN, 0) is None
    assert await _pages(node).page(FOREIGN, 3) is not None


# ---------------------------------------------------------------- forks


def _signed(bodies: list[bytes], tip: Held | None = None, key: LaneKey = FOREIGN) -> LaneBatch:
    """What an origin signed, verified in itself."""
    tip = tip or Held.nothing(key)
    return verify_batch(batch_of(key, bodies, tip), tip, ROSTER)


def _tip(batch: LaneBatch) -> Held:
    return Held(batch.head.seq, batch.head.hash)


@pytest.mark.parametrize("ours", [1, 2, 3, 5])
@pytest.mark.parametrize("theirs", [1, 3, 4])
async def test_two_histories_are_proven_wherever_their_heads_stand(
    node: TestNode, ours: int, theirs: int
) -> None:
    await node.handler.apply(_signed([b"\x80"] * ours))
    proof = await _pages(node).prove(_signed([b"\x81\x01\x02"] * theirs))
    assert proof is not None
    assert proof.seq == min(ours, theirs)
    assert verify_fork(proof.frame, ROSTER) == proof


async def test_histories_that_part_where_a_batch_begins_are_proven(node: TestNode) -> None:
    first = _signed([b"\x80"] * 3)
    await node.handler.apply(first)
    other = _signed([b"\x81\x01\x02"] * 3)
    proof = await _pages(node).prove(_signed([b"\x80"], _tip(other)))
    assert proof is not None
    assert (proof.seq, len(proof.headers)) == (3, 1)
    assert verify_fork(proof.frame, ROSTER) == proof


async def test_our_own_second_history_is_proven_with_our_own_key(node: TestNode) -> None:
    """What a peer holds of us, against what this node wrote after it was restored without an epoch."""
    key = await _publish(node, 2)
    evidence = _signed([b"\x80"], key=key)
    proof = await _pages(node).prove(evidence)
    assert proof is not None
    assert verify_fork(proof.frame, ROSTER) == proof


async def test_one_history_proves_nothing(node: TestNode) -> None:
    first = _signed([b"\x80"] * 3)
    assert await _pages(node).prove(first) is None, "a lane nobody has yet"
    await node.handler.apply(first)
    assert await _pages(node).prove(first) is None
    assert await _pages(node).prove(_signed([b"\x80"] * 2)) is None


# ---------------------------------------------------------------- the newest first (section 19)


async def test_a_page_of_an_own_lane_ends_where_it_is_told(node: TestNode) -> None:
    key = await _publish(node, 20)
    tip = node.handler.lane_tip(key)
    page = _batch(await _pages(node).page(key, 3, Course.WHOLE, 9))
    assert (page.after, page.head.seq) == (3, 9)
    newest = _batch(await _pages(node).page(key, tip - 4, Course.FRESH))
    assert (newest.after, newest.head.seq) == (tip - 4, tip)
    assert verify_batch(newest, Held(tip - 4, newest.previous), ROSTER).events


async def test_listed_events_are_pages_of_their_own(node: TestNode) -> None:
    """The person, the community's birth; not the posts, and nothing beyond what was asked for."""
    key = await _publish(node, 5)
    await node.register("anna")
    whole = _batch(await _pages(node).page(key, 0))
    types = [decode_header(event.header).type for event in whole.events]
    found, after = [], 0
    while page := await _pages(node).page(key, after, Course.LISTED, len(types)):
        batch = _batch(page)
        assert verify_batch(batch, Held(batch.after, batch.previous), ROSTER).events
        found += types[batch.after : batch.head.seq]
        after = batch.head.seq
    assert found == [name for name in types if name in LISTED]
    assert {"person.registered", "community.created"} <= set(found)
    assert await _pages(node).page(key, 0, Course.LISTED, 0) is None


async def _relayed(node: TestNode, *sizes: int) -> None:
    """Batches of so many events of a foreign lane, the first of each a listed one."""
    tip = Held.nothing(FOREIGN)
    for size in sizes:
        listed = [event_after(FOREIGN, tip, b"\x80", kind="topic.defined")]
        while len(listed) < size:
            before = Held(tip.seq + len(listed), listed[-1].hash)
            listed.append(event_after(FOREIGN, before, b"\x80"))
        head = sign_head(FOREIGN, Held(tip.seq + size, listed[-1].hash), key_of("de"))
        batch = LaneBatch(FOREIGN, tip.seq, tip.hash, tuple(listed), head)
        await node.handler.apply(batch)
        tip = Held(head.seq, head.hash)


async def test_listed_events_are_relayed_up_to_where_their_origin_signed(node: TestNode) -> None:
    await _relayed(node, 3, 4, 40)
    batch = _batch(await _pages(node).page(FOREIGN, 0, Course.LISTED, 47))
    assert (batch.after, batch.head.seq) == (0, 3)
    batch = _batch(await _pages(node).page(FOREIGN, 3, Course.LISTED, 47))
    assert (batch.after, batch.head.seq) == (3, 7)
    assert await _pages(node).page(FOREIGN, 7, Course.LISTED, 47) is None, "forty for one"
    assert await _pages(node).page(FOREIGN, 3, Course.LISTED, 6) is None, "beyond what was asked"


async def test_nothing_early_is_passed_on(node: TestNode) -> None:
    """Whoever relays says how far a lane is whole, and sends no more."""
    first = _signed([b"\x80"] * 3)
    await node.handler.apply(first)
    early = _signed([b"\x80"] * 2, Held(9, b"h" * 32))
    await node.handler.apply(early._replace(early=True))
    held = (await _pages(node).tips())[FOREIGN]
    assert held[:2] == _tip(first)[:2]
    assert held.lead == Lead(9, b"h" * 32, 11, early.head.hash)
    assert _batch(await _pages(node).page(FOREIGN, 0)).head.seq == 3
    for after in (3, 9, 10):
        assert await _pages(node).page(FOREIGN, after) is None


@pytest.mark.parametrize(
    ("theirs", "seq"),
    [
        ((7, 9), 9),
        ((7, 10), 10),
        ((7, 12), 11),
        ((9, 10), 10),
        ((0, 5), 5),
        ((3, 6), 6),
        ((0, 12), 6),
    ],
    ids=[
        "ends at the base",
        "ends in the lead",
        "goes beyond it",
        "begins at the base",
        "ends in a listed page",
        "ends with a listed page",
        "goes over all of it",
    ],
)
async def test_i5_a_history_that_does_not_fit_what_came_early_is_proven(
    node: TestNode, theirs: tuple[int, int], seq: int
) -> None:
    """By the nearest heads of both, to whoever pins the origin's key (19.3)."""
    ours = events_after(FOREIGN, Held.nothing(FOREIGN), [b"\x80"] * 11)
    for after, last in ((9, 11), (4, 6)):
        at = Held(after, ours[after - 1].hash)
        await node.handler.apply(_signed([b"\x80"] * (last - after), at)._replace(early=True))
    after, last = theirs
    before = events_after(FOREIGN, Held.nothing(FOREIGN), [b"\x81\x01\x02"] * last)
    at = Held(after, before[after - 1].hash) if after else Held.nothing(FOREIGN)
    proof = await _pages(node).prove(_signed([b"\x81\x01\x02"] * (last - after), at))
    assert proof is not None
    assert verify_fork(proof.frame, ROSTER) == proof
    assert proof.seq == seq
