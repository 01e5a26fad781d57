"""The queries of views: what people earned where and who leads, and the rows of ``merits``, ``leader_months`` and
``published_figures``."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, func, select

from server.scoring.merits import Key, Merit, Place
from server.scoring.periods import bounds
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

BOARD_MODES = ("friendly", "programme")
"""Communities whose credits are added up: nothing of the others is kept beside the ledgers."""

_a, _p, _c, _y, _l = (
    t.score_acts.c,
    t.posts.c,
    t.communities.c,
    t.merits.c,
    t.leader_months.c,
)
_root = t.posts.alias("root")
_names: Any = bindparam("names", expanding=True)
_PEOPLE = (
    select(t.persons.c.person, t.persons.c.home)
    .where(t.persons.c.rev > 0, t.persons.c.active, ~t.persons.c.bot)
    .order_by(t.persons.c.person)
)
_CREDITED_THERE = (
    select(_a.author, _a.content, _c.community, _root.c.topics)
    .distinct()
    .select_from(
        t.score_acts.join(t.posts, _p.post == _a.content)
        .join(_root, _root.c.post == _p.root)
        .join(t.communities, _c.community == func.substr(_p.place, 3))
    )
    .where(_a.author.in_(_names), _a.quarter == bindparam("quarter"))
    .where(_c.mode.in_(BOARD_MODES), _c.audience == "global")
)
_MERITS = select(t.merits).where(_y.period.in_(bindparam("periods", expanding=True)))
_PUT_MERIT = upsert(t.merits, ["milli", "people", "units", "countries", "kinds", "listed"])
_DROP_MERIT = statement(
    delete(t.merits).where(*[_y[name] == bindparam(name) for name in Key._fields])
)
_BEGAN_ANEW = select(t.merits, t.scoring_histories.c.before).join(
    t.scoring_histories, t.scoring_histories.c.person == _y.person
)
_FORGET_MERITS = statement(delete(t.merits).where(_y.period == bindparam("period")))
_PERIODS = select(_y.period).distinct()
_PUT_MONTH = upsert(t.leader_months, ["members", "measures"])
_MONTHS = select(_l.person, _l.members, _l.measures).where(_l.month == bindparam("month"))
_PUBLISHED = select(t.published_figures.c.period).where(
    t.published_figures.c.view == bindparam("view"), t.published_figures.c.cell == ""
)
_PUT_FIGURES = upsert(t.published_figures)

_topics = msgspec.json.Decoder(tuple[str, ...]).decode
_encode = msgspec.json.Encoder().encode


async def homes(snapshot: Snapshot) -> dict[str, str]:
    """Everybody active who is no bot, with the region that is their home."""
    return {row.person: row.home for row in await snapshot.rows(_PEOPLE)}


# -- merits -------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A row of ``merits``, its key first."""

    period: str
    community: str
    topic: str
    person: str
    milli: int
    people: int
    units: int
    countries: int
    kinds: str
    listed: bool

    @classmethod
    def of(cls, key: Key, merit: Merit, listed: bool) -> "Row":
        kinds = _encode(merit.kinds).decode()
        return cls(*key, merit.milli, merit.people, merit.units, merit.countries, kinds, listed)

    @property
    def key(self) -> Key:
        return Key(self.period, self.community, self.topic, self.person)


async def credited_there(
    snapshot: Snapshot, people: Sequence[str], quarter: str
) -> tuple[set[str], dict[str, Place]]:
    """Which of the people got acts in a quarter on contents of communities with boards, and where these stand.

    ``people``: at most ``reader.NAMES_PER_QUERY``."""
    rows = await snapshot.rows(_CREDITED_THERE, {"names": people, "quarter": quarter})
    places = {row.content: Place(row.community, _topics(row.topics)) for row in rows}
    return {row.author for row in rows}, places


async def merits(snapshot: Snapshot, periods: Collection[str]) -> dict[Key, Row]:
    """The rows of some periods by key."""
    rows = await snapshot.rows(_MERITS, {"periods": sorted(periods)})
    found = [Row(*row)._replace(listed=bool(row.listed)) for row in rows]
    return {row.key: row for row in found}


async def periods(snapshot: Snapshot) -> list[str]:
    """Those that have rows."""
    return [row.period for row in await snapshot.rows(_PERIODS)]


async def merits_of_before(snapshot: Snapshot) -> list[Row]:
    """The rows of periods that ended before their person began anew."""
    return [
        Row(*row[:-1])
        for row in await snapshot.rows(_BEGAN_ANEW)
        if bounds(row.period)[1] <= row.before
    ]


def write_merits(tx: Tx, gone: Iterable[Row], written: Iterable[Row]) -> None:
    tx.many(_DROP_MERIT, [row.key._asdict() for row in gone])
    tx.many(_PUT_MERIT, [row._asdict() for row in written])


def forget_merits(tx: Tx, period: str) -> None:
    tx.execute(_FORGET_MERITS, {"period": period})


# -- leaders -------------------------------------------------------------------------------------------------


async def leader_months(snapshot: Snapshot, month: str) -> list[Any]:
    """(person, members, measures) of everybody who leads, in one month."""
    return list(await snapshot.rows(_MONTHS, {"month": month}))


def write_months(tx: Tx, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows of (person, month, members, measures)."""
    tx.many(_PUT_MONTH, rows)


# -- what was published ----------------------------------------------------------------------------------------


async def published(snapshot: Snapshot, view: str) -> set[str]:
    """The periods of a view that are published."""
    return {row.period for row in await snapshot.rows(_PUBLISHED, {"view": view})}


def publish(tx: Tx, view: str, period: str, cells: Mapping[str, bytes], at: int) -> None:
    """Publishes a period's figures; what is published stays as it is."""
    for cell, figures in {"": b"{}", **cells}.items():
        row = {"view": view, "period": period, "cell": cell, "figures": figures.decode(), "at": at}
        tx.execute(_PUT_FIGURES, row)


async def grouped(
    snapshot: Snapshot, query: Any, names: Iterable[str], by: str, **params: Any
) -> dict[str, list[Any]]:
    """The rows of a query over ``names``, asked in parts, by one of their columns."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in await snapshot.named(query, names, params):
        found[getattr(row, by)].append(row)
    return found
