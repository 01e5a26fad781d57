"""What every fold shares: the event's surroundings and the statements of a register."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Table, bindparam, select

from server.storage import tables as t
from server.storage.sql import Statement, Tx, statement, upsert

_json = msgspec.json.Encoder()


class Meta(NamedTuple):
    """Where an event stands: its origin, actor and time, and this node's position for it."""

    origin: str
    actor: str
    at: int
    """UTC milliseconds of the event's hybrid clock."""
    position: int
    epoch: int
    lane: str
    seq: int


Fold = Callable[[Tx, Any, Meta], bool]

_ERASED = statement(
    select(t.posts.c.erased).where(t.posts.c.post == bindparam("post"), t.posts.c.erased)
)


def is_erased(tx: Tx, post: str) -> bool:
    """Whether an erasure of the post has arrived; its bodies are not kept any more."""
    return tx.one(_ERASED, {"post": post}) is not None


def to_json(value: Any) -> str:
    return _json.encode(value).decode()


class RegisterTable:
    """A table whose rows are registers: the higher ``rev`` wins, an equal one is a repeat."""

    def __init__(self, table: Table, *read: str, then: Sequence[str] = ()) -> None:
        """``read``: columns whose old values ``put`` returns (beside rev). ``then``: columns of which the greater
        values win between equal ``rev``, where a region may say one thing twice: in two epochs."""
        keys = [column.name for column in table.primary_key]
        wanted = [table.c.rev, *[table.c[name] for name in (*read, *then)]]
        self._then, self._then_at = then, 1 + len(read)
        self._read: Statement = statement(
            select(*wanted).where(*[table.c[key] == bindparam(key) for key in keys])
        )
        changed = [column.name for column in table.c if column.name not in keys]
        self._write: Statement = upsert(table, changed)

    def put(self, tx: Tx, values: dict[str, Any]) -> tuple[Any, ...] | None:
        """Writes the register if ``values['rev']`` is news.

        Returns the old values of ``read`` (rev first; rev 0 and Nones when there was no row), or
        None when the event is a repeat or older."""
        old = tx.one(self._read, values)
        news = (values["rev"], *[values[name] for name in self._then])
        if old is not None and (old[0], *old[self._then_at :]) >= news:
            return None
        tx.execute(self._write, values)
        return old or (0,)


def register_fold(
    table: Table, values: Callable[[Any, Meta], dict[str, Any]], then: Sequence[str] = ()
) -> Fold:
    """The fold of a plain register: ``values`` gives all columns of the row; ``then`` as in RegisterTable."""
    register = RegisterTable(table, then=then)

    def fold(tx: Tx, event: Any, meta: Meta) -> bool:
        return register.put(tx, values(event, meta)) is not None

    return fold
