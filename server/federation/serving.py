"""What a peer wants of us and what to send it next (docs/protocol/federation.md 9.1 and 9.2).

A cursor per lane into our log, and how much may be under way: the peer's credit, and within it the window
that delay allows. Two pages at most are loaded ahead (I9), one for each rank, so that a lane that
catches up never stands in the way of fresh events by more than one batch.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from server.domain import limits, visibility
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation.catchup import Page
from server.federation.frames import Want
from server.federation.lanes import from_vector, next_turn
from server.federation.outbox import Rank
from server.federation.window import Window

BULK_SHARE = 0.75
"""Of what may be under way: the rest is for fresh events, which so need not wait for an ACK."""


class _Flight(NamedTuple):
    """A batch under way; it ended with event ``last``."""

    last: int
    size: int
    sent_at: int
    full: bool
    """Nothing more could be sent after it."""


class _Cursor:
    """One lane on one connection.

    ``dry_at``: the tip at which a load found nothing it could send."""

    __slots__ = ("bulk_up_to", "dry_at", "flights", "sent", "tip", "written")

    def __init__(self, sent: int) -> None:
        self.sent = sent
        """How far the peer holds or will hold it: by its word, or by what is under way."""
        self.written = 0
        """The last event in a batch of this connection."""
        self.tip = 0
        self.dry_at = -1
        self.flights: deque[_Flight] = deque()
        self.bulk_up_to = 0
        """The last event in a BULK batch: until it is acknowledged nothing may overtake it."""

    @property
    def has_more(self) -> bool:
        return self.sent < self.tip and self.dry_at != self.tip

    def rank(self, key: LaneKey) -> Rank:
        if key.lane == visibility.CONTROL:
            return Rank.LIVE
        caught_up = not self.flights or self.flights[0].last > self.bulk_up_to
        near = self.tip - self.sent <= limits.PAGE_EVENTS_MAX
        return Rank.LIVE if near and caught_up else Rank.BULK


class _Ahead:
    """The page of one rank that is being loaded, or waits for room."""

    __slots__ = ("last", "loading", "ready")

    def __init__(self) -> None:
        self.loading: LaneKey | None = None
        self.ready: Page | None = None
        self.last: LaneKey | None = None
        """Whose turn it was."""

    @property
    def lane(self) -> LaneKey | None:
        return self.ready.key if self.ready else self.loading


class Serving:
    """Answers a peer's WANTs on one connection. ``wanted`` before all else."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._origins: frozenset[str] = frozenset()
        self._without: frozenset[LaneKey] = frozenset()
        self._after: Mapping[LaneKey, int] = {}
        self._cursors: dict[LaneKey, _Cursor] = {}
        self._credit = 0
        self._window = Window(BULK_SHARE)
        self._ahead = {Rank.LIVE: _Ahead(), Rank.BULK: _Ahead()}
        self.bytes_under_way = 0

    # -- what the peer says ------------------------------------------------------------------------

    def wanted(self, want: Want) -> None:
        """Replaces the WANT before it; nothing that was sent on this connection is sent again (9.1)."""
        self._origins = frozenset(want.origins)
        self._without = frozenset(ref.key for ref in want.without)
        self._after = from_vector(want.after)
        self._credit = want.credit
        for key, cursor in self._cursors.items():
            cursor.sent = max(cursor.written, self._after.get(key, 0))
            if key in self._without:
                # The receiver drops these unread and will not acknowledge them.
                self.bytes_under_way -= sum(flight.size for flight in cursor.flights)
                cursor.flights.clear()

    def acknowledge(self, tips: Mapping[LaneKey, int], credit: int, now: int) -> None:
        """Raises Refused(bad_value) when the peer acknowledges what we, who write it, have not written."""
        for key, seq in tips.items():
            cursor = self._cursors.get(key)
            if key.region == self._me and (cursor is None or seq > max(cursor.tip, cursor.sent)):
                raise Refused(Code.BAD_VALUE, f"lane {key.lane} of {key.region} has no event {seq}")
            if cursor is None:
                continue
            # Beyond what we sent: another peer was quicker.
            cursor.sent = max(cursor.sent, seq)
            while cursor.flights and cursor.flights[0].last <= seq:
                flight = cursor.flights.popleft()
                self.bytes_under_way -= flight.size
                delay = now - flight.sent_at
                self._window.acknowledged(flight.size, delay, now, full=flight.full)
        self._credit = credit

    # -- what the log says -------------------------------------------------------------------------

    def moved(self, tips: Mapping[LaneKey, int]) -> None:
        """Lanes the peer may receive now reach this far; unwanted ones are left alone."""
        for key, tip in tips.items():
            if not self._wants(key):
                continue
            cursor = self._cursors.get(key)
            if cursor is None:
                cursor = self._cursors[key] = _Cursor(self._after.get(key, 0))
            cursor.tip = max(cursor.tip, tip)

    def repeat_last(self, key: LaneKey) -> None:
        """The peer's copy is as long as ours and ends otherwise: our last event shows it the fork."""
        cursor = self._cursors.get(key)
        if cursor is not None and cursor.sent == cursor.tip > cursor.written:
            cursor.sent -= 1

    def try_again(self) -> None:
        """What could not be sent may be sent now: keys came to be known."""
        for cursor in self._cursors.values():
            cursor.dry_at = -1

    def _wants(self, key: LaneKey) -> bool:
        return key.region in self._origins and key not in self._without

    def sent_up_to(self, key: LaneKey) -> int:
        """How far the peer has heard of a lane by our batches or its own acknowledgements."""
        cursor = self._cursors.get(key)
        return cursor.sent if cursor else 0

    @property
    def load(self) -> tuple[int, int]:
        """Bytes under way, and how many the peer allows."""
        return self.bytes_under_way, self._credit

    # -- what to do next ---------------------------------------------------------------------------

    def _room(self, rank: Rank) -> int:
        """Bytes that may be under way for a batch of this rank to be added; 0 pauses."""
        share = BULK_SHARE if rank is Rank.BULK else 1
        return int(min(self._credit, self._window.bytes) * share)

    def next_load(self) -> tuple[LaneKey, int] | None:
        """The page to load now: (lane, after), or None while there is none or no room for it."""
        taken = {ahead.lane for ahead in self._ahead.values()}
        for rank, ahead in self._ahead.items():
            if ahead.lane or self.bytes_under_way >= self._room(rank):
                continue
            ready = [
                key
                for key, cursor in self._cursors.items()
                if cursor.has_more and self._wants(key) and cursor.rank(key) is rank
            ]
            key = next_turn([key for key in ready if key not in taken], ahead.last)
            if key:
                ahead.loading = ahead.last = key
                return key, self._cursors[key].sent
        return None

    def loaded(self, key: LaneKey, after: int, page: Page | None) -> None:
        """A page arrived; None when there is nothing to send there until the lane moves."""
        for ahead in self._ahead.values():
            if ahead.loading != key:
                continue
            ahead.loading = None
            cursor = self._cursors[key]
            if cursor.sent != after:
                return
            if page is None:
                cursor.dry_at = cursor.tip
            else:
                ahead.ready = page

    def next_send(self, now: int) -> tuple[Page, Rank] | None:
        """The page to send now, if there is room for it; a lone page always may go, however large."""
        for rank, ahead in self._ahead.items():
            page = ahead.ready
            if page is None or not self._fits(len(page), rank):
                continue
            ahead.ready = None
            cursor = self._cursors[page.key]
            if cursor.sent == page.after and self._wants(page.key):
                self._take_off(cursor, page, rank, now)
                return page, rank
        return None

    def _fits(self, size: int, rank: Rank) -> bool:
        room = self._room(rank)
        return bool(room) and (not self.bytes_under_way or self.bytes_under_way + size <= room)

    def _take_off(self, cursor: _Cursor, page: Page, rank: Rank, now: int) -> None:
        cursor.sent = cursor.written = page.last
        if rank is Rank.BULK:
            cursor.bulk_up_to = page.last
        self.bytes_under_way += len(page)
        full = self.bytes_under_way + limits.BATCH_BYTES_MAX > self._room(rank)
        cursor.flights.append(_Flight(page.last, len(page), now, full))
