"""Erasures with the receipts that came, and what this region still owes one for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, bindparam, func, or_, select

from server.storage import tables as t
from server.storage.reader import Snapshot

_e, _r, _g = t.erasures.c, t.erasure_receipts.c, t.erasing.c
_COLUMNS = (
    _e.request,
    _e.scope,
    _e.target,
    _e.reason,
    _e.origin,
    _e.person,
    _e.posts,
    _e.at,
    _e.lanes,
)
_REGIONS: Any = bindparam("regions", expanding=True)
_NEWEST = (
    select(*_COLUMNS)
    .where(_e.request < bindparam("before"))
    .order_by(_e.request.desc())
    .limit(bindparam("limit"))
)
_OF_PERSON = _NEWEST.where(or_(_e.person == bindparam("person"), _e.target == bindparam("person")))
_OF_REGION = _NEWEST.where(_e.origin == bindparam("region"))
_BY_ID = select(*_COLUMNS).where(_e.request == bindparam("request"))
_RECEIPTS = (
    select(_r.request, _r.region, _r.bodies, _r.at)
    .where(_r.request.in_(bindparam("ids", expanding=True)))
    .order_by(_r.region)
)
_WAYS = select(_e.origin, _e.lanes).distinct()
_GIVEN = (
    select(func.count()).where(_r.request == _e.request, _r.region.in_(_REGIONS)).scalar_subquery()
)
_OPEN: Select[Any] = (
    select(*_COLUMNS)
    .where(_e.origin == bindparam("origin"), _e.lanes == bindparam("lanes"))
    .where(bindparam("wanted") > _GIVEN)
    .order_by(_e.at)
)
_OWED = (
    select(_g.request, _g.position, _g.bodies, _e.person, _e.lanes)
    .join(t.erasures, _e.request == _g.request)
    .order_by(_g.position)
)
LAST = "~"
"""After every request id."""
_names = msgspec.json.Decoder(tuple[str, ...]).decode

Audience = Callable[[str, Collection[str]], frozenset[str]]
"""(origin, lanes) -> the regions whose receipts are wanted."""


class Receipt(NamedTuple):
    region: str
    bodies: int
    at: int


class Erasure(NamedTuple):
    request: str
    scope: str
    target: str
    reason: str
    origin: str
    person: str
    posts: int
    at: int
    lanes: tuple[str, ...]
    receipts: tuple[Receipt, ...]


class Owed(NamedTuple):
    """What this node has yet to see to. ``position``: of the request in this node's log.

    A receipt of the region's is no word for this database: an earlier one may have given it, and be lost."""

    request: str
    position: int
    bodies: int
    person: str
    lanes: tuple[str, ...]


async def of_person(snapshot: Snapshot, person: str, before: str, limit: int) -> list[Erasure]:
    """What somebody asked for, and what was asked for about all of theirs; newest first."""
    asked = {"person": person, "before": before, "limit": limit}
    return await _with_receipts(snapshot, await snapshot.rows(_OF_PERSON, asked))


async def of_region(snapshot: Snapshot, region: str, before: str, limit: int) -> list[Erasure]:
    """What a region asked for, newest first."""
    asked = {"region": region, "before": before, "limit": limit}
    return await _with_receipts(snapshot, await snapshot.rows(_OF_REGION, asked))


async def newest(snapshot: Snapshot, before: str, limit: int) -> list[Erasure]:
    """Everybody's, newest first."""
    rows = await snapshot.rows(_NEWEST, {"before": before, "limit": limit})
    return await _with_receipts(snapshot, rows)


async def by_id(snapshot: Snapshot, request: str) -> Erasure | None:
    found = await _with_receipts(snapshot, await snapshot.rows(_BY_ID, {"request": request}))
    return found[0] if found else None


async def still_open(snapshot: Snapshot, audience: Audience) -> list[Erasure]:
    """Those of which a wanted receipt is missing, oldest first."""
    found: list[Any] = []
    for origin, lanes in await snapshot.rows(_WAYS):
        wanted = audience(origin, _names(lanes))
        asked = {"origin": origin, "lanes": lanes, "regions": sorted(wanted)}
        found += await snapshot.rows(_OPEN, asked | {"wanted": len(wanted)})
    return await _with_receipts(snapshot, sorted(found, key=lambda row: (row.at, row.request)))


async def owed(snapshot: Snapshot) -> list[Owed]:
    """In the order of the requests' arrival."""
    return [
        Owed(row.request, row.position, row.bodies, row.person, _names(row.lanes))
        for row in await snapshot.rows(_OWED)
    ]


async def _with_receipts(snapshot: Snapshot, rows: Sequence[Any]) -> list[Erasure]:
    receipts = await _receipts(snapshot, [row.request for row in rows])
    return [
        Erasure(
            **(row._asdict() | {"lanes": _names(row.lanes)}),
            receipts=tuple(receipts.get(row.request, ())),
        )
        for row in rows
    ]


async def _receipts(snapshot: Snapshot, ids: Collection[str]) -> Mapping[str, list[Receipt]]:
    found: dict[str, list[Receipt]] = defaultdict(list)
    if ids:
        for request, *receipt in await snapshot.rows(_RECEIPTS, {"ids": list(ids)}):
            found[request].append(Receipt(*receipt))
    return found
