"""Lanes as a link sees them: which a peer may receive, how far they are held, whose turn it is.

docs/protocol/federation.md section 6. ``visibility.lane_audience`` alone decides who may receive a
lane (I8, I12); everything here only asks it.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from server.domain import visibility
from server.domain.ids import LaneKey
from server.domain.leads import Lead
from server.domain.wire import genesis
from server.federation.frames import Tip


class Held(NamedTuple):
    """How far a lane is held here without a hole: the last event's seq (0 for none) and chain hash."""

    seq: int
    hash: bytes
    lead: Lead | None = None
    """What is held beyond a hole."""

    @classmethod
    def nothing(cls, key: LaneKey) -> "Held":
        """Before the first event: the lane's genesis hash, which nobody has to be told."""
        return cls(0, genesis(*key))


class Course(IntEnum):
    """What part of a lane a batch belongs to; a lane that has no lead is WHOLE from its beginning."""

    WHOLE = 0
    """After what is held without a hole; with a lead, up to its base."""
    FRESH = 1
    """What begins or continues a lead."""
    LISTED = 2
    """Single events before the base without which posts cannot be shown."""


def may_lead(key: LaneKey, receiver: str) -> bool:
    """Whether the newest events of a lane may come first (section 19).

    Never of ``control``, which ends things; nor of pairs, where a later event vouches for all before it (18.1,
    14.7); nor of one's own lanes, whose numbers are one's own past."""
    shared = key.lane == visibility.GLOBAL or key.lane.startswith("group.")
    return shared and key.region != receiver


class Reach:
    """Which regions exist and form groups. One per node, shared by its links; a newer roster changes it."""

    def __init__(self, regions: frozenset[str], groups: Mapping[str, tuple[str, ...]]) -> None:
        self.regions, self.groups = regions, groups

    def may_receive(self, key: LaneKey, region: str) -> bool:
        """Whether a lane may be sent to, asked for by, or accepted in a region (I8)."""
        return region in visibility.lane_audience(key.lane, key.region, self.regions, self.groups)


def vector(tips: Mapping[LaneKey, int]) -> tuple[Tip, ...]:
    """A vector for the wire, in one order for equal content."""
    return tuple([Tip(*key, seq) for key, seq in sorted(tips.items())])


def from_vector(tips: Iterable[Tip]) -> dict[LaneKey, int]:
    """A lane named twice counts as its smaller seq: repeats are harmless, gaps are not."""
    found: dict[LaneKey, int] = {}
    for tip in tips:
        key = tip.key
        found[key] = min(tip.seq, found.get(key, tip.seq))
    return found


def next_turn(ready: Iterable[LaneKey], last: LaneKey | None) -> LaneKey | None:
    """Which lane is served now: control overtakes all, the others take turns after ``last``."""
    lanes = sorted(ready)
    control = [key for key in lanes if key.lane == visibility.CONTROL]
    later = [key for key in lanes if last is not None and key > last]
    return next(iter(control or later or lanes), None)
