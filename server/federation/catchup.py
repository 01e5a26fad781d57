"""What a peer wants of us and what to send it next (docs/protocol/federation.md 9).

``Backlog`` outlives connections: what the peer may have and has not acknowledged, for operators.
``Serving`` lives as long as one WANT: a cursor per lane into our log, and the credit.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey, hlc_millis
from server.domain.wire import SignedHead, WireEvent, decode_header
from server.federation import frames
from server.federation.frames import Want
from server.federation.lanes import from_vector, next_turn

MARKS_MAX = 32
"""Times kept per lane to tell the age of what is unacknowledged, whatever its length (I9)."""


class Page(NamedTuple):
    """A ready BATCH frame: loaded, signed and encoded once, whichever peers receive it."""

    key: LaneKey
    after: int
    last: int
    frame: bytes
    first_at: int
    """When its first event happened by the origin's clock, UTC milliseconds."""


def page(after: int, previous: bytes, events: Sequence[WireEvent], head: SignedHead) -> Page:
    """``events`` follow ``after``, whose hash is ``previous``, and end where ``head`` says."""
    carried = tuple([frames.Carried(event.header, event.salt, event.body) for event in events])
    batch = frames.Batch(after, previous, carried, frames.Head.of(head))
    first_at = hlc_millis(decode_header(events[0].header).hlc)
    key = LaneKey(head.region, head.epoch, head.lane)
    return Page(key, after, head.seq, frames.encode(batch), first_at)


class Backlog:
    """One lane towards one peer: its tip here, what was acknowledged, and since when not all was."""

    __slots__ = ("_marks", "_spacing", "acked", "tip")

    def __init__(self, acked: int) -> None:
        self.tip = acked
        self.acked = acked
        self._marks: deque[tuple[int, int]] = deque()
        self._spacing = 0

    def moved(self, tip: int, now: int) -> None:
        if tip <= self.tip:
            return
        self.tip = tip
        if self._marks and now - self._marks[-1][1] < self._spacing:
            return
        self._marks.append((tip, now))
        if len(self._marks) > MARKS_MAX:
            # The oldest age stays exact; what lies between gets coarser the longer it lasts.
            self._marks = deque(list(self._marks)[::2])
            self._spacing = max(1, 2 * (now - self._marks[0][1]) // MARKS_MAX)

    def sent(self, after: int, first_at: int) -> None:
        """Events after ``after`` are on their way: if they are the oldest, their own age is better."""
        if after == self.acked and self._marks:
            seq, at = self._marks[0]
            self._marks[0] = (seq, min(at, first_at))

    def acknowledge(self, seq: int) -> None:
        self.acked = max(self.acked, seq)
        while self._marks and self._marks[0][0] <= self.acked:
            self._marks.popleft()
        if not self._marks:
            self._spacing = 0

    @property
    def events(self) -> int:
        return max(0, self.tip - self.acked)

    @property
    def since(self) -> int | None:
        """When the oldest unacknowledged event was committed here, UTC milliseconds."""
        return self._marks[0][1] if self._marks and self.events else None


class _Cursor:
    """One lane of one WANT. ``dry_at``: the tip at which a load found nothing it could send."""

    __slots__ = ("dry_at", "flights", "sent", "tip")

    def __init__(self, sent: int) -> None:
        self.sent = sent
        self.tip = 0
        self.dry_at = -1
        self.flights: deque[tuple[int, int]] = deque()
        """(last seq, bytes) of each batch under way."""

    @property
    def has_more(self) -> bool:
        return self.sent < self.tip and self.dry_at != self.tip


class Serving:
    """Answers one WANT. At most one page is being loaded and one waits for credit (I9)."""

    def __init__(self, want: Want) -> None:
        self._origins = frozenset(want.origins)
        self._without = frozenset(ref.key for ref in want.without)
        self._after = from_vector(want.after)
        self._cursors: dict[LaneKey, _Cursor] = {}
        self._credit = want.credit
        self._loading: LaneKey | None = None
        self._ready: Page | None = None
        self._last: LaneKey | None = None
        self.bytes_under_way = 0

    def moved(self, tips: Mapping[LaneKey, int]) -> None:
        """Lanes the peer may receive now reach this far; unwanted ones are left alone."""
        for key, tip in tips.items():
            if key.region not in self._origins or key in self._without:
                continue
            cursor = self._cursors.get(key)
            if cursor is None:
                cursor = self._cursors[key] = _Cursor(self._after.get(key, 0))
            cursor.tip = max(cursor.tip, tip)

    @property
    def tips(self) -> dict[LaneKey, int]:
        """How far the wanted lanes reach, for HEAD."""
        return {key: cursor.tip for key, cursor in self._cursors.items()}

    @property
    def load(self) -> tuple[int, int]:
        """Bytes under way, and how many the peer allows."""
        return self.bytes_under_way, self._credit

    def wanted_after(self, key: LaneKey) -> int:
        return self._after.get(key, 0)

    def next_load(self) -> tuple[LaneKey, int] | None:
        """The page to load now: (lane, after), or None while one is on its way or credit is out."""
        if self._loading or self._ready or self.bytes_under_way >= self._credit:
            return None
        ready = [key for key, cursor in self._cursors.items() if cursor.has_more]
        key = next_turn(ready, self._last)
        if key is None:
            return None
        self._loading = self._last = key
        return key, self._cursors[key].sent

    def loaded(self, key: LaneKey, after: int, page: Page | None) -> None:
        """A page arrived; None when there is nothing to send there until the lane moves."""
        if self._loading != key:
            return
        self._loading = None
        cursor = self._cursors[key]
        if cursor.sent != after:
            return
        if page is None:
            cursor.dry_at = cursor.tip
        else:
            self._ready = page

    def next_send(self) -> Page | None:
        """The page to send now, if credit allows; a lone page always may, however large."""
        page = self._ready
        if page is None or not self._credit:
            return None
        if self.bytes_under_way and self.bytes_under_way + len(page.frame) > self._credit:
            return None
        self._ready = None
        cursor = self._cursors[page.key]
        if cursor.sent != page.after:
            return None
        cursor.sent = page.last
        cursor.flights.append((page.last, len(page.frame)))
        self.bytes_under_way += len(page.frame)
        return page

    def acknowledge(self, tips: Mapping[LaneKey, int], credit: int) -> None:
        """Raises Refused(bad_value) when the peer acknowledges what does not exist."""
        for key, seq in tips.items():
            cursor = self._cursors.get(key)
            if cursor is None or seq > max(cursor.tip, cursor.sent):
                raise Refused(Code.BAD_VALUE, f"lane {key.lane} of {key.region} has no event {seq}")
            # Beyond what we sent: another peer was quicker.
            cursor.sent = max(cursor.sent, seq)
            while cursor.flights and cursor.flights[0][0] <= seq:
                self.bytes_under_way -= cursor.flights.popleft()[1]
        self._credit = credit
