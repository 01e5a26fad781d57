"""Read transactions for everybody but the writer: SQLAlchemy's async engine over aiosqlite or psycopg.

Guarantee: within one ``snapshot()`` every read sees the same committed state, so an answer and the
position it is valid at come from one moment (I3).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Executable, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.storage.connection import without_nul
from server.storage.tables import events

READ_CONNECTIONS = 4
"""Each is a thread of aiosqlite; reads are short, and more threads only compete for the interpreter."""


class Snapshot:
    """One consistent view of the database."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(
        self, statement: Executable, params: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        result = await self._connection.execute(statement, dict(params or {}))
        return result.fetchall()

    async def one(self, statement: Executable, params: Mapping[str, Any] | None = None) -> Any:
        result = await self._connection.execute(statement, dict(params or {}))
        return result.fetchone()

    async def position(self) -> int:
        """The last committed position this view contains; 0 for an empty log."""
        row = await self.one(select(events.c.position).order_by(events.c.position.desc()).limit(1))
        return int(row[0]) if row else 0


class Reader:
    """A small pool of read-only connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

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
        else:
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
            yield Snapshot(connection)

    async def close(self) -> None:
        await self._engine.dispose()


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
