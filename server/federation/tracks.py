"""Where a sender is with each course of a lane (docs/protocol/federation.md 9.2 and 19.2). Pure.

A lane is one track, from what the peer holds onwards; or three, where its newest events go first.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from server.domain import limits, visibility
from server.domain.ids import LaneKey
from server.federation.frames import SEQ_END
from server.federation.lanes import Course
from server.federation.outbox import Rank


class Track(NamedTuple):
    """What one cursor goes along."""

    key: LaneKey
    course: Course = Course.WHOLE


class Load(NamedTuple):
    """A page to load: what follows ``after`` on its course, not beyond ``upto``."""

    key: LaneKey
    after: int
    course: Course = Course.WHOLE
    upto: int = SEQ_END


class Flight(NamedTuple):
    """A batch under way; it ended with event ``last``."""

    last: int
    size: int
    sent_at: int
    full: bool
    """Nothing more could be sent after it."""


class Cursor:
    """One course of one lane on one connection.

    ``dry_at``: the tip at which a load found nothing it could send; ``end``: where it ends, if it does."""

    __slots__ = ("bulk_up_to", "dry_at", "end", "flights", "sent", "tip", "written")

    def __init__(self, sent: int, end: int = SEQ_END) -> None:
        self.sent = sent
        """How far the peer holds or will hold it: by its word, or by what is under way."""
        self.written = 0
        """The last event in a batch of this connection."""
        self.tip = 0
        self.end = end
        self.dry_at = -1
        self.flights: deque[Flight] = deque()
        self.bulk_up_to = 0
        """The last event in a BULK batch: until it is acknowledged nothing may overtake it."""

    @property
    def has_more(self) -> bool:
        return self.sent < self.tip and self.dry_at != self.tip

    def moved(self, tip: int) -> None:
        self.tip = min(max(self.tip, tip), self.end)

    def rank(self, track: Track) -> Rank:
        if track.key.lane == visibility.CONTROL or track.course is Course.FRESH:
            return Rank.LIVE
        if track.course is Course.LISTED or self.end < SEQ_END:
            return Rank.BULK
        caught_up = not self.flights or self.flights[0].last > self.bulk_up_to
        near = self.tip - self.sent <= limits.PAGE_EVENTS_MAX
        return Rank.LIVE if near and caught_up else Rank.BULK

    def order(self, track: Track) -> int:
        """Within a rank: what posts are shown with goes first, what lies behind the fresh ones last."""
        if track.course is Course.LISTED:
            return 0
        return 1 if self.end == SEQ_END else 2

    def landed(self, seq: int) -> Iterator[Flight]:
        """The peer holds it up to here; beyond what we sent another was quicker."""
        self.sent = max(self.sent, seq)
        while self.flights and self.flights[0].last <= seq:
            yield self.flights.popleft()
