"""A writer's connection that can be held, watched and broken, and a job that waits for the test."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from server.app.handle import Handler
from server.domain.errors import Refused
from server.storage.connection import SqliteConnection, WriterConnection
from server.storage.sql import Tx

SECONDS_MAX = 30.0
"""Nothing here takes a second; a test that waits longer has found a bug."""


def sqlite_error(code: int, text: str = "disk I/O error") -> sqlite3.OperationalError:
    """What the driver raises for an (extended) result code."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


class _Cursor:
    """The cursor BEGIN and COMMIT are said to; everything else goes straight through."""

    def __init__(self, cursor: Any, watched: Watched) -> None:
        self._cursor, self._watched = cursor, watched

    def execute(self, sql: str, *params: Any) -> Any:
        self._watched.said.append(sql)
        if sql == "COMMIT" and (error := self._watched.commit_fails) is not None:
            raise error
        return self._cursor.execute(sql, *params)


class Watched:
    """Given to ``open_test_node(wrap=...)``; then its connection can be looked at and made to fail."""

    def __init__(self) -> None:
        self.said: list[str] = []
        """BEGIN, COMMIT and ROLLBACK in order; a test adds what else it saw."""
        self.commit_fails: Exception | None = None
        self.connection: SqliteConnection

    def wrap(self, connection: WriterConnection) -> WriterConnection:
        assert isinstance(connection, SqliteConnection)
        self.connection = connection
        connection._cursor = _Cursor(connection._cursor, self)  # type: ignore[assignment]
        return connection

    @property
    def commits(self) -> int:
        return self.said.count("COMMIT")


@asynccontextmanager
async def held(handler: Handler) -> AsyncIterator[None]:
    """The writer thread stands in a job of its own while the block runs; what is asked for waits."""
    entered, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait(_tx: Tx) -> None:
        loop.call_soon_threadsafe(entered.set)
        assert release.wait(SECONDS_MAX)

    async with asyncio.timeout(SECONDS_MAX):
        job = asyncio.ensure_future(handler.run(wait))
        await entered.wait()
        try:
            yield
        finally:
            release.set()
            with suppress(Refused):  # its commit may be the one that is made to fail
                await job
