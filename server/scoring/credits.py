"""From acts to credits: who stands credited with what, before any factor. Pure and order-free.

House rules:

1. Input is a set. Everything is derived after grouping and sorting by (time, id); nothing is counted
   while walking the input.
2. A giver's acts on one content count as one credit: the strongest standing act, placed at the time of
   the earliest (docs/scoring.md section 2).
3. A credit lives by the version in force on its day, whatever later versions make of its acts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server.scoring.model import Act
from server.scoring.rules import DAY_MS, Rulebook, Rules, Weight, quarter_of

COUNTED = "counted"


class Credit(NamedTuple):
    """What one giver's standing acts on one content amount to."""

    at: int
    act: str
    """Id of the earliest act: with ``at`` the canonical order."""
    strongest: Act
    rules: Rules
    quarter: str
    ruling: str
    """Empty, or the kind of the ruling that keeps it from counting."""
    undamped: bool = False
    """People found nothing to damp between the two: the factor ``mutual`` is 1."""

    @property
    def counts(self) -> bool:
        return not self.ruling

    @property
    def status(self) -> str:
        return self.rules.statuses[self.ruling].status if self.ruling else COUNTED

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
    given = list(acts)
    if len(given) == 1:  # as most contents have: nothing to group
        return given if given[0].on else []
    unique: dict[str, Act] = {}
    for act in given:
        known = unique.setdefault(act.id, act)
        if known is not act and act > known:
            unique[act.id] = act
    alone: dict[str, Act] = {}
    more: dict[str, list[Act]] = {}
    for act in unique.values():
        first = alone.setdefault(act.register, act)
        if first is not act:
            more.setdefault(act.register, [first]).append(act)
    found = [act for act in alone.values() if act.on and act.register not in more]
    for history in more.values():
        found += _standing(history)
    return found


def _standing(history: Sequence[Act]) -> Iterator[Act]:
    """Switching off and on again must not make a judgement young: it keeps its first moment."""
    last = max(history, key=lambda act: (act.rev, act))
    if last.on:
        same = [act for act in history if act.on and _about(act) == _about(last)]
        first = min(same, key=lambda act: (act.at, act.id))
        yield last._replace(id=first.id, at=first.at)


def _about(act: Act) -> tuple[str, str, str]:
    return act.giver, act.author, act.content


def credits_of(acts: Iterable[Act], book: Rulebook, known: "Rulings | None" = None) -> list[Credit]:
    """Every credit of an act set in canonical order; acts that never score are left out.

    ``known``: rulings beside those among the acts."""
    own, ruling_kinds = book.judgements, book.rulings
    groups: dict[tuple[str, str, str, bool], list[Act]] = {}
    ruled: list[Act] = []
    for act in standing_acts(acts):
        if act.kind in own:
            if act.giver and act.author and act.giver != act.author and not act.unscored:
                key = (act.giver, act.author, act.content, own[act.kind])
                groups.setdefault(key, []).append(act)
        elif act.kind in ruling_kinds:
            ruled.append(act)
    rulings = Rulings(ruled, known) if ruled else known
    found: list[Credit] = []
    for group in groups.values():
        credit = _credit(group, book, rulings)
        if credit is not None:
            found.append(credit)
    if len(found) > 1:
        found.sort(key=lambda credit: (credit.at, credit.act))
    return found


def _credit(group: list[Act], book: Rulebook, rulings: "Rulings | None") -> Credit | None:
    """One giver's acts on one content, by the version in force when the first that scores happened."""
    if len(group) > 1:
        group.sort(key=lambda act: (act.at, act.id))
    for first in group:
        rules = book.on(first.at // DAY_MS)
        if _scores(first, rules):
            break
    else:
        return None
    strongest = first
    if len(group) > 1:
        scoring = [act for act in group if _scores(act, rules)]
        strongest = max(scoring, key=lambda act: (rules.weights[act.kind].points, act))
    quarter = quarter_of(first.at)
    if rulings is None:
        return Credit(first.at, first.id, strongest, rules, quarter, "")
    ruling, undamped = rulings.on(strongest, quarter, rules)
    return Credit(first.at, first.id, strongest, rules, quarter, ruling, undamped)


def _scores(act: Act, rules: Rules) -> bool:
    """A steward checks other teams' work."""
    weight = rules.weights.get(act.kind)
    if weight is None:
        return False
    if not weight.outside_unit:
        return True
    unit = unit_of(act.giver_country, act.giver_unit)
    return unit == "" or unit != unit_of(act.author_country, act.author_unit)


class Rulings:
    """What was ruled, found by what a ruling names: a giver, an author, a content."""

    def __init__(self, rulings: Iterable[Act], beside: "Rulings | None" = None) -> None:
        """``rulings``: acts of such kinds that stand; one that names nothing is about nothing."""
        self._beside = beside
        self._found: dict[tuple[str, str, str], list[Act]] = {}
        for ruling in rulings:
            if any(_about(ruling)):
                self._found.setdefault(_about(ruling), []).append(ruling)
        self._shapes = {(bool(a), bool(b), bool(c)) for a, b, c in self._found}
        """Which of the three the rulings name: few shapes, so few look-ups a credit."""

    def on(self, act: Act, quarter: str, rules: Rules) -> tuple[str, bool]:
        """The kind of the ruling that keeps a credit from counting, the first of its rules, else empty; and
        whether one lets it count undamped."""
        kinds = self._kinds(act, quarter)
        if not kinds:
            return "", False
        found = [kind for kind in rules.statuses if kind in kinds]
        against = [kind for kind in found if rules.statuses[kind].status != COUNTED]
        return against[0] if against else "", len(found) > len(against)

    def _kinds(self, act: Act, quarter: str) -> set[str]:
        kinds = self._beside._kinds(act, quarter) if self._beside else set()
        for by_giver, by_author, by_content in self._shapes:
            names = (
                act.giver if by_giver else "",
                act.author if by_author else "",
                act.content if by_content else "",
            )
            for ruling in self._found.get(names, ()):
                if ruling.quarter in ("", quarter):
                    kinds.add(ruling.kind)
        return kinds
