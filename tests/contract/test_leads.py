"""Events that come before those behind them: stored once, in any order, and never passed on (section 19)."""

from __future__ import annotations

import itertools
import random

import pytest

from server.domain import events as e
from server.domain.errors import Code, Refusal
from server.domain.leads import Lead
from server.domain.wire import LaneBatch, SignedHead
from server.storage import event_log, leads
from server.storage.rebuild import rebuild_on
from tests.support.node import ForeignLog, TestNode, open_test_node

START = 1_767_225_600_000
LOG = ForeignLog("de")
EVENTS = LOG.batch(
    START,
    *[
        (
            ("asha", e.TopicDefined(topic=f"t{n % 7}", rev=n, names={"en": str(n)}))
            if n % 5 == 0
            else ("asha", e.FlagRaised(target=f"p{n}", root="p", place="c:x", reason="why", rev=n))
        )
        for n in range(1, 41)
    ],
)


def part(after: int, last: int, *, early: bool = False) -> LaneBatch:
    """Events ``after + 1 ... last`` of the one lane."""
    previous = EVENTS.events[after - 1].hash if after else EVENTS.previous
    events = EVENTS.events[after:last]
    head = SignedHead(*LOG.key, last, events[-1].hash, "test", b"")
    return LaneBatch(LOG.key, after, previous, events, head, early=early)


def other(after: int, last: int, *, early: bool = False) -> LaneBatch:
    """The same numbers of another history."""
    log = ForeignLog("de")
    topic = e.TopicDefined(topic="x", rev=1, names={"en": "another history"})
    every = log.batch(START, *[("mallory", topic)] * last)
    previous = every.events[after - 1].hash if after else every.previous
    head = SignedHead(*LOG.key, last, every.events[-1].hash, "test", b"")
    return LaneBatch(LOG.key, after, previous, every.events[after:], head, early=early)


async def tip(node: TestNode) -> event_log.Tip:
    async with node.reader.snapshot() as snapshot:
        return (await event_log.lane_tips(snapshot))[LOG.key]


async def numbers(node: TestNode) -> list[int]:
    """Of the lane's events, in the order in which they were committed."""
    records = await node.tap.read(0, 1_000)
    return [record.id.seq for record in records if record.id.region == "de"]


def hash_(seq: int) -> bytes:
    return EVENTS.events[seq - 1].hash


async def test_fresh_events_are_here_and_the_lane_is_not_whole(node: TestNode) -> None:
    assert await node.handler.apply(part(0, 4)) == 4
    assert await node.handler.apply(part(30, 35, early=True)) == 4, "whole up to 4"
    assert await node.handler.apply(part(35, 40, early=True)) == 4
    assert await tip(node) == event_log.Tip(4, hash_(4), Lead(30, hash_(30), 40, hash_(40)))
    assert await numbers(node) == [1, 2, 3, 4, *range(31, 41)]
    async with node.reader.snapshot() as snapshot:
        page = await event_log.lane_page(snapshot, LOG.key, 0)
        assert [event.hash for event in page] == [hash_(n) for n in range(1, 5)], "nothing skips"
        assert await event_log.lane_page(snapshot, LOG.key, 30) == []


async def test_what_lies_behind_makes_it_whole(node: TestNode) -> None:
    for batch in (part(30, 40, early=True), part(4, 5, early=True), part(9, 10, early=True)):
        assert await node.handler.apply(batch) == 0
    assert (await tip(node)).lead == Lead(30, hash_(30), 40, hash_(40), listed=10)
    assert await node.handler.apply(part(0, 20)) == 20
    assert await node.handler.apply(part(20, 29)) == 29, "one is missing"
    assert await node.handler.apply(part(29, 30)) == 40, "the lead is reached"
    assert await tip(node) == event_log.Tip(40, hash_(40))
    assert sorted(await numbers(node)) == list(range(1, 41)), "each once"
    assert await node.handler.apply(part(25, 40)) == 40


async def test_a_page_that_runs_into_the_lead_and_beyond(node: TestNode) -> None:
    await node.handler.apply(part(30, 35, early=True))
    assert await node.handler.apply(part(0, 33)) == 35
    await node.handler.apply(part(35, 36))
    assert await numbers(node) == [*range(31, 36), *range(1, 31), 36]


async def test_a_page_that_runs_over_the_whole_lead(node: TestNode) -> None:
    await node.handler.apply(part(30, 35, early=True))
    assert await node.handler.apply(part(0, 40)) == 40
    assert await tip(node) == event_log.Tip(40, hash_(40))
    assert sorted(await numbers(node)) == list(range(1, 41))


async def test_early_events_that_are_not_early_any_more_are_repeats(node: TestNode) -> None:
    await node.handler.apply(part(0, 40))
    position = node.tap.position
    assert await node.handler.apply(part(30, 40, early=True)) == 40
    assert node.tap.position == position


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (part(10, 12), Code.BROKEN_CHAIN),
        (part(36, 40, early=True), Code.CONFLICT),
        (part(28, 31, early=True), Code.BROKEN_CHAIN),
        (other(0, 30), Code.FORK),
        (other(0, 40), Code.FORK),
        (other(0, 33), Code.FORK),
        (other(0, 12), Code.FORK),
        (other(9, 11, early=True), Code.FORK),
        (other(33, 38, early=True), Code.FORK),
        (other(35, 38, early=True), Code.FORK),
    ],
    ids=[
        "a gap",
        "beyond the lead",
        "listed ones that reach into it",
        "another history up to the base",
        "another history beyond the lead",
        "another history into the lead",
        "another history over a listed event",
        "another listed event",
        "another history within the lead",
        "another history behind the lead",
    ],
)
async def test_i5_nothing_is_stored_of_what_does_not_fit(
    node: TestNode, batch: LaneBatch, code: Code
) -> None:
    await node.handler.apply(part(30, 35, early=True))
    await node.handler.apply(part(9, 10, early=True))
    before, position = await tip(node), node.tap.position
    outcome = await node.handler.apply(batch)
    assert isinstance(outcome, Refusal)
    assert outcome.code is code
    assert (await tip(node), node.tap.position) == (before, position)


async def test_it_goes_on_after_a_restart(url: str, tmp_path: object) -> None:
    """From the disk alone, whatever was held in memory."""
    for batch, whole in [
        (part(0, 3), 3),
        (part(30, 35, early=True), 3),
        (part(9, 10, early=True), 3),
        (part(35, 40, early=True), 3),
        (part(3, 12), 12),
        (part(12, 31), 40),
    ]:
        async with open_test_node(tmp_path, url=url) as node:  # type: ignore[arg-type]
            assert await node.handler.apply(batch) == whole
            assert (await tip(node)).seq == whole


async def test_a_rolled_back_batch_leaves_the_lead_as_it_was(node: TestNode) -> None:
    await node.handler.apply(part(30, 35, early=True))
    before = await tip(node)

    def fails(tx: object) -> None:
        node.handler._log.store(tx, part(35, 40, early=True))  # type: ignore[arg-type]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await node.handler.run(fails)
    assert await tip(node) == before
    assert await node.handler.apply(part(35, 36, early=True)) == 0
    assert (await tip(node)).lead == Lead(30, hash_(30), 36, hash_(36))


async def test_i6_any_order_of_coming_gives_the_same_tables(node: TestNode) -> None:
    """And the log folded anew, in the order in which it was committed, too."""
    chance = random.Random(7)
    ends = [*sorted(chance.sample(range(1, 29), 4)), 30]
    whole = [part(after, last) for after, last in itertools.pairwise([0, *ends])]
    early = [part(30, 37, early=True), part(37, 40, early=True)]
    listed = [part(n - 1, n, early=True) for n in (5, 10, 15, 20)]
    for batch in (early[0], *listed[:2], whole[0], early[1], *listed[2:], *whole[1:]):
        assert not isinstance(await node.handler.apply(batch), Refusal)
    assert (await tip(node)).seq == 40
    report = await node.handler.apart(lambda connection: rebuild_on(connection, check=True))
    assert report.different == ()


async def test_runs_of_listed_events_are_found_one_after_the_other(node: TestNode) -> None:
    log = ForeignLog("fr")
    topic = e.TopicDefined(topic="x", rev=1, names={"en": "x"})
    flag = e.FlagRaised(target="p", root="p", place="c:x", reason="why", rev=1)
    kinds = [flag, topic, topic, flag, topic, flag, flag, topic]
    await node.handler.apply(log.batch(START, *[("asha", kind) for kind in kinds]))
    found, after = [], 0
    async with node.reader.snapshot() as snapshot:
        while run := await leads.listed_run(snapshot, log.key, after, 7):
            found.append(run)
            after = run[1]
    assert found == [(2, 3), (5, 5)], "8 is beyond what was asked for"
