"""What a batch of the tap may have changed, and what it did change in the ledgers. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from server.app.score_rows import Row
from server.app.score_store import Stored
from server.domain.events import (
    CommunityCreated,
    ErasureRequested,
    PersonHandedOver,
    PersonTakenOver,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReplyPublished,
    ScoringHistoryErased,
)
from server.scoring.rules import quarter_of
from server.storage.event_log import Record

NEVER = 2**63


class Touches:
    """What a batch may have changed: contents with whose acts, and people from a moment on."""

    def __init__(self, records: Sequence[Record], kept: Sequence[Row]) -> None:
        self.contents: dict[str, frozenset[str] | None] = {}
        """Content -> givers whose acts changed; None: the content itself changed."""
        self.people: dict[str, int] = {}
        self.threads: set[str] = set()
        """Posts whose topics may have changed: those of all replies are theirs."""
        self.first: dict[str, str] = {}
        """Posts that may be their author's first -> who that is."""
        self.places: set[str] = set()
        """Communities that have only now come: whether a post in them is a first one was not known."""
        self.rulings: list[Row] = []
        for row in kept:
            self._row(row)
        for record in records:
            self._event(record)

    def content(self, name: str, givers: frozenset[str] | None) -> None:
        known = self.contents.get(name, frozenset())
        self.contents[name] = None if known is None or givers is None else known | givers

    def __bool__(self) -> bool:
        return bool(self.contents or self.people or self.places or self.rulings)

    def newcomers(self, first: Mapping[str, str]) -> None:
        """Whose first post (``first``: person -> post) has only now come: their marks may welcome replies."""
        for person, post in first.items():
            if post in self.first:
                self._person(person, 0)

    def people_by_quarter(self) -> dict[str, set[str]]:
        """Since which quarter to look at whose acts."""
        found: dict[str, set[str]] = defaultdict(set)
        for person, since in self.people.items():
            found[quarter_of(since)].add(person)
        return found

    def acts_of_people(self, rows: Iterable[Row]) -> None:
        """Touches what these people gave or got from their moment on."""
        for row in rows:
            if row.data.at >= self.people.get(row.author, NEVER):
                self.content(row.content, None)
            elif row.data.at >= self.people.get(row.giver, NEVER):
                self.content(row.content, frozenset([row.giver]))

    def _person(self, name: str, since: int) -> None:
        self.people[name] = min(since, self.people.get(name, since))

    def _row(self, row: Row) -> None:
        if row.data.ruling:
            self.rulings.append(row)
        elif not row.content:
            # The first profile makes waiting acts of any time count; a later one holds from its time.
            if row.data.kind == "profile":
                self._person(row.giver, 0 if row.rev == 1 else row.data.at)
        elif row.author:
            self.content(row.content, frozenset([row.giver]))
        else:
            self.content(row.content, None)

    def _event(self, record: Record) -> None:
        match record.event:
            case PostPublished(post=post):
                self.content(post, None)
                self.threads.add(post)
                self.first[post] = record.actor
            case CommunityCreated(community=community):
                self.places.add(f"c:{community}")
            case PostDeleted(post=post):
                self.threads.add(post)
            case ErasureRequested(posts=posts):
                self.threads |= {post.post for post in posts}
                # Nobody knows any more that it was an import, which is no first post.
                self.first |= {post.post: post.author for post in posts if post.post == post.root}
            case ReplyPublished(post=post):
                self.content(post, None)
            case PostEdited(post=post, root=root):
                self.content(post, frozenset())
                if post == root:
                    self.threads.add(post)
            case (
                PersonHandedOver(person=person)
                | PersonTakenOver(person=person)
                | ScoringHistoryErased(person=person)
            ):
                self._person(person, 0)


class Changes(NamedTuple):
    """What scoring some quarters changed in the stored ledgers."""

    gone: tuple[Stored, ...] = ()
    written: tuple[Stored, ...] = ()
    gained: tuple[Stored, ...] = ()
    """Those written lines that are new or worth more than before."""

    @property
    def people(self) -> set[str]:
        return {line.person for line in (*self.gone, *self.written)}


def difference(before: Mapping[str, Stored], after: Mapping[str, Stored]) -> Changes:
    """From the stored lines of some quarters to the lines they ought to have."""
    written = [line for line in after.values() if before.get(line.act) != line]
    return Changes(
        gone=tuple([line for line in before.values() if line.act not in after]),
        written=tuple(written),
        gained=tuple([line for line in written if _rose(before.get(line.act), line)]),
    )


def _rose(before: Stored | None, after: Stored) -> bool:
    return after.milli_points > (before.milli_points if before else 0)
