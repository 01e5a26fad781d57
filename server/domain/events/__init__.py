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

Files: ``base`` (shared parts), ``people``, ``places``, ``content``, ``judge``, ``polls``, ``scoring``,
``cases`` and ``log`` (topics, safety, the log itself).
"""

import msgspec

from server.domain.events.base import (
    AnnouncementSpec,
    Attachment,
    BallotPart,
    CarriedKey,
    CommunityMode,
    CommunityRole,
    EditedCommunity,
    EpochEnd,
    ErasedPost,
    ErasureScope,
    Event,
    FollowKind,
    Hash,
    IdeaStage,
    LaneEnd,
    Member,
    ModerationAct,
    PaperSpec,
    Part,
    PersonalField,
    PollCount,
    PollMethod,
    PollSpec,
    PostKind,
    PraiseSpec,
    ReactionKind,
    RegionRole,
    ReplyKind,
    ResidencyPolicy,
    ScoringChoice,
    ScoringPolicy,
    Source,
    Visibility,
)
from server.domain.events.cases import (
    CaseDecided,
    CaseKind,
    CaseOpened,
    CaseOutcome,
    CreditFlow,
    CreditsRuled,
    RuledPair,
)
from server.domain.events.content import (
    ErasureCompleted,
    ErasureRequested,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReplyPublished,
)
from server.domain.events.judge import (
    AnnouncementAcknowledged,
    AnswerAccepted,
    CitationChanged,
    FollowChanged,
    IdeaStageChanged,
    ReactionChanged,
    VerificationChanged,
    VoteImported,
)
from server.domain.events.log import (
    EpochOpened,
    FlagRaised,
    FlagResolved,
    HiddenAtHome,
    KeyRetired,
    KeyRotated,
    LogClosed,
    ModerationActed,
    ResidencyChanged,
    RosterChanged,
    TopicDefined,
)
from server.domain.events.people import (
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PersonReleased,
    PersonRoleChanged,
    PersonStatusChanged,
    PersonTakenOver,
)
from server.domain.events.places import (
    CommunityChanged,
    CommunityCreated,
    CommunityRoleChanged,
    ConversationChanged,
    ConversationStarted,
    MembershipChanged,
    ReadMarked,
)
from server.domain.events.polls import (
    BallotCast,
    BallotKept,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollTallied,
)
from server.domain.events.scoring import (
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringPolicyChanged,
    ScoringRootPublished,
    StandingPublished,
)

__all__ = [
    "EVENTS",
    "NAMES",
    "VERSIONS",
    "AnnouncementAcknowledged",
    "AnnouncementSpec",
    "AnswerAccepted",
    "Attachment",
    "BallotCast",
    "BallotKept",
    "BallotPart",
    "CarriedKey",
    "CaseDecided",
    "CaseKind",
    "CaseOpened",
    "CaseOutcome",
    "CitationChanged",
    "CommunityChanged",
    "CommunityCreated",
    "CommunityMode",
    "CommunityRole",
    "CommunityRoleChanged",
    "ConversationChanged",
    "ConversationStarted",
    "CreditFlow",
    "CreditsRuled",
    "EditedCommunity",
    "EpochEnd",
    "EpochOpened",
    "ErasedPost",
    "ErasureCompleted",
    "ErasureRequested",
    "ErasureScope",
    "Event",
    "FlagRaised",
    "FlagResolved",
    "FollowChanged",
    "FollowKind",
    "Hash",
    "HiddenAtHome",
    "IdeaStage",
    "IdeaStageChanged",
    "KeyRetired",
    "KeyRotated",
    "LaneEnd",
    "LogClosed",
    "Member",
    "MembershipChanged",
    "ModerationAct",
    "ModerationActed",
    "PaperSpec",
    "Part",
    "PersonHandedOver",
    "PersonProfileChanged",
    "PersonRegistered",
    "PersonReleased",
    "PersonRoleChanged",
    "PersonStatusChanged",
    "PersonTakenOver",
    "PersonalField",
    "PollChecked",
    "PollClosed",
    "PollClosing",
    "PollCount",
    "PollMethod",
    "PollRegionClosed",
    "PollSpec",
    "PollTallied",
    "PostDeleted",
    "PostEdited",
    "PostKind",
    "PostPublished",
    "PraiseSpec",
    "ReactionChanged",
    "ReactionKind",
    "ReadMarked",
    "RegionRole",
    "ReplyKind",
    "ReplyPublished",
    "ResidencyChanged",
    "ResidencyPolicy",
    "RosterChanged",
    "RuledPair",
    "ScoringChoice",
    "ScoringChoiceChanged",
    "ScoringHistoryErased",
    "ScoringPolicy",
    "ScoringPolicyChanged",
    "ScoringRootPublished",
    "Source",
    "StandingPublished",
    "TopicDefined",
    "VerificationChanged",
    "Visibility",
    "VoteImported",
    "decode_body",
    "decode_known",
    "encode_body",
]

EVENTS: dict[str, type[Event]] = {
    "person.registered": PersonRegistered,
    "person.profile_changed": PersonProfileChanged,
    "person.status_changed": PersonStatusChanged,
    "person.role_changed": PersonRoleChanged,
    "person.handed_over": PersonHandedOver,
    "person.released": PersonReleased,
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
    "ballot.kept": BallotKept,
    "poll.closing": PollClosing,
    "poll.region_closed": PollRegionClosed,
    "poll.tallied": PollTallied,
    "poll.closed": PollClosed,
    "poll.checked": PollChecked,
    "topic.defined": TopicDefined,
    "flag.raised": FlagRaised,
    "flag.resolved": FlagResolved,
    "moderation.acted": ModerationActed,
    "moderation.hidden_at_home": HiddenAtHome,
    "standing.published": StandingPublished,
    "scoring.policy_changed": ScoringPolicyChanged,
    "scoring.choice_changed": ScoringChoiceChanged,
    "scoring.history_erased": ScoringHistoryErased,
    "scoring.root_published": ScoringRootPublished,
    "case.opened": CaseOpened,
    "case.decided": CaseDecided,
    "credits.ruled": CreditsRuled,
    "epoch.opened": EpochOpened,
    "key.rotated": KeyRotated,
    "residency.changed": ResidencyChanged,
    "key.retired": KeyRetired,
    "roster.changed": RosterChanged,
    "log.closed": LogClosed,
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


def decode_known(name: str, body: bytes) -> Event | None:
    """The event, or None when this version cannot read it (unknown type, or a body that does not fit)."""
    try:
        return decode_body(name, body)
    except (ValueError, RecursionError):
        return None
