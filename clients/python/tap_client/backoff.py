"""How long to wait before trying again: exponential with full jitter, never less than half a second.

Full jitter spreads a crowd that was cut off together (Brooker, "Exponential Backoff And Jitter",
2015); the floor keeps one client from hammering a node that refuses it at once.
tests/vectors/sdk/backoff.json holds both SDKs to the same waits.
"""

from collections.abc import Callable

SECONDS_MIN = 0.5
SECONDS_MAX = 20.0
ADVICE_SPREAD_SECONDS = 1.0
"""Clients that were told the same time to come back still do not come in the same instant."""
STEADY_MS = 10_000
"""A connection which lived this long was a good one: the next loss starts from the shortest wait."""


def delay_seconds(attempt: int, chance: Callable[[], float]) -> float:
    """Before attempt ``attempt + 1`` (from 0): between the floor and 2 * 0.5 * 2**attempt, capped.

    ``chance`` draws from [0, 1)."""
    ceiling = min(SECONDS_MAX, SECONDS_MIN * 2.0 ** (min(attempt, 16) + 1))
    return SECONDS_MIN + chance() * (ceiling - SECONDS_MIN)


def advised_seconds(attempt: int, retry_ms: int, chance: Callable[[], float]) -> float:
    """As ``delay_seconds``, and never before the node's own advice (0: it gave none)."""
    own = delay_seconds(attempt, chance)
    if retry_ms == 0:
        return own
    return max(own, retry_ms / 1000 + chance() * ADVICE_SPREAD_SECONDS)
