"""What people's credits amount to by community, topic and period: what boards and nominations are made of.

Boards cross regions, and a large region has more colleagues to thank: so here the rule of the same unit holds
per country (``per_region``). The k-th giver of one *country* to credit a content counts 1/√k, and the largest
region's head start shrinks to about its share of the staff (docs/scoring.md, section "Views").
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from server.scoring.credits import COUNTED, unit_of
from server.scoring.model import Act, Line
from server.scoring.periods import month_of
from server.scoring.rules import Rulebook, day_of

BOARD_PEOPLE = 10
"""A board names so many and says nothing of their order or of anybody else."""
NOMINEE_PEOPLE_MIN = 5
"""Fewer than this is a few friends' opinion."""
NOMINEE_UNITS_MIN = 2
"""Of use beyond the own team."""
NOMINEES_OF = 20
"""One in so many of a region's credited people is nominated: each region in proportion to its own."""
SAME_UNIT = "same_unit"


class Place(NamedTuple):
    """Where a content stands."""

    community: str
    topics: tuple[str, ...]


class Giver(NamedTuple):
    """Who gave, as of the act: the unit is a team in a country."""

    unit: str
    country: str


class Key(NamedTuple):
    """``period``: a month or a quarter; ``topic`` empty for all of a community."""

    period: str
    community: str
    topic: str
    person: str


class Merit(NamedTuple):
    """What somebody's credits there amount to; people, units and countries are counted once each."""

    milli: int
    people: int
    units: int
    countries: int
    kinds: Mapping[str, int]


def per_region(act: Act, rulebook: Rulebook) -> Act:
    """The act with the giver's country as their unit; what may not come from the own team still may not."""
    weight = rulebook.on(day_of(act.at)).weights.get(act.kind)
    unit = unit_of(act.giver_country, act.giver_unit)
    same = unit != "" and unit == unit_of(act.author_country, act.author_unit)
    barred = weight is not None and weight.outside_unit and same
    return act._replace(
        giver_unit="*" if act.giver_country else "",
        author_unit="",
        unscored=act.unscored or (SAME_UNIT if barred else ""),
    )


def givers_of(acts: Iterable[Act]) -> dict[str, Giver]:
    """Every giver with their latest unit and country."""
    latest = sorted([act for act in acts if act.giver], key=lambda act: (act.at, act.id))
    return {
        act.giver: Giver(unit_of(act.giver_country, act.giver_unit), act.giver_country)
        for act in latest
    }


def merits(
    lines: Iterable[Line],
    places: Mapping[str, Place],
    givers: Mapping[str, Giver],
    rulebook: Rulebook,
) -> dict[Key, Merit]:
    """By month over all and each topic of a content, by quarter over all. Only what counts and another
    person gave; contents without a place are left out."""
    found: dict[Key, list[Line]] = defaultdict(list)
    for line in lines:
        place = places.get(line.content)
        own = rulebook.on(day_of(line.at)).weights[line.kind].own
        if place is None or own or line.status != COUNTED or line.milli_points <= 0:
            continue
        month = month_of(line.at)
        for topic in dict.fromkeys(("", *place.topics)):
            found[Key(month, place.community, topic, line.person)].append(line)
        found[Key(line.quarter, place.community, "", line.person)].append(line)
    return {key: _merit(credited, givers) for key, credited in found.items()}


def _merit(lines: Sequence[Line], givers: Mapping[str, Giver]) -> Merit:
    who = {line.giver for line in lines if is_person(line.giver)}
    known = [givers[name] for name in who if name in givers]
    return Merit(
        milli=sum([line.milli_points for line in lines]),
        people=len(who),
        units=len({giver.unit for giver in known if giver.unit}),
        countries=len({giver.country for giver in known if giver.country}),
        kinds=dict(sorted(Counter([line.kind for line in lines]).items())),
    )


def is_person(giver: str) -> bool:
    """Not the voters of a poll: no person's name has a colon."""
    return ":" not in giver


def nominated(found: Mapping[str, Merit]) -> list[str]:
    """Who of one region's credited people in a community is nominated for a quarter, by person.

    One in ``NOMINEES_OF`` of them, one at least, with the most points; only who helped people enough, in units
    enough. Of equals those who helped more people, then by id: the same every time."""
    seats = -(-len(found) // NOMINEES_OF)
    good = [
        person
        for person, merit in found.items()
        if merit.people >= NOMINEE_PEOPLE_MIN and merit.units >= NOMINEE_UNITS_MIN
    ]
    good.sort(key=lambda person: (-found[person].milli, -found[person].people, person))
    return sorted(good[:seats])
