"""Scoring some authors' quarters without everybody's acts: whose quarters, and which acts they need.

Three plain steps for whoever holds the acts (docs/scoring.md section 5):

1. ``affected``: from changed contents, and who credits whom a lot, to the quarters to score anew
2. ``needs``: from these quarters to the acts that scoring them consults
3. ``scope_lines``: from those acts to the lines

More quarters, more partners and more acts than asked for do no harm: whatever a line consults has been
asked for whole. So the lines equal those of a full replay (tests/unit/scoring/test_local.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, quarter_of
from server.scoring.score import Book, lines


class Scope(NamedTuple):
    """A person's quarter: the unit of recomputation."""

    person: str
    quarter: str


Partners = Mapping[Scope, frozenset[str]]
"""For a person's quarter at least everybody who may be in their mutual circle: to whom they gave acts on
``partner_contents`` contents or more in the quarter, taken back or not, and who gave them as many."""


class Touched(NamedTuple):
    """A content about which something changed: an act on it, or a ruling on one of its acts."""

    acts: list[Act]
    """All acts on it, the changed ones included."""
    givers: frozenset[str] | None
    """Whose acts changed or were ruled on; None when the content itself did."""


# No tuples: a Given must never equal a Received, since answers are kept by their need. To every answer
# belong the rulings that are about one of its acts.
@dataclass(frozen=True, slots=True)
class Received:
    """All acts on those contents of the author that have any act in the quarter."""

    author: str
    quarter: str


@dataclass(frozen=True, slots=True)
class Given:
    """All of the giver's acts on those contents they acted on in the quarter."""

    giver: str
    quarter: str


Need = Received | Given


def partner_contents(rulebook: Rulebook) -> int:
    """Below so many contents each way nobody is anybody's partner, under any version."""
    return min([rules.mutual.threshold for rules in rulebook.versions])


def pairs(touched: Iterable[Touched]) -> set[Scope]:
    """Givers and authors of what changed: those whose partners ``affected`` has to know."""
    return {
        Scope(person, quarter_of(act.at))
        for content in touched
        for act in content.acts
        if act.giver and act.author and (content.givers is None or act.giver in content.givers)
        for person in (act.giver, act.author)
    }


def affected(touched: Iterable[Touched], partners: Partners) -> set[Scope]:
    """Whose quarters may change when acts on some contents changed.

    The author's quarters change. So may those of giver's and author's partners, because what these two
    gave in all enters every factor there. Nobody else's."""
    scopes = {
        Scope(act.author, quarter_of(act.at))
        for content in touched
        for act in content.acts
        if act.giver and act.author
    }
    for scope, others in partners.items():
        scopes |= {Scope(other, scope.quarter) for other in others}
    return scopes


def needs(scopes: Iterable[Scope], partners: Partners) -> set[Need]:
    """What scoring these quarters consults: what each person got, and for each partner both sides."""
    found: set[Need] = set()
    for scope in scopes:
        found.add(Received(*scope))
        for other in partners.get(scope, ()):
            found |= {Received(other, scope.quarter), Given(other, scope.quarter)}
    return found


def scope_lines(
    scopes: Iterable[Scope], acts: Iterable[Act], rulebook: Rulebook
) -> dict[Scope, list[Line]]:
    """The lines of these quarters, from the acts their ``needs`` name."""
    book = Book(acts, rulebook)
    return {scope: lines(book, *scope) for scope in scopes}
