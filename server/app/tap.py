"""What this node committed, in order: an in-memory tail, the log behind it, and "the log moved".

Every reader is a cursor: it asks for what comes after its position. The tail only saves reads; a
reader that fell behind it gets the same records from the log (I3).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import NoReturn

from server.domain.errors import Refused
from server.storage import event_log
from server.storage.event_log import Record
from server.storage.reader import Reader

log = logging.getLogger(__name__)
Listener = Callable[[Sequence[Record]], None]
TAIL_RECORDS = 4_096
"""About 30 s at the design's peak of 140 events/s; roughly 4 MB."""
RETRY_SECONDS = 5.0
"""Pause of a follower after a failure; the log does not run away."""
ROUND_SECONDS = 1.0
"""Followers have their turn so long after a commit, all of them together: nobody notices a second in their points,
and one that ran after every commit cost as much as a post."""


class Tap:
    """Ordered access to committed records, and a wake-up for those who wait for more."""

    def __init__(self, reader: Reader, tail_records: int = TAIL_RECORDS) -> None:
        self.epoch = 0
        """Of every cursor: the log's epoch, moved on each time its tables were made anew and became others."""
        self.position = 0
        """The last committed position announced on this loop."""
        self.erasures = 0
        """Commits that took a body which may have been read before; who keeps what was read compares it."""
        self._reader = reader
        self._tail: deque[Record] = deque(maxlen=tail_records)
        self._listeners: list[Listener] = []
        self._moved: asyncio.Future[None] | None = None
        self._followers: list[asyncio.Future[None]] = []
        """Those that wait for the next round."""
        self._round: asyncio.TimerHandle | None = None

    def open(self, epoch: int, position: int) -> None:
        """Called by the handler at its start: where the log stands."""
        self.epoch, self.position = epoch, position

    def subscribe(self, listener: Listener) -> None:
        """``listener`` gets all records of each commit at once, in order, on the loop, after the commit.

        It must return quickly and not raise: it stands between the commit and its answer. One that
        raises all the same is logged, and keeps nobody else from hearing."""
        self._listeners.append(listener)

    def committed(self, records: Sequence[Record]) -> None:
        """Called by the handler, once per commit. What an erasure among them took is kept nowhere."""
        if erased := {position for record in records for position in record.erased}:
            self.erasures += 1
            records = _without(erased, records)
            self._tail = deque(_without(erased, self._tail), maxlen=self._tail.maxlen)
        self._tail.extend([r._replace(erased=()) if r.erased else r for r in records])
        self.position = records[-1].position
        for listener in self._listeners:
            try:
                listener(records)
            except Exception:
                log.exception("a listener of the tap failed at position %d", self.position)
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)
        self._moved = None
        if self._followers:
            self._gather()

    async def moved(self, after: int) -> None:
        """Returns once something is committed beyond ``after``."""
        while self.position <= after:
            if self._moved is None:
                self._moved = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._moved)

    async def follow(
        self, name: str, catch_up: Callable[[], Awaitable[None]], position: Callable[[], int]
    ) -> NoReturn:
        """Calls a reader in the next round after something is committed beyond its position, until cancelled; what
        fails is logged under its name and tried again. Most commits concern few readers: one should see from the
        records alone that they are not for it, before it asks a thread for anything."""
        while True:
            try:
                await catch_up()
            except Refused as refused:
                log.warning("%s wait: %s", name, refused)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                log.exception("%s stand still at position %d", name, position())
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._next_round(position())

    async def _next_round(self, after: int) -> None:
        """``after``: what was committed beyond it while its reader was busy begins a round as well."""
        turn = asyncio.get_running_loop().create_future()
        self._followers.append(turn)
        if self.position > after:
            self._gather()
        await turn

    def _gather(self) -> None:
        if self._round is None:
            self._round = asyncio.get_running_loop().call_later(ROUND_SECONDS, self._begin_round)

    def _begin_round(self) -> None:
        self._round = None
        waiting, self._followers = self._followers, []
        for turn in waiting:
            if not turn.done():  # a follower that was cancelled meanwhile
                turn.set_result(None)

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        """Up to ``limit`` records after a position, in order; empty when there is nothing newer."""
        tail = self._tail
        if tail and tail[0].position <= after + 1:
            start = after + 1 - tail[0].position
            return list(islice(tail, start, start + limit))
        if after >= self.position:
            return []
        async with self._reader.snapshot() as snapshot:
            return await event_log.page(snapshot, after, limit)

    async def channel_page(
        self, channels: Collection[str], after: int, upto: int, limit: int
    ) -> Sequence[Record]:
        """Events on the channels with after < position <= upto, in order, each once; at most ``limit``.

        A short page (fewer than ``limit``) means nothing is left up to ``upto``."""
        tail = self._tail
        if tail and tail[0].position <= after + 1:
            wanted = frozenset(channels)
            start = after + 1 - tail[0].position
            found = (r for r in islice(tail, start, None) if not wanted.isdisjoint(r.channels))
            return list(islice((r for r in found if r.position <= upto), limit))
        async with self._reader.snapshot() as snapshot:
            return await event_log.channel_page(snapshot, channels, after, upto, limit)


def _without(erased: Collection[int], records: Iterable[Record]) -> list[Record]:
    return [record.bare() if record.position in erased else record for record in records]
