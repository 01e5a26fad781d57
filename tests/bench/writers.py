"""The two writer designs of the storage decision, on the same decide, append and fold.

``ThreadWriter`` is the product's: one thread, whole batches. ``AiosqliteWriter`` is the other one: a
task on the loop that awaits every statement through aiosqlite's thread, a hop each.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite
from sqlalchemy.util import await_only, greenlet_spawn

from server.app.handle import Handler
from server.domain import limits
from server.storage.sql import Tx

ThreadWriter = Handler


class _HoppingCursor:
    """Looks synchronous to the writer's code; each call suspends the greenlet until aiosqlite answers."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._cursor: Any = None

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    def execute(self, sql: str, params: Any = (), /) -> None:
        self._cursor = await_only(self._connection.execute(sql, params))

    def executemany(self, sql: str, params: Any, /) -> None:
        self._cursor = await_only(self._connection.executemany(sql, list(params)))

    def fetchone(self) -> Any:
        return await_only(self._cursor.fetchone())

    def fetchall(self) -> Any:
        return await_only(self._cursor.fetchall())


class AiosqliteConnection:
    """The writer's connection over aiosqlite; use inside ``greenlet_spawn``."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._tx = Tx(_HoppingCursor(connection), "sqlite")

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        self._tx.cursor.execute("BEGIN IMMEDIATE")
        try:
            yield self._tx
            self._tx.cursor.execute("COMMIT")
        except BaseException:
            self._tx.cursor.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """The owner of the aiosqlite connection closes it."""


class AiosqliteWriter(Handler):
    """Batches run on the loop in a greenlet instead of in the writer thread."""

    async def start_here(self) -> None:
        self._thread.start = lambda: None  # type: ignore[method-assign]
        await greenlet_spawn(self.start)

    def _hand_over(self) -> None:
        jobs = self._waiting[: limits.WRITER_BATCH_JOBS_MAX]
        del self._waiting[: limits.WRITER_BATCH_JOBS_MAX]
        self._busy = bool(jobs)
        if jobs and self._loop is not None:
            self._task = self._loop.create_task(greenlet_spawn(self._run_batch, jobs))

    def _run_batch(self, jobs: list[Any]) -> None:
        self._batch(jobs, last=True)
