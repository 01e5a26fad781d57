"""When a node whose database was put back may show what it holds, and let people write.

docs/protocol/federation.md 16.3. One per start; pure. Each phase ends once and does not come back:

    hidden   nothing is shown: what was erased or taken from somebody meanwhile may still be in here
    held     shown, and people cannot write yet: their own last changes may still be on their way
    open     as ever; what comes later comes as from any origin
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.visibility import GLOBAL
from server.federation.relay import View

SETTLE_MS = limits.RECOVERY_SETTLE_SECONDS * 1000
HELD_MS = limits.RECOVERY_SECONDS_MAX * 1000


class Phase(StrEnum):
    HIDDEN = "hidden"
    HELD = "held"
    OPEN = "open"


class Recovery:
    """``region``: ourselves. ``needed``: false where nothing was lost or nobody could bring it back."""

    def __init__(self, region: str, *, needed: bool) -> None:
        self.phase = Phase.HIDDEN if needed else Phase.OPEN
        self._region = region
        self._began: int | None = None
        self._heard_at: int | None = None
        """Since when some peer has told how far it is."""
        self._now = 0

    def observe(
        self,
        now: int,
        links: Mapping[str, View],
        tips: Mapping[LaneKey, int],
        without: Iterable[LaneKey],
    ) -> Phase:
        """Every half second or so. ``tips``: how far we hold every lane; ``without``: lanes left out."""
        self._clock(now)
        if self._began is None:
            self._began = now
        heard = [view.tips for view in links.values() if view.proven and view.tips]
        if heard and self._heard_at is None:
            self._heard_at = now
        missing = _missing(heard, tips, frozenset(without))
        # Whatever ends something travels there (docs/protocol/federation.md 15): control, groups, pairs.
        ended = not any(key.lane != GLOBAL for key in missing)
        recovered = bool(heard) and not any(key.region == self._region for key in missing)
        if self.phase is Phase.HIDDEN and ended and self._settled(now, len(heard) == len(links)):
            self.phase = Phase.HELD
        if self.phase is Phase.HELD and (recovered or now - self._began >= HELD_MS):
            self.phase = Phase.OPEN
        return self.phase

    def _clock(self, now: int) -> None:
        """A clock set back moves both times with it, so that nobody waits until it catches up."""
        back, self._now = max(0, self._now - now), now
        self._began = None if self._began is None else self._began - back
        self._heard_at = None if self._heard_at is None else self._heard_at - back

    def _settled(self, now: int, all_heard: bool) -> bool:
        since = self._heard_at
        return since is not None and (all_heard or now - since >= SETTLE_MS)


def _missing(
    heard: Iterable[Mapping[LaneKey, int]], tips: Mapping[LaneKey, int], without: frozenset[LaneKey]
) -> set[LaneKey]:
    """Lanes of which somebody holds more than we."""
    return {
        key
        for told in heard
        for key, seq in told.items()
        if seq > tips.get(key, 0) and key not in without
    }
