"""What a batch of the tap may change about who knows, and whose work was used from where. Pure.

Who knows is read from the tables, never from the events: these only say where to look again. So it does not
matter how far ahead of the batch the tables are, nor in which order anything came.
"""

from collections.abc import Iterable
from typing import NamedTuple

from server.domain.events import (
    AnswerAccepted,
    CitationChanged,
    CommunityChanged,
    CommunityCreated,
    ErasureRequested,
    ModerationActed,
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PersonStatusChanged,
    PersonTakenOver,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReactionChanged,
    ReplyPublished,
    ScoringChoiceChanged,
    ScoringHistoryErased,
    ScoringPolicyChanged,
    TopicDefined,
    VerificationChanged,
)
from server.domain.ids import community_place
from server.domain.merge import may_write
from server.domain.visibility import GLOBAL
from server.storage.event_log import Record

NEVER = 2**62


class Use(NamedTuple):
    """Somebody of a region used a content: its answer was accepted, it solved a problem, it was cited."""

    content: str
    region: str
    person: str
    """The content's author, as the event says; whoever reads it asks the content."""
    at: int
    accepted_at: int = NEVER


class Touches:
    """Where to look again; everything is a set, so a repeat is no more work than once."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.threads: set[str] = set()
        """By their question, which may not be here yet."""
        self.places: set[str] = set()
        """All threads of these."""
        self.topics: set[str] = set()
        """All threads that carry one of these or any topic below it."""
        self.askers: set[str] = set()
        """All threads they began."""
        self.newcomers: set[str] = set()
        """All threads they have any part in."""
        self.people: set[str] = set()
        """Whether they are shown, and since when their history counts."""
        self.regions: set[str] = set()
        """Whether any of their people is."""
        self.uses: list[Use] = []
        for record in records:
            if record.event is not None and may_write(record.event, record.id.region):
                self._content(record)
                self._around(record)

    def __bool__(self) -> bool:
        """Whether there is anywhere to look."""
        return any(vars(self).values())

    def _content(self, record: Record) -> None:
        match record.event:
            case (
                PostPublished(post=root, kind="question")
                | ReplyPublished(root=root, kind="answer")
                | PostEdited(root=root)
                | PostDeleted(root=root)
                | ModerationActed(root=root, act="hide")
                | VerificationChanged(root=root)
            ):
                self.threads.add(root)
            case ReactionChanged(root=root, reaction="helpful" | "solved"):
                self.threads.add(root)
            case AnswerAccepted(question=root):
                self.threads.add(root)
            case ErasureRequested(posts=posts):
                self.threads |= {post.root for post in posts}
        if record.id.lane == GLOBAL and (use := _use(record)):
            self.uses.append(use)

    def _around(self, record: Record) -> None:
        match record.event:
            case CommunityCreated(community=community) | CommunityChanged(community=community):
                self.places.add(community_place(community))
            case TopicDefined(topic=topic):
                self.topics.add(topic)
            case PersonRegistered(person=person):
                self.newcomers.add(person)
                self.people.add(person)
            case PersonProfileChanged(person=person):
                self.askers.add(person)
            case (
                PersonStatusChanged(person=person)
                | PersonHandedOver(person=person)
                | PersonTakenOver(person=person)
                | ScoringChoiceChanged(person=person)
                | ScoringHistoryErased(person=person)
            ):
                self.people.add(person)
            case ScoringPolicyChanged(region=region):
                self.regions.add(region)


def _use(record: Record) -> Use | None:
    region, at = record.id.region, record.at
    match record.event:
        case AnswerAccepted(answer=str(answer), author=author, source=None):
            return Use(answer, region, author, at, at)
        case ReactionChanged(reaction="solved", on=True, target=target, author=author):
            return Use(target, region, author, at)
        case CitationChanged(on=True, cited=cited, author=author):
            return Use(cited, region, author, at)
        case _:
            return None
