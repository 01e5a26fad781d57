"""What this version can read of the log, and what follows when an earlier one could read less (docs/events, README).

Events of unknown types, bodies that do not fit and fields nobody knew are stored and passed on; the writer notes
that there are some (``node.unread``). A version with another vocabulary reads the log anew at its first start. If
that changes any table, everybody who read the old ones loads anew: cursors of before are of an earlier *reading*,
refused as those of an earlier epoch are, and the readers inside the node begin again.

A revision of the schema that changes what is folded of events sets ``unread = 1`` and an empty ``vocabulary``.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from server.domain.events import EVENTS, Event, encode_body
from server.storage import tables as t
from server.storage.sql import Tx, statement

_NODE = statement(select(t.node.c.vocabulary, t.node.c.unread).where(t.node.c.id == 1))
_FOLDED = statement(
    update(t.node)
    .where(t.node.c.id == 1)
    .values(vocabulary=bindparam("words"), unread=bindparam("left"))
)
_UNREAD = statement(update(t.node).where(t.node.c.id == 1).values(unread=1))
_READ_ANEW = statement(update(t.node).where(t.node.c.id == 1).values(reading=t.node.c.reading + 1))
_CONSUMERS_BEGIN = statement(delete(t.consumers))


def is_read(event: Event | None, body: bytes) -> bool:
    """Whether all that a body says is in the event that was made of it."""
    return event is not None and encode_body(event) == body


@cache
def fingerprint() -> str:
    """Of every event's shape: another one may read what this one does not."""
    schemas, components = msgspec.json.schema_components(EVENTS.values())
    shapes = [EVENTS.keys(), schemas, components]
    text = msgspec.json.encode([list(_unexplained(shape)) for shape in shapes], order="sorted")
    return hashlib.sha256(text).hexdigest()


def _unexplained(schema: Any) -> Iterator[Any]:
    """A schema's pairs and values in order, without what is for people only."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name != "description":
                yield [name, list(_unexplained(value))]
    elif isinstance(schema, str) or not hasattr(schema, "__iter__"):
        yield schema
    else:
        for value in schema:
            yield list(_unexplained(value))


def is_due(tx: Tx) -> bool:
    """Whether the log is to be read anew before anybody reads the tables. Says whose vocabulary they are of
    now when nothing is left to read."""
    node = tx.one(_NODE, {})
    if node is None or node[0] == fingerprint():
        return False
    if not node[1]:
        tx.execute(_FOLDED, {"words": fingerprint(), "left": 0})
    return bool(node[1])


def note_unread(tx: Tx) -> None:
    """The log holds something that this version cannot read."""
    tx.execute(_UNREAD, {})


def read_anew(tx: Tx, unread: bool, changed: bool) -> None:
    """The tables are of our vocabulary; ``unread``: something is still left, ``changed``: they were otherwise."""
    tx.execute(_FOLDED, {"words": fingerprint(), "left": int(unread)})
    if changed:
        tx.execute(_READ_ANEW, {})
        tx.execute(_CONSUMERS_BEGIN, {})
