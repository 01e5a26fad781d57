"""Folds the whole log anew, in one transaction: the projections are replaced, or only compared (I6).

At the start this happens by itself where an earlier version could read less (``vocabulary``)."""

from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select

from server.domain import wire
from server.domain.erasure import is_on_its_thread, post_told_by
from server.domain.events import ErasureRequested, decode_known
from server.storage import tables as t
from server.storage import vocabulary
from server.storage.connection import WriterConnection, open_writer
from server.storage.digest import REBUILT, digests
from server.storage.erasing import bodies_gone
from server.storage.log_writer import show
from server.storage.sql import Tx, statement

PAGE_EVENTS = 2_000

_PAGE = statement(
    select(t.events.c.position, t.events.c.header, t.events.c.body)
    .where(t.events.c.position > bindparam("after"))
    .order_by(t.events.c.position)
    .limit(PAGE_EVENTS)
)
_EMPTY = [statement(delete(table)) for table in REBUILT]
_CHANNEL = statement(insert(t.event_channels))
_HELD = statement(insert(t.bodies))


class Report(NamedTuple):
    events: int
    different: tuple[str, ...]
    """Tables whose rows differ from before; empty when all is as the log says."""


class _Compared(Exception):
    pass


def rebuild(url: str, *, check: bool) -> Report:
    """Re-folds the log of a stopped node. ``check``: compares and changes nothing."""
    connection = open_writer(url, alone=True)
    try:
        return rebuild_on(connection, check=check)
    finally:
        connection.close()


def rebuild_on(connection: WriterConnection, *, check: bool) -> Report:
    report = Report(0, ())
    try:
        with connection.transaction() as tx:
            before = digests(tx)
            count, unread = refold(tx)
            after = digests(tx)
            report = Report(count, tuple(name for name in before if before[name] != after[name]))
            vocabulary.read_anew(tx, unread, bool(report.different))
            if check:
                raise _Compared
    except _Compared:
        pass
    return report


def upgrade_on(connection: WriterConnection) -> Report | None:
    """What ``rebuild_on`` did, if an earlier version left something unread that we may be able to read."""
    with connection.transaction() as tx:
        due = vocabulary.is_due(tx)
    return rebuild_on(connection, check=False) if due else None


def refold(tx: Tx) -> tuple[int, bool]:
    """Empties every fold and applies the log from its first event; returns how many it has, and whether some
    could not be read."""
    for empty in _EMPTY:
        tx.execute(empty, {})
    count = after = 0
    unread = False
    while page := tx.rows(_PAGE, {"after": after}):
        for position, raw, body in page:
            unread |= not _apply(tx, position, bytes(raw), body)
        after = page[-1][0]
        count += len(page)
    return count, unread


def _apply(tx: Tx, position: int, raw: bytes, body: bytes | None) -> bool:
    """Whether all that it says could be read."""
    header = wire.decode_header(raw)
    event = None if body is None else decode_known(header.type, bytes(body))
    shown, _ = show(tx, header, event, position)
    if event is not None and (post := post_told_by(event)) and not is_on_its_thread(event, shown):
        tx.execute(_HELD, {"post": post, "position": position})
    if isinstance(event, ErasureRequested):
        # Nothing, but for bodies that no earlier version could read.
        bodies_gone(tx, event)
    if shown:
        tx.many(_CHANNEL, [{"channel": channel, "position": position} for channel in shown])
    return body is None or vocabulary.is_read(event, bytes(body))
