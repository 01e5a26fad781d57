"""Acts of a made-up company: 30,000 people in 20 countries, a quarter of a million acts in each quarter.

As real ones are: few are thanked a lot and most a little, a third of all thanks stays in the team, one mark in
fifty is taken back. One seed makes one sequence: the first hundred thousand acts are the same whether
a hundred thousand or ten million are asked for."""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from random import Random

from server.scoring.model import Act
from server.scoring.rules import DAY_MS, day_number

PEOPLE = 30_000
COUNTRIES = 20
TEAM = 10
ACTS_PER_QUARTER = 250_000
"""About eight for each person, or 2,800 a day: the design's 14 events a second are mostly reading marks."""
START_MS = day_number(date(2026, 1, 1)) * DAY_MS
STEP_MS = 91 * DAY_MS // ACTS_PER_QUARTER
SEED = 2_026
KINDS = ("helpful",) * 10 + ("solved",) * 4 + ("accepted",) * 3 + ("cited", "praised", "verified")
SKEW = 2
"""The first per cent of the people gets ten per cent of the thanks, the first of all 0.6 %."""


def made(count: int, seed: int = SEED) -> list[Act]:
    return list(islice(stream(seed), count))


def stream(seed: int = SEED) -> Iterator[Act]:
    """Acts by time, for ever."""
    chance = Random(seed)
    n = 0
    while True:
        act = one(n, chance)
        yield act
        n += 1
        if n % 50 == 0:
            yield act._replace(id=f"{act.register}@2", rev=2, on=False, at=START_MS + n * STEP_MS)
            n += 1


def person_of(n: int) -> tuple[str, str, str]:
    """Name, unit and country."""
    return f"p{n}", f"team{n // TEAM}", COUNTRY[n % COUNTRIES]


def one(n: int, chance: Random) -> Act:
    at = START_MS + n * STEP_MS
    author = int(PEOPLE * chance.random() ** SKEW)
    # One thanks in three goes to somebody of the same team, and there often back.
    near = chance.random() < 0.33
    giver = author // TEAM * TEAM + chance.randrange(TEAM) if near else chance.randrange(PEOPLE)
    day = at // DAY_MS
    # Ids of posts begin with their time, as on a node.
    post = f"01k{day - chance.randrange(7):05}{author:05}{chance.randrange(3)}"
    kind = chance.choice(KINDS)
    register = f"{kind}:{post}:p{giver}"
    return Act(
        id=f"{register}@1",
        register=register,
        rev=1,
        on=True,
        kind=kind,
        giver=f"p{giver}",
        author=f"p{author}",
        content=post,
        at=at,
        giver_unit=f"team{giver // TEAM}",
        giver_country=COUNTRY[giver % COUNTRIES],
        author_unit=f"team{author // TEAM}",
        author_country=COUNTRY[author % COUNTRIES],
        topics=TOPICS[author % len(TOPICS)],
    )


COUNTRY = [f"C{n:02}" for n in range(COUNTRIES)]
TOPICS = [(), ("tea",), ("tea", "pots"), ("rice",)]
