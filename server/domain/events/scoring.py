"""Facts about what is told of people's contributions: policies, choices, and what was published."""

import msgspec

from server.domain.events.base import (
    Event,
    Hash,
    Id,
    LaneEnd,
    Number,
    Rev,
    ScoringChoice,
    ScoringPolicy,
)


class ScoringPolicyChanged(Event, frozen=True, kw_only=True):
    """From here on a region tells of its people's contributions what this policy allows.

    Lane: control. Writer: that region. Merge: higher rev."""

    region: Id
    rev: Rev
    policy: ScoringPolicy


class ScoringChoiceChanged(Event, frozen=True, kw_only=True):
    """What a person wants told of their contributions, whole. Writer: their home. Merge: higher rev.

    Lane: global, since every region that might show something has to know."""

    person: Id
    rev: Rev
    choice: ScoringChoice


class ScoringHistoryErased(Event, frozen=True, kw_only=True):
    """A person's ledger begins anew: no line of theirs from before a moment is kept anywhere.

    Lane: global, since their public ledger begins anew too. Writer: their home. Merge: higher rev."""

    person: Id
    rev: Rev
    before: Number


class StandingPublished(Event, frozen=True, kw_only=True):
    """The public part of a person's standing, also by topic, as far as policy and choice allow.

    Writer: their home, before the root that covers it. Merge: higher rev. ``shown`` false takes
    back what was published before, and then the other fields say nothing."""

    person: Id
    rev: Rev
    day: Number
    rules: str
    standing: Number
    level: Number = 0
    topics: dict[str, Number] = msgspec.field(default_factory=dict)
    shown: bool = True


class ScoringRootPublished(Event, frozen=True, kw_only=True):
    """What a region's public ledgers came to, so that any other region can recompute and compare.

    ``cut``: where each lane ended that went in; ``people``: how many ledgers; ``root``: one hash over all
    of them, also over those of which nothing is shown. Lane: global. Writer: that region. Kept each."""

    region: Id
    day: Number
    rules: Id
    quarter: Id
    cut: tuple[LaneEnd, ...]
    people: Number
    root: Hash
