"""How widely somebody's work is used: an h-like count, which neither one hit nor one friend can raise. Pure.

Influence is the largest h such that h of somebody's contents were each used (accepted, solved a problem, cited)
by h or more people outside their unit within the window; shown with how many countries these people are of.
After J. E. Hirsch's index (PNAS 102, 2005), with people instead of citations.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from server.scoring.credits import Credit, credits_of, unit_of
from server.scoring.model import Act
from server.scoring.rules import Rulebook, Rules, day_of


class Influence(NamedTuple):
    breadth: int
    """h."""
    contents: int
    """Contents that anybody outside the unit used."""
    people: int
    """Who used them, each once."""
    countries: tuple[str, ...]
    """Of these people, as far as known; in order of their codes."""


def influence(acts: Iterable[Act], person: str, rulebook: Rulebook, day: int) -> Influence:
    """As of the end of a day. ``acts``: at least all on those of the person's contents that have an act in the
    window; others do no harm. What does not count as credit (bots, what was hidden ...) is no use either."""
    rules = rulebook.on(day)
    uses = [act for act in acts if _may_matter(act, rules)]
    users: dict[str, set[str]] = defaultdict(set)
    countries: set[str] = set()
    for credit in credits_of(uses, rulebook):
        if _is_use(credit, person, rules, day):
            users[credit.strongest.content].add(credit.strongest.giver)
            countries.add(credit.strongest.giver_country)
    return Influence(
        breadth=_breadth([len(people) for people in users.values()]),
        contents=len(users),
        people=len(set().union(*users.values())),
        countries=tuple(sorted(countries - {""})),
    )


def _may_matter(act: Act, rules: Rules) -> bool:
    """A use, or something else than a judgement: that it was taken back, deleted, hidden."""
    return act.kind in rules.influence.uses or act.kind not in rules.weights


def _is_use(credit: Credit, person: str, rules: Rules, day: int) -> bool:
    act = credit.strongest
    own_unit = unit_of(act.author_country, act.author_unit)
    return (
        credit.counts
        and act.author == person
        and 0 <= day - day_of(credit.at) < rules.influence.days
        and (credit.unit == "" or credit.unit != own_unit)
    )


def _breadth(counts: list[int]) -> int:
    ordered = sorted(counts, reverse=True)
    return sum([count >= rank for rank, count in enumerate(ordered, 1)])
