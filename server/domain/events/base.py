"""What every event shares: the words of closed sets, and the named parts of bodies."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from server.domain import limits

Visibility = Literal["open", "private"]
CommunityRole = Literal["none", "member", "moderator", "owner"]
RegionRole = Literal[
    "region_admin", "communications_leader", "auditor", "moderator", "privacy_officer"
]
PostKind = Literal[
    "update", "question", "article", "paper", "idea", "poll", "praise", "announcement", "message"
]
ReplyKind = Literal["reply", "answer"]
ReactionKind = Literal["helpful", "solved", "emoji"]
PollMethod = Literal["single", "multiple", "ranked"]
PollCount = Literal["schulze", "instant_runoff"]
IdeaStage = Literal[
    "submitted", "reviewed", "shortlisted", "accepted", "declined", "piloted", "shipped"
]
ModerationAct = Literal["hide", "lock", "pin"]
FollowKind = Literal["person", "topic", "post"]
ErasureScope = Literal["post", "person"]
CommunityMode = Literal["quiet", "feedback", "friendly", "programme"]
ScoresRule = Literal["off", "private", "opt_in", "public"]
BoardsRule = Literal["off", "opt_in", "on"]
LeadersRule = Literal["off", "quartiles"]
RecognitionRule = Literal["off", "consent", "on"]
PersonalField = Literal[
    "title", "unit", "country", "about", "skills", "locale", "timezone", "status_reason"
]

# What any region may sign must fit every region's database, or one body would hold up its lane for
# good: a body outside these bounds is stored and relayed, and folded by nobody.
Id = Annotated[str, Meta(max_length=128)]
"""Part of some key: PostgreSQL's index rows end at 2,700 bytes, and a key has up to four parts."""
Number = Annotated[int, Meta(gt=-(2**53), lt=2**53)]
"""Fits a column of 64 bits and stays exact in every JSON reader."""
Rev = Annotated[int, Meta(ge=1, lt=2**53)]
"""A register's count of changes; 0 is the register nobody has written."""
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
"""SHA-256 of a file's bytes: its name on every node's disk."""
Thumbnail = Annotated[bytes, Meta(max_length=limits.THUMBNAIL_BYTES_MAX)]
Choice = Annotated[int, Meta(ge=0, lt=2**15)]
"""Index of a poll's choice; a small integer in the database."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every fact. Bodies are MessagePack maps of the fields below."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named part of an event's body."""


class Source(Part, frozen=True, kw_only=True):
    """Where an imported object came from. Imported acts never score."""

    system: Id
    id: Id


class PollSpec(Part, frozen=True, kw_only=True):
    """Fixed when the poll is published. ``closes_at`` is when regions stop taking ballots; what counts is
    a cut, not a time (DESIGN 6). ``count``: how a ranked poll is decided."""

    method: PollMethod
    choices: tuple[str, ...]
    secret: bool = False
    closes_at: Number | None = None
    hidden_until_close: bool = False
    quorum_people: Number = 0
    quorum_regions: Number = 0
    count: PollCount = "schulze"


class LaneEnd(Part, frozen=True, kw_only=True):
    """An event's id, as the last one of a lane that counts."""

    region: Id
    epoch: Number
    lane: Id
    seq: Number


class EpochEnd(Part, frozen=True, kw_only=True):
    """The last event that counts of an earlier epoch of the lane which says so; 0: none does."""

    epoch: Number
    seq: Number


class BallotPart(Part, frozen=True, kw_only=True):
    """What some regions' secret ballots add up to; ``pairs`` of a ranked poll (docs/events/poll.closed.md)."""

    regions: tuple[Id, ...]
    voters: Number
    counts: tuple[Number, ...]
    pairs: tuple[Number, ...] = ()


class Attachment(Part, frozen=True, kw_only=True):
    """A file of a post. ``size``: in bytes. ``stays``: it may not leave the region it was uploaded in, nor may
    its ``thumbnail`` (WebP), which else travels along so that there is something to see at once."""

    hash: Hash
    type: Id
    size: Number
    name: str
    width: Number = 0
    height: Number = 0
    alt: str = ""
    stays: bool = False
    thumbnail: Thumbnail = b""


Attachments = Annotated[tuple[Attachment, ...], Meta(max_length=limits.ATTACHMENTS_PER_POST_MAX)]


class PaperSpec(Part, frozen=True, kw_only=True):
    abstract: str
    coauthors: tuple[str, ...] = ()
    link: str = ""


class PraiseSpec(Part, frozen=True, kw_only=True):
    to: Id
    behaviour: str


class AnnouncementSpec(Part, frozen=True, kw_only=True):
    """``acknowledge``: readers are asked, openly, to confirm. Nothing is tracked silently."""

    acknowledge: bool = False
    acknowledge_by: Number | None = None


class Member(Part, frozen=True, kw_only=True):
    person: Id
    region: Id


class ErasedPost(Part, frozen=True, kw_only=True):
    """What stays of an erased post: where it stood and whose it was, not a word of it.

    Enough for its place in the tree, so that a node to which no body ever came has the same tables (I6).
    ``kind`` is free text: a kind of a later version must not keep an older node from erasing."""

    post: Id
    kind: Id
    place: Id
    root: Id
    author: Id
    at: Number
    rev: Rev
    parent: Id = ""


class EditedCommunity(Part, frozen=True, kw_only=True):
    """The settings of a community, whole: a register is always written as a whole."""

    name: str
    about: str = ""
    visibility: Visibility = "open"
    archived: bool = False
    mode: CommunityMode = "quiet"
    """Which figures people see of what they contribute here (docs/scoring.md section 9)."""


class ResidencyPolicy(Part, frozen=True, kw_only=True):
    """What may leave a region: nothing of it has a default, so that a later default rewrites no past.

    ``profile``: fields about a person that every region gets; ``in_groups``: further ones for a policy
    group; ``audiences``: the lanes that content may leave in (``group.*`` and ``pair.*`` stand for all)."""

    profile: tuple[PersonalField, ...]
    in_groups: dict[str, tuple[PersonalField, ...]]
    audiences: tuple[str, ...]


class ScoringPolicy(Part, frozen=True, kw_only=True):
    """What a region lets be told of its people's contributions: no defaults, as in ``ResidencyPolicy``.

    ``k``: the fewest people a figure about several may stand for. ``retention_days``: how long a ledger
    line says what it was about, 0 for ever. ``agreement``: the id of the agreement with the staff's
    representatives that allows what is wider than the law's default; empty without one."""

    scores: ScoresRule
    boards: BoardsRule
    leaders: LeadersRule
    recognition: RecognitionRule
    k: Annotated[int, Meta(ge=limits.COHORT_PEOPLE_MIN, lt=2**31)]
    retention_days: Annotated[int, Meta(ge=0, lt=2**31)]
    agreement: Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX)]


class ScoringChoice(Part, frozen=True, kw_only=True):
    """What a person wants told of their contributions; null leaves it to their region's policy.

    ``profile``: standing and level beside their name; ``boards``: their name in a board; ``experts``: in
    the list of those who know a topic; ``milestones``: the dates of their first steps; ``recognition``:
    nominated with evidence; ``leaders``: their figures in an anonymous comparison."""

    profile: bool | None = None
    boards: bool | None = None
    experts: bool | None = None
    milestones: bool | None = None
    recognition: bool | None = None
    leaders: bool | None = None


class CarriedKey(Part, frozen=True, kw_only=True):
    """A client's key of a command the old home carried out, with its first answer (I2)."""

    key: Id
    digest: bytes
    answer: bytes
    at: Number
