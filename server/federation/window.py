"""How much to have under way, found by delay (docs/protocol/federation.md 9.2).

As LEDBAT (RFC 6817): what a batch takes from sending to acknowledgement beyond the least seen lately is
time it stood in queues, on the line or before the receiver's disk. The window grows while that is little and it is
used in full, and shrinks when it is much. So it settles near the bandwidth times the delay: a few batches at
40 ms, more at 250 ms, and never a queue of seconds that a fresh post would have to wait behind.
"""

from collections import deque

from server.domain import limits

TARGET_MS = limits.QUEUEING_SECONDS_MAX * 1000
SHRINK_MAX = 4.0
"""Batches less per round trip at most: a slow line is found before long, a hiccup costs little."""
BASE_MINUTES = 5
"""The least delay is that of the last minutes, so that a longer way is believed in the end."""
MINUTE = 60_000


class Window:
    """``bytes``: what may be under way, within ``WINDOW_BYTES_MIN`` and ``CREDIT_BYTES``."""

    def __init__(self) -> None:
        self.bytes = limits.WINDOW_BYTES_START
        self._least: deque[tuple[int, int]] = deque()
        """(minute, least delay in it)."""
        self._starting = True
        """No queue was met yet: grow by all that is acknowledged, that is double with each round trip."""

    def acknowledged(self, size: int, delay_ms: int, now: int, *, full: bool) -> None:
        """A batch of ``size`` bytes took ``delay_ms``; ``full``: the window kept others from being sent."""
        queued = delay_ms - self._base(max(0, delay_ms), now // MINUTE)
        off_target = max(-SHRINK_MAX, (TARGET_MS - queued) / TARGET_MS)
        if off_target > 0 and not full:
            return
        self._starting &= queued < TARGET_MS
        # Later, for each window acknowledged, that is each round trip: a batch more, or a few less.
        change = size if self._starting else off_target * limits.BATCH_BYTES_MAX * size / self.bytes
        self.bytes = int(
            min(max(self.bytes + change, limits.WINDOW_BYTES_MIN), limits.CREDIT_BYTES)
        )

    def _base(self, delay: int, minute: int) -> int:
        least = self._least
        if not least or least[-1][0] != minute:
            least.append((minute, delay))
            if len(least) > BASE_MINUTES:
                least.popleft()
        elif delay < least[-1][1]:
            least[-1] = (minute, delay)
        return min(value for _, value in least)
