"""Read transactions for everybody but the writer: SQLAlchemy's async engine over aiosqlite or psycopg.

Guarantee: within one ``snapshot()`` every read sees the same committed state, so an answer and the
position it is valid at come from one moment (I3).

To SQLite each statement of theirs costs four turns of a thread, more than the statement itself. ``load`` is for
what everybody needs who connects: all of it in one turn.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, Executable, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.domain.errors import Mistake
from server.storage.connection import without_nul
from server.storage.tables import events

READ_CONNECTIONS = 4
"""Each is a thread of aiosqlite; reads are short, and more threads only compete for the interpreter."""


NAMES_PER_QUERY = 500
"""Well below the least number of bound parameters a driver takes (999)."""

LOADING_THREADS = 6
"""Two kinds of ``load`` for clients, two of each at once (``app.together``), and two pages for peers."""

T = TypeVar("T")


class Snapshot:
    """One consistent view of the database. ``execute``: a connection's, in a transaction."""

    def __init__(self, execute: Callable[[Executable, dict[str, Any]], Awaitable[Any]]) -> None:
        self._execute = execute

    async def rows(
        self, statement: Executable, params: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        result = await self._execute(statement, dict(params or {}))
        rows: Sequence[Any] = result.fetchall()
        return rows

    async def named(
        self, statement: Executable, names: Iterable[str], params: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """All rows about some names, however many: ``statement`` takes them as ``names``, which expands."""
        found: list[Any] = []
        ordered = sorted(names)
        for start in range(0, len(ordered), NAMES_PER_QUERY):
            part = ordered[start : start + NAMES_PER_QUERY]
            found += await self.rows(statement, {"names": part, **(params or {})})
        return found

    async def one(self, statement: Executable, params: Mapping[str, Any] | None = None) -> Any:
        result = await self._execute(statement, dict(params or {}))
        return result.fetchone()

    async def position(self) -> int:
        """The last committed position this view contains; 0 for an empty log."""
        row = await self.one(select(events.c.position).order_by(events.c.position.desc()).limit(1))
        return int(row[0]) if row else 0


class Reader:
    """A small pool of read-only connections. ``loading``: an engine for ``load`` where that takes threads."""

    def __init__(self, engine: AsyncEngine, loading: Engine | None = None) -> None:
        self._engine, self._loading = engine, loading
        self._threads = ThreadPoolExecutor(LOADING_THREADS, thread_name_prefix="tap-load")

    @classmethod
    def open(cls, url: str) -> "Reader":
        """``url``: SQLAlchemy's, with a synchronous driver name (sqlite:///… or postgresql+psycopg://…)."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = create_async_engine(
                parsed.set(drivername="sqlite+aiosqlite"),
                pool_size=READ_CONNECTIONS,
                max_overflow=0,
            )
            loading = create_engine(parsed, pool_size=LOADING_THREADS, max_overflow=0)
            for one in (engine.sync_engine, loading):
                event.listen(one, "connect", _prepare_sqlite)
                event.listen(one, "begin", _begin_sqlite)
            return cls(engine, loading)
        engine = create_async_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=READ_CONNECTIONS,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
            pool_pre_ping=True,  # the server may have been restarted
        )
        event.listen(engine.sync_engine, "connect", _prepare_postgres)
        return cls(engine)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        async with self._engine.connect() as connection:
            await connection.begin()
            yield Snapshot(connection.execute)

    async def load(self, load: Callable[[Snapshot], Coroutine[Any, Any, T]]) -> T:
        """What ``load`` makes of a snapshot; it awaits nothing but the snapshot, and may run in a thread."""
        if self._loading is None:
            async with self.snapshot() as snapshot:
                return await load(snapshot)
        work = asyncio.get_running_loop().run_in_executor
        return await work(self._threads, _loaded, self._loading, load)

    async def close(self) -> None:
        await self._engine.dispose()
        self._threads.shutdown()
        if self._loading is not None:
            self._loading.dispose()


def _loaded(engine: Engine, load: Callable[[Snapshot], Coroutine[Any, Any, T]]) -> T:
    with engine.connect() as connection:

        async def execute(statement: Executable, params: dict[str, Any]) -> Any:
            return connection.execute(statement, params)

        return _at_once(load(Snapshot(execute)))


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine which never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise Mistake("a load may await its snapshot only")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit transactions would end the snapshot early; we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.driver_connection.adapters.register_dumper(str, without_nul())


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
