"""A company of 2,000 honest people, with circles of colleagues beside them who thank each other for everything.

Ninety days, 11 regions of 600 down to 20 people, teams of 10. Skill and diligence are log-normal, so that a few
people give most of the good answers, as in any forum that was measured. Made from a seed, the same each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from math import exp
from random import Random
from typing import NamedTuple

from server.scoring.model import Act, Line
from server.scoring.rings import Circle, candidates, cases, circle_of
from server.scoring.rules import DAY_MS, Rulebook, day_number
from server.scoring.score import Book, lines

REGIONS = (600, 400, 300, 200, 150, 120, 90, 60, 40, 20, 20)
TEAM = 10
DAYS = 90
FIRST_DAY = day_number(date(2026, 1, 1))
"""A quarter has just these ninety days."""
QUARTER = "2026Q1"
RINGS = (2, 5, 8, 15)
MARKS = {"helpful": 70, "solved": 15, "accepted": 8, "cited": 4, "praised": 3}
"""What people say of each other's work, of a hundred times."""
FROM_TEAM, FROM_REGION = 30, 40
"""Of a hundred who mark something; the others are anywhere."""
POSTS_EACH, MARKS_EACH = 4.4, 3.55
"""On the average, so that there are about 28,600 acts."""


class Somebody(NamedTuple):
    name: str
    country: str
    unit: str
    skill: float
    diligence: float
    ring: int
    """Size of the circle they belong to; 0: none."""


class World(NamedTuple):
    people: dict[str, Somebody]
    honest: list[Act]
    thanks: list[Act]
    """What the circles gave each other."""

    @property
    def acts(self) -> list[Act]:
        return self.honest + self.thanks

    def ring(self, size: int) -> list[str]:
        return [one.name for one in self.people.values() if one.ring == size]

    def others(self) -> list[str]:
        return [one.name for one in self.people.values() if not one.ring]


def made(seed: int, *, spread: str = "teams", first_day: int = FIRST_DAY) -> World:
    """``spread``: the people of a circle sit in one ``team``, in ``teams`` of one country, or in ``countries``."""
    random = Random(seed)
    people = [*_company(random), *_circles(spread)]
    honest = list(_honest(people, random, first_day))
    return World({one.name: one for one in people}, honest, list(_thanks(people, first_day)))


def _company(random: Random) -> Iterator[Somebody]:
    for region, size in enumerate(REGIONS):
        for n in range(size):
            skill, diligence = random.lognormvariate(0, 1), random.lognormvariate(0, 1)
            yield Somebody(
                f"r{region}.{n}", f"c{region}", f"t{n // TEAM}", skill, diligence, ring=0
            )


def _circles(spread: str) -> Iterator[Somebody]:
    """Low skill, and as diligent as anybody: their posts get an ordinary few marks of others too."""
    for size in RINGS:
        for n in range(size):
            country = f"c{n % len(REGIONS)}" if spread == "countries" else "c0"
            unit = f"ring{size}" if spread == "team" else f"t{n}"
            yield Somebody(f"ring{size}.{n}", country, unit, 0.2, 1.0, size)


def _honest(people: list[Somebody], random: Random, first_day: int) -> Iterator[Act]:
    in_region: dict[str, list[Somebody]] = {}
    in_team: dict[tuple[str, str], list[Somebody]] = {}
    for one in people:
        in_region.setdefault(one.country, []).append(one)
        in_team.setdefault((one.country, one.unit), []).append(one)
    kinds, weights = list(MARKS), list(MARKS.values())
    mean = exp(0.5)  # of a log-normal with sigma 1
    for author in people:
        for post in range(_poisson(POSTS_EACH * author.diligence / mean, random)):
            day = random.randrange(DAYS)
            for _ in range(_poisson(MARKS_EACH * author.skill / mean, random)):
                where = random.randrange(100)
                if where < FROM_TEAM:
                    near = in_team[author.country, author.unit]
                elif where < FROM_TEAM + FROM_REGION:
                    near = in_region[author.country]
                else:
                    near = people
                giver = random.choice(near)
                if giver is not author:
                    (kind,) = random.choices(kinds, weights)
                    later = min(day + random.randrange(7), DAYS - 1)
                    at = (first_day + later) * DAY_MS + random.randrange(DAY_MS)
                    yield _mark(kind, giver, author, f"{author.name}/{post}", at)


def _thanks(people: list[Somebody], first_day: int) -> Iterator[Act]:
    """Each posts every day, and every other says that it was helpful and that it solved their problem."""
    for size in RINGS:
        circle = [one for one in people if one.ring == size]
        for day in range(DAYS):
            for author in circle:
                for n, giver in enumerate(circle):
                    if giver is not author:
                        at = (first_day + day) * DAY_MS + n
                        for kind in ("helpful", "solved"):
                            yield _mark(kind, giver, author, f"{author.name}/daily{day}", at)


def _mark(kind: str, giver: Somebody, author: Somebody, content: str, at: int) -> Act:
    register = f"{kind}:{content}:{giver.name}"
    return Act(
        id=f"{register}@1",
        register=register,
        rev=1,
        on=True,
        kind=kind,
        giver=giver.name,
        author=author.name,
        content=content,
        at=at,
        giver_unit=giver.unit,
        giver_country=giver.country,
        author_unit=author.unit,
        author_country=author.country,
    )


def _poisson(mean: float, random: Random) -> int:
    """Knuth's way; means here are small."""
    least, product, count = exp(-mean), random.random(), 0
    while product > least:
        product *= random.random()
        count += 1
    return count


# -- what comes of it ----------------------------------------------------------------------------------


def ledgers_of(acts: Iterable[Act], rulebook: Rulebook) -> dict[str, list[Line]]:
    book = Book(acts, rulebook)
    return {author: lines(book, author) for author in book.authors}


def totals(found: dict[str, list[Line]]) -> dict[str, int]:
    return {person: sum([line.milli_points for line in own]) for person, own in found.items()}


def raw(found: dict[str, list[Line]], people: Iterable[str]) -> int:
    """Milli-points before any factor."""
    return sum([line.base * 1000 for person in people for line in found.get(person, ())])


def percentile(values: Iterable[int], of_hundred: int) -> int:
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * of_hundred // 100) - 1]


def watched(found: dict[str, list[Line]], quarter: str, rulebook: Rulebook) -> list[Circle]:
    """The cases of a quarter, from everybody's lines."""
    given: dict[tuple[str, str], int] = {}
    for own in found.values():
        for line in own:
            if line.quarter == quarter:
                pair = line.giver, line.person
                given[pair] = given.get(pair, 0) + 1
    return cases(
        [
            circle_of(
                people, quarter, [line for name in people for line in found.get(name, ())], rulebook
            )
            for people in candidates(given)
        ]
    )
