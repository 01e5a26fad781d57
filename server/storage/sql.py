"""Core constructs compiled once, executed many times on a plain driver cursor.

SQLAlchemy's own execution costs 40-100 µs a statement; the writer runs about ten statements per
command. So constructs are compiled once per dialect to text and run directly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

Params = Mapping[str, Any]
Row = tuple[Any, ...]

_DIALECTS: dict[str, Dialect] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": postgresql.psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
}


class Compiled(NamedTuple):
    """A construct in one dialect: its text, and how to line up named parameters for it."""

    text: str
    order: Callable[[Params], tuple[Any, ...]]
    constants: dict[str, Any]
    """What SQLAlchemy bound itself (a LIMIT, a literal)."""


class Statement:
    """One construct with its text in each dialect, compiled at first use.

    Parameters are positional in the text: binding by name costs the driver a third more per row."""

    __slots__ = ("_compiled", "construct")

    def __init__(self, construct: Mapping[str, ClauseElement] | ClauseElement) -> None:
        self.construct = construct
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, dialect: str) -> Compiled:
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = self._compile(dialect)
        return found

    def _compile(self, dialect: str) -> Compiled:
        construct = self.construct
        if isinstance(construct, Mapping):
            construct = construct[dialect]
        compiled = construct.compile(dialect=_DIALECTS[dialect])
        names: list[str] = list(compiled.positiontup or ())  # type: ignore[attr-defined]
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return Compiled(str(compiled), _in_order(names), constants)


def _in_order(names: list[str]) -> Callable[[Params], tuple[Any, ...]]:
    if not names:
        return lambda params: ()
    if len(names) == 1:
        only = names[0]
        return lambda params: (params[only],)
    return itemgetter(*names)


def statement(construct: ClauseElement) -> Statement:
    return Statement(construct)


def upsert(
    table: Table,
    update: Sequence[str] | Mapping[str, Any] | None = None,
    *,
    values: Sequence[str] | None = None,
    newer: str | None = None,
) -> Statement:
    """INSERT of all columns (or ``values``) by name; on a key conflict ``update`` those columns.

    ``update`` None: do nothing (the first one wins). A mapping gives expressions built from
    ``table.c``; use ``excluded(column)`` inside for the new value. ``newer``: update only when the
    incoming value of that column is higher than the stored one (a register's rev)."""
    names = list(values or table.c.keys())
    texts: dict[str, ClauseElement] = {}
    for dialect, module in (("sqlite", sqlite), ("postgresql", postgresql)):
        insert = module.insert(table).values({name: bindparam(name) for name in names})
        keys = [column.name for column in table.primary_key]
        if update is None:
            texts[dialect] = insert.on_conflict_do_nothing(index_elements=keys)
            continue
        if isinstance(update, Mapping):
            changes = {
                name: (value(table.c[name], insert.excluded[name]) if callable(value) else value)
                for name, value in update.items()
            }
        else:
            changes = {name: insert.excluded[name] for name in update}
        where = insert.excluded[newer] > table.c[newer] if newer else None
        texts[dialect] = insert.on_conflict_do_update(
            index_elements=keys, set_=changes, where=where
        )
    return Statement(texts)


def point(table: Table, *columns: str, by: tuple[str, ...] = ()) -> Statement:
    """SELECT columns by primary key (or ``by``), each key column bound under its own name."""
    keys = by or tuple(column.name for column in table.primary_key)
    wanted = [table.c[name] for name in columns]
    return statement(select(*wanted).where(*[table.c[key] == bindparam(key) for key in keys]))


class Cursor(Protocol):
    """The part of a DB-API cursor in use."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, sql: str, params: Any = ..., /) -> Any: ...
    def executemany(self, sql: str, params: Any, /) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> Any: ...


class Tx:
    """The running transaction of the one writer: reads see its own writes. Not for other threads."""

    __slots__ = ("cursor", "dialect")

    def __init__(self, cursor: Cursor, dialect: str) -> None:
        self.cursor = cursor
        self.dialect = dialect

    def execute(self, statement: Statement, params: Params) -> int:
        """Runs a writing statement; returns how many rows it changed."""
        self._run(statement, params)
        return self.cursor.rowcount

    def _run(self, statement: Statement, params: Params) -> None:
        text, order, constants = statement.compiled(self.dialect)
        self.cursor.execute(text, order({**constants, **params} if constants else params))

    def many(self, statement: Statement, rows: Iterable[Params]) -> None:
        text, order, _ = statement.compiled(self.dialect)
        self.cursor.executemany(text, [order(row) for row in rows])

    def one(self, statement: Statement, params: Params) -> Row | None:
        self._run(statement, params)
        row: Row | None = self.cursor.fetchone()
        return row

    def rows(self, statement: Statement, params: Params) -> list[Row]:
        self._run(statement, params)
        rows: list[Row] = self.cursor.fetchall()
        return rows
