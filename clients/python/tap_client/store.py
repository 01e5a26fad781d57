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
    ``put``; ``drop`` of an unknown key does nothing."""

    def cursor(self) -> str | None: ...
    def move(self, cursor: str) -> None: ...
    def put(self, waiting: Waiting) -> None: ...
    def drop(self, key: str) -> None: ...
    def waiting(self) -> list[Waiting]: ...
    def close(self) -> None: ...


class MemoryStore:
    """Survives connections, not the process."""

    def __init__(self) -> None:
        self._cursor: str | None = None
        self._waiting: dict[str, Waiting] = {}

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

    def close(self) -> None:
        """Nothing to release."""


class FileStore:
    """A small SQLite file; one for each client and node.

    WAL with ``synchronous=NORMAL``: a crash of the process loses nothing. A power cut may lose the
    last moves (events heard twice) or the last ``put`` (a command nobody was told was applied)."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS outbox"
            " (n INTEGER PRIMARY KEY, key TEXT UNIQUE, command TEXT, since INTEGER)"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY, cursor TEXT)")

    def cursor(self) -> str | None:
        row = self._db.execute("SELECT cursor FROM place WHERE id = 1").fetchone()
        return row[0] if row else None

    def move(self, cursor: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO place (id, cursor) VALUES (1, ?)", (cursor,))

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

    def close(self) -> None:
        self._db.close()
