"""Who waits for news on channels: one wake-up by the commit that concerns them, and no query before it.

A long poll (docs/protocol/http.md 5.4) asks, is told of nothing, and waits here. An event wakes at once; a
value alone wakes after half a second, so that a busy tally is not asked for at the rate of its ballots.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from server.app import metrics
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refused
from server.storage.event_log import Record

RECORDS_PER_LOOK = 256
"""What was committed while the caller asked; nearly always none or a handful, from memory."""


class _Waiter:
    """``woken`` is done once there is something to ask for."""

    __slots__ = ("_due", "channels", "woken")

    def __init__(self, channels: Collection[str]) -> None:
        self.channels = frozenset(channels)
        self.woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due: asyncio.TimerHandle | None = None

    def tell(self, record: Record) -> None:
        if not self.channels.isdisjoint(record.channels):
            self.wake()
        elif record.touched is not None and not self.channels.isdisjoint(record.touched.channels):
            self._wake_soon()

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)

    def _wake_soon(self) -> None:
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(limits.VALUE_SECONDS_MIN, self.wake)

    def forget(self) -> None:
        if self._due is not None:
            self._due.cancel()


class News:
    """One per node; made on its loop's thread, before the first commit is announced."""

    def __init__(self, tap: Tap) -> None:
        self.stopping = False
        self._tap = tap
        self._waiters: dict[str, set[_Waiter]] = {}
        """By channel; a waiter is in each of its own."""
        self._people: Counter[str] = Counter()
        tap.subscribe(self._committed)

    @contextmanager
    def turn(self, person: str) -> Iterator[None]:
        """One of the long polls a person may have at once. Raises Refused(rate_limited)."""
        if self._people[person] >= limits.LONG_POLLS_PER_PERSON_MAX:
            metrics.LIMITS_HIT.labels("LONG_POLLS_PER_PERSON_MAX").inc()
            raise Refused(Code.RATE_LIMITED, "too many of your requests wait already")
        self._people[person] += 1
        metrics.LONG_POLLS.inc()
        try:
            yield
        finally:
            metrics.LONG_POLLS.dec()
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]

    async def on(self, channels: Collection[str], after: int) -> None:
        """Returns once something on the channels is committed beyond ``after``, or the node stops."""
        waiter = _Waiter(channels)
        try:
            while after < self._tap.position and not waiter.woken.done():
                records = await self._tap.read(after, RECORDS_PER_LOOK)
                for record in records:
                    waiter.tell(record)
                after = records[-1].position if records else self._tap.position
            # Nothing was awaited since the last look: what comes now comes to ``_committed``.
            self._seat(waiter)
            if self.stopping:
                waiter.wake()
            await waiter.woken
        finally:
            self._unseat(waiter)

    def close(self) -> None:
        """The node stops: whoever waits is answered now, with what there is."""
        self.stopping = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()

    def _seat(self, waiter: _Waiter) -> None:
        for channel in waiter.channels:
            self._waiters.setdefault(channel, set()).add(waiter)

    def _unseat(self, waiter: _Waiter) -> None:
        waiter.forget()
        for channel in waiter.channels:
            waiters = self._waiters.get(channel)
            if waiters is not None:
                waiters.discard(waiter)
                if not waiters:
                    del self._waiters[channel]

    def _committed(self, records: Sequence[Record]) -> None:
        if not self._waiters:
            return
        for record in records:
            touched = record.touched.channels if record.touched is not None else ()
            for channel in (*record.channels, *touched):
                for waiter in self._waiters.get(channel, ()):
                    waiter.tell(record)
