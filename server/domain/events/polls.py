"""Facts about ballots and tallies."""

from server.domain.events.base import Event


class BallotCast(Event, frozen=True, kw_only=True):
    """One person's ballot, changed or withdrawn. Writer: the voter's home. Merge: higher rev per
    (poll, actor). ``choices``: indices; for a ranked poll in order of preference.

    A secret poll's ballots stay in the lane ``local``; ``secret`` tells every reader of the log,
    without the poll at hand, to show no choices (I11)."""

    poll: str
    place: str
    rev: int
    choices: tuple[int, ...] = ()
    withdrawn: bool = False
    secret: bool = False


class PollRegionClosed(Event, frozen=True, kw_only=True):
    """A region takes no more ballots: how many it counted, and where its ballots end."""

    poll: str
    place: str
    region: str
    ballots: int
    last_seq: int


class PollTallied(Event, frozen=True, kw_only=True):
    """A region's sub-tally of a secret poll; counts per choice, or a pairwise matrix if ranked."""

    poll: str
    place: str
    region: str
    rev: int
    voters: int
    counts: tuple[int, ...]


class PollClosed(Event, frozen=True, kw_only=True):
    """The poll's home publishes cut, tally and digest; every region recomputes. Merge: final."""

    poll: str
    place: str
    voters: int
    counts: tuple[int, ...]
    cut: dict[str, int]
    digest: bytes
