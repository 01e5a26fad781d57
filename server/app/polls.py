"""Closes polls: asks, for every poll whose time may have come, what this region owes it next.

The rules are ``domain/decide/closing``; here is only when to ask. A poll is asked about when something
about it is committed, and at the moment the last answer named. Nothing is kept that the tables do not
know: after a crash between two steps the next start asks about every poll that is not checked yet.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Hashable, Sequence
from functools import partial

from sqlalchemy import or_, select

from server.app import metrics
from server.app.handle import Handler
from server.app.tap import Tap
from server.domain.decide.closing import advance
from server.domain.errors import Refusal
from server.domain.events import (
    BallotCast,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollTallied,
    PostPublished,
)
from server.storage import tables as t
from server.storage.event_log import Record
from server.storage.reader import Reader

log = logging.getLogger(__name__)

RECOVERING_MS = 1_000
"""Until a restored log may be whole again."""
RETRY_MS = 30_000
"""After a refusal (the disk is full, the node is stopping) or a failure."""
ASLEEP_SECONDS_MAX = 60
"""A clock that is set forward is noticed within a minute."""

_v, _r = t.polls.c, t.poll_regions.c


class Polls:
    """Made by the composition root after the handler; ``run`` for ever, or ``step`` at a given moment."""

    def __init__(
        self, tap: Tap, handler: Handler, reader: Reader, *, region: str, now: Callable[[], int]
    ) -> None:
        self._handler, self._reader = handler, reader
        self._region, self._now = region, now
        self._due: dict[str, int] = {}
        """Poll -> the moment to ask about it (UTC milliseconds)."""
        self._ending: set[str] = set()
        """Polls that may wait for ballots of other regions; of all others ballots are no news here."""
        self._opened = False
        self._leading: frozenset[Hashable] = frozenset()
        """Lanes in which ballots may be missing before those that came."""
        self._news = asyncio.Event()
        tap.subscribe(self._committed)

    async def run(self) -> None:
        """Until cancelled. A failure is logged and tried again."""
        while True:
            self._news.clear()
            try:
                due = await self.step(self._now())
            except Exception:
                log.exception("polls stand still")
                due = self._now() + RETRY_MS
            seconds = ASLEEP_SECONDS_MAX if due is None else (due - self._now()) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds, 0), ASLEEP_SECONDS_MAX)):
                    await self._news.wait()

    async def step(self, now: int) -> int | None:
        """Does whatever is due at ``now``; the next moment something is, as far as is known.

        Nothing while a restored log gets back what it lost: where our ballots end would be said too early, and
        those that come back later would not count (docs/protocol/federation.md 16.3)."""
        if self._handler.holding:
            return now + RECOVERING_MS
        if not self._opened:
            self._ending |= await self._unfinished()
            self._due |= dict.fromkeys(self._ending, 0)
            self._opened = True
        await self._see_whole_lanes()
        while ready := [poll for poll, at in self._due.items() if at <= now]:
            for poll in ready:
                due = await self._advance(poll, now)
                if due is not None:
                    self._due[poll] = min(due, self._due.get(poll, due))
        return min(self._due.values(), default=None)

    async def _see_whole_lanes(self) -> None:
        """A lane has been filled: what waited for ballots in it may be counted. No event tells so."""
        if not self._ending:
            return
        leading = await self._lanes_with_a_lead()
        if self._leading - leading:
            self._due |= dict.fromkeys(self._ending, 0)
        self._leading = leading

    async def _lanes_with_a_lead(self) -> frozenset[Hashable]:
        async with self._reader.snapshot() as snapshot:
            return frozenset([row[0] for row in await snapshot.rows(select(t.leads.c.lane_id))])

    async def _advance(self, poll: str, now: int) -> int | None:
        """One step, one commit; what the step commits is news of the poll, and asks again. What fails for one
        poll is tried again and holds up no other."""
        self._due.pop(poll, None)
        try:
            answer = await self._handler.append(partial(advance, poll))
        except Exception:
            log.exception("poll %s stands still", poll)
            return now + RETRY_MS
        if isinstance(answer, Refusal):
            log.warning("poll %s waits: %s", poll, answer.message)
            return now + RETRY_MS
        due: int | None = answer["due"]
        return due if due is None else max(due, now + 1)

    def _committed(self, records: Sequence[Record]) -> None:
        for record in records:
            match record.event:
                case PostPublished(post=poll, poll=spec) if spec is not None:
                    self._ask(poll)
                case BallotCast(poll=poll) if poll in self._ending:
                    self._ask(poll)
                case (
                    PollClosing(poll=poll)
                    | PollRegionClosed(poll=poll)
                    | PollTallied(poll=poll)
                    | PollClosed(poll=poll)
                ):
                    self._ending.add(poll)
                    self._ask(poll)
                case PollChecked(poll=poll, region=region, agrees=agrees):
                    _count(poll, region, agrees)
                    if region == self._region:
                        self._ending.discard(poll)

    def _ask(self, poll: str) -> None:
        self._due[poll] = 0
        self._news.set()

    async def _unfinished(self) -> set[str]:
        """Polls that this region has not checked, and that have a deadline or are being closed."""
        done = select(_r.poll).where(_r.region == self._region, _r.verdict > 0)
        said = select(_r.poll).where(_r.closed_epoch > 0)
        query = select(_v.poll).where(
            _v.poll.not_in(done),
            or_(_v.closes_at > 0, _v.closing, _v.poll.in_(said)),
        )
        async with self._reader.snapshot() as snapshot:
            return {poll for (poll,) in await snapshot.rows(query)}


def _count(poll: str, region: str, agrees: bool) -> None:
    metrics.POLL_CHECKS.labels("agrees" if agrees else "differs").inc()
    if not agrees:
        log.error("poll %s: region %s counts another result than was published", poll, region)
