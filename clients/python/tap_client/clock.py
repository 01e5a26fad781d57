"""The clock for people, as a client may go by it."""

import time
from collections.abc import Callable


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def onward(clock: Callable[[], int]) -> Callable[[], int]:
    """The clock, but where it is set back it goes on from where it was: nothing that waits for a time waits for
    the difference."""
    last = ahead = 0

    def now() -> int:
        nonlocal last, ahead
        at = clock() + ahead
        if at < last:
            ahead += last - at
            at = last
        last = at
        return at

    return now
