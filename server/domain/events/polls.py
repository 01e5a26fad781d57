"""Facts about ballots and tallies."""

from server.domain.events.base import Choice, Event, Id, Number, Rev


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


class PollRegionClosed(Event, frozen=True, kw_only=True):
    """A region takes no more ballots: how many it counted, and where its ballots end."""

    poll: Id
    place: Id
    region: Id
    ballots: Number
    last_seq: Number


class PollTallied(Event, frozen=True, kw_only=True):
    """A region's sub-tally of a secret poll; counts per choice, or a pairwise matrix if ranked."""

    poll: Id
    place: Id
    region: Id
    rev: Rev
    voters: Number
    counts: tuple[Number, ...]


class PollClosed(Event, frozen=True, kw_only=True):
    """The poll's home publishes cut, tally and digest; every region recomputes. Merge: final."""

    poll: Id
    place: Id
    voters: Number
    counts: tuple[Number, ...]
    cut: dict[str, Number]
    digest: bytes
