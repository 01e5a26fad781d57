"""The tap: who waits is woken, who reads gets all of it in order, from memory or from the log (I3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.app import tap as taps
from server.app.tap import Tap
from server.storage.event_log import Record
from tests.support.faults import SECONDS_MAX
from tests.support.node import TestNode, open_test_node

POSTS = 30


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    """A tail of ten records over a log of more than thirty."""
    async with open_test_node(tmp_path, tail_records=10) as node:
        await node.register("asha")
        place = await node.community("asha")
        for n in range(POSTS):
            await node.post("asha", place, f"post {n}")
        yield node


async def test_whoever_waits_is_woken_by_the_commit(node: TestNode) -> None:
    position = node.tap.position
    waiting = [asyncio.ensure_future(node.tap.moved(position)) for _ in range(5)]
    later = asyncio.ensure_future(node.tap.moved(position + 1))
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    async with asyncio.timeout(SECONDS_MAX):
        await node.do("asha", "profile.change", name="Asha A")
        await asyncio.gather(*waiting)
        assert not later.done(), "who wants the one after next waits on"
        await node.do("asha", "profile.change", name="Asha B")
        await later


async def test_what_is_there_already_needs_no_waiting(node: TestNode) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        await node.tap.moved(node.tap.position - 1)


async def test_one_who_stops_waiting_takes_nobody_along(node: TestNode) -> None:
    """They share one future; a client that hangs up must not cancel it for the others."""
    position = node.tap.position
    gone = asyncio.ensure_future(node.tap.moved(position))
    stays = asyncio.ensure_future(node.tap.moved(position))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    async with asyncio.timeout(SECONDS_MAX):
        await node.do("asha", "profile.change", name="Asha A")
        await stays


async def test_listeners_hear_in_the_order_they_came_each_commit_at_once(node: TestNode) -> None:
    heard: list[tuple[str, Sequence[Record]]] = []
    node.tap.subscribe(lambda records: heard.append(("first", records)))
    node.tap.subscribe(lambda records: heard.append(("second", records)))
    before = node.tap.position
    await node.do("asha", "community.create", name="Coffee")
    assert [name for name, _ in heard] == ["first", "second"]
    for _, records in heard:
        assert [record.position for record in records] == [before + 1, before + 2]


async def test_i3_the_end_of_the_tail_is_no_seam(node: TestNode) -> None:
    """Reads from every position, across the oldest record in memory, are one log."""
    end = node.tap.position
    async with asyncio.timeout(SECONDS_MAX):
        for after in range(end + 1):
            for limit in (1, 4, 100):
                found = await node.tap.read(after, limit)
                expected = list(range(after + 1, min(after + limit, end) + 1))
                assert [record.position for record in found] == expected


async def test_beyond_the_end_there_is_nothing(node: TestNode) -> None:
    end = node.tap.position
    for after in (end, end + 1, end + 1_000, 10**17):
        assert list(await node.tap.read(after, 10)) == []
        assert list(await node.tap.channel_page(["g"], after, after + 5, 10)) == []


async def test_a_tap_that_was_just_opened_reads_the_log_behind_it(node: TestNode) -> None:
    fresh = Tap(node.reader)
    fresh.open(node.tap.epoch, node.tap.position)
    found = await fresh.read(0, 1_000)
    assert [record.position for record in found] == list(range(1, node.tap.position + 1))


class _Shown:
    """Enough of a record for the tail: where it stands and what it is shown on."""

    erased = ()

    def __init__(self, position: int, channels: tuple[str, ...]) -> None:
        self.position, self.channels = position, channels


class _Follower:
    """Takes in whatever there is. ``turns``: everybody's, by name; ``busy``: what happens during its first one."""

    def __init__(
        self, name: str, tap: Tap, turns: list[str], busy: Callable[[], None] = lambda: None
    ) -> None:
        self.position, self._heard = -1, asyncio.Event()
        self._name, self._tap, self._turns, self._busy = name, tap, turns, busy
        self.task = asyncio.ensure_future(tap.follow(name, self._catch_up, lambda: self.position))

    async def _catch_up(self) -> None:
        self._turns.append(self._name)
        first, self.position = self.position < 0, self._tap.position
        if first:
            self._busy()
        self._heard.set()

    async def reached(self, position: int) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while self.position < position:
                self._heard.clear()
                await self._heard.wait()


def _commit(tap: Tap) -> None:
    tap.committed([_Shown(tap.position + 1, ())])  # type: ignore[list-item]


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> Tap:
    """Over no log, with rounds that come soon."""
    monkeypatch.setattr(taps, "ROUND_SECONDS", 0.02)
    return Tap(None)  # type: ignore[arg-type]


async def test_one_round_for_all_followers_and_for_all_that_was_committed(tap: Tap) -> None:
    turns: list[str] = []
    one, two = _Follower("one", tap, turns), _Follower("two", tap, turns)
    await asyncio.gather(one.reached(0), two.reached(0))
    for _ in range(3):
        _commit(tap)
        await asyncio.sleep(0)
    await asyncio.gather(one.reached(3), two.reached(3))
    _commit(tap)
    await asyncio.gather(one.reached(4), two.reached(4))
    assert turns == ["one", "two"] * 3
    one.task.cancel()
    two.task.cancel()


async def test_what_is_committed_while_a_follower_is_busy_begins_a_round_too(tap: Tap) -> None:
    turns: list[str] = []
    one = _Follower("one", tap, turns, busy=lambda: _commit(tap))
    await one.reached(1)
    assert turns == ["one", "one"]
    one.task.cancel()


async def test_a_follower_that_ends_takes_nobody_out_of_the_round(tap: Tap) -> None:
    turns: list[str] = []
    gone, stays = _Follower("gone", tap, turns), _Follower("stays", tap, turns)
    await asyncio.gather(gone.reached(0), stays.reached(0))
    gone.task.cancel()
    _commit(tap)
    await stays.reached(1)
    assert turns == ["gone", "stays", "stays"]
    stays.task.cancel()


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4), max_size=12),
    st.integers(0, 30),
    st.integers(0, 40),
    st.integers(1, 6),
)
def test_i3_the_tail_gives_what_a_plain_list_would(
    commits: list[list[str]], after: int, upto: int, limit: int
) -> None:
    tap = Tap(None, tail_records=1_000)  # type: ignore[arg-type]
    log: list[_Shown] = []
    for commit in commits:
        made = [_Shown(len(log) + n, (c,) if c else ()) for n, c in enumerate(commit, 1)]
        log += made
        tap.committed(made)  # type: ignore[arg-type]
    if not log:
        return
    read = asyncio.run(_both(tap, after, upto, limit))
    assert read[0] == [r.position for r in log if r.position > after][:limit]
    shown = [r.position for r in log if after < r.position <= upto and "a" in r.channels]
    assert read[1] == shown[:limit]


async def _both(tap: Tap, after: int, upto: int, limit: int) -> tuple[list[int], list[int]]:
    read = await tap.read(after, limit)
    page = await tap.channel_page(["a"], after, upto, limit)
    return [record.position for record in read], [record.position for record in page]
