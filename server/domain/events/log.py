"""Facts about topics and safety, and about the log itself."""

from server.domain.events.base import (
    EpochEnd,
    Event,
    Id,
    ModerationAct,
    Number,
    ResidencyPolicy,
    Rev,
)


class TopicDefined(Event, frozen=True, kw_only=True):
    """A topic in the shared tree, with names and synonyms per language. Merge: higher rev."""

    topic: Id
    rev: Rev
    names: dict[str, str]
    parent: Id = ""
    synonyms: tuple[str, ...] = ()


class FlagRaised(Event, frozen=True, kw_only=True):
    """A reader reports content to the community's moderators. Writer: the reporter's home."""

    target: Id
    root: Id
    place: Id
    rev: Rev
    reason: str
    on: bool = True


class FlagResolved(Event, frozen=True, kw_only=True):
    """A moderator closed the reports on a target. Writer: the community's home. Merge: higher rev.

    ``seen``: the sum of the revs of all reports that were answered; 0: what had been said by then."""

    target: Id
    place: Id
    rev: Rev
    upheld: bool
    note: str = ""
    seen: Number = 0


class ModerationActed(Event, frozen=True, kw_only=True):
    """hide, lock or pin, on or off, with a reason the author can read.

    Writer: the community's home. Merge: higher rev per (target, act)."""

    target: Id
    root: Id
    place: Id
    act: ModerationAct
    rev: Rev
    on: bool
    reason: str = ""


class HiddenAtHome(Event, frozen=True, kw_only=True):
    """A region hides a thing for its own people at once (its own law, or the home is out of reach).

    Lane: local. Merge: higher rev per target."""

    target: Id
    root: Id
    place: Id
    rev: Rev
    on: bool
    reason: str = ""


class EpochOpened(Event, frozen=True, kw_only=True):
    """A region's log begins anew (first start, or a restore); names the incarnation before it."""

    previous: Number
    nonce: bytes


class KeyRotated(Event, frozen=True, kw_only=True):
    """A region's next signing key, effective from this event on, by the word of the one before it."""

    key: bytes
    key_id: str
    before: bytes = b""
    """The key that it follows."""
    signature: bytes = b""
    """By that key."""


class KeyRetired(Event, frozen=True, kw_only=True):
    """An earlier key signs nothing beyond this event of its lane. Each lane of the region has one."""

    key_id: str
    earlier: tuple[EpochEnd, ...] | None = None
    """Nor beyond these of the same lane in earlier epochs, and nothing in those not named; None: not said."""


class RosterChanged(Event, frozen=True, kw_only=True):
    """A newer roster, signed by the company's administrators; whoever wrote the event need not be trusted."""

    version: Number
    document: str


class LogClosed(Event, frozen=True, kw_only=True):
    """The last event of a lane: its region has left. Each lane of the region has one."""

    reason: str = ""
    earlier: tuple[EpochEnd, ...] | None = None
    """Where the same lane ended in earlier epochs, as in ``KeyRetired``."""


class ResidencyChanged(Event, frozen=True, kw_only=True):
    """From here on a region's events leave it by this policy. Lane: control. Writer: that region.

    ``regions`` and ``groups``: who a lane is for, as that region is configured. Merge: higher rev."""

    region: Id
    rev: Rev
    policy: ResidencyPolicy
    regions: tuple[Id, ...]
    groups: dict[str, tuple[Id, ...]]
