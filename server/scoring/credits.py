"""From acts to credits: who stands credited with what, before any factor. Pure and order-free.

House rules:

1. Input is a set. Everything is derived after grouping and sorting by (time, id); nothing is counted
   while walking the input.
2. A giver's acts on one content count as one credit: the strongest standing act, placed at the time of
   the earliest (docs/scoring.md section 2).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server.scoring.model import Act
from server.scoring.rules import Rulebook, Rules, Weight, day_of, quarter_of

COUNTED = "counted"


class Credit(NamedTuple):
    """What one giver's standing acts on one content amount to."""

    at: int
    act: str
    """Id of the earliest act: with ``at`` the canonical order."""
    strongest: Act
    rules: Rules
    quarter: str
    status: str
    """``counted``, or what happened to the content."""

    @property
    def counts(self) -> bool:
        return self.status == COUNTED

    @property
    def weight(self) -> Weight:
        return self.rules.weights[self.strongest.kind]

    @property
    def unit(self) -> str:
        return unit_of(self.strongest.giver_country, self.strongest.giver_unit)


def unit_of(country: str, team: str) -> str:
    """A unit is a team in a country; who names no team shares a unit with nobody."""
    return f"{country}/{team}" if team else ""


def standing_acts(acts: Iterable[Act]) -> list[Act]:
    """The acts that speak for their registers and are on, placed at the first time they were.

    Of two acts with one id (a copy, or a forgery) the greater tuple is taken: any order agrees."""
    unique: dict[str, Act] = {}
    for act in acts:
        unique[act.id] = max(act, unique.get(act.id, act))
    registers: dict[str, list[Act]] = defaultdict(list)
    for act in unique.values():
        registers[act.register].append(act)
    return [act for history in registers.values() for act in _standing(history)]


def _standing(history: Sequence[Act]) -> Iterator[Act]:
    """Switching off and on again must not make a judgement young: it keeps its first moment."""
    last = max(history, key=lambda act: (act.rev, act))
    if last.on:
        same = [act for act in history if act.on and _about(act) == _about(last)]
        first = min(same, key=lambda act: (act.at, act.id))
        yield last._replace(id=first.id, at=first.at)


def _about(act: Act) -> tuple[str, str, str]:
    return act.giver, act.author, act.content


def credits_of(acts: Iterable[Act], book: Rulebook) -> list[Credit]:
    """Every credit of an act set in canonical order; acts that never score are left out."""
    standing = standing_acts(acts)
    statuses = _statuses(standing, book)
    groups: dict[tuple[str, str, str, bool], list[Act]] = defaultdict(list)
    for act in standing:
        weight = book.on(day_of(act.at)).weights.get(act.kind)
        if weight is not None and _scores(act, weight):
            groups[*_about(act), weight.own].append(act)
    found = [credit for group in groups.values() for credit in _credit(group, book, statuses)]
    return sorted(found, key=lambda credit: (credit.at, credit.act))


def _scores(act: Act, weight: Weight) -> bool:
    """Self, bots, imports and announcements never score; a steward checks other teams' work."""
    if act.unscored or not act.giver or not act.author or act.giver == act.author:
        return False
    unit = unit_of(act.giver_country, act.giver_unit)
    same_unit = unit != "" and unit == unit_of(act.author_country, act.author_unit)
    return not (weight.outside_unit and same_unit)


def _statuses(standing: Iterable[Act], book: Rulebook) -> dict[str, str]:
    """Content -> why its credits do not count; of two reasons the author's own deletion."""
    statuses: dict[str, str] = {}
    for act in standing:
        status = book.on(day_of(act.at)).statuses.get(act.kind)
        if status is not None:
            statuses[act.content] = min(status.status, statuses.get(act.content, status.status))
    return statuses


def _credit(group: Sequence[Act], book: Rulebook, statuses: dict[str, str]) -> Iterator[Credit]:
    first = min(group, key=lambda act: (act.at, act.id))
    rules = book.on(day_of(first.at))
    weighed = [(rules.weights[act.kind].points, act) for act in group if act.kind in rules.weights]
    if weighed:
        yield Credit(
            at=first.at,
            act=first.id,
            strongest=max(weighed)[1],
            rules=rules,
            quarter=quarter_of(first.at),
            status=statuses.get(first.content, COUNTED),
        )
