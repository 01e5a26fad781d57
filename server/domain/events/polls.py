"""Facts about ballots, tallies and the closing of polls (docs/protocol/federation.md 14)."""

from server.domain.events.base import BallotPart, Choice, Event, Id, LaneEnd, Number, Rev


class BallotCast(Event, frozen=True, kw_only=True):
    """One person's ballot, changed or withdrawn. Writer: the voter's home. Merge: higher rev per
    (poll, actor). ``choices``: indices; for a ranked poll in order of preference.

    A secret poll's ballots stay in the lane ``local``; ``secret`` tells every reader of the log,
    without the poll at hand, to show no choices (I11)."""

    poll: Id
    place: Id
    rev: Rev
    choices: tuple[Choice, ...] = ()
    withdrawn: bool = False
    secret: bool = False


class BallotKept(Event, frozen=True, kw_only=True):
    """A person who moved had voted in a secret poll: that ballot stays and is counted where it lies,
    and the new home takes no other. Where that may not know the poll, ``poll`` is its sealed name and
    ``place`` is empty. Writer: the old home. Lane: the pair of the two. Merge: first."""

    poll: Id
    place: Id
    person: Id
    region: Id


class PollClosing(Event, frozen=True, kw_only=True):
    """The author ends the poll before its time: no region takes further ballots. Writer: the author's
    home. Merge: first."""

    poll: Id
    place: Id
    at: Number


class PollRegionClosed(Event, frozen=True, kw_only=True):
    """A region takes no more ballots: how many voted there, and where its ballots end. Of a secret poll
    neither is said. ``waits_for``: whom the poll's home, and only it, waits for.

    Writer: that region. Merge: the latest epoch of the writer."""

    poll: Id
    place: Id
    region: Id
    ballots: Number = 0
    ends: tuple[LaneEnd, ...] = ()
    waits_for: tuple[Id, ...] = ()


class PollTallied(Event, frozen=True, kw_only=True):
    """A region's sub-tally of a secret poll, for the poll's home alone. ``pairs``: row by row, of a ranked
    poll. Writer: that region. Lane: the pair of the two. Merge: higher rev per (poll, region)."""

    poll: Id
    place: Id
    region: Id
    rev: Rev
    voters: Number
    counts: tuple[Number, ...]
    pairs: tuple[Number, ...] = ()


class PollClosed(Event, frozen=True, kw_only=True):
    """The poll's home publishes cut, tally and digest; every region recomputes. Merge: the first epoch of
    the writer; final.

    ``order``: groups of choices, the winners first. ``late``: regions that had not closed when the home
    stopped waiting. Of a secret poll there is no cut but ``parts``; no counts at all where fewer voted than
    may be shown."""

    poll: Id
    place: Id
    voters: Number
    regions: Number
    quorum: bool
    digest: bytes
    counts: tuple[Number, ...] = ()
    pairs: tuple[Number, ...] = ()
    order: tuple[tuple[Choice, ...], ...] = ()
    cut: tuple[LaneEnd, ...] = ()
    parts: tuple[BallotPart, ...] = ()
    late: tuple[Id, ...] = ()


class PollChecked(Event, frozen=True, kw_only=True):
    """A region counted for itself what the cut names: the same digest came out, or another. Writer: that
    region. Merge: final; a difference outlasts an agreement."""

    poll: Id
    place: Id
    region: Id
    agrees: bool
