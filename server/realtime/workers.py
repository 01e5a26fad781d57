"""A few workers for everything sessions wait for: no task belongs to a connection."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

WORKERS = 128
"""Requests of sessions in hand at once: so many can be answered by one read (``app.together``), and a
stuck one holds up nobody."""

Job = Callable[[Callable[[], Awaitable[None]], Callable[[], None]], None]
"""(work, what to do should it fail)"""


class Workers:
    """One queue. It holds at most what live sessions have asked for: a few jobs each."""

    def __init__(self) -> None:
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]] | None] = asyncio.Queue()

    def put(self, work: Callable[[], Awaitable[None]], failed: Callable[[], None]) -> None:
        """Whatever goes wrong is our mistake, and ``failed`` says so to the session."""

        async def guarded() -> None:
            try:
                await work()
            except Exception:
                log.exception("a session's request failed")
                failed()

        self._jobs.put_nowait(guarded)

    def start(self, group: asyncio.TaskGroup) -> None:
        for _ in range(WORKERS):
            group.create_task(self._work())

    def stop(self) -> None:
        """After what was asked for before."""
        for _ in range(WORKERS):
            self._jobs.put_nowait(None)

    async def _work(self) -> None:
        while (job := await self._jobs.get()) is not None:
            await job()
            del job  # it holds a connection, and the next may be long in coming
