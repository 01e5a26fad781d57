"""One hash per table: what two nodes, or a database and its rebuilt self, are compared by (I6)."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, Text, collate, create_engine, select
from sqlalchemy.engine import make_url

from server.storage import tables as t
from server.storage.connection import NO_NUL
from server.storage.sql import Tx, statement

REBUILT: tuple[Table, ...] = (*t.PROJECTIONS, t.event_channels, t.bodies)
"""Everything that is a fold of the log, its two indexes included."""

HOME_ONLY = frozenset({"read_marks", "hidden_at_home", "fuller_profiles"})
"""Folds of lanes that not every region has: equal after a rebuild, different between nodes by intent."""

_encode = msgspec.msgpack.Encoder().encode


def _select(table: Table, local: bool, dialect: str) -> Any:
    columns = [c for c in table.c if local or not c.info.get("local")]
    return select(*columns).order_by(*[_by_bytes(key, dialect) for key in table.primary_key])


def _by_bytes(key: Any, dialect: str) -> Any:
    """PostgreSQL orders text like a dictionary unless told otherwise, SQLite by its bytes."""
    if dialect == "postgresql" and isinstance(key.type, Text):
        return collate(key, "C")
    return key


def _hash(rows: Iterable[Iterable[Any]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_encode([_plain(value) for value in row]))
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """SQLite gives 0 and 1 where PostgreSQL gives booleans, and holds U+0000 where that cannot."""
    if isinstance(value, bool):
        return int(value)
    return value.replace("\0", NO_NUL) if isinstance(value, str) else value


def digests(tx: Tx, tables: Iterable[Table] = REBUILT, *, local: bool = True) -> dict[str, str]:
    """Table name -> SHA-256 over its rows in key order; ``local`` includes this node's own columns."""
    return {
        table.name: _hash(tx.rows(statement(_select(table, local, tx.dialect)), {}))
        for table in tables
    }


def shared_digests(connection: Connection) -> dict[str, str]:
    """As ``digests``, for comparing nodes: without local columns, home-only tables and the index."""
    tables = [table for table in t.PROJECTIONS if table.name not in HOME_ONLY]
    dialect = connection.dialect.name
    return {
        table.name: _hash(connection.execute(_select(table, False, dialect))) for table in tables
    }


def shared_digests_at(url: str) -> dict[str, str]:
    """``shared_digests`` of a database that another process may be writing: one consistent read."""
    engine = create_engine(make_url(url))
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            return shared_digests(connection)
    finally:
        engine.dispose()
