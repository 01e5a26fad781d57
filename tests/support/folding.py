"""Folding events straight into an empty database in memory, and looking at what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from server.storage.connection import SqliteConnection
from server.storage.digest import HOME_ONLY, digests
from server.storage.projections import fold
from server.storage.projections.base import Meta
from server.storage.sql import Tx
from server.storage.tables import PROJECTIONS
from tests.support.company import START, Written
from tests.support.node import migrated

SHARED = [table for table in PROJECTIONS if table.name not in HOME_ONLY]


class _Enough(Exception):
    pass


class Scratch:
    """One database, empty again for every use."""

    def __init__(self) -> None:
        self._connection = SqliteConnection(":memory:")
        self._connection._connection.deserialize(migrated())

    @contextmanager
    def empty(self) -> Iterator[Tx]:
        """A transaction that is rolled back in the end."""
        try:
            with self._connection.transaction() as tx:
                yield tx
                raise _Enough
        except _Enough:
            pass


def apply(tx: Tx, events: Iterable[Written], position: int = 0) -> list[bool]:
    """Folds each; whether it changed what readers see. Where an event stands in its lane is its own,
    whenever it arrives."""
    changed = []
    for number, written in enumerate(events, position + 1):
        seq = written.at - START + 1
        meta = Meta(written.origin, written.actor, written.at, number, 1, written.lane, seq)
        changed.append(fold(tx, written.event, meta))
    return changed


def shared(tx: Tx) -> dict[str, str]:
    """What must be equal on every node with the same events (I6)."""
    return digests(tx, SHARED, local=False)


def everything(tx: Tx) -> dict[str, str]:
    """All of the projections, this node's own columns included."""
    return digests(tx, PROJECTIONS)
