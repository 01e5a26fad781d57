"""Questions asked at the same time are loaded together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import pytest

from server.app import together as module
from server.app.together import KEYS_MAX, LOADS_MAX, InTurn, Together


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOADS_MAX", 1)


class Source:
    """Doubles numbers; each load waits until it is let go."""

    def __init__(self) -> None:
        self.loads: list[list[int]] = []
        self.go = asyncio.Event()

    async def load(self, keys: Collection[int]) -> dict[int, int]:
        self.loads.append(list(keys))
        await self.go.wait()
        if 13 in keys:
            raise LookupError("unlucky")
        return {key: 2 * key for key in keys}


async def asked(together: Together[int, int], *keys: int) -> list[asyncio.Task[int]]:
    """Asks, and waits until everybody's question is in."""
    tasks = [asyncio.ensure_future(together.get(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.usefixtures("one_at_a_time")
async def test_what_gathers_during_one_load_is_the_next() -> None:
    source = Source()
    together = Together(source.load)
    tasks = await asked(together, 1) + await asked(together, 2, 3, 2, 1)
    source.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 4, 2]
    # 1 was asked again after its load began: what it found may be older than the question.
    assert source.loads == [[1], [2, 3, 1]]


@pytest.mark.usefixtures("one_at_a_time")
async def test_a_load_is_bounded() -> None:
    source = Source()
    together = Together(source.load)
    keys = range(100, 102 + KEYS_MAX)
    tasks = await asked(together, *keys)
    source.go.set()
    assert await asyncio.gather(*tasks) == [2 * key for key in keys]
    assert [len(load) for load in source.loads] == [1, KEYS_MAX, 1]


@pytest.mark.usefixtures("one_at_a_time")
async def test_a_failed_load_fails_those_it_was_for() -> None:
    source = Source()
    together = Together(source.load)
    (first,) = await asked(together, 1)
    unlucky = await asked(together, 2, 13)
    source.go.set()
    assert await first == 2
    for task in unlucky:
        with pytest.raises(LookupError, match="unlucky"):
            await task
    assert await together.get(4) == 8


async def test_a_stuck_load_does_not_hold_up_the_next() -> None:
    source, stuck = Source(), asyncio.Event()

    async def load(keys: Collection[int]) -> dict[int, int]:
        if 1 in keys:
            await stuck.wait()
        return await source.load(keys)

    source.go.set()
    together = Together(load)
    (first,) = await asked(together, 1)
    assert await together.get(2) == 4
    assert not first.done()
    stuck.set()
    assert await first == 2


async def test_so_many_loads_and_no_more() -> None:
    source = Source()
    together = Together(source.load)
    tasks = await asked(together, *range(100, 110))
    assert len(source.loads) == LOADS_MAX
    source.go.set()
    assert await asyncio.gather(*tasks) == [2 * key for key in range(100, 110)]
    assert source.loads[LOADS_MAX:] == [list(range(100 + LOADS_MAX, 110))]


async def test_who_gives_up_leaves_the_question_to_the_others() -> None:
    source = Source()
    together = Together(source.load)
    (first,) = await asked(together, 1)
    (second,) = await asked(together, 1)
    first.cancel()
    await asyncio.wait([first])
    source.go.set()
    assert await second == 2


@pytest.mark.usefixtures("one_at_a_time")
async def test_whoever_was_loaded_for_asks_again_when_the_loader_gives_up() -> None:
    source = Source()
    together = Together(source.load)
    await asked(together, 1)
    loader, other = await asked(together, 2, 3)
    source.go.set()
    for _ in range(3):  # the first load ends, the loader's begins and waits again
        source.go.clear()
        await asyncio.sleep(0)
    loader.cancel()
    source.go.set()
    assert await other == 6
    with pytest.raises(asyncio.CancelledError):
        await loader


class Jobs:
    """Where loads go that are to run in the background; each runs when told."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Awaitable[None]], Callable[[], None]]] = []

    def put(self, work: Callable[[], Awaitable[None]], failed: Callable[[], None]) -> None:
        self.waiting.append((work, failed))

    async def next(self) -> None:
        await turns()
        work, failed = self.waiting.pop(0)
        try:
            await work()
        except LookupError:
            failed()
        await turns()


async def turns() -> None:
    """Whatever is due happens."""
    for _ in range(5):
        await asyncio.sleep(0)


def asking(in_turn: InTurn[int, int], told: list[str], *keys: int) -> None:
    for key in keys:
        in_turn.ask(key, lambda found: told.append(f"{found}"), lambda: told.append("failed"))


async def test_in_turn_one_load_tells_all_who_asked_before_it() -> None:
    source, jobs, told = Source(), Jobs(), list[str]()
    source.go.set()
    in_turn = InTurn(source.load, jobs.put)
    asking(in_turn, told, 1, 2, 1)
    await jobs.next()
    assert (source.loads, told) == ([[1, 2]], ["2", "2", "4"])


async def test_in_turn_whoever_asks_during_a_load_is_told_by_the_next() -> None:
    source, jobs, told = Source(), Jobs(), list[str]()
    in_turn = InTurn(source.load, jobs.put, every=0)
    asking(in_turn, told, 1)
    first = asyncio.ensure_future(jobs.next())
    await turns()
    await turns()
    asking(in_turn, told, 1, 2)
    await turns()
    assert not jobs.waiting  # one load at a time
    source.go.set()
    await first
    await jobs.next()
    assert (source.loads, told) == ([[1], [1, 2]], ["2", "2", "4"])


async def test_in_turn_a_crowd_gathers_before_the_next_load() -> None:
    source, jobs, told = Source(), Jobs(), list[str]()
    source.go.set()
    in_turn = InTurn(source.load, jobs.put, every=3600)
    asking(in_turn, told, 1)
    await jobs.next()
    asking(in_turn, told, 2)
    await turns()
    assert (told, jobs.waiting) == (["2"], [])


async def test_in_turn_a_failure_is_told_to_those_it_concerns() -> None:
    source, jobs, told = Source(), Jobs(), list[str]()
    source.go.set()
    in_turn = InTurn(source.load, jobs.put, every=0)
    asking(in_turn, told, 13, 5)
    await jobs.next()
    asking(in_turn, told, 6)
    await jobs.next()
    assert told == ["failed", "failed", "12"]


async def test_in_turn_a_load_is_bounded() -> None:
    source, jobs, told = Source(), Jobs(), list[str]()
    source.go.set()
    asking(InTurn(source.load, jobs.put, every=0), told, *range(100, 102 + KEYS_MAX))
    await jobs.next()
    await jobs.next()
    assert [len(load) for load in source.loads] == [KEYS_MAX, 2]
    assert told == [str(2 * key) for key in range(100, 102 + KEYS_MAX)]
