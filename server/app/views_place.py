"""Once a month, where the bands of this region's standings begin (``scoring.bands``); and where one is."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from sqlalchemy import bindparam, select

from server.app.scores import account
from server.app.views_store import homes
from server.domain.scoring_policy import CAUTIOUS
from server.scoring.bands import Bands, band_of, bands
from server.scoring.periods import bounds, last_settled
from server.scoring.rules import Rulebook, day_of
from server.scoring.score import standing
from server.storage import tables as t
from server.storage.queries import scoring, views
from server.storage.queries.shapes import Shape
from server.storage.reader import Reader, Snapshot, parts

VIEW = "place"
_c = t.credits_.c
_POINTS = select(_c.person, _c.at, _c.milli_points).where(
    _c.person.in_(bindparam("names", expanding=True)), _c.at < bindparam("after")
)

_encode = msgspec.json.Encoder().encode


async def cells(reader: Reader, region: str, month: str, rulebook: Rulebook) -> dict[str, bytes]:
    """The figures to release for a month: by region, only our own; none where they would tell too much."""
    after = bounds(month)[1]
    async with reader.snapshot() as snapshot:
        policy = (await scoring.policies(snapshot)).get(region, CAUTIOUS)
        people = [who for who, home in (await homes(snapshot)).items() if home == region]
    if policy.scores == "off":
        return {}
    standings: list[int] = []
    for part in parts(people):
        async with reader.snapshot() as snapshot:
            rows = await snapshot.rows(_POINTS, {"names": part, "after": after})
        points: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for person, at, milli in rows:
            points[person].append((at, milli))
        standings += await asyncio.to_thread(_standings, points, rulebook, day_of(after - 1))
    found = bands(standings, policy.k)
    return {region: _encode(found._asdict())} if found else {}


def _standings(
    points: Mapping[str, Iterable[tuple[int, int]]], rulebook: Rulebook, day: int
) -> list[int]:
    rules = rulebook.on(day)
    return [standing(credited, rules, day) for credited in points.values()]


class Place(Shape, frozen=True, kw_only=True):
    """``band``: top_tenth, top_quarter, upper_half, or empty: of the lower half nothing is said. ``people``: with
    any standing at the month's end, rounded down to five. ``why`` not ``shown``: the region's scores are off,
    too few people, or no month has been published yet."""

    shown: bool
    why: Literal["", "off", "too_few", "not_yet"]
    month: str
    people: int
    band: str


async def place_of(snapshot: Snapshot, person: str, region: str, now: int) -> Place:
    """One's standing at the end of the last month that was published, beside its bands."""
    policy = (await scoring.policies(snapshot)).get(region, CAUTIOUS)
    month = last_settled(now)
    if policy.scores == "off":
        return _not_shown("off", month)
    published = (await views.figures(snapshot, VIEW, [month])).get(month)
    if published is None:
        return _not_shown("not_yet", month)
    if region not in published:
        return _not_shown("too_few", month)
    found = Bands(**msgspec.json.decode(published[region]))
    then = await account(snapshot, person, bounds(month)[1] - 1)
    band = band_of(then.standing, found.floors)
    return Place(shown=True, why="", month=month, people=found.people, band=band)


def _not_shown(why: Literal["off", "too_few", "not_yet"], month: str) -> Place:
    return Place(shown=False, why=why, month=month, people=0, band="")
