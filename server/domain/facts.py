"""What ``decide`` and ``visibility`` may ask about the current state.

``Facts`` is a port: storage answers it inside the writer's transaction, so a command sees every
command decided before it, also in the same batch. Guarantee: answers reflect exactly the events
committed so far plus those of the running transaction; an unknown object is None or a zero register.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol

from server.domain.events import (
    LaneEnd,
    PollClosed,
    PollSpec,
    ResidencyPolicy,
    RuledPair,
    ScoringChoice,
    ScoringPolicy,
)


class PersonFact(NamedTuple):
    person: str
    home: str
    active: bool
    bot: bool
    unit: str
    country: str
    rev: int
    status_rev: int
    roles: frozenset[str]
    home_rev: int = 0
    previous: str = ""
    """The home before the last move; empty for whoever never moved."""
    moving_to: str = ""
    """While they move (``home`` is empty): the region that will take them over."""

    @property
    def regions(self) -> frozenset[str]:
        """Where what concerns them has to go: their home, and while they move both ends."""
        return frozenset({self.home or self.previous, self.moving_to} - {""})


class ReleaseFact(NamedTuple):
    """The last word of an old home about somebody who moves (PersonReleased)."""

    origin: str
    to: str
    rev: int
    cut: tuple[LaneEnd, ...]


class CommunityFact(NamedTuple):
    community: str
    home: str
    visibility: str
    audience: str
    archived: bool
    rev: int


class MemberFact(NamedTuple):
    """``joined``: the person's own wish; ``role``: what the community's home granted."""

    joined: bool
    joined_rev: int
    role: str
    role_rev: int


class ConversationFact(NamedTuple):
    conversation: str
    home: str
    members: tuple[tuple[str, str], ...]
    """(person, home region) of each member."""
    rev: int


class PostFact(NamedTuple):
    post: str
    kind: str
    place: str
    root: str
    parent: str
    author: str
    rev: int
    deleted: bool
    imported: bool
    poll: PollSpec | None
    announcement: bool
    at: int = 0
    """When it was published, in UTC milliseconds."""
    erased: bool = False


class UploadFact(NamedTuple):
    """A file somebody uploaded here. ``stays``: this region lets no file leave."""

    type: str
    size: int
    width: int
    height: int
    thumbnail: bytes
    stays: bool


class PollRegionFact(NamedTuple):
    """What one region said about a poll."""

    closed: bool = False
    closed_at: int = 0
    waits_for: frozenset[str] = frozenset()
    ends: tuple[LaneEnd, ...] = ()
    voters: int = 0
    counts: tuple[int, ...] = ()
    pairs: tuple[int, ...] = ()
    tallied: bool = False
    """Whether it sent its sub-tally (voters, counts, pairs) of a secret poll."""
    checked: bool = False


class PollFact(NamedTuple):
    """How far the closing of a poll has come. ``home``: the region that published it."""

    home: str
    closing: bool
    """Its author ended it before its time."""
    regions: Mapping[str, PollRegionFact]
    outcome: PollClosed | None

    def of(self, region: str) -> PollRegionFact:
        return self.regions.get(region, PollRegionFact())


class CastFact(NamedTuple):
    """One ballot event as it stands in its lane; a person's ballot is the one of the highest rev."""

    person: str
    rev: int
    end: LaneEnd
    choices: tuple[int, ...]
    withdrawn: bool


class ProfileFact(NamedTuple):
    """All that a person's home knows of them."""

    person: str
    rev: int
    name: str
    title: str
    unit: str
    country: str
    about: str
    skills: tuple[str, ...]
    locale: str
    timezone: str


class ResidencyFact(NamedTuple):
    """A region's policy as its log has it, and which regions its lanes are for."""

    rev: int
    policy: ResidencyPolicy
    regions: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]


class ScoringPolicyFact(NamedTuple):
    """A region's scoring policy as its log has it."""

    rev: int
    policy: ScoringPolicy


class ScoringChoiceFact(NamedTuple):
    """What a person chose to have shown; rev 0: nothing yet."""

    rev: int
    choice: ScoringChoice


class HistoryFact(NamedTuple):
    """From when on a person's ledger counts: UTC milliseconds; rev 0: from its beginning."""

    rev: int
    before: int


class StandingFact(NamedTuple):
    """What was last published about a person."""

    rev: int
    day: int
    rules: str
    standing: int
    level: int
    topics: dict[str, int]
    shown: bool


class CreditFact(NamedTuple):
    """A line of a ledger kept here."""

    line: str
    quarter: str
    content: str
    giver: str
    """Empty where it is nobody (the voters), or not known any more."""
    status: str
    damped: bool
    """The two credit each other a lot, and the line says so."""


class CaseFact(NamedTuple):
    """A case as far as it has come. ``rev`` 0: nobody has decided; ``ruled_rev`` 0: no credit was ever touched."""

    case: str
    region: str
    kind: str
    parties: tuple[str, ...]
    quarter: str
    person: str
    line: str
    """Of a dispute: its name when it was disputed. A log that was put back may name another one so: see ``content``."""
    content: str
    about: str
    flows: tuple[tuple[str, str], ...]
    """(giver, author) of those who gave each other something."""
    rev: int = 0
    outcome: str = ""
    by: str = ""
    ruled_rev: int = 0
    pairs: tuple[RuledPair, ...] = ()

    def disputes(self, line: CreditFact) -> bool:
        """Whether it is about this line."""
        return (self.line, self.content) == (line.line, line.content)

    def ruling(self, giver: str, author: str) -> str:
        """What holds for what one gave the other; empty for nothing."""
        found = [pair.ruling for pair in self.pairs if (pair.giver, pair.author) == (giver, author)]
        return found[0] if found else ""


class ReportsFact(NamedTuple):
    """The reports of one post: how often they were answered, how far the answer goes, and how far they go.

    Both are sums of the revs of all its reports: whatever more is said makes the second larger."""

    rev: int
    seen: int
    raised: int


class Register(NamedTuple):
    """The state of one switch: its writer's count of changes and whether it is on."""

    rev: int
    on: bool


class ValueRegister(NamedTuple):
    """The state of one register with a value (the accepted answer, an idea's stage ...)."""

    rev: int
    value: str


NO_MEMBER = MemberFact(False, 0, "none", 0)
OFF = Register(0, False)
UNSET = ValueRegister(0, "")


class Facts(Protocol):
    """Read access to current state; see the module's guarantee.

    ``casts``: every ballot of a poll, or those of one region; ``cast_regions``: where they come from.
    ``homes``: the regions where people live, lived or move to who may read a community, or might have.
    ``secret_ballots``: (poll, place) of secret polls that are not closed and hold a ballot of theirs, here or kept
    elsewhere; ``unknown_ballots``: the names of polls that are not known here and in which one is kept."""

    def person(self, person: str) -> PersonFact | None: ...
    def release(self, person: str) -> ReleaseFact | None: ...
    def lane_seq(self, region: str, epoch: int, lane: str) -> int: ...
    def community(self, community: str) -> CommunityFact | None: ...
    def member(self, community: str, person: str) -> MemberFact: ...
    def conversation(self, conversation: str) -> ConversationFact | None: ...
    def post(self, post: str) -> PostFact | None: ...
    def posts_of(self, author: str, limit: int) -> list[PostFact]:
        """The oldest of what somebody wrote that is not erased, deleted posts included."""
        ...

    def lanes_of(self, root: str, names: Collection[str]) -> Mapping[str, set[tuple[str, str]]]:
        """By post of a thread, of those named: (origin, lane) of the events that hold words of it."""
        ...

    def receipted(self, request: str, region: str) -> bool: ...
    def upload(self, person: str, hash: str) -> UploadFact | None: ...
    def reaction(self, target: str, person: str, reaction: str, emoji: str) -> Register: ...
    def acceptance(self, question: str) -> ValueRegister: ...
    def verification(self, target: str, person: str) -> Register: ...
    def citation(self, citing: str, cited: str) -> Register: ...
    def follow(self, person: str, kind: str, target: str) -> Register: ...
    def ballot(self, poll: str, person: str) -> ValueRegister: ...
    def ballot_kept(self, poll: str, person: str) -> bool: ...
    def poll(self, poll: str) -> PollFact | None: ...
    def casts(self, poll: str, region: str = "") -> list[CastFact]: ...
    def cast_regions(self, poll: str) -> frozenset[str]: ...
    def holds_ballot(self, poll: str, end: LaneEnd) -> bool: ...
    def secret_ballots(self, person: str) -> list[tuple[str, str]]: ...
    def unknown_ballots(self, person: str) -> list[str]: ...
    def homes(self, community: str) -> frozenset[str]: ...
    def acknowledged(self, post: str, person: str) -> bool: ...
    def praises(self, person: str, since: int) -> int:
        """How often they praised since a moment (UTC milliseconds), deleted praise too, imports not."""
        ...

    def idea_stage(self, post: str) -> ValueRegister: ...
    def moderation(self, target: str, act: str) -> Register: ...
    def hidden_at_home(self, target: str) -> Register: ...
    def person_role(self, person: str, role: str) -> Register: ...
    def flag(self, target: str, person: str) -> Register: ...
    def reports(self, target: str) -> ReportsFact: ...
    def topic_rev(self, topic: str) -> int: ...
    def read_mark(self, person: str, channel: str) -> int: ...
    def residency(self, region: str) -> ResidencyFact | None: ...
    def scoring_policy(self, region: str) -> ScoringPolicyFact | None: ...
    def scoring_choice(self, person: str) -> ScoringChoiceFact: ...
    def scoring_history(self, person: str) -> HistoryFact: ...
    def standing(self, person: str) -> StandingFact | None: ...
    def shown_at(self, home: str) -> list[str]:
        """People at home there of whom a standing is shown, by id."""
        ...

    def credit(self, person: str, line: str) -> CreditFact | None: ...
    def case(self, case: str, region: str) -> CaseFact | None: ...
    def cases_about(self, person: str, region: str) -> list[CaseFact]:
        """The cases of a region in which somebody is a party, by id."""
        ...

    def profiles(self, home: str) -> Iterable[ProfileFact]: ...
    def vote_imported(self, system: str, source_id: str) -> bool: ...
