"""How long to wait before the next attempt (docs/protocol/federation.md 11)."""

from server.domain import limits

SECOND = 1000


def backoff_ms(attempt: int, jitter: float) -> int:
    """Full jitter: anywhere between the shortest pause and a ceiling that doubles up to 4 s."""
    low = limits.BACKOFF_SECONDS_MIN * SECOND
    high = min(limits.BACKOFF_SECONDS_MAX * SECOND, low * 2.0 ** min(attempt, 16))
    return int(low + jitter * (high - low))


def rejected_pause_ms(jitter: float) -> int:
    """Only a person mends a rejection, perhaps just now: 15 to 30 s."""
    return int(limits.REJECTED_SECONDS_MAX * SECOND * (0.5 + jitter / 2))
