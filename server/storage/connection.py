"""The writing connection: one per node, synchronous, owned by the writer thread.

SQLite runs WAL with ``synchronous=FULL``: NORMAL loses acknowledged commits in two of three power
cuts, FULL none, and group commit makes the difference nearly free (research: 300 of 453 against 0 of
579 simulated cuts).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Protocol

from sqlalchemy.engine import make_url

from server.storage.sql import Tx

NO_NUL = "\N{REPLACEMENT CHARACTER}"
"""Stands on PostgreSQL for U+0000, the one character its text cannot hold."""
WORDS = (
    "events",
    "posts",
    "post_revisions",
    "media_posts",
    "media",
    "flags",
    "flag_resolutions",
    "credits",
)
"""Tables whose rows hold what people wrote."""
BUSY_MS = 5_000
SETTLE_MS = 100
"""How long everybody's writing may wait for a reader to let go of old pages; it is tried again."""
CACHE_KIB = 64 * 1024
WAL_AUTOCHECKPOINT_PAGES = 4_000
"""16 MiB: a checkpoint copies each hot page once for many commits instead of every 4 MiB."""


class Trouble(Enum):
    """What a database's refusal means for everybody, not only for who asked."""

    FULL = "disk_full"
    """No space: nothing was written, and it passes once there is some."""
    BUSY = "busy"
    """Another program holds it, it has no room for us, or it is not there at the moment: nothing was written."""
    BROKEN = "broken"
    """A write or sync failed, or nobody knows: what is on the disk is no longer certain."""


_SQLITE_TROUBLE = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: Trouble.FULL,  # the shared index of the WAL could not grow
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_IOERR: Trouble.BROKEN,
    sqlite3.SQLITE_READONLY: Trouble.BROKEN,
    sqlite3.SQLITE_CORRUPT: Trouble.BROKEN,
    sqlite3.SQLITE_NOTADB: Trouble.BROKEN,
    sqlite3.SQLITE_CANTOPEN: Trouble.BROKEN,
}
_POSTGRES_TROUBLE: dict[str, Trouble | None] = {
    "53": Trouble.BUSY,  # insufficient resources: memory, connections, locks; others give them back
    "53100": Trouble.FULL,  # the disk
    "53400": None,  # a configured limit, met by this statement alone and again until somebody raises it
    "55": Trouble.BUSY,  # object not in prerequisite state: a lock was not available
    "57": Trouble.BUSY,  # operator intervention: a restart, a cancelled statement
    "08": Trouble.BUSY,  # the connection was lost before a commit was sent
    "25": Trouble.BROKEN,  # a standby: read-only
    "58": Trouble.BROKEN,  # system error: input or output failed
    "XX": Trouble.BROKEN,  # the server's own error, corruption included
}
"""By SQLSTATE, or else by its class, the first two characters (PostgreSQL manual, appendix A)."""


ALONE = int.from_bytes(b"tap", "big")
"""The advisory lock of whoever is the one writer of a PostgreSQL database; such locks are each database's own."""
ALONE_SECONDS = 5
"""How long a session that has just ended may keep it."""


class InUse(Exception):
    """Another node writes this database."""


class Overtaken(Exception):
    """Somebody else wrote the log meanwhile: what is held of it in memory is of another one."""


class CommitInDoubt(Exception):
    """The connection was lost while a commit was under way: it may have happened or not."""


def trouble(error: BaseException) -> Trouble | None:
    """What went wrong with the database itself; None when the statement is to blame."""
    if isinstance(error, CommitInDoubt | Overtaken):
        return Trouble.BROKEN
    if isinstance(error, InUse):
        return Trouble.BUSY
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None) or 0
        return _SQLITE_TROUBLE.get(code) or _SQLITE_TROUBLE.get(code & 0xFF)
    if hasattr(error, "sqlstate"):  # psycopg's errors; the driver is an optional extra
        state = error.sqlstate or ("08" if type(error).__name__ == "OperationalError" else "")
        return _POSTGRES_TROUBLE.get(state, _POSTGRES_TROUBLE.get(state[:2]))
    return None


class WriterConnection(Protocol):
    """Guarantee: ``transaction`` commits durably on leaving, or rolls back and raises."""

    def transaction(self) -> "Any": ...

    def settle(self) -> bool:
        """Takes what was overwritten out of every log and row version beside the tables; not inside a
        transaction. False: a reader still needs it, try again."""

    def compact(self) -> None:
        """Writes the tables anew, so that their unused parts hold nothing; not inside a transaction."""

    def close(self) -> None: ...


class SqliteConnection:
    """The embedded default."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self.pragma("journal_mode = WAL")
        self.pragma("synchronous = FULL")
        self.pragma(f"busy_timeout = {BUSY_MS}")
        self.pragma(f"cache_size = -{CACHE_KIB}")
        self.pragma(f"wal_autocheckpoint = {WAL_AUTOCHECKPOINT_PAGES}")
        self.pragma("journal_size_limit = 67108864")
        self.pragma("temp_store = MEMORY")
        # What is deleted or replaced is overwritten with zeros: an erasure reaches the disk.
        self.pragma("secure_delete = ON")
        self._cursor = self._connection.cursor()
        self._tx = Tx(self._cursor, "sqlite")

    def pragma(self, text: str) -> Any:
        return self._connection.execute(f"PRAGMA {text}").fetchone()

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        # IMMEDIATE: we are the writer; a lock held by a backup is waited for here, not at the commit.
        self._cursor.execute("BEGIN IMMEDIATE")
        try:
            yield self._tx
            self._cursor.execute("COMMIT")
        except BaseException:
            # Whatever the rollback says, the first error is the one to tell; and a transaction that
            # cannot be ended keeps the next one from beginning.
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._cursor.execute("ROLLBACK")
            raise

    def settle(self) -> bool:
        self.pragma(f"busy_timeout = {SETTLE_MS}")
        try:
            busy, _, _ = self.pragma("wal_checkpoint(TRUNCATE)")
        finally:
            self.pragma(f"busy_timeout = {BUSY_MS}")
        return not busy

    def compact(self) -> None:
        self.pragma("temp_store = FILE")  # as large as the database: not in memory
        try:
            self._connection.execute("VACUUM")
        finally:
            self.pragma("temp_store = MEMORY")

    def close(self) -> None:
        self._connection.close()


class PostgresConnection:
    """For regions that outgrow one machine. A lost connection is made anew at the next transaction.

    ``alone``: nobody else who says so has the database open, on this machine or another."""

    def __init__(self, url: str, alone: bool = False) -> None:
        self._alone, self._session = alone, 0
        # psycopg's own URL has no driver name in its scheme.
        address = make_url(url).set(drivername="postgresql")
        self._address = address.render_as_string(hide_password=False)
        self._connection = self._connect()

    def _connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(self._address, prepare_threshold=2)
        connection.adapters.register_dumper(str, without_nul())
        # An acknowledged commit is on the disk, whatever the server's configuration says (I1).
        connection.execute("SET synchronous_commit TO on")
        if self._alone:
            self._take(connection)
        connection.commit()
        return connection

    def _take(self, connection: Any) -> None:
        """The lock of this session. The server may not have noticed yet that our last one is gone: it is ended."""
        from psycopg.errors import LockNotAvailable

        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND objid = %s AND pid = %s",
            (ALONE, self._session),
        )
        connection.execute(f"SET LOCAL lock_timeout TO '{ALONE_SECONDS}s'")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (ALONE,))
        except LockNotAvailable:
            connection.close()
            raise InUse("another node has this database open") from None
        self._session = connection.info.backend_pid

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        if self._connection.closed:
            self._connection = self._connect()
        try:
            with self._connection.cursor() as cursor:
                yield Tx(cursor, "postgresql")
        except BaseException:
            self._roll_back()
            raise
        self._commit()

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except Exception as error:
            lost = self._connection.closed
            self._roll_back()
            if lost:
                raise CommitInDoubt(str(error)) from error
            raise

    def settle(self) -> bool:
        return self._vacuum("VACUUM")

    def compact(self) -> None:
        self._vacuum("VACUUM FULL")

    def _vacuum(self, how: str) -> bool:
        """Of the tables that held words; the connection is in no transaction afterwards, as before."""
        if self._connection.closed:
            self._connection = self._connect()
        self._connection.autocommit = True
        try:
            for name in WORDS:
                self._connection.execute(f"{how} {name}")
        finally:
            self._connection.autocommit = False
        return True

    def _roll_back(self) -> None:
        with suppress(Exception):  # a lost connection has nothing to roll back
            self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


def without_nul() -> Any:
    """How PostgreSQL's driver is to write text: a command with U+0000 is refused, but a body another
    region signed may have it, and so may what a reader searches for."""
    from psycopg.types.string import StrDumperUnknown

    class WithoutNul(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", NO_NUL))

    return WithoutNul


def open_writer(url: str, *, alone: bool = False) -> WriterConnection:
    """``url``: SQLAlchemy's (sqlite:///path or postgresql+psycopg://…). ``alone``: no other node may write a
    database that several machines reach; a file is kept by the lock of its folder. Raises InUse."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database, "a SQLite URL names a file"
        return SqliteConnection(parsed.database)
    return PostgresConnection(url, alone)
