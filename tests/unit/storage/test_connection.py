"""The writing connection of SQLite: durable settings, all or nothing, and the first error is the one told."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from server.storage.connection import BUSY_MS, SqliteConnection, open_writer
from server.storage.node import WrongRegion, open_node
from tests.support.faults import sqlite_error
from tests.support.node import new_sqlite

PUT = "INSERT INTO topics (topic, rev) VALUES (?, 1)"


@pytest.fixture
def connection(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = open_writer(new_sqlite(tmp_path / "in.db"))
    yield found
    found.close()


def topics(connection: SqliteConnection) -> list[str]:
    with connection.transaction() as tx:
        tx.cursor.execute("SELECT topic FROM topics ORDER BY topic")
        return [topic for (topic,) in tx.cursor.fetchall()]


def test_settings_that_keep_what_was_acknowledged(connection: SqliteConnection) -> None:
    assert connection.pragma("journal_mode") == ("wal",)
    assert connection.pragma("synchronous") == (2,), "FULL"
    assert connection.pragma("busy_timeout") == (BUSY_MS,)


def test_a_block_that_raises_leaves_nothing(connection: SqliteConnection) -> None:
    with suppress(ZeroDivisionError), connection.transaction() as tx:
        tx.cursor.execute(PUT, ("tea",))
        raise ZeroDivisionError
    assert topics(connection) == []


def test_a_block_that_ends_is_there_for_others(
    connection: SqliteConnection, tmp_path: Path
) -> None:
    with connection.transaction() as tx:
        tx.cursor.execute(PUT, ("tea",))
    other = sqlite3.connect(tmp_path / "in.db")
    assert other.execute("SELECT topic FROM topics").fetchall() == [("tea",)]
    other.close()


class _Fails:
    """COMMIT and ROLLBACK fail as told."""

    def __init__(self, cursor: Any, errors: dict[str, Exception]) -> None:
        self._cursor, self._errors = cursor, errors

    def execute(self, sql: str, *params: Any) -> Any:
        if sql in self._errors:
            raise self._errors.pop(sql)
        return self._cursor.execute(sql, *params)


def test_the_first_error_is_told_whatever_the_rollback_says(connection: SqliteConnection) -> None:
    """Otherwise a failed sync would look like a bug in a job, and be tried again."""
    first = sqlite_error(sqlite3.SQLITE_IOERR_FSYNC)
    second = sqlite3.OperationalError("cannot rollback - no transaction is active")
    real = connection._cursor
    connection._cursor = _Fails(real, {"COMMIT": first, "ROLLBACK": second})  # type: ignore[assignment]
    with pytest.raises(sqlite3.OperationalError) as raised, connection.transaction() as tx:
        tx.cursor.execute(PUT, ("tea",))
    assert raised.value is first
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
        topics(connection)
    real.execute("ROLLBACK")
    assert topics(connection) == []


def test_a_database_belongs_to_one_region(connection: SqliteConnection) -> None:
    with connection.transaction() as tx:
        first = open_node(tx, "in", b"abcd")
        again = open_node(tx, "in", b"efgh")
    assert again == first
    assert first.epoch == 1 << 32 | int.from_bytes(b"abcd", "big")
    with pytest.raises(WrongRegion, match="region in"), connection.transaction() as tx:
        open_node(tx, "de", b"abcd")
