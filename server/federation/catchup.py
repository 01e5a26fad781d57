"""A ready page of a lane, and what a peer has not acknowledged (docs/protocol/federation.md 9).

``Backlog`` outlives connections: what the peer may have and has not acknowledged, for operators.
"""

from collections import deque
from collections.abc import Sequence
from functools import cached_property

from server.domain.ids import LaneKey, hlc_millis
from server.domain.wire import SignedHead, WireEvent, decode_header
from server.federation import frames
from server.federation.packing import pack

MARKS_MAX = 32
"""Times kept per lane to tell the age of what is unacknowledged, whatever its length (I9)."""


class Page:
    """A ready BATCH frame: loaded, signed, encoded and packed once, whichever peers receive it."""

    def __init__(self, key: LaneKey, after: int, last: int, frame: bytes, first_at: int) -> None:
        self.key, self.after, self.last, self.frame = key, after, last, frame
        self.first_at = first_at
        """When its first event happened by the origin's clock, UTC milliseconds."""

    @cached_property
    def packed(self) -> bytes:
        """For peers that take it compressed."""
        return pack(self.frame)

    def __len__(self) -> int:
        """Bytes as credit counts them, compression undone."""
        return len(self.frame)


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
