"""Token buckets, each one number: the time at which it is full again."""

REMEMBERED_MAX = 20_000
"""Of one kind at once (I9): about 3 MB. Who was not seen for longest is forgotten, and so starts with a full
bucket again."""


def cost_us(per_10_s: int) -> int:
    """What one token takes to refill, in microseconds."""
    return 10_000_000 // per_10_s


def spend(full_us: int, now_us: int, cost_us: int, burst: int) -> int | None:
    """One token taken: when the bucket is full again; None when it is empty."""
    full_us = max(full_us, now_us) + cost_us
    return None if full_us - now_us > burst * cost_us else full_us


class Buckets:
    """One bucket for each of many: of handshakes for an address, of commands for a person."""

    def __init__(self, per_10_s: int, burst: int) -> None:
        self._full_us: dict[str, int] = {}
        self._cost_us, self._burst = cost_us(per_10_s), burst

    def take(self, whose: str, now: int) -> bool:
        """Whether there was one more; ``now`` in milliseconds of a clock that never jumps."""
        full_us = self._full_us.pop(whose, 0)
        spent = spend(full_us, now * 1000, self._cost_us, self._burst)
        # Re-inserting keeps the dict in order of use: the first entry is the one not used longest.
        self._full_us[whose] = full_us if spent is None else spent
        if len(self._full_us) > REMEMBERED_MAX:
            del self._full_us[next(iter(self._full_us))]
        return spent is not None

    def __len__(self) -> int:
        return len(self._full_us)
