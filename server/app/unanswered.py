"""Questions to other regions whose answer never came: whoever asks again with the same key is answered there.

Meanwhile its events may have come by their lane, and by them this region would refuse what was carried out: an owner
who stepped down is none any more (I2). Forgotten with a restart; then, and beyond the bound, that refusal is the answer.
"""

from server.domain import limits
from server.domain.errors import Code, Refusal


class Unanswered:
    """By (person, key)."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], None] = {}

    def __contains__(self, asked: tuple[str, str]) -> bool:
        return asked in self._keys

    def note(self, asked: tuple[str, str], outcome: object) -> None:
        """What became of a question."""
        if not isinstance(outcome, Refusal) or not outcome.retryable:
            self._keys.pop(asked, None)
        elif outcome.code is Code.PEER_UNREACHABLE and asked not in self._keys:
            if len(self._keys) >= limits.ASKS_UNANSWERED_MAX:
                del self._keys[next(iter(self._keys))]  # the oldest
            self._keys[asked] = None
