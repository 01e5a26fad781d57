"""Every fact the product knows: past tense, a wire name, a schema version, one writer, one merge rule.

House rules (docs/events/ has a page for each; a test keeps the two in step):

1. An event is a complete fact. Folding it never needs another event to have arrived first: a reply
   names its root, place and the people to tell, so replies, reactions and ballots apply in any order.
2. Every mutable thing is a *register* keyed by its object, written by one region (I7), and carries
   ``rev``: the writer's own count of changes, from 1. Merge rule: the higher ``rev`` wins, an equal
   one is a repeat. No clock and no arrival order decides anything (I6). A deletion beats every edit.
3. The acting person stands in the header (``actor``), not in the body, except where the fact is
   about somebody else. Times are UTC milliseconds.
4. Fields are only ever added, with a default. A reader ignores fields it does not know; a node
   stores and relays event types it does not know and projects them after its upgrade.

Which lane an event goes to is decided at append (``decide``): content follows the audience of its
place, directory facts are global, read marks and secret ballots stay ``local``.
"""

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


# -- people ----------------------------------------------------------------------------------------


class PersonRegistered(Event, frozen=True, kw_only=True):
    """A colleague exists. Writer: their home region. Merge: first wins (rev 1 of the profile)."""

    person: str
    home: str
    name: str
    title: str = ""
    unit: str = ""
    country: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    bot: bool = False
    source: Source | None = None


class PersonProfileChanged(Event, frozen=True, kw_only=True):
    """The whole profile anew. Writer: home region. Merge: higher rev."""

    person: str
    rev: int
    name: str
    title: str = ""
    unit: str = ""
    country: str = ""
    about: str = ""
    skills: tuple[str, ...] = ()
    locale: str = "en"
    timezone: str = "UTC"


class PersonStatusChanged(Event, frozen=True, kw_only=True):
    """Activated or deactivated (left, suspended). Writer: home region. Merge: higher rev."""

    person: str
    rev: int
    active: bool
    reason: str = ""


class PersonRoleChanged(Event, frozen=True, kw_only=True):
    """A region-wide role granted or taken. Writer: home region. Merge: higher rev per (person, role)."""

    person: str
    role: RegionRole
    rev: int
    on: bool


class PersonHandedOver(Event, frozen=True, kw_only=True):
    """The old home gives a moving person up; they are read-only until taken over. Writer: old home."""

    person: str
    to: str
    rev: int


class PersonTakenOver(Event, frozen=True, kw_only=True):
    """The new home takes the person; from here on it writes for them. Writer: new home."""

    person: str
    previous: str
    rev: int


# -- communities and conversations ---------------------------------------------------------------


class CommunityCreated(Event, frozen=True, kw_only=True):
    """A community exists; ``audience`` is the lane all its content travels in. Writer: its home."""

    community: str
    home: str
    name: str
    audience: str
    about: str = ""
    visibility: Visibility = "open"
    owner: str = ""
    source: Source | None = None
    at: int = 0


class CommunityChanged(Event, frozen=True, kw_only=True):
    """The settings anew. Writer: the community's home. Merge: higher rev."""

    community: str
    rev: int
    settings: EditedCommunity


class MembershipChanged(Event, frozen=True, kw_only=True):
    """A person joined or left of their own accord. Writer: the person's home. Merge: higher rev."""

    community: str
    person: str
    rev: int
    joined: bool


class CommunityRoleChanged(Event, frozen=True, kw_only=True):
    """A role was given or taken; in a private community it is what lets a person in.

    Writer: the community's home. Merge: higher rev per (community, person)."""

    community: str
    person: str
    rev: int
    role: CommunityRole


class ConversationStarted(Event, frozen=True, kw_only=True):
    """Direct messages between two people or a small group. Writer: the starter's home.

    Members in more than two regions: one copy per pair lane, same body; the first copy counts."""

    conversation: str
    home: str
    members: tuple[Member, ...]
    title: str = ""
    at: int = 0


class ConversationChanged(Event, frozen=True, kw_only=True):
    """Members or title anew. Writer: the conversation's home. Merge: higher rev."""

    conversation: str
    rev: int
    members: tuple[Member, ...]
    title: str = ""


class ReadMarked(Event, frozen=True, kw_only=True):
    """A person read a place or thread up to a moment; syncs their own devices. Lane: local.

    Writer: the person's home. Merge: the later ``up_to``."""

    channel: str
    up_to: int


# -- content ---------------------------------------------------------------------------------------


class PostPublished(Event, frozen=True, kw_only=True):
    """A post of any kind, or a direct message. Writer: the author's home. Merge: first (rev 1).

    ``notify``: people to tell (mentioned, praised). ``mentions`` is what the text names."""

    post: str
    kind: PostKind
    place: str
    at: int
    text: str = ""
    title: str = ""
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    lang: str = ""
    poll: PollSpec | None = None
    paper: PaperSpec | None = None
    praise: PraiseSpec | None = None
    announcement: AnnouncementSpec | None = None
    source: Source | None = None


class ReplyPublished(Event, frozen=True, kw_only=True):
    """An answer or a reply in the tree below a post. Writer: the author's home. Merge: first (rev 1).

    May arrive before its parent: it names root and place itself and is attached when the parent lands."""

    post: str
    kind: ReplyKind
    place: str
    root: str
    parent: str
    at: int
    text: str
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    lang: str = ""
    source: Source | None = None


class PostEdited(Event, frozen=True, kw_only=True):
    """Title, text and topics anew; earlier ones stay in the history. Writer: the author's home.

    Merge: higher rev; a deletion beats any edit."""

    post: str
    root: str
    place: str
    rev: int
    text: str
    title: str = ""
    topics: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    reason: str = ""
    at: int = 0


class PostDeleted(Event, frozen=True, kw_only=True):
    """The author withdrew a post or reply; replies below it stay. Writer: the author's home.

    Merge: final. Readers see that something was deleted, not what."""

    post: str
    root: str
    place: str
    rev: int


class ErasureRequested(Event, frozen=True, kw_only=True):
    """Bodies must be destroyed in every region (law, or the person's wish). Lane: control.

    Writer: home of the erased content. Merge: final; a body that arrives later is not kept."""

    request: str
    scope: ErasureScope
    target: str
    reason: str = ""


class ErasureCompleted(Event, frozen=True, kw_only=True):
    """One region's receipt for one erasure request. Lane: control. Writer: that region."""

    request: str
    region: str
    bodies: int


# -- judgements by others --------------------------------------------------------------------------


class ReactionChanged(Event, frozen=True, kw_only=True):
    """helpful, solved ("solved it for me") or an emoji, on or off. Writer: the actor's home.

    Merge: higher rev per (target, actor, reaction, emoji)."""

    target: str
    root: str
    place: str
    author: str
    reaction: ReactionKind
    rev: int
    on: bool
    emoji: str = ""


class AnswerAccepted(Event, frozen=True, kw_only=True):
    """The asker accepted an answer, another one, or none. Writer: the asker's home.

    Merge: higher rev per question."""

    question: str
    place: str
    rev: int
    answer: str | None = None
    author: str = ""
    source: Source | None = None


class VerificationChanged(Event, frozen=True, kw_only=True):
    """A steward checked a post and found it right, or no longer. Writer: the steward's home.

    Merge: higher rev per (target, actor)."""

    target: str
    root: str
    place: str
    author: str
    rev: int
    on: bool


class CitationChanged(Event, frozen=True, kw_only=True):
    """One post builds on another and says so. Writer: the citing author's home.

    Merge: higher rev per (citing, cited)."""

    citing: str
    cited: str
    place: str
    author: str
    rev: int
    on: bool


class VoteImported(Event, frozen=True, kw_only=True):
    """A vote of an imported archive that names no voter; shown, never scored.

    Writer: the home of the target's author. Merge: first per (source system, source id)."""

    target: str
    root: str
    place: str
    vote: str
    at: int
    source: Source


class FollowChanged(Event, frozen=True, kw_only=True):
    """A person follows a person, topic or post, or stops. Writer: the follower's home.

    Merge: higher rev per (actor, kind, target)."""

    kind: FollowKind
    target: str
    rev: int
    on: bool


class AnnouncementAcknowledged(Event, frozen=True, kw_only=True):
    """A reader confirmed an announcement on being asked. Writer: the reader's home. Merge: first."""

    post: str
    place: str


class IdeaStageChanged(Event, frozen=True, kw_only=True):
    """An idea moved, with a named owner and a due date. Writer: the community's home.

    Merge: higher rev per post."""

    post: str
    place: str
    author: str
    rev: int
    stage: IdeaStage
    owner: str = ""
    due: int | None = None
    note: str = ""


# -- polls -----------------------------------------------------------------------------------------


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


# -- topics, safety, scores, the log itself --------------------------------------------------------


class TopicDefined(Event, frozen=True, kw_only=True):
    """A topic in the shared tree, with names and synonyms per language. Merge: higher rev."""

    topic: str
    rev: int
    names: dict[str, str]
    parent: str = ""
    synonyms: tuple[str, ...] = ()


class FlagRaised(Event, frozen=True, kw_only=True):
    """A reader reports content to the community's moderators. Writer: the reporter's home."""

    target: str
    root: str
    place: str
    rev: int
    reason: str
    on: bool = True


class FlagResolved(Event, frozen=True, kw_only=True):
    """A moderator closed the reports on a target. Writer: the community's home. Merge: higher rev."""

    target: str
    place: str
    rev: int
    upheld: bool
    note: str = ""


class ModerationActed(Event, frozen=True, kw_only=True):
    """hide, lock or pin, on or off, with a reason the author can read.

    Writer: the community's home. Merge: higher rev per (target, act)."""

    target: str
    root: str
    place: str
    act: ModerationAct
    rev: int
    on: bool
    reason: str = ""


class HiddenAtHome(Event, frozen=True, kw_only=True):
    """A region hides a thing for its own people at once (its own law, or the home is out of reach).

    Lane: local. Merge: higher rev per target."""

    target: str
    root: str
    place: str
    rev: int
    on: bool
    reason: str = ""


class StandingPublished(Event, frozen=True, kw_only=True):
    """A person's standing and topic expertise, only as far as person and country policy allow."""

    person: str
    rev: int
    day: int
    rules: str
    standing: int
    topics: dict[str, int] = {}


class EpochOpened(Event, frozen=True, kw_only=True):
    """A region's log begins anew (first start, or a restore); names the incarnation before it."""

    previous: int
    nonce: bytes


class KeyRotated(Event, frozen=True, kw_only=True):
    """A region's next signing key, effective from this event on."""

    key: bytes
    key_id: str


EVENTS: dict[str, type[Event]] = {
    "person.registered": PersonRegistered,
    "person.profile_changed": PersonProfileChanged,
    "person.status_changed": PersonStatusChanged,
    "person.role_changed": PersonRoleChanged,
    "person.handed_over": PersonHandedOver,
    "person.taken_over": PersonTakenOver,
    "community.created": CommunityCreated,
    "community.changed": CommunityChanged,
    "membership.changed": MembershipChanged,
    "community.role_changed": CommunityRoleChanged,
    "conversation.started": ConversationStarted,
    "conversation.changed": ConversationChanged,
    "read.marked": ReadMarked,
    "post.published": PostPublished,
    "reply.published": ReplyPublished,
    "post.edited": PostEdited,
    "post.deleted": PostDeleted,
    "erasure.requested": ErasureRequested,
    "erasure.completed": ErasureCompleted,
    "reaction.changed": ReactionChanged,
    "answer.accepted": AnswerAccepted,
    "verification.changed": VerificationChanged,
    "citation.changed": CitationChanged,
    "vote.imported": VoteImported,
    "follow.changed": FollowChanged,
    "announcement.acknowledged": AnnouncementAcknowledged,
    "idea.stage_changed": IdeaStageChanged,
    "ballot.cast": BallotCast,
    "poll.region_closed": PollRegionClosed,
    "poll.tallied": PollTallied,
    "poll.closed": PollClosed,
    "topic.defined": TopicDefined,
    "flag.raised": FlagRaised,
    "flag.resolved": FlagResolved,
    "moderation.acted": ModerationActed,
    "moderation.hidden_at_home": HiddenAtHome,
    "standing.published": StandingPublished,
    "epoch.opened": EpochOpened,
    "key.rotated": KeyRotated,
}
"""Wire name -> shape. The name is what the header carries; the shape's version is in VERSIONS."""

VERSIONS: dict[str, int] = dict.fromkeys(EVENTS, 1)
"""Schema version each type is written with today; a reader accepts any, fields are only added."""

NAMES: dict[type[Event], str] = {shape: name for name, shape in EVENTS.items()}

_ENCODER = msgspec.msgpack.Encoder()
_DECODERS = {name: msgspec.msgpack.Decoder(shape) for name, shape in EVENTS.items()}


def encode_body(event: Event) -> bytes:
    """An event's body as MessagePack; exactly these bytes are committed to and travel."""
    return _ENCODER.encode(event)


def decode_body(name: str, body: bytes) -> Event | None:
    """The event, or None for a type this version does not know (stored, relayed, projected later).

    Raises msgspec.ValidationError or msgspec.DecodeError when the body does not fit its type."""
    decoder = _DECODERS.get(name)
    return None if decoder is None else decoder.decode(body)
