"""How long to wait before trying again: exponential with full jitter, never less than half a second.

Full jitter spreads a crowd that was cut off together (Brooker, "Exponential Backoff And Jitter",
2015); the floor keeps one client from hammering a node that refuses it at once.
"""

from collections.abc import Callable

SECONDS_MIN = 0.5
SECONDS_MAX = 20.0


def delay_seconds(attempt: int, chance: Callable[[], float]) -> float:
    """Before attempt ``attempt + 1`` (from 0): between the floor and 2 * 0.5 * 2**attempt, capped.

    ``chance`` draws from [0, 1)."""
    ceiling = min(SECONDS_MAX, SECONDS_MIN * 2.0 ** (min(attempt, 16) + 1))
    return SECONDS_MIN + chance() * (ceiling - SECONDS_MIN)
