"""When the links hear that lanes moved: the first commit is told at once, those right after it go together. Edge.

A round costs something for each link, however little it tells: the more links, the longer what comes waits for others.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from server.domain import limits
from server.domain.ids import LaneKey


class Telling:
    """``tell``: given how far lanes reach, only those that moved since it was called last; ``links``: how many hear it."""

    def __init__(
        self, tell: Callable[[Mapping[LaneKey, int]], None], links: Callable[[], int]
    ) -> None:
        self._tell, self._links = tell, links
        self._moved: dict[LaneKey, int] = {}
        self._told_at = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def moved(self, tips: Iterable[tuple[LaneKey, int]]) -> None:
        for key, seq in tips:
            self._moved[key] = max(seq, self._moved.get(key, 0))
        if self._waiting or not self._moved:
            return
        loop = asyncio.get_running_loop()
        at = self._told_at + pause(self._links())
        if at > loop.time():
            self._waiting = loop.call_at(at, self._now)
        else:
            self._now()

    def stop(self) -> None:
        if self._waiting:
            self._waiting.cancel()

    def _now(self) -> None:
        self._waiting, self._told_at = None, asyncio.get_running_loop().time()
        tips, self._moved = self._moved, {}
        self._tell(tips)


def pause(links: int) -> float:
    """Seconds from one round to the next."""
    return max(limits.BATCH_SECONDS_MIN, links / limits.BATCHES_PER_SECOND_MAX)
