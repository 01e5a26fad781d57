"""What a client keeps between connections, and with a file between runs: cursor and outbox."""

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class Waiting(NamedTuple):
    """A command not yet answered. ``since``: UTC milliseconds when it was first given."""

    key: str
    command: dict[str, Any]
    since: int


class Store(Protocol):
    """Where cursor and outbox live. One client uses it, from one thread.

    ``put`` returns only when the command is kept; ``waiting`` gives commands in the order of
    ``put``; ``drop`` of an unknown key does nothing. ``note`` keeps a word under a name (which
    transport works on which network), ``noted`` gives it back; losing one costs a few seconds."""

    def cursor(self) -> str | None: ...
    def move(self, cursor: str) -> None: ...
    def put(self, waiting: Waiting) -> None: ...
    def drop(self, key: str) -> None: ...
    def waiting(self) -> list[Waiting]: ...
    def note(self, name: str, value: str) -> None: ...
    def noted(self, name: str) -> str | None: ...
    def close(self) -> None: ...


class MemoryStore:
    """Survives connections, not the process."""

    def __init__(self) -> None:
        self._cursor: str | None = None
        self._waiting: dict[str, Waiting] = {}
        self._notes: dict[str, str] = {}

    def cursor(self) -> str | None:
        return self._cursor

    def move(self, cursor: str) -> None:
        self._cursor = cursor

    def put(self, waiting: Waiting) -> None:
        self._waiting[waiting.key] = waiting

    def drop(self, key: str) -> None:
        self._waiting.pop(key, None)

    def waiting(self) -> list[Waiting]:
        return list(self._waiting.values())

    def note(self, name: str, value: str) -> None:
        self._notes[name] = value

    def noted(self, name: str) -> str | None:
        return self._notes.get(name)

    def close(self) -> None:
        """Nothing to release."""


class FileStore:
    """A small SQLite file; one for each client and node.

    WAL. A command is on the disk (``synchronous=FULL``: one fsync) before ``put`` returns, so that no
    crash and no power cut loses what was promised to be sent. The cursor is kept through a second
    connection with ``synchronous=NORMAL``: a crash of the process loses nothing, a power cut perhaps the
    last moves, and these events are heard twice."""

    def __init__(self, path: Path | str) -> None:
        self._db = _opened(path, "FULL")
        self._places = _opened(path, "NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS outbox"
            " (n INTEGER PRIMARY KEY, key TEXT UNIQUE, command TEXT, since INTEGER)"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY, cursor TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT)")

    def cursor(self) -> str | None:
        row = self._places.execute("SELECT cursor FROM place WHERE id = 1").fetchone()
        return row[0] if row else None

    def move(self, cursor: str) -> None:
        self._places.execute("INSERT OR REPLACE INTO place (id, cursor) VALUES (1, ?)", (cursor,))

    def put(self, waiting: Waiting) -> None:
        text = json.dumps(waiting.command, ensure_ascii=False)
        self._db.execute(
            "INSERT OR IGNORE INTO outbox (key, command, since) VALUES (?, ?, ?)",
            (waiting.key, text, waiting.since),
        )

    def drop(self, key: str) -> None:
        self._db.execute("DELETE FROM outbox WHERE key = ?", (key,))

    def waiting(self) -> list[Waiting]:
        rows = self._db.execute("SELECT key, command, since FROM outbox ORDER BY n").fetchall()
        return [Waiting(key, json.loads(command), since) for key, command, since in rows]

    def note(self, name: str, value: str) -> None:
        self._places.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | None:
        row = self._places.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        self._places.close()
        self._db.close()


def _opened(path: Path | str, synchronous: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(f"PRAGMA synchronous={synchronous}")
    return db
