"""What readers get, as shapes: the JSON of docs/protocol/http.md 4 and of the OpenAPI document.

Ids, names and texts are strings, times UTC milliseconds. A field is always present; nothing is
omitted, so that every client language can declare it.
"""

from typing import Literal

import msgspec

from server.domain.events import (
    AnnouncementSpec,
    CommunityMode,
    CommunityRole,
    IdeaStage,
    PaperSpec,
    PollSpec,
    PostKind,
    PraiseSpec,
    ReplyKind,
    ScoringChoice,
    Source,
    Visibility,
)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every answer."""


class PersonView(Shape, frozen=True, kw_only=True):
    """A colleague. ``home`` is empty while they move between regions."""

    id: str
    home: str
    name: str
    title: str
    unit: str
    country: str
    about: str
    skills: tuple[str, ...]
    locale: str
    timezone: str
    bot: bool
    active: bool
    roles: tuple[str, ...]


class CommunityView(Shape, frozen=True, kw_only=True):
    id: str
    home: str
    name: str
    about: str
    visibility: Visibility
    audience: str
    archived: bool
    mode: CommunityMode
    at: int


class MembershipView(Shape, frozen=True, kw_only=True):
    """``joined``: the person's own wish; ``role``: what the community granted."""

    joined: bool
    role: CommunityRole


class MemberView(Shape, frozen=True, kw_only=True):
    person: str
    region: str


class ConversationView(Shape, frozen=True, kw_only=True):
    id: str
    title: str
    members: tuple[MemberView, ...]
    at: int
    home: str


class Counts(Shape, frozen=True, kw_only=True):
    """What others did with a post. ``emoji``: how many chose each."""

    replies: int = 0
    helpful: int = 0
    solved: int = 0
    votes_up: int = 0
    votes_down: int = 0
    acknowledged: int = 0
    emoji: dict[str, int] = {}


class PollResult(Shape, frozen=True, kw_only=True):
    """What a closed poll came to, as its home published it. ``order``: groups of choices, the winners first;
    empty when nobody voted, or too few for a secret poll. ``pairs``: row by row, how many put the row's
    choice above the column's; of ranked polls that are counted so. ``regions``: from how many a ballot was
    counted. ``quorum``: enough took part. ``late``: regions whose ballots could not all be waited for.
    ``agreed`` and ``differing``: regions that counted again, by what they found."""

    order: tuple[tuple[int, ...], ...]
    pairs: tuple[int, ...]
    regions: int
    quorum: bool
    late: tuple[str, ...]
    digest: str
    agreed: tuple[str, ...]
    differing: tuple[str, ...]


class PollValue(Shape, frozen=True, kw_only=True):
    """``counts``: one number per choice, of a ranked poll the first preferences; null while the poll hides
    them until it closes, as every secret one does, and where too few voted in secret. ``closing``: no more
    ballots are taken, ``waiting`` names the regions whose word is missing. ``result``: once closed."""

    voters: int
    counts: tuple[int, ...] | None
    closed: bool
    closing: bool = False
    waiting: tuple[str, ...] = ()
    result: PollResult | None = None


class Detail(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """The part that belongs to a post's kind; exactly one is there."""

    poll: PollSpec | None = None
    paper: PaperSpec | None = None
    praise: PraiseSpec | None = None
    announcement: AnnouncementSpec | None = None


class IdeaState(Shape, frozen=True, kw_only=True):
    stage: IdeaStage
    owner: str
    due: int | None
    note: str


class FileView(Shape, frozen=True, kw_only=True):
    """A file of a post: its bytes are at /api/v1/media/{hash}, of a picture also a small one. ``stays``: other
    regions than the author's cannot show it."""

    hash: str
    type: str
    size: int
    name: str
    width: int
    height: int
    alt: str
    stays: bool


class PostView(Shape, frozen=True, kw_only=True):
    """A post, reply or message. Deleted, erased and hidden ones keep their place in the tree and have
    no title, text, topics, mentions, detail or attachments. ``parent`` is empty at the top of a thread.
    ``hidden_for``: why the community's moderators hid it; empty where they did not, and of what is gone."""

    id: str
    kind: PostKind | ReplyKind
    place: str
    root: str
    parent: str
    author: str
    at: int
    title: str
    text: str
    topics: tuple[str, ...]
    mentions: tuple[str, ...]
    lang: str
    detail: Detail | None
    attachments: tuple[FileView, ...]
    rev: int
    edited_at: int | None
    deleted: bool
    source: Source | None
    accepted: str | None
    verified_by: tuple[str, ...]
    idea: IdeaState | None
    hidden: bool
    hidden_for: str
    locked: bool
    pinned: bool
    counts: Counts


class Mine(Shape, frozen=True, kw_only=True):
    """What the asking person did with the posts of an answer, and what they follow.

    ``reactions``: ``helpful``, ``solved``, ``emoji:👍`` by post. ``ballots``: choices by poll, empty
    for a secret one. ``read``: moment up to which a place or thread was read, by channel."""

    reactions: dict[str, tuple[str, ...]]
    ballots: dict[str, tuple[int, ...]]
    follows: tuple[str, ...]
    acknowledged: tuple[str, ...]
    read: dict[str, int]


class Bundle(Shape, frozen=True, kw_only=True):
    """Posts with all that is needed to show them."""

    posts: dict[str, PostView]
    order: tuple[str, ...]
    people: dict[str, PersonView]
    polls: dict[str, PollValue]
    mine: Mine


class ChoiceView(Shape, frozen=True, kw_only=True):
    """What a person wants told of their contributions (docs/scoring.md section 9); null: they leave it to
    the policy of their region."""

    profile: bool | None = None
    boards: bool | None = None
    experts: bool | None = None
    milestones: bool | None = None
    recognition: bool | None = None
    leaders: bool | None = None

    @classmethod
    def of(cls, choice: ScoringChoice) -> "ChoiceView":
        return cls(**msgspec.structs.asdict(choice))


class FirstLoad(Bundle, frozen=True, kw_only=True):
    """Everything a client needs at its start; frames after ``cursor`` are folded onto it."""

    cursor: str
    server_time: int
    region: str
    me: PersonView
    communities: dict[str, CommunityView]
    memberships: dict[str, MembershipView]
    conversations: dict[str, ConversationView]
    choice: ChoiceView


class TopicView(Shape, frozen=True, kw_only=True):
    """``names``: by language code."""

    id: str
    names: dict[str, str]
    parent: str
    synonyms: tuple[str, ...]


class Revision(Shape, frozen=True, kw_only=True):
    """One version of a post; ``at`` 0 for the first one: the post's own time."""

    rev: int
    title: str
    text: str
    reason: str
    at: int


class Report(Shape, frozen=True, kw_only=True):
    """A post that readers reported to the moderators.

    ``resolved``: all its reports are answered; ``upheld`` and ``note`` are of the last answer, also while others are
    open. ``seen``: how far these reports go, to be given back with the answer to them."""

    post: str
    reasons: tuple[str, ...]
    resolved: bool
    upheld: bool
    note: str
    seen: int


ValueOf = Literal["post", "poll"]
