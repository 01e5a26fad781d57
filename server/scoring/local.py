"""Scoring one author's quarter without everybody's acts: which acts are needed, asked for step by step.

Sans-I/O: a generator yields a ``Need``, is sent the acts that answer it, and returns its result. Whoever
holds the acts answers from memory or with two queries; more acts than asked for do no harm. The result
equals that of a full replay (docs/scoring.md section 5; tests/unit/scoring/test_local.py).
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, quarter_of
from server.scoring.score import Book, lines


# No tuples: a Given must never equal a Received, since answers are kept by their need.
@dataclass(frozen=True, slots=True)
class Received:
    """All acts on those contents of the author that have any act in the quarter."""

    author: str
    quarter: str


@dataclass(frozen=True, slots=True)
class Given:
    """All of the giver's acts on those contents they acted on in the quarter, and what happened to
    these contents (deleted, hidden)."""

    giver: str
    quarter: str


Need = Received | Given


class Scope(NamedTuple):
    """The unit of recomputation: one author's lines of one quarter."""

    author: str
    quarter: str


Asking = Generator[Need, Iterable[Act], set[Act]]


def _both(person: str, quarter: str) -> Asking:
    """What tells a person's mutual circle: what they gave and what they got."""
    given = yield Given(person, quarter)
    received = yield Received(person, quarter)
    return {*given, *received}


def quarter_lines(scope: Scope, rulebook: Rulebook) -> Generator[Need, Iterable[Act], list[Line]]:
    """The lines of one author's quarter."""
    author, quarter = scope
    known = yield from _both(author, quarter)
    book = Book(known, rulebook)
    for giver in _partners(book, scope, rulebook):
        known |= yield from _both(giver, quarter)
    return lines(Book(known, rulebook), author, quarter)


def _partners(book: Book, scope: Scope, rulebook: Rulebook) -> list[str]:
    """The author's mutual circle, under the widest definition any version has."""
    threshold = min([rules.mutual.threshold for rules in rulebook.versions])
    return sorted(book.mutual_circle(scope.author, scope.quarter, threshold))


def affected(
    on_content: Iterable[Act], givers: frozenset[str] | None, rulebook: Rulebook
) -> Generator[Need, Iterable[Act], set[Scope]]:
    """Whose quarters may change when acts on one content changed.

    ``on_content``: all acts on it, the changed ones included; ``givers``: whose acts changed, None for a
    change of the content itself. The author's quarters change; so do those of the mutual circles of giver
    and author, because the giver's counts enter every factor there. Nobody else's."""
    judged = [act for act in on_content if act.author]
    scopes = {Scope(act.author, quarter_of(act.at)) for act in judged}
    pairs = {
        Scope(person, quarter_of(act.at))
        for act in judged
        if givers is None or act.giver in givers
        for person in (act.giver, act.author)
    }
    for pair in sorted(pairs):
        book = Book((yield from _both(*pair)), rulebook)
        scopes |= {pair, *(Scope(other, pair.quarter) for other in _partners(book, pair, rulebook))}
    return scopes
