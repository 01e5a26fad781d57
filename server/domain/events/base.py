"""What every event shares: the words of closed sets, and the named parts of bodies."""

from typing import Literal

import msgspec

Visibility = Literal["open", "private"]
CommunityRole = Literal["none", "member", "moderator", "owner"]
RegionRole = Literal["region_admin", "communications_leader", "auditor", "moderator"]
PostKind = Literal[
    "update", "question", "article", "paper", "idea", "poll", "praise", "announcement", "message"
]
ReplyKind = Literal["reply", "answer"]
ReactionKind = Literal["helpful", "solved", "emoji"]
PollMethod = Literal["single", "multiple", "ranked"]
IdeaStage = Literal[
    "submitted", "reviewed", "shortlisted", "accepted", "declined", "piloted", "shipped"
]
ModerationAct = Literal["hide", "lock", "pin"]
FollowKind = Literal["person", "topic", "post"]
ErasureScope = Literal["post", "person"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every fact. Bodies are MessagePack maps of the fields below."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named part of an event's body."""


class Source(Part, frozen=True, kw_only=True):
    """Where an imported object came from. Imported acts never score."""

    system: str
    id: str


class PollSpec(Part, frozen=True, kw_only=True):
    """Fixed when the poll is published. ``closes_at`` is advisory: closing is a cut (DESIGN 6)."""

    method: PollMethod
    choices: tuple[str, ...]
    secret: bool = False
    closes_at: int | None = None
    hidden_until_close: bool = False
    quorum_people: int = 0
    quorum_regions: int = 0


class PaperSpec(Part, frozen=True, kw_only=True):
    abstract: str
    coauthors: tuple[str, ...] = ()
    link: str = ""


class PraiseSpec(Part, frozen=True, kw_only=True):
    to: str
    behaviour: str


class AnnouncementSpec(Part, frozen=True, kw_only=True):
    """``acknowledge``: readers are asked, openly, to confirm. Nothing is tracked silently."""

    acknowledge: bool = False
    acknowledge_by: int | None = None


class Member(Part, frozen=True, kw_only=True):
    person: str
    region: str


class EditedCommunity(Part, frozen=True, kw_only=True):
    """The settings of a community, whole: a register is always written as a whole."""

    name: str
    about: str = ""
    visibility: Visibility = "open"
    archived: bool = False
