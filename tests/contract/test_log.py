"""The log on every database: lanes without a hole (I5), positions in commit order (I3), readers agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from server.app.tap import Tap
from server.domain import events as e
from server.domain.errors import Code, Refusal
from server.domain.ids import LaneKey
from server.domain.wire import (
    LaneBatch,
    SignedHead,
    WireEvent,
    chain,
    commitment,
    decode_header,
    genesis,
)
from server.storage import event_log
from server.storage import tables as t
from server.storage.event_log import Record
from tests.support.company import history
from tests.support.living import Abroad, live
from tests.support.node import START, ForeignLog, TestNode
from tests.support.world import build_world


async def lived_in(node: TestNode, seed: int, happenings: int = 120) -> None:
    """All kinds of events, some by people's commands, in several lanes of several regions."""
    world = await build_world(node)
    await live(node, history(seed, happenings), Abroad(world.abroad))


async def stored(node: TestNode) -> Sequence[Any]:
    """Every row of the log with the lane it says it is of."""
    c, lanes = t.events.c, t.lanes.c
    async with node.reader.snapshot() as snapshot:
        return await snapshot.rows(
            select(
                *(lanes.region, lanes.epoch, lanes.lane),
                *(c.position, c.seq, c.type, c.header, c.hash, c.salt, c.body),
            )
            .join(t.lanes, lanes.id == c.lane_id)
            .order_by(c.position)
        )


# ---------------------------------------------------------------- I5


async def test_i5_every_lane_is_whole_and_its_chain_recomputes_from_the_rows(
    node: TestNode, seed: int
) -> None:
    await lived_in(node, seed)
    tips: dict[LaneKey, tuple[int, bytes]] = {}
    for row in await stored(node):
        key = LaneKey(*row[:3])
        header = decode_header(bytes(row.header))
        seq, hash_ = tips.get(key, (0, genesis(*key)))
        assert (row.seq, header.seq) == (seq + 1, seq + 1)
        assert header.id[:3] == key
        assert header.type == row.type
        assert (row.salt is None) == (row.body is None), "an erasure takes both"
        if row.body is not None:
            assert header.commitment == commitment(bytes(row.salt), bytes(row.body))
        tips[key] = (row.seq, chain(hash_, bytes(row.header)))
        assert bytes(row.hash) == tips[key][1]
    async with node.reader.snapshot() as snapshot:
        held = await event_log.lane_tips(snapshot)
    assert {key: (tip.seq, tip.hash) for key, tip in held.items()} == tips
    assert len(tips) > 3
    assert {key.region for key in tips} == {"in", "de", "fr"}


@pytest.fixture
async def lane(node: TestNode) -> ForeignLog:
    """Germany's lane, five events of it stored here."""
    abroad = ForeignLog("de")
    assert await node.handler.apply(greetings(abroad, 5)) == 5
    return abroad


def greetings(log: ForeignLog, count: int) -> LaneBatch:
    topics = [
        ("dora", e.TopicDefined(topic="tea", rev=log.seq + n + 1, names={})) for n in range(count)
    ]
    return log.batch(START, *topics)


def from_start(*batches: LaneBatch) -> tuple[WireEvent, ...]:
    return tuple([event for batch in batches for event in batch.events])


async def refused(node: TestNode, batch: LaneBatch) -> Code:
    before = await stored(node)
    outcome = await node.handler.apply(batch)
    assert isinstance(outcome, Refusal), outcome
    assert await stored(node) == before, "nothing of it is stored"
    return outcome.code


async def test_i5_a_gap_is_refused(node: TestNode, lane: ForeignLog) -> None:
    greetings(lane, 2)
    assert await refused(node, greetings(lane, 2)) is Code.BROKEN_CHAIN
    assert await refused(node, greetings(ForeignLog("fr"), 3)._replace(after=1)) is (
        Code.BROKEN_CHAIN
    )


async def test_i5_an_overlap_is_skipped_and_the_rest_is_stored(
    node: TestNode, lane: ForeignLog
) -> None:
    again = ForeignLog("de")
    first, second = greetings(again, 3), greetings(again, 4)
    assert again.seq == 7
    assert await node.handler.apply(second) == 7
    for batch in (first, second):
        position = node.tap.position
        assert await node.handler.apply(batch) == 7
        assert node.tap.position == position, "a repeat commits no event"


def forked(after: int, count: int, common: int) -> LaneBatch:
    """Events after ``after`` of a Germany that agrees with ours up to ``common``."""
    log = ForeignLog("de")
    greetings(log, common)
    other = [
        ("mallory", e.TopicDefined(topic="tea", rev=n + 1, names={"x": "y"})) for n in range(9)
    ]
    whole = log.batch(START, *other)
    agreed = greetings(ForeignLog("de"), common)
    made = (*agreed.events, *whole.events)
    previous = made[after - 1].hash if after else genesis(*log.key)
    part = made[after : after + count]
    head = SignedHead(*log.key, after + count, part[-1].hash, "test", b"")
    return LaneBatch(log.key, after, previous, part, head)


FORKS = {
    "goes on from another past": (5, 2, 3),
    "goes on from a past all its own": (5, 2, 0),
    "overlaps by the number that differs": (4, 3, 4),
    "overlaps by more": (3, 4, 4),
    "begins at the start": (0, 7, 2),
    "ends exactly where we end": (3, 2, 4),
    "is as long as ours": (0, 5, 0),
    "lies within what we hold": (0, 3, 2),
    "is one event within": (1, 1, 1),
    "ends one before us": (2, 2, 1),
}
"""Events after ``after``, how many, and up to which number that history agrees with ours."""


async def test_i5_a_fork_is_refused_wherever_it_shows(node: TestNode, lane: ForeignLog) -> None:
    for name, case in FORKS.items():
        assert await refused(node, forked(*case)) is Code.FORK, name


async def test_i5_what_we_hold_already_is_no_fork(node: TestNode, lane: ForeignLog) -> None:
    again = greetings(ForeignLog("de"), 5)
    for after, count in ((0, 3), (0, 5), (2, 2), (5, 0), (3, 0), (0, 0)):
        previous = again.events[after - 1].hash if after else genesis(*lane.key)
        part = again.events[after : after + count]
        batch = LaneBatch(lane.key, after, previous, part, again.head)
        assert await node.handler.apply(batch) == 5, (after, count)


async def test_i5_what_came_a_moment_ago_in_the_same_transaction_is_no_fork(
    node: TestNode, lane: ForeignLog
) -> None:
    """Two neighbours pass one lane on, and their batches share a commit."""
    again = ForeignLog("de")
    greetings(again, 5)
    new = greetings(again, 4)
    before, inner = new.events[:2]
    head = SignedHead(*new.key, 7, inner.hash, "test", b"")
    part = LaneBatch(new.key, 6, before.hash, (inner,), head)
    outcomes = await asyncio.gather(node.handler.apply(new), node.handler.apply(part))
    assert outcomes == [9, 9]


async def test_i5_an_own_lane_goes_on_where_a_refused_transaction_left_it(node: TestNode) -> None:
    """Numbers of a rolled-back transaction are given again, to the next event that is committed."""
    await node.register("asha")
    place = await node.community("asha")
    before = await stored(node)

    def fails(tx: Any) -> None:
        raise ZeroDivisionError

    post = node.try_do("asha", "post.publish", place=place, kind="update", text="x")
    with pytest.raises(ZeroDivisionError):
        await node.handler.run(fails)
    await post
    after = await stored(node)
    assert [row.position for row in after] == [*range(1, len(before) + 2)]


# ---------------------------------------------------------------- reading lanes


async def test_a_lane_is_read_in_pages_bounded_by_number_and_bytes(node: TestNode) -> None:
    log = ForeignLog("de")
    whole = greetings(log, 20)
    await node.handler.apply(whole)
    async with node.reader.snapshot() as snapshot:
        for events_max, bytes_max in ((1, 10**6), (7, 10**6), (20, 1), (20, 600), (50, 10**6)):
            found: list[WireEvent] = []
            while page := await event_log.lane_page(
                snapshot, log.key, len(found), events_max, bytes_max
            ):
                assert len(page) <= events_max
                size = sum(len(x.header) + len(x.body or b"") + 16 for x in page)
                assert len(page) == 1 or size <= bytes_max
                found += page
            assert tuple(found) == whole.events


async def test_an_unknown_lane_is_empty(node: TestNode) -> None:
    async with node.reader.snapshot() as snapshot:
        assert await event_log.lane_page(snapshot, LaneKey("de", 1, "global"), 0) == []
        assert await event_log.lane_head(snapshot, LaneKey("de", 1, "global"), 1, 9) is None


async def test_heads_are_kept_to_relay_a_lane_later(node: TestNode) -> None:
    log = ForeignLog("de")
    heads = []
    for count in (3, 2, 4):
        batch = greetings(log, count)
        await node.handler.apply(batch)
        heads.append(batch.head)
    async with node.reader.snapshot() as snapshot:
        for first, last, expected in (
            (1, 3, heads[0]),
            (1, 4, heads[0]),
            (1, 8, heads[1]),
            (4, 900, heads[2]),
            (9, 9, heads[2]),
        ):
            assert await event_log.lane_head(snapshot, log.key, first, last) == expected
        assert await event_log.lane_head(snapshot, log.key, 1, 2) is None
        assert await event_log.lane_head(snapshot, log.key, 10, 900) is None


# ---------------------------------------------------------------- I3


async def whole_log(node: TestNode) -> list[Record]:
    """What was announced, in order: the node's own tail, which holds it all in these tests."""
    return list(await node.tap.read(1, 100_000))


def behind(node: TestNode) -> Tap:
    """A tap whose tail holds nothing: everything is read from the log."""
    tap = Tap(node.reader, tail_records=0)
    tap.open(node.tap.epoch, node.tap.position)
    return tap


async def test_i3_positions_are_dense_and_announced_in_order(node: TestNode, seed: int) -> None:
    announced: list[Record] = []
    node.tap.subscribe(announced.extend)
    await lived_in(node, seed)
    rows = await stored(node)
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    # The first event, the log's own opening, was committed before anybody could listen.
    assert [record.position for record in announced] == list(range(2, len(rows) + 1))
    assert [record.id.seq for record in announced] == [row.seq for row in rows[1:]]
    async with node.reader.snapshot() as snapshot:
        assert await snapshot.position() == node.tap.position == len(rows)


async def test_i3_the_log_tells_what_the_tail_told(node: TestNode, seed: int) -> None:
    await lived_in(node, seed)
    announced = await whole_log(node)
    assert any(not record.channels and record.event is not None for record in announced)
    log = behind(node)
    assert list(await log.read(1, 100_000)) == announced
    for limit in (7, 50):
        found: list[Record] = []
        while page := await log.read(1 + len(found), limit):
            assert len(page) <= limit
            found += page
        assert found == announced


def shown(records: list[Record], wanted: Collection[str], upto: int) -> list[Record]:
    """What a reader of these channels is owed: the whole log, filtered."""
    return [
        record
        for record in records
        if record.position <= upto and not set(wanted).isdisjoint(record.channels)
    ]


async def paged(tap: Tap, wanted: Collection[str], upto: int, limit: int) -> list[Record]:
    """The same, page by page; a short page is the last."""
    found: list[Record] = []
    after, full = 1, True
    while full:
        page = await tap.channel_page(wanted, after, upto, limit)
        full = len(page) == limit
        after = page[-1].position if page else after
        found += page
    return found


async def test_i3_pages_of_channels_are_the_log_filtered(node: TestNode, seed: int) -> None:
    await lived_in(node, seed, 60)
    announced = await whole_log(node)
    counts = Counter(channel for record in announced for channel in record.channels)
    busy = [channel for channel, _ in counts.most_common()]
    end = node.tap.position
    for wanted, upto, limit in (
        (busy[:1], end, 3),
        (busy[:5], end, 7),
        (busy[:5], end // 2, 7),
        (busy, end, 1_000),
        (busy[4:6], end, 1),
        (["g", "u:bob", "c:nowhere"], end, 2),
        (["c:nowhere"], end, 5),
        ([], end, 5),
        (busy, 1, 5),
    ):
        expected = shown(announced, wanted, upto)
        assert await paged(node.tap, wanted, upto, limit) == expected, (wanted, upto)
        assert await paged(behind(node), wanted, upto, limit) == expected, (wanted, upto)
