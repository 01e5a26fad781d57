"""One fetch of a thing at a time, however many wait for it: the first who asks starts the flight, all others wait
for the same, and it goes on when nobody waits any more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server.domain import limits

log = logging.getLogger(__name__)

FLIGHTS_MAX = 256
"""Files that are being fetched or wait for their turn; beyond it a reader is told that it is not here yet."""
FAILURES_MAX = 10_000
"""Failures that are remembered, in 2 MB: what is forgotten is only tried again earlier."""


class Flights:
    """``fetch``: brings what has this name, and says whether it is here now; what it raises is a failure like any.
    ``now``: UTC milliseconds."""

    def __init__(self, fetch: Callable[[str], Awaitable[bool]], now: Callable[[], int]) -> None:
        self._fetch, self._now = fetch, now
        self._turns = asyncio.Semaphore(limits.MEDIA_FETCHES_MAX)
        self._flights: dict[str, asyncio.Task[bool]] = {}
        self._retry_at: dict[str, int] = {}

    def close(self) -> None:
        for flight in self._flights.values():
            flight.cancel()

    async def bring(self, name: str) -> bool:
        """Whether it is here, after MEDIA_WAIT_SECONDS_MAX at most; after a failure False until
        MEDIA_RETRY_SECONDS later."""
        flight = self._flights.get(name)
        if flight is None:
            if self._retry_at.get(name, 0) > self._now() or len(self._flights) >= FLIGHTS_MAX:
                return False
            flight = self._flights[name] = asyncio.create_task(self._fly(name))
        done, _ = await asyncio.wait([flight], timeout=limits.MEDIA_WAIT_SECONDS_MAX)
        return bool(done) and not flight.cancelled() and flight.result()

    async def _fly(self, name: str) -> bool:
        try:
            async with self._turns:
                if await self._fetch(name):
                    self._retry_at.pop(name, None)
                    return True
        except Exception:
            log.exception("a file could not be fetched")
        finally:
            del self._flights[name]
        if len(self._retry_at) >= FAILURES_MAX:
            self._retry_at.clear()
        self._retry_at[name] = self._now() + limits.MEDIA_RETRY_SECONDS * 1000
        return False
