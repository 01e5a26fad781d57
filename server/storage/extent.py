"""How far a log is known to reach, to be kept outside its database.

A database that was put back from a backup, promoted from a standby that was behind, or lost by a disk that
lied about its syncs, looks like any other from inside. Compared with the extent it had, it does not.
"""

import msgspec
from sqlalchemy import bindparam, select

from server.domain.ids import LaneKey
from server.storage import tables as t
from server.storage.sql import Tx, statement


class Extent(msgspec.Struct, frozen=True):
    """``hash``: the chain hash of the event at ``position``; ``lanes``: the tips of our own lanes of this
    epoch, whose numbers must never be given twice."""

    region: str
    epoch: int
    position: int
    hash: bytes
    lanes: dict[str, tuple[int, bytes]]


_NODE = statement(select(t.node.c.region, t.node.c.epoch).where(t.node.c.id == 1))
_LAST = statement(
    select(t.events.c.position, t.events.c.hash).order_by(t.events.c.position.desc()).limit(1)
)
_AT = statement(select(t.events.c.hash).where(t.events.c.position == bindparam("at")))
_TIPS = statement(
    select(t.lanes.c.lane, t.lanes.c.seq, t.lanes.c.hash).where(
        t.lanes.c.region == bindparam("of"), t.lanes.c.epoch == bindparam("in_epoch")
    )
)
_EVENT = statement(
    select(t.events.c.hash)
    .join(t.lanes, t.lanes.c.id == t.events.c.lane_id)
    .where(
        t.lanes.c.region == bindparam("of"),
        t.lanes.c.epoch == bindparam("in_epoch"),
        t.lanes.c.lane == bindparam("in_lane"),
        t.events.c.seq == bindparam("number"),
    )
)


def take(tx: Tx) -> Extent | None:
    """What this transaction began with: so once it is committed, durable. None for an empty log."""
    node, last = tx.one(_NODE, {}), tx.one(_LAST, {})
    if node is None or last is None:
        return None
    region, epoch = node
    rows = tx.rows(_TIPS, {"of": region, "in_epoch": epoch})
    tips = {lane: (seq, bytes(hash_)) for lane, seq, hash_ in rows}
    return Extent(region, epoch, last[0], bytes(last[1]), tips)


def doubt(tx: Tx, known: Extent | None) -> str:
    """Why this database may lack what the log once held, as the end of a sentence; empty when it has all."""
    last = tx.one(_LAST, {})
    if known is None:
        return "nothing says how far the log reached" if last else ""
    node = tx.one(_NODE, {})
    if node is None or tuple(node) != (known.region, known.epoch):
        return f"the log was in epoch {known.epoch:x} of {known.region}"
    if last is None or last[0] < known.position:
        return f"the log reached position {known.position}, the database ends at {last[0] if last else 0}"
    at = tx.one(_AT, {"at": known.position})
    if at is None or bytes(at[0]) != known.hash:
        return f"another event stands at position {known.position} than did"
    for lane, (seq, hash_) in known.lanes.items():
        if _hash_at(tx, LaneKey(known.region, known.epoch, lane), seq) != hash_:
            return f"event {seq} of our lane {lane} is not there"
    return ""


def _hash_at(tx: Tx, key: LaneKey, seq: int) -> bytes:
    values = {"of": key.region, "in_epoch": key.epoch, "in_lane": key.lane, "number": seq}
    row = tx.one(_EVENT, values)
    return bytes(row[0]) if row else b""
