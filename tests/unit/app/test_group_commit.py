"""Long jobs, as pages of a peer's backlog, share commits and keep nobody waiting for more than one of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from server.domain import limits
from server.storage.sql import Tx
from tests.support.faults import SECONDS_MAX, Watched, held
from tests.support.node import TestNode, open_test_node

MOST = limits.WRITER_LONG_JOBS_MAX


class Jobs:
    """Jobs that say when they run, between the BEGIN and COMMIT of their transactions."""

    def __init__(self, node: TestNode, said: list[str]) -> None:
        self._node, self.said = node, said

    def long(self, name: str, then: Callable[[], None] = lambda: None) -> asyncio.Future[Any]:
        def work(_tx: Tx) -> None:
            self.said.append(name)
            then()

        return asyncio.ensure_future(self._node.handler._submit(work, long=True))

    async def short(self, name: str) -> None:
        await self._node.handler.run(lambda _tx: self.said.append(name))


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    watched = Watched()
    async with asyncio.timeout(SECONDS_MAX), open_test_node(tmp_path, wrap=watched.wrap) as node:
        watched.said.clear()
        yield Jobs(node, watched.said)


def _begun(said: list[str]) -> list[list[str]]:
    """What each transaction did that was committed."""
    whole = " ".join(said).replace("BEGIN IMMEDIATE", "").split("COMMIT")
    return [names for part in whole if (names := part.split())]


async def test_long_jobs_come_after_others_and_share_a_transaction_while_nobody_waits(
    jobs: Jobs,
) -> None:
    async with held(jobs._node.handler):
        waiting = [jobs.long(f"long-{n}") for n in range(MOST + 1)]
        waiting.append(asyncio.ensure_future(jobs.short("short")))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert _begun(jobs.said) == [
        ["short"],
        [f"long-{n}" for n in range(MOST)],
        [f"long-{MOST}"],
    ]


async def test_whoever_comes_during_a_long_job_waits_for_that_one_alone(jobs: Jobs) -> None:
    loop, entered, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def wait() -> None:
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(SECONDS_MAX)

    waiting = [jobs.long("long-0", wait), jobs.long("long-1"), jobs.long("long-2")]
    await entered.wait()
    waiting.append(asyncio.ensure_future(jobs.short("short")))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*waiting)
    assert _begun(jobs.said) == [["long-0"], ["short"], ["long-1", "long-2"]]


async def test_a_crowd_shuts_no_peer_out(jobs: Jobs) -> None:
    """Whoever is answered asks again at once, so that somebody always waits."""

    async def ask(times: int) -> None:
        for n in range(times):
            await jobs.short(f"short-{n}")

    async with held(jobs._node.handler):
        waiting = [jobs.long(f"long-{n}") for n in range(2)]
        asking = asyncio.ensure_future(ask(4))
        for _ in range(3):
            await asyncio.sleep(0)
    await asyncio.gather(*waiting, asking)
    assert _begun(jobs.said) == [
        ["short-0"],
        ["short-1", "long-0"],
        ["short-2"],
        ["short-3", "long-1"],
    ]


async def test_a_bad_long_job_harms_only_itself(jobs: Jobs) -> None:
    def fail() -> None:
        raise KeyError("a bug of ours")

    async with held(jobs._node.handler):
        waiting = [jobs.long("long-0"), jobs.long("long-1", fail), jobs.long("long-2")]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(outcomes[1], KeyError)
    assert (outcomes[0], outcomes[2]) == (None, None)
    assert "long-2" in _begun(jobs.said)[-1]


async def test_a_stop_finishes_long_jobs_too(jobs: Jobs) -> None:
    node = jobs._node
    async with held(node.handler):
        waiting = [jobs.long(f"long-{n}") for n in range(3 * MOST)]
        await asyncio.sleep(0)
        assert node.handler.waiting == 3 * MOST
        stopping = asyncio.ensure_future(node.handler.close())
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [None] * (3 * MOST)
    await stopping
    assert node.handler.waiting == 0
