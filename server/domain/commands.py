"""Every wish a person can state: imperative, validated while decoding.

One vocabulary for the websocket frame ``do`` and for ``POST /api/v1/commands``: a map whose ``do``
names the command. Bounds stand in ``limits``; a value outside them is refused with ``bad_value`` and
the path of the field. The person comes from the authenticated connection, never from the command.

Patterns end in ``$(?!\\n)``: Python's ``$`` alone also matches before a last line feed, and ``\\Z`` is
unknown to the regular expressions of JSON Schema, which reads these patterns too.
"""

import re
from collections.abc import Callable
from typing import Annotated, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.events import (
    AnnouncementSpec,
    CaseOutcome,
    CommunityMode,
    CommunityRole,
    ErasureScope,
    FollowKind,
    Hash,
    IdeaStage,
    ModerationAct,
    PaperSpec,
    PollSpec,
    PostKind,
    PraiseSpec,
    ReactionKind,
    RegionRole,
    Visibility,
)

T = TypeVar("T")

Text = Annotated[str, Meta(max_length=limits.POST_TEXT_CHARS_MAX)]
Title = Annotated[str, Meta(max_length=limits.TITLE_CHARS_MAX)]
Name = Annotated[str, Meta(pattern=r"\S", max_length=limits.NAME_CHARS_MAX)]
About = Annotated[str, Meta(max_length=limits.ABOUT_CHARS_MAX)]
Reason = Annotated[str, Meta(max_length=limits.REASON_CHARS_MAX)]
GivenReason = Annotated[str, Meta(pattern=r"\S", max_length=limits.REASON_CHARS_MAX)]
LineName = Annotated[str, Meta(pattern=r"^[0-9]{1,19}(-own)?$(?!\n)")]
ShortText = Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX)]
Object = Annotated[str, Meta(pattern=r"^[0-7][0-9a-hjkmnp-tv-z]{25}$(?!\n)")]
Person = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)")]
MaybePerson = Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9._-]{0,63})?$(?!\n)")]
PlaceName = Annotated[str, Meta(pattern=r"^[cd]:[0-7][0-9a-hjkmnp-tv-z]{25}$(?!\n)")]
Topic = Annotated[str, Meta(pattern=r"^[^\s,#]+$(?!\n)", max_length=limits.TOPIC_CHARS_MAX)]
MaybeTopic = Annotated[str, Meta(pattern=r"^[^\s,#]*$(?!\n)", max_length=limits.TOPIC_CHARS_MAX)]
Topics = Annotated[tuple[Topic, ...], Meta(max_length=limits.TOPICS_PER_POST_MAX)]
People = Annotated[tuple[Person, ...], Meta(max_length=limits.MENTIONS_PER_POST_MAX)]
Objects = Annotated[tuple[Object, ...], Meta(max_length=limits.CITES_PER_POST_MAX)]
Members = Annotated[
    tuple[Person, ...], Meta(min_length=1, max_length=limits.MEMBERS_PER_CONVERSATION_MAX)
]
Skills = Annotated[tuple[ShortText, ...], Meta(max_length=limits.SKILLS_PER_PERSON_MAX)]
Choices = Annotated[
    tuple[Annotated[int, Meta(ge=0, lt=limits.CHOICES_PER_POLL_MAX)], ...],
    Meta(max_length=limits.CHOICES_PER_POLL_MAX),
]
Emoji = Annotated[str, Meta(max_length=limits.EMOJI_CHARS_MAX)]
Lang = Annotated[str, Meta(max_length=16)]
Lane = Annotated[str, Meta(pattern=r"^(global|local|group\.[a-z0-9-]{1,32})$(?!\n)")]
Time = Annotated[int, Meta(ge=0, lt=2**47)]
Key = Annotated[str, Meta(min_length=limits.KEY_CHARS_MIN, max_length=limits.KEY_CHARS_MAX)]


_encode = msgspec.json.Encoder().encode


def refuse_nul(command: msgspec.Struct) -> None:
    """Raises ValueError for the one character that PostgreSQL cannot hold, anywhere in a command."""
    # A text that only spells the escape sequence is rare enough for a second look.
    if b"\\u0000" in _encode(command) and _has_nul(msgspec.to_builtins(command)):
        raise ValueError("the character U+0000 cannot be part of a text")


def _has_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_has_nul(part) for pair in value.items() for part in pair)
        case list() | tuple():
            return any(map(_has_nul, value))
        case _:
            return False


class Base(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """Unknown fields are refused: a misspelt field must not be lost silently."""

    later: ClassVar[frozenset[str]] = frozenset()
    """Fields that came after the first release (``encoded``)."""

    def __post_init__(self) -> None:
        refuse_nul(self)


class Attach(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file one uploaded before, as POST /api/v1/media answered it. ``alt``: what is to be seen in it."""

    hash: Hash
    name: Annotated[str, Meta(pattern=r"\S", max_length=limits.FILE_NAME_CHARS_MAX)]
    alt: Annotated[str, Meta(max_length=limits.ALT_TEXT_CHARS_MAX)] = ""


Attaches = Annotated[tuple[Attach, ...], Meta(max_length=limits.ATTACHMENTS_PER_POST_MAX)]


class PublishPost(Base, tag="post.publish", frozen=True, kw_only=True):
    place: PlaceName
    kind: PostKind
    text: Text = ""
    title: Title = ""
    topics: Topics = ()
    mentions: People = ()
    cites: Objects = ()
    lang: Lang = ""
    poll: PollSpec | None = None
    paper: PaperSpec | None = None
    praise: PraiseSpec | None = None
    announcement: AnnouncementSpec | None = None
    attachments: Attaches = ()


class PublishReply(Base, tag="reply.publish", frozen=True, kw_only=True):
    """``parent``: the post or reply answered. A direct child of a question is an answer."""

    parent: Object
    text: Annotated[str, Meta(min_length=1, max_length=limits.POST_TEXT_CHARS_MAX)]
    mentions: People = ()
    cites: Objects = ()
    lang: Lang = ""
    attachments: Attaches = ()


class EditPost(Base, tag="post.edit", frozen=True, kw_only=True):
    post: Object
    text: Text
    title: Title = ""
    topics: Topics = ()
    mentions: People = ()
    reason: Reason = ""


class DeletePost(Base, tag="post.delete", frozen=True, kw_only=True):
    post: Object


class EraseContent(Base, tag="content.erase", frozen=True, kw_only=True):
    """In every region, for good: a post by its author, or by a privacy officer also all of a person's.

    ``target``: the post or the person."""

    scope: ErasureScope
    target: Annotated[str, Meta(min_length=1, max_length=64)]
    reason: Reason = ""


class React(Base, tag="reaction.set", frozen=True, kw_only=True):
    target: Object
    reaction: ReactionKind
    on: bool
    emoji: Emoji = ""


class AcceptAnswer(Base, tag="answer.accept", frozen=True, kw_only=True):
    """``answer``: null withdraws an acceptance."""

    question: Object
    answer: Object | None


class Verify(Base, tag="verification.set", frozen=True, kw_only=True):
    target: Object
    on: bool


class CastBallot(Base, tag="ballot.cast", frozen=True, kw_only=True):
    """Indices of the poll's choices; none with ``withdrawn`` true takes the ballot back."""

    poll: Object
    choices: Choices = ()
    withdrawn: bool = False


class ClosePoll(Base, tag="poll.close", frozen=True, kw_only=True):
    """Ends a poll before its time, or one that has none."""

    poll: Object


class Follow(Base, tag="follow.set", frozen=True, kw_only=True):
    kind: FollowKind
    target: Annotated[str, Meta(min_length=1, max_length=64)]
    on: bool


class Acknowledge(Base, tag="announcement.acknowledge", frozen=True, kw_only=True):
    post: Object


class MoveIdea(Base, tag="idea.move", frozen=True, kw_only=True):
    post: Object
    stage: IdeaStage
    owner: MaybePerson = ""
    due: Time | None = None
    note: Reason = ""


class CreateCommunity(Base, tag="community.create", frozen=True, kw_only=True):
    """``audience``: ``global``, ``local`` (this region only) or a policy group of regions."""

    name: Name
    about: About = ""
    visibility: Visibility = "open"
    audience: Lane = "global"


class ChangeCommunity(Base, tag="community.change", frozen=True, kw_only=True):
    community: Object
    name: Name
    about: About = ""
    visibility: Visibility = "open"
    archived: bool = False
    mode: CommunityMode = "quiet"


class SetMembership(Base, tag="membership.set", frozen=True, kw_only=True):
    community: Object
    joined: bool


class SetCommunityRole(Base, tag="community.set_role", frozen=True, kw_only=True):
    community: Object
    person: Person
    role: CommunityRole


class StartConversation(Base, tag="conversation.start", frozen=True, kw_only=True):
    """``members``: the others; the starter is one by starting."""

    members: Members
    title: Title = ""


class MarkRead(Base, tag="read.mark", frozen=True, kw_only=True):
    channel: Annotated[str, Meta(pattern=r"^[cdt]:[0-7][0-9a-hjkmnp-tv-z]{25}$(?!\n)")]
    up_to: Time


class ChangeProfile(Base, tag="profile.change", frozen=True, kw_only=True):
    name: Name
    title: ShortText = ""
    unit: ShortText = ""
    country: Annotated[str, Meta(max_length=2)] = ""
    about: About = ""
    skills: Skills = ()
    locale: Lang = "en"
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"


class Flag(Base, tag="flag.raise", frozen=True, kw_only=True):
    target: Object
    reason: Annotated[str, Meta(min_length=1, max_length=limits.REASON_CHARS_MAX)]


class ResolveFlag(Base, tag="flag.resolve", frozen=True, kw_only=True):
    """``seen``: as the list of reports had it, so that what came since stays open; 0: all that are known where
    it is decided."""

    later = frozenset({"seen"})
    target: Object
    upheld: bool
    note: Reason = ""
    seen: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class Moderate(Base, tag="moderation.act", frozen=True, kw_only=True):
    target: Object
    act: ModerationAct
    on: bool
    reason: Reason = ""


class HideAtHome(Base, tag="moderation.hide_at_home", frozen=True, kw_only=True):
    target: Object
    on: bool
    reason: Reason = ""


class RegisterPerson(Base, tag="person.register", frozen=True, kw_only=True):
    """By a region admin (or the command line): a colleague whose home is this region."""

    person: Person
    name: Name
    title: ShortText = ""
    unit: ShortText = ""
    country: Annotated[str, Meta(max_length=2)] = ""
    locale: Lang = "en"
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    bot: bool = False


class SetPersonStatus(Base, tag="person.set_status", frozen=True, kw_only=True):
    person: Person
    active: bool
    reason: Reason = ""


class SetPersonRole(Base, tag="person.set_role", frozen=True, kw_only=True):
    person: Person
    role: RegionRole
    on: bool


class HandOver(Base, tag="person.hand_over", frozen=True, kw_only=True):
    """By a region admin of the home: the colleague moves to another region."""

    person: Person
    to: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,15}$(?!\n)")]


class TakeOver(Base, tag="person.take_over", frozen=True, kw_only=True):
    """By a region admin of the new home, once all of the person's has arrived."""

    person: Person


class CallOff(Base, tag="person.call_off", frozen=True, kw_only=True):
    """By a region admin of the old home, as long as the person was not released."""

    person: Person


class ChooseScoring(Base, tag="scoring.choose", frozen=True, kw_only=True):
    """What is told of one's own contributions, whole: null leaves a thing to the region's policy."""

    profile: bool | None = None
    boards: bool | None = None
    experts: bool | None = None
    milestones: bool | None = None
    recognition: bool | None = None
    leaders: bool | None = None


class EraseScoringHistory(Base, tag="scoring.erase_history", frozen=True, kw_only=True):
    """One's own ledger begins anew, for good; what one wrote and what others have stays."""


class OpenDispute(Base, tag="dispute.open", frozen=True, kw_only=True):
    """Asks people to look at a line of one's own ledger. ``line``: its name there (``act``)."""

    line: LineName
    reason: GivenReason


class DecideCase(Base, tag="case.decide", frozen=True, kw_only=True):
    """By an auditor or region admin who is no party; again to change one's mind."""

    case: Object
    outcome: CaseOutcome
    reason: GivenReason


class HoldCase(Base, tag="case.hold", frozen=True, kw_only=True):
    """Whether the credits of a circle count while somebody looks into it."""

    case: Object
    on: bool


class DefineTopic(Base, tag="topic.define", frozen=True, kw_only=True):
    topic: Topic
    names: dict[Lang, ShortText]
    parent: MaybeTopic = ""
    synonyms: Annotated[tuple[ShortText, ...], Meta(max_length=50)] = ()


Command = (
    PublishPost
    | PublishReply
    | EditPost
    | DeletePost
    | EraseContent
    | React
    | AcceptAnswer
    | Verify
    | CastBallot
    | ClosePoll
    | Follow
    | Acknowledge
    | MoveIdea
    | CreateCommunity
    | ChangeCommunity
    | SetMembership
    | SetCommunityRole
    | StartConversation
    | MarkRead
    | ChangeProfile
    | Flag
    | ResolveFlag
    | Moderate
    | HideAtHome
    | RegisterPerson
    | SetPersonStatus
    | SetPersonRole
    | HandOver
    | TakeOver
    | CallOff
    | ChooseScoring
    | EraseScoringHistory
    | OpenDispute
    | DecideCase
    | HoldCase
    | DefineTopic
)


COMMANDS: dict[str, type[Base]] = {
    str(shape.__struct_config__.tag): shape for shape in Command.__args__
}

_JSON: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_MSGPACK: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


_pack = msgspec.msgpack.Encoder().encode


def encoded(command: Base) -> bytes:
    """As MessagePack, as a key's digest and ASK have it (docs/protocol/federation.md 18.3): with all fields but later
    ones at their default. So a command is the same before an upgrade and after it, and for an older region."""
    if not command.later:
        return _pack(command)
    fields = msgspec.to_builtins(command)
    for field in msgspec.structs.fields(command):
        if field.name in command.later and getattr(command, field.name) == field.default:
            del fields[field.name]
    return _pack(fields)


def from_json(raw: bytes) -> Command:
    """Raises Refused (bad_encoding, bad_value, unknown_kind, too_large) with the field's path."""
    return guard(_JSON.decode, raw)


def from_msgpack(raw: bytes) -> Command:
    """As ``from_json``."""
    return guard(_MSGPACK.decode, raw)


def from_builtins(value: object) -> Command:
    """A command from a decoded map, as it stands inside a websocket frame; as ``from_json``."""
    try:
        command: Command = msgspec.convert(value, Command)
        return command
    except msgspec.ValidationError as error:
        raise refusal_of(error) from None


def guard(decode: Callable[[bytes], T], raw: bytes) -> T:
    """What ``decode`` makes of bytes from outside. Raises Refused as ``from_json`` does."""
    if len(raw) > limits.COMMAND_BYTES_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"a command may have {limits.COMMAND_BYTES_MAX} bytes, this has {len(raw)}",
        )
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise refusal_of(error) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refused(Code.BAD_ENCODING, f"this is not a well-formed command: {error}") from None


_LENGTH = re.compile(r"Expected `(str|array)` of length (<=|>=) (\d+)")
_WORDS = {"<=": "at most", ">=": "at least"}


def refusal_of(error: msgspec.ValidationError) -> Refused:
    """msgspec's words, split into our code, a sentence and the path of the field."""
    text, _, path = str(error).partition(" - at `")
    # A path is `$.poll.choices[0]`, or, of a map's own key, `key` in `$.names`.
    field = path.rpartition("$")[2].rstrip("`").lstrip(".") or None
    if text.startswith("Invalid value") and field in ("do", "import"):
        return Refused(Code.UNKNOWN_KIND, f"there is no such kind: {text}", field)
    for tag in ("do", "import"):
        if text.endswith(f"missing required field `{tag}`"):
            return Refused(Code.UNKNOWN_KIND, f"the kind is missing: {text}", tag)
    if length := _LENGTH.fullmatch(text):
        # What people write may be too long or too short: they read this. All else only programs get wrong.
        kind, bound, count = length.groups()
        of = "characters" if kind == "str" else "entries"
        text = f"{field or 'this'} must have {_WORDS[bound]} {int(count):,} {of}"
    return Refused(Code.BAD_VALUE, text, field)
