"""The queries of scoring: rows of ``score_acts`` and ledger lines, and what acts speak of."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, or_, select

from server.app.score_acts import Family, Row, from_columns, to_columns
from server.scoring.local import Given, Need, Received, Scope
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

NAMES_PER_QUERY = 500
"""Well below the least number of bound parameters a driver takes (999)."""

_a, _p, _c = t.score_acts.c, t.posts.c, t.credits_.c
_ROW = (_a.act, _a.giver, _a.author, _a.content, _a.quarter, _a.data)
_names: Any = bindparam("names", expanding=True)
_WORKED_ON = select(_a.content).distinct().where(_a.content != "", _a.quarter == bindparam("q"))
_RECEIVED = _WORKED_ON.where(_a.author == bindparam("person"))
_GIVEN = _WORKED_ON.where(_a.giver == bindparam("person"))
_ON_CONTENTS = select(*_ROW).where(_a.content.in_(_names))
_BY_GIVER = _ON_CONTENTS.where(_a.giver.in_([bindparam("person"), ""]))
_PROFILES = select(*_ROW).where(_a.giver.in_(_names), _a.quarter == "")
_OF_PERSON = select(*_ROW).where(
    or_(_a.giver == bindparam("person"), _a.author == bindparam("person")),
    _a.quarter >= bindparam("q"),
    _a.content != "",
)
_POSTS = select(_p.post, _p.kind, _p.author, _p.title, _p.text, _p.detail).where(
    _p.post.in_(_names)
)
_PERSONS = select(t.persons.c.person, t.persons.c.home, t.persons.c.bot).where(
    t.persons.c.person.in_(_names)
)
_SCOPES = select(_a.author, _a.quarter).distinct().where(_a.author != "")
_CREDITED = select(_c.person, _c.quarter).distinct()
_LINES = select(_c.act, _c.person, _c.at, _c.milli_points, _c.quarter, _c.line).where(
    _c.person == bindparam("person"), _c.quarter == bindparam("q")
)

_PUT_ROW = upsert(t.score_acts)
_FAMILY = {
    column: statement(
        select(*_ROW).where(_a[column] == bindparam("value"), _a.act.like(bindparam("prefix")))
    )
    for column in ("giver", "content")
}
_PUT_LINE = upsert(t.credits_, ["person", "at", "milli_points", "quarter", "line"])
_DROP_LINE = statement(
    delete(t.credits_).where(_c.act == bindparam("line_id"), _c.quarter == bindparam("q"))
)
_TOTAL = statement(
    select(func.coalesce(func.sum(_c.milli_points), 0)).where(_c.person == bindparam("person"))
)


# -- writing, in the writer's transaction ----------------------------------------------------------------


def put_row(tx: Tx, row: Row) -> None:
    """Keeps a row; one that is known stays as it was."""
    tx.execute(_PUT_ROW, to_columns(row))


def family_rows(tx: Tx, family: Family) -> list[Row]:
    """All rows of a family that are known."""
    asked = {"value": family.value, "prefix": family.prefix + "%"}
    return [from_columns(row) for row in tx.rows(_FAMILY[family.column], asked)]


class Stored(NamedTuple):
    """A ledger line as its row holds it."""

    act: str
    person: str
    at: int
    milli_points: int
    quarter: str
    line: str


def write_lines(tx: Tx, gone: Iterable[Stored], written: Iterable[Stored]) -> None:
    """Drops lines and writes lines. One that moved to another quarter is not dropped from there."""
    for line in gone:
        tx.execute(_DROP_LINE, {"line_id": line.act, "q": line.quarter})
    for line in written:
        tx.execute(_PUT_LINE, line._asdict())


def total(tx: Tx, person: str) -> int:
    row = tx.one(_TOTAL, {"person": person})
    return int(row[0]) if row else 0


# -- reading, in one snapshot ------------------------------------------------------------------------------


async def _named(
    snapshot: Snapshot, query: Any, names: Collection[str], **params: str
) -> list[Any]:
    ordered = sorted(names)
    found: list[Any] = []
    for start in range(0, len(ordered), NAMES_PER_QUERY):
        part = ordered[start : start + NAMES_PER_QUERY]
        found += await snapshot.rows(query, {"names": part, **params})
    return found


async def on_contents(snapshot: Snapshot, contents: Collection[str]) -> list[Row]:
    """Every row about any of the contents."""
    return [from_columns(row) for row in await _named(snapshot, _ON_CONTENTS, contents)]


async def needed(snapshot: Snapshot, need: Need) -> list[Row]:
    """The rows that answer a need of ``scoring.local``."""
    match need:
        case Received(author, quarter):
            found = await snapshot.rows(_RECEIVED, {"person": author, "q": quarter})
            return await on_contents(snapshot, [row[0] for row in found])
        case Given(giver, quarter):
            found = await snapshot.rows(_GIVEN, {"person": giver, "q": quarter})
            contents = [row[0] for row in found]
            rows = await _named(snapshot, _BY_GIVER, contents, person=giver)
            return [from_columns(row) for row in rows]


async def of_person(snapshot: Snapshot, person: str, quarter: str) -> list[Row]:
    """What a person gave or got since a quarter began."""
    rows = await snapshot.rows(_OF_PERSON, {"person": person, "q": quarter})
    return [from_columns(row) for row in rows]


async def profiles(snapshot: Snapshot, names: Collection[str]) -> list[Row]:
    """Every profile the persons ever had."""
    return [from_columns(row) for row in await _named(snapshot, _PROFILES, names)]


async def posts(snapshot: Snapshot, names: Collection[str]) -> list[Any]:
    """(post, kind, author, title, text, detail) of those that are here; the kind of others is empty."""
    return await _named(snapshot, _POSTS, names)


async def persons(snapshot: Snapshot, names: Collection[str]) -> list[Any]:
    """(person, home, bot)."""
    return await _named(snapshot, _PERSONS, names)


async def scopes(snapshot: Snapshot) -> list[Scope]:
    """Every author's quarter that has an act or a line."""
    found = {*await snapshot.rows(_SCOPES), *await snapshot.rows(_CREDITED)}
    return sorted([Scope(*row) for row in found])


async def lines(snapshot: Snapshot, scope: Scope) -> list[Stored]:
    """An author's lines of a quarter as they are stored."""
    rows = await snapshot.rows(_LINES, {"person": scope.author, "q": scope.quarter})
    return [Stored(*row) for row in rows]
