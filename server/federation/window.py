"""How much to have under way, found by delay (docs/protocol/federation.md 9.2).

As LEDBAT (RFC 6817): what a batch takes from sending to acknowledgement beyond the least seen lately is
time it stood in queues, on the line or before the receiver's disk. The window grows while that is little and it is
used in full, and shrinks when it is much. So it settles near the bandwidth times the delay: a few batches at
40 ms, more at 250 ms, and never a queue of seconds that a fresh post would have to wait behind.

A busy processor looks like a queue, too, and no window mends that. So it never shrinks below what was delivered
lately in one least delay, the bandwidth-delay product as BBR estimates it (draft-ietf-ccwg-bbr, 4.1): so much under
way makes no queue on the line.
"""

from collections import deque

from server.domain import limits
from server.domain.durations import MINUTE_MS

TARGET_MS = limits.QUEUEING_SECONDS_MAX * 1000
SHRINK_MAX = 4.0
"""Batches less per round trip at most: a slow line is found before long, a hiccup costs little."""
BASE_MINUTES = 5
"""The least delay is that of the last minutes, so that a longer way is believed in the end."""
BEST_MS = 10_000
"""How long the best round counts: a line that became slower is believed after that, a hiccup never."""
ROUND_MS_MIN = 100
"""At least this is counted together, so that there are a hundred rounds to remember at most."""


class Window:
    """``bytes``: what may be under way, within ``WINDOW_BYTES_MIN`` and ``CREDIT_BYTES``.

    ``share``: of it, that a sender fills who always has more."""

    def __init__(self, share: float = 1.0) -> None:
        self.bytes = limits.WINDOW_BYTES_START
        self._share = share
        self._round_at = self._round_bytes = 0
        """When the round in progress began, and what was acknowledged in it."""
        self._rounds: deque[tuple[int, float]] = deque()
        """(when it ended, bytes delivered per least delay), the best first: what a later one surpassed is dropped."""
        self._least: deque[tuple[int, int]] = deque()
        """(minute, least delay in it)."""
        self._starting = True
        """No queue was met yet: grow by all that is acknowledged, that is double with each round trip."""

    def acknowledged(self, size: int, delay_ms: int, now: int, *, full: bool) -> None:
        """A batch of ``size`` bytes took ``delay_ms``; ``full``: the window kept others from being sent."""
        if delay_ms < 0:
            return  # the clock was set back meanwhile: a least delay of nothing would be believed for minutes
        base = self._base(delay_ms, now // MINUTE_MS)
        best = self._best(size, base, now)
        queued = delay_ms - base
        off_target = max(-SHRINK_MAX, (TARGET_MS - queued) / TARGET_MS)
        if off_target > 0 and not full:
            return
        self._starting &= queued < TARGET_MS
        # Later, for each window acknowledged, that is each round trip: a batch more, or a few less.
        change = size if self._starting else off_target * limits.BATCH_BYTES_MAX * size / self.bytes
        enough = max(limits.WINDOW_BYTES_MIN, min(self.bytes, best / self._share))
        self.bytes = int(min(max(self.bytes + change, enough), limits.CREDIT_BYTES))

    def _best(self, size: int, base: int, now: int) -> float:
        """The most that was acknowledged within one least delay, of the last ``BEST_MS``."""
        rounds, lasted = self._rounds, now - self._round_at
        if not 0 <= lasted <= BEST_MS:  # the first one, a pause, or a clock that was set
            rounds.clear()
            self._round_at, self._round_bytes = now, 0
        elif lasted >= max(base, ROUND_MS_MIN):
            delivered = self._round_bytes * base / lasted
            while rounds and rounds[-1][1] <= delivered:
                rounds.pop()
            rounds.append((now, delivered))
            self._round_at, self._round_bytes = now, 0
        self._round_bytes += size
        while rounds and rounds[0][0] < now - BEST_MS:
            rounds.popleft()
        return rounds[0][1] if rounds else 0

    def _base(self, delay: int, minute: int) -> int:
        least = self._least
        if not least or least[-1][0] != minute:
            least.append((minute, delay))
            if len(least) > BASE_MINUTES:
                least.popleft()
        elif delay < least[-1][1]:
            least[-1] = (minute, delay)
        return min(value for _, value in least)
