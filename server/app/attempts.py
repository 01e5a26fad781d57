"""How often somebody may try to sign in: per account and per address, in windows of 15 minutes."""

from collections.abc import Callable
from math import ceil

from server.app.addresses import counted_as
from server.domain import limits
from server.domain.durations import MINUTE_MS
from server.domain.errors import Code, Refusal

WINDOW_MS = 15 * 60 * 1000
ADDRESS_FACTOR = 10
"""A whole office may share one address; guessing at many accounts from it is still stopped."""
ENTRIES_MAX = 20_000
"""Names and addresses remembered at once (I9): about 3 MB."""


class Attempts:
    """Counts attempts before they are judged, so that many at once cannot slip through."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._counts: dict[str, tuple[int, int]] = {}
        """Key -> (window it counts in, attempts)."""

    def take(self, person: str, address: str) -> Refusal | None:
        """Counts one attempt; the refusal when there were too many before it."""
        keys = {
            f"person {person}": limits.LOGIN_ATTEMPTS_PER_15_MIN,
            _of(address): limits.LOGIN_ATTEMPTS_PER_15_MIN * ADDRESS_FACTOR,
        }
        window = self._now() // WINDOW_MS
        if any(self._count(key, window) >= most for key, most in keys.items()):
            minutes = ceil(((window + 1) * WINDOW_MS - self._now()) / MINUTE_MS)
            wait = "1 minute" if minutes == 1 else f"{minutes} minutes"
            return Refusal(Code.RATE_LIMITED, f"too many attempts to sign in; try again in {wait}")
        for key in keys:
            self._put(key, window, self._count(key, window) + 1)
        return None

    def give_back(self, person: str, address: str) -> None:
        """After a right one: the account starts anew, the address is not charged."""
        window = self._now() // WINDOW_MS
        self._counts.pop(f"person {person}", None)
        key = _of(address)
        self._put(key, window, max(self._count(key, window) - 1, 0))

    def _count(self, key: str, window: int) -> int:
        then, count = self._counts.get(key, (window, 0))
        return count if then == window else 0

    def _put(self, key: str, window: int, count: int) -> None:
        # Re-inserting keeps the dict in order of use: the first entry is the one not used longest.
        self._counts.pop(key, None)
        self._counts[key] = (window, count)
        if len(self._counts) > ENTRIES_MAX:
            del self._counts[next(iter(self._counts))]


def _of(address: str) -> str:
    """A site that had an account for each of its addresses could try every name from it, and by so many of them
    have the attempts at the one it means forgotten."""
    return f"address {counted_as(address)}"
