"""Scoring a part of the ledgers without everybody's acts: which part, and which acts it needs.

Three plain steps for whoever holds the acts (docs/scoring.md section 5):

1. ``affected``: from changed contents, and who credits whom a lot, to what to score anew
2. ``needs``: from there to the acts that scoring it consults
3. ``part_lines``: from those acts to the lines

A part is made of whole quarters of authors (``Scope``) and of what one giver gave one author in a quarter
(``Series``). One event changes a series or two, whatever else their author got.

More quarters, more partners and more acts than asked for do no harm: whatever a line consults has been
asked for whole. So the lines equal those of a full replay (tests/unit/scoring/test_local.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from server.scoring.caps import has_cap
from server.scoring.model import Act, Line
from server.scoring.rules import Rulebook, quarter_of
from server.scoring.score import Book, line_of, lines


class Scope(NamedTuple):
    """A person's quarter."""

    person: str
    quarter: str


class Series(NamedTuple):
    """A giver's credits to an author in a quarter: no line of theirs has an ordinal among other people's
    credits, but for those of the giver's unit on the same content."""

    giver: str
    author: str
    quarter: str


class Part(NamedTuple):
    """What to score: whole quarters, and series of other quarters."""

    scopes: set[Scope]
    series: set[Series]


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


@dataclass(frozen=True, slots=True)
class Between:
    """All acts on those of the author's contents on which the giver has an act in the quarter."""

    giver: str
    author: str
    quarter: str


Need = Received | Given | Between


def partner_contents(rulebook: Rulebook) -> int:
    """Below so many contents each way nobody is anybody's partner, under any version."""
    return min([rules.mutual.threshold for rules in rulebook.versions])


def series_of(touched: Iterable[Touched]) -> set[Series]:
    """Every series that has an act on what was touched: an ordinal of any may be another now."""
    return {
        Series(act.giver, act.author, quarter_of(act.at))
        for content in touched
        for act in content.acts
        if act.giver and act.author
    }


def people_of(series: Iterable[Series]) -> set[Scope]:
    """Givers and authors: those whose partners ``affected`` has to know."""
    return {Scope(name, one.quarter) for one in series for name in (one.giver, one.author)}


def affected(
    touched: Iterable[Touched],
    partners: Partners,
    rulebook: Rulebook,
    more: Iterable[Scope] = (),
) -> Part:
    """What may change when acts on some contents changed: the series on these contents, and what giver and
    author of a changed act gave their partners, because all they gave enters every factor there.

    ``partners``: of ``people_of(series_of(touched))``. ``more``: quarters to score whole anyway; where rules
    have a cap, which ties the lines of a day to each other, every quarter is one of them."""
    touched = list(touched)
    series = series_of(touched)
    for one in people_of(series_of(map(_changed, touched))):
        series |= {Series(one.person, other, one.quarter) for other in partners.get(one, ())}
    whole = set(more)
    if has_cap(rulebook):
        whole |= {Scope(one.author, one.quarter) for one in series}
    return Part(whole, {one for one in series if Scope(one.author, one.quarter) not in whole})


def _changed(content: Touched) -> Touched:
    """With those acts alone that changed."""
    if content.givers is None:
        return content
    return Touched([act for act in content.acts if act.giver in content.givers], None)


def needs(part: Part, partners: Partners) -> set[Need]:
    """What scoring a part consults.

    Of a quarter what the person got, and for each partner both sides. Of a series itself; between partners
    also all that the giver gave, and what came back to them from each of theirs."""
    found: set[Need] = {Between(*one) for one in part.series}
    for giver, author, quarter in part.series:
        friends = partners.get(Scope(giver, quarter), frozenset())
        if author in friends:
            found.add(Given(giver, quarter))
            found |= {Between(friend, giver, quarter) for friend in friends}
    for scope in part.scopes:
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


def part_lines(part: Part, acts: Iterable[Act], rulebook: Rulebook) -> list[Line]:
    """The lines of a part, from the acts its ``needs`` name."""
    book = Book(acts, rulebook)
    found = [line for scope in part.scopes for line in lines(book, *scope)]
    for author in {one.author for one in part.series}:
        found += [
            line_of(placed, book)
            for placed in book.placed(author)
            if (placed.credit.strongest.giver, author, placed.credit.quarter) in part.series
        ]
    return found
