"""Facts about what others made of a post: reactions, acceptance, verification, citations ..."""

from server.domain.events.base import (
    Event,
    FollowKind,
    Id,
    IdeaStage,
    Number,
    ReactionKind,
    Rev,
    Source,
)


class ReactionChanged(Event, frozen=True, kw_only=True):
    """helpful, solved ("solved it for me") or an emoji, on or off. Writer: the actor's home.

    Merge: higher rev per (target, actor, reaction, emoji)."""

    target: Id
    root: Id
    place: Id
    author: Id
    reaction: ReactionKind
    rev: Rev
    on: bool
    emoji: Id = ""


class AnswerAccepted(Event, frozen=True, kw_only=True):
    """The asker accepted an answer, another one, or none. Writer: the asker's home.

    Merge: higher rev per question."""

    question: Id
    place: Id
    rev: Rev
    answer: Id | None = None
    author: Id = ""
    source: Source | None = None


class VerificationChanged(Event, frozen=True, kw_only=True):
    """A steward checked a post and found it right, or no longer. Writer: the steward's home.

    Merge: higher rev per (target, actor)."""

    target: Id
    root: Id
    place: Id
    author: Id
    rev: Rev
    on: bool


class CitationChanged(Event, frozen=True, kw_only=True):
    """One post builds on another and says so. Writer: the citing author's home.

    Merge: higher rev per (citing, cited)."""

    citing: Id
    cited: Id
    place: Id
    author: Id
    rev: Rev
    on: bool


class VoteImported(Event, frozen=True, kw_only=True):
    """A vote of an imported archive that names no voter; shown, never scored.

    Writer: the home of the target's author. Merge: first per (source system, source id)."""

    target: Id
    root: Id
    place: Id
    vote: str
    at: Number
    source: Source


class FollowChanged(Event, frozen=True, kw_only=True):
    """A person follows a person, topic or post, or stops. Writer: the follower's home.

    Merge: higher rev per (actor, kind, target)."""

    kind: FollowKind
    target: Id
    rev: Rev
    on: bool


class AnnouncementAcknowledged(Event, frozen=True, kw_only=True):
    """A reader confirmed an announcement on being asked. Writer: the reader's home. Merge: earliest."""

    post: Id
    place: Id


class IdeaStageChanged(Event, frozen=True, kw_only=True):
    """An idea moved, with a named owner and a due date. Writer: the community's home.

    Merge: higher rev per post."""

    post: Id
    place: Id
    author: Id
    rev: Rev
    stage: IdeaStage
    owner: Id = ""
    due: Number | None = None
    note: str = ""
