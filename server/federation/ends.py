"""Up to where a key vouches for its region's events, or any key once the region has left (federation.md 17.3, 17.4).

What is said of it is a set of words: the lowest place counts, whichever came first, so all who have the same
words take the same heads.
"""

from collections.abc import Iterable

from server.domain.events import EpochEnd
from server.domain.ids import LaneKey
from server.domain.visibility import CONTROL


class Ends:
    """Of one key."""

    def __init__(self) -> None:
        self._last: dict[LaneKey, int] = {}
        """The last event it vouches for."""
        self._told_before: dict[str, int] = {}
        """By name of a lane: in epochs before this one it vouches for nothing but up to a place that is named."""
        self._last_epoch: int | None = None
        """It vouches for nothing in later ones."""

    def end(self, lane: LaneKey, seq: int) -> None:
        """It vouches for no event of the lane beyond ``seq``; if that is ``control``, for no later epoch either."""
        self._lower(lane, seq)
        if lane.lane == CONTROL:
            last = self._last_epoch
            self._last_epoch = lane.epoch if last is None else min(last, lane.epoch)

    def end_earlier(self, lane: LaneKey, ends: Iterable[EpochEnd]) -> None:
        """What an event of the lane says of the epochs before its own; of others it has no word."""
        for end in ends:
            if end.epoch < lane.epoch:
                self._lower(lane._replace(epoch=end.epoch), end.seq)
        self._told_before[lane.lane] = max(lane.epoch, self._told_before.get(lane.lane, 0))

    def _lower(self, lane: LaneKey, seq: int) -> None:
        self._last[lane] = min(seq, self._last.get(lane, seq))

    @property
    def is_over(self) -> bool:
        """Whether it ended in ``control``."""
        return self._last_epoch is not None

    def vouches(self, lane: LaneKey, seq: int) -> bool:
        last = self._last.get(lane)
        if last is None and lane.epoch < self._told_before.get(lane.lane, 0):
            last = 0
        if last is not None and seq > last:
            return False
        return self._last_epoch is None or lane.epoch <= self._last_epoch
