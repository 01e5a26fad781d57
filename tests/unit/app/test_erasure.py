"""Receipts: given once nothing is left, once for all, and whatever happens in between (I1)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from server.app import erasure
from server.app.erasure import REWRITE_SECONDS_MIN, Erasures, audience_of
from server.app.scores import Scores
from server.domain import events as e
from server.domain.errors import Code, Refusal, Refused
from server.realtime.hub import Hub
from server.storage.queries import erasures
from server.storage.residue import needles
from server.storage.tables import credits_
from tests.support.faults import Watched, held
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.restored import own, own_batch, restored

WORDS = "Zimmermannsnagel, in full and at length"
ALL = audience_of(frozenset({"in", "de", "br"}), {"eu": ("de", "fr")})


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as opened:
        for person in ("asha", "bob"):
            await opened.register(person)
        yield opened


async def no_files() -> None:
    """There are none."""


def service(node: TestNode, **changed: Any) -> Erasures:
    settings: dict[str, Any] = {
        "now": node.clock,
        "scored": lambda: node.tap.position,
        "delete_files": no_files,
        "file": Path(node.url.removeprefix("sqlite:///")),
    }
    return Erasures(node.handler, node.tap, node.reader, ALL, **(settings | changed))


async def erased(node: TestNode, text: str = WORDS) -> str:
    """A post that was written and erased; the request."""
    post = await node.post("asha", await node.community("asha"), text)
    answer = await node.do("asha", "content.erase", scope="post", target=post)
    return str(answer["requests"][0])


async def receipts(node: TestNode) -> list[tuple[str, str, int]]:
    found = await node.tap.read(0, 10_000)
    return [
        (event.request, event.region, event.bodies)
        for record in found
        if isinstance(event := record.event, e.ErasureCompleted)
    ]


async def view(node: TestNode, request: str) -> erasures.Erasure:
    async with node.reader.snapshot() as snapshot:
        found = await erasures.by_id(snapshot, request)
    assert found is not None
    return found


# ---------------------------------------------------------------- the receipt


async def test_a_receipt_follows_and_follows_once(node: TestNode) -> None:
    request, at = await erased(node), service(node)
    assert await receipts(node) == []
    assert await at.settle() == 0
    assert await at.settle() == 0
    assert await receipts(node) == [(request, "in", 1)]
    assert [given.region for given in (await view(node, request)).receipts] == ["in"]


async def test_who_asked_is_told_live(node: TestNode) -> None:
    await erased(node)
    await service(node).settle()
    *_, last = await node.tap.read(0, 10_000)
    assert (last.type, last.channels) == ("erasure.completed", ("u:asha",))
    assert last.id.lane == "control"


async def test_nothing_owed_nothing_done(node: TestNode) -> None:
    before = node.tap.position
    assert await service(node).settle() == 0
    assert node.tap.position == before


async def test_another_regions_request_is_answered_in_its_lane(node: TestNode) -> None:
    asked = e.ErasureRequested(request="r", scope="post", target="p")
    abroad = ForeignLog("de", lane="pair.de.in")
    await node.handler.apply(abroad.batch(START, ("dora", asked)))
    await service(node).settle()
    *_, last = await node.tap.read(0, 10_000)
    assert last.event == e.ErasureCompleted(request="r", region="in", bodies=0, by="dora")
    assert last.id.lane == "pair.de.in"


async def test_it_waits_until_scores_name_the_post_no_more(node: TestNode) -> None:
    scored = 0
    request, at = await erased(node), service(node, scored=lambda: scored)
    assert await at.settle() == 1
    assert await receipts(node) == []
    scored = node.tap.position
    assert await at.settle() == 0
    assert await receipts(node) == [(request, "in", 1)]


async def test_ledger_lines_lose_the_title(node: TestNode) -> None:
    scores = Scores(node.tap, node.handler, node.reader, now=node.clock)
    tea = await node.community("asha")
    post = await node.post("asha", tea, WORDS)
    await node.do("bob", "reaction.set", target=post, reaction="helpful", on=True)
    await scores.catch_up()
    assert WORDS in await lines(node)
    await node.do("asha", "content.erase", scope="post", target=post)
    at = service(node, scored=lambda: scores.position)
    assert await at.settle() == 1, "the lines still say it"
    await scores.catch_up()
    assert WORDS not in await lines(node)
    assert await at.settle() == 0


async def lines(node: TestNode) -> str:
    async with node.reader.snapshot() as snapshot:
        return str([row.line for row in await snapshot.rows(select(credits_.c.line))])


async def test_a_database_that_was_put_back_is_cleaned_though_its_receipt_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt spoke of the database that was lost: this one held the words again."""
    asked: list[set[bytes]] = []

    async def looked(_file: Path, wanted: set[bytes]) -> int:
        asked.append(set(wanted))
        return 0

    monkeypatch.setattr(erasure, "search_apart", looked)
    first, backup = tmp_path / "first", tmp_path / "backup"
    first.mkdir()
    async with open_test_node(first) as node:
        await node.register("asha")
        post = await node.post("asha", await node.community("asha"), WORDS)
    shutil.copytree(first, backup)
    async with open_test_node(first) as node:
        wish = {"scope": "post", "target": post}
        answer = await node.do("asha", "content.erase", "erase-in-time", **wish)
        assert await service(node).settle() == 0
        given = [(answer["requests"][0], "in", 1)]
        assert await receipts(node) == given
        lost = await own_batch(node, own(node, "control"))
    assert len(asked) == 1
    async with restored(backup, tmp_path / "second") as node:
        assert await node.handler.apply(lost) == lost.head.seq
        assert await receipts(node) == given, "it is back"
        for _ in range(2):
            assert await service(node).settle() == 0
        assert asked[1:] == [set(needles([WORDS]))], "once"
        assert await receipts(node) == given, "said once"


# ---------------------------------------------------------------- what stands in the way


async def test_a_reader_of_old_pages_is_waited_for(node: TestNode) -> None:
    """It would see the words until it ends, and keeps them in the write-ahead log."""
    post = await node.post("asha", await node.community("asha"), WORDS)
    async with node.reader.snapshot() as snapshot:
        await snapshot.position()
        await node.do("asha", "content.erase", scope="post", target=post)
        assert await service(node).settle() == 1
        assert await receipts(node) == []
    assert await service(node).settle() == 0


async def test_a_node_that_stops_gives_it_after_its_start(tmp_path: Path) -> None:
    """Cut off between the erasure and its receipt: what was destroyed is not known any more, so the
    database is written anew without asking."""
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        request = await erased(node)
    async with open_test_node(tmp_path) as node:
        before = rewrites()
        assert await service(node).settle() == 0
        assert await receipts(node) == [(request, "in", 1)]
        assert rewrites() == before + 1
        assert await service(node).settle() == 0
        assert rewrites() == before + 1


async def test_a_crash_at_the_receipts_commit_is_no_receipt(tmp_path: Path) -> None:
    watched = Watched()
    async with open_test_node(tmp_path, wrap=watched.wrap) as node:
        await node.register("asha")
        request = await erased(node)
        watched.commit_fails = OSError("the power went")
        with pytest.raises(OSError, match="power"):
            await service(node).settle()
        watched.commit_fails = None
        assert await receipts(node) == []
    async with open_test_node(tmp_path) as node:
        await service(node).settle()
        assert await receipts(node) == [(request, "in", 1)]


def rewrites() -> float:
    return REGISTRY.get_sample_value("tap_erasure_rewrites_total") or 0.0


async def test_what_is_left_has_the_database_written_anew_now_and_then(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[bytes]] = []

    async def found(_file: Path, wanted: set[bytes]) -> int:
        asked.append(set(wanted))
        return 1

    monkeypatch.setattr(erasure, "search_apart", found)
    at, before = service(node), rewrites()
    first = await erased(node, WORDS)
    assert await at.settle() == 0
    assert asked == [set(needles([WORDS]))]
    second = await erased(node, "another one, " + WORDS)
    assert await at.settle() == 1, "not twice within ten minutes"
    assert rewrites() == before + 1
    assert await at.settle() == 1
    assert len(asked) == 2, "nor is it looked for again and again"
    node.clock.advance(REWRITE_SECONDS_MIN * 1_000)
    assert await at.settle() == 0
    assert rewrites() == before + 2
    assert [request for request, *_ in await receipts(node)] == [first, second]
    assert node.handler.needles == {}, "the words are forgotten with the receipt"


async def test_where_nothing_can_be_looked_for_the_database_is_written_anew(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden(_file: Path, _wanted: set[bytes]) -> int:
        raise OSError("no more processes")

    monkeypatch.setattr(erasure, "search_apart", forbidden)
    await erased(node)
    before = rewrites()
    assert await service(node).settle() == 0
    assert rewrites() == before + 1


async def test_it_runs_by_itself_and_again_when_it_must(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the way goes by, or a new request comes: nobody has to call it."""
    tries = 0

    async def settle(self: Erasures) -> int:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Refused(Code.DISK_FULL, "the disk of this node is full")
        if tries == 2:
            raise ValueError("our own mistake")
        return await once(self)

    once = Erasures.settle
    monkeypatch.setattr(Erasures, "settle", settle)
    monkeypatch.setattr(erasure, "LOOK_SECONDS", 0.01)
    running = asyncio.create_task(service(node).run())
    try:
        async with asyncio.timeout(20):
            for number in range(2):
                await erased(node, f"{WORDS} {number}")
                while len(await receipts(node)) <= number:
                    await node.tap.moved(node.tap.position)
    finally:
        running.cancel()
    assert tries >= 3


async def test_a_node_that_cannot_write_says_so(node: TestNode) -> None:
    await erased(node)
    node.handler.read_only = "the disk is gone"
    with pytest.raises(Refused) as refused:
        await service(node).settle()
    assert refused.value.refusal.code == Code.STOPPING
    node.handler.read_only = ""


# ---------------------------------------------------------------- work between two transactions


async def test_work_apart_runs_between_transactions_in_its_turn(node: TestNode) -> None:
    order: list[str] = []
    async with held(node.handler):
        first = node.handler.run(lambda tx: order.append("in one"))
        apart = node.handler.apart(lambda c: order.append(f"apart {c._connection.in_transaction}"))  # type: ignore[attr-defined]
        both = asyncio.gather(first, apart)
    await both
    assert set(order) == {"in one", "apart False"}


async def test_work_apart_that_fails_is_told_its_caller(node: TestNode) -> None:
    def fail(_connection: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await node.handler.apart(fail)
    await node.do("asha", "community.create", name="Still here")


# ---------------------------------------------------------------- memory


async def test_neither_tail_nor_ring_keeps_the_words(node: TestNode) -> None:
    hub = Hub(node.tap.position, epoch=node.tap.epoch)
    node.tap.subscribe(hub.publish)
    tea = await node.community("asha")
    start = node.tap.position
    post = await node.post("asha", tea, WORDS)
    await node.do("asha", "post.edit", post=post, text=WORDS + "!")
    for part in hub.fan_out():
        assert not part.writes
    waiting = await node.post("asha", tea, WORDS)  # published, and not handed out yet
    for gone in (post, waiting):
        await node.do("asha", "content.erase", scope="post", target=gone)
    for _ in hub.fan_out():
        pass
    held_records = [
        *await node.tap.read(start, 1_000),
        *[entry.record for entry in hub.ring._order.values()],
    ]
    assert [r.type for r in held_records if WORDS.encode() in r.body] == []
    assert [r.type for r in held_records if WORDS in str(r.event)] == []
    found = hub.ring.since([tea, "t:" + post, "g"], start, hub.position)
    assert found is not None
    assert [entry.record.type for entry in found.entries] == ["erasure.requested"] * 2


# ---------------------------------------------------------------- whose receipts


def test_the_audience_is_everybody_the_lanes_are_for() -> None:
    assert ALL("in", ["control"]) == {"in", "de", "br"}
    assert ALL("in", ["local"]) == {"in"}
    assert ALL("in", ["pair.de.in", "pair.br.in"]) == {"in", "de", "br"}
    assert ALL("de", ["group.eu"]) == {"de", "fr"}


async def test_an_erasure_is_open_until_all_have_answered(node: TestNode) -> None:
    request, at = await erased(node), service(node)
    await at.settle()
    node.clock.advance(5_000)
    await at.measure()
    assert open_ones() == (1.0, 5.0)
    for region in ("de", "br", "xx"):
        receipt = e.ErasureCompleted(request=request, region=region, bodies=2, by="asha")
        log = ForeignLog(region, lane="control")
        await node.handler.apply(log.batch(START, ("", receipt)))
    await at.measure()
    assert open_ones() == (0.0, 0.0)


def open_ones() -> tuple[float | None, float | None]:
    names = ("tap_erasures_open", "tap_erasure_oldest_seconds")
    return tuple(REGISTRY.get_sample_value(name) for name in names)  # type: ignore[return-value]


async def test_a_region_cannot_answer_for_another(node: TestNode) -> None:
    request = await erased(node)
    forged = e.ErasureCompleted(request=request, region="br", bodies=2)
    await node.handler.apply(ForeignLog("de", lane="control").batch(START, ("", forged)))
    assert (await view(node, request)).receipts == ()


async def test_an_answer_that_is_refused_is_raised(
    node: TestNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await erased(node)

    async def full(_decide: object) -> Refusal:
        return Refusal(Code.DISK_FULL, "the disk of this node is full")

    monkeypatch.setattr(node.handler, "append", full)
    with pytest.raises(Refused, match="full"):
        await service(node).settle()
