"""Read transactions for everybody but the writer: SQLAlchemy's async engine over aiosqlite or psycopg.

Guarantee: within one ``snapshot()`` every read sees the same committed state, so an answer and the
position it is valid at come from one moment (I3).

To SQLite each statement of theirs costs four turns of a thread, more than the statement itself. ``load`` is for
what everybody needs who connects: all of it in one turn (``loading``).
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Executable, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.storage.connection import BUSY_MS, without_nul
from server.storage.letters import LOWER_IN_SQLITE
from server.storage.loading import Execute, Loading
from server.storage.tables import events

READ_CONNECTIONS = 4
"""Each is a thread of aiosqlite; reads are short, and more threads only compete for the interpreter."""


NAMES_PER_QUERY = 500
"""Well below the least number of bound parameters a driver takes (999)."""

_POSITION = select(events.c.position).order_by(events.c.position.desc()).limit(1)
T = TypeVar("T")


def parts(names: Iterable[str], size: int = NAMES_PER_QUERY) -> list[list[str]]:
    """Names in order, as many at a time as a query takes."""
    ordered = sorted(names)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


class Snapshot:
    """One consistent view of the database. ``execute``: a connection's, in a transaction."""

    def __init__(self, execute: Execute) -> None:
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
        for part in parts(names):
            found += await self.rows(statement, {"names": part, **(params or {})})
        return found

    async def one(self, statement: Executable, params: Mapping[str, Any] | None = None) -> Any:
        result = await self._execute(statement, dict(params or {}))
        return result.fetchone()

    async def position(self) -> int:
        """The last committed position this view contains; 0 for an empty log."""
        row = await self.one(_POSITION)
        return int(row[0]) if row else 0


class Reader:
    """A small pool of read-only connections. ``loading``: for ``load``, where that takes threads."""

    def __init__(self, engine: AsyncEngine, loading: Loading | None = None) -> None:
        self._engine, self._loading = engine, loading

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
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
            assert parsed.database, "a SQLite URL names a file"
            return cls(engine, Loading(parsed.database))
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
        return await self._loading.load(lambda execute: load(Snapshot(execute)))

    async def close(self) -> None:
        await self._engine.dispose()
        if self._loading is not None:
            self._loading.close()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit transactions would end the snapshot early; we say BEGIN ourselves.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.close()
    connection.create_function(LOWER_IN_SQLITE, 1, str.lower, deterministic=True)


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.driver_connection.adapters.register_dumper(str, without_nul())


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
