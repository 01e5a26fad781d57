"""Once a month, where the bands of this region's standings begin (``scoring.bands``)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import bindparam, select

from server.app.views_store import homes, parts
from server.domain.scoring_policy import CAUTIOUS
from server.scoring.bands import Bands, bands
from server.scoring.periods import bounds
from server.scoring.rules import Rulebook, day_of
from server.scoring.score import standing
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.reader import Reader

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


def decoded(figures: str) -> Bands:
    return Bands(**msgspec.json.decode(figures))
