"""Reads of SQLite in one turn of a thread: a plain cursor, and texts compiled once.

For what everybody needs who connects. To such a statement SQLAlchemy adds more than it takes, most of it for
lists of keys, which it writes into the text anew each time. A construct is best made once and given parameters: one
made for each load is compiled for each.
"""

import asyncio
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite

from server.domain.errors import Mistake
from server.storage.connection import BUSY_MS

THREADS = 6
"""Two kinds of load for clients, two of each at once (``app.together``), and two pages for peers."""
TEXTS_MAX = 256
"""Of statements, and of their texts for lists of 1, 2, 4 ... values: more than there are."""

_DIALECT = sqlite.dialect(paramstyle="qmark")
_make_class: Any = namedtuple  # of columns that are known when it runs

Execute = Callable[[Executable, dict[str, Any]], Awaitable[Any]]
"""As a connection's of SQLAlchemy: (construct, parameters by name) to a result with ``fetchall`` and ``fetchone``."""
T = TypeVar("T")


class _Result(NamedTuple):
    rows: list[Any]

    def fetchall(self) -> list[Any]:
        return self.rows

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None


class _Text(NamedTuple):
    """A construct for the driver. ``names``: its parameters in the order of the text; ``lists``: of those that
    stand for several values, where these belong; ``row``: makes a row of what the driver gives."""

    text: str
    names: tuple[str, ...]
    lists: Mapping[str, str]
    constants: Mapping[str, Any]
    row: Callable[[Sequence[Any]], Any]

    def filled(self, params: Mapping[str, Any]) -> tuple[str, list[Any]]:
        text, values = self.text, list[Any]()
        for name in self.names:
            value = params[name] if name in params else self.constants[name]
            if name in self.lists:
                some = _rounded_up(value)
                text = text.replace(self.lists[name], ",".join("?" * len(some)))
                values += some
            else:
                values.append(value)
        return text, values


def _rounded_up(values: Sequence[Any]) -> Sequence[Any]:
    """As many as a power of two, the last of them again and again: so that there are few texts, and the driver
    has them prepared. Of none there is NULL, which equals nothing."""
    count = len(values)
    if not count:
        return (None,)
    return (*values, *(values[-1],) * ((1 << (count - 1).bit_length()) - count))


@lru_cache(maxsize=TEXTS_MAX)
def _compiled(construct: Any) -> _Text:
    compiled = construct.compile(dialect=_DIALECT)
    names = tuple(compiled.positiontup or ())
    lists = {name: f"__[POSTCOMPILE_{name}]" for name in names if compiled.binds[name].expanding}
    return _Text(str(compiled), names, lists, compiled.params, _row(construct.selected_columns))


def _row(columns: Any) -> Callable[[Sequence[Any]], Any]:
    """A tuple with names, its values as the columns' types have them (SQLite knows no booleans)."""
    names = [getattr(column, "name", "") for column in columns]  # a subquery has none
    make = _make_class("Row", names, rename=True)._make
    kinds = [column.type.dialect_impl(_DIALECT) for column in columns]
    processors = [kind.result_processor(_DIALECT, None) for kind in kinds]
    # Few columns have any; a call for each of the others would cost as much as the rest.
    ways = [(index, way) for index, way in enumerate(processors) if way is not None]
    if not ways:
        return make  # type: ignore[no-any-return]

    def row(values: Sequence[Any]) -> Any:
        found = list(values)
        for index, way in ways:
            found[index] = way(found[index])
        return make(found)

    return row


class Loading:
    """Some threads, each with a read-only connection of its own to the file at ``path``."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tap-load")
        self._mine = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def load(self, load: Callable[[Execute], Coroutine[Any, Any, T]]) -> T:
        """What ``load`` makes of one view of the database; it awaits nothing but the given function, else Mistake."""
        work = asyncio.get_running_loop().run_in_executor
        return await work(self._threads, self._loaded, load)

    def close(self) -> None:
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()

    # -- in a thread ---------------------------------------------------------------------------------

    def _loaded(self, load: Callable[[Execute], Coroutine[Any, Any, T]]) -> T:
        cursor = self._cursor()

        async def execute(construct: Executable, params: dict[str, Any]) -> _Result:
            found = _compiled(construct)
            cursor.execute(*found.filled(params))
            return _Result([found.row(values) for values in cursor.fetchall()])

        cursor.execute("BEGIN")
        try:
            return _at_once(load(execute))
        finally:
            cursor.execute("ROLLBACK")

    def _cursor(self) -> sqlite3.Cursor:
        found: sqlite3.Cursor | None = getattr(self._mine, "cursor", None)
        if found is None:
            # Another thread closes it, after this one has ended.
            connection = sqlite3.connect(
                self._path,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=TEXTS_MAX,
            )
            self._opened.append(connection)
            found = self._mine.cursor = connection.cursor()
            found.execute("PRAGMA query_only = ON")
            found.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        return found


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine which never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise Mistake("a load may await its snapshot only")
