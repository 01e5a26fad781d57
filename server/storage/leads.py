"""Lanes of which fresh events are held while earlier ones are still missing (docs/protocol/federation.md 19).

What a lane holds without a hole stands in ``lanes``, as ever; its lead stands here, with the chain hash that the
missing part must lead to. Single listed events may lie in between. Of every event that is here the hash is known, so
whatever comes later is compared with it, and none is stored twice (I5).
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.leads import Lead
from server.domain.wire import WireEvent
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

_l, _e, _n = t.leads.c, t.events.c, t.lanes.c
LEAD = (_l.base, _l.base_hash, _l.seq, _l.hash, _l.listed)
_ALL = statement(select(_l.lane_id, *LEAD))
_PUT = upsert(t.leads, ("base", "base_hash", "seq", "hash", "listed"))
_DROP = statement(delete(t.leads).where(_l.lane_id == bindparam("lane")))
_HASHES = statement(
    select(_e.seq, _e.hash).where(
        _e.lane_id == bindparam("lane"), _e.seq.between(bindparam("first"), bindparam("last"))
    )
)


def lead_of(
    base: int | None, base_hash: bytes | None, seq: int, hash_: bytes, listed: int
) -> Lead | None:
    """From the columns ``LEAD`` of an outer join."""
    if base is None or base_hash is None:
        return None
    return Lead(base, bytes(base_hash), seq, bytes(hash_), listed)


def load(tx: Tx) -> dict[int, Lead]:
    """By the lane's id."""
    return {
        lane: Lead(base, bytes(base_hash), seq, bytes(hash_), listed)
        for lane, base, base_hash, seq, hash_, listed in tx.rows(_ALL, {})
    }


def keep(tx: Tx, lane_id: int, lead: Lead | None) -> None:
    """``None``: the lane is whole again."""
    if lead is None:
        tx.execute(_DROP, {"lane": lane_id})
    else:
        tx.execute(_PUT, {"lane_id": lane_id} | lead._asdict())


def hashes(tx: Tx, lane_id: int, after: int, last: int) -> dict[int, bytes]:
    """Of the events that are here, after a seq and up to another."""
    rows = tx.rows(_HASHES, {"lane": lane_id, "first": after + 1, "last": last})
    return {seq: bytes(hash_) for seq, hash_ in rows}


# -- reading -------------------------------------------------------------------------------------------


async def listed_run(
    snapshot: Snapshot, key: LaneKey, after: int, upto: int
) -> tuple[int, int] | None:
    """The next listed events after a seq, as (first, last) of those that follow each other; None up to ``upto``."""
    query = (
        select(_e.seq)
        .join(t.lanes, _n.id == _e.lane_id)
        .where(_n.region == key.region, _n.epoch == key.epoch, _n.lane == key.lane)
        .where(t.LISTED, _e.seq > after, _e.seq <= upto)
        .order_by(_e.seq)
        .limit(limits.BATCH_EVENTS_MAX)
    )
    seqs = [row[0] for row in await snapshot.rows(query)]
    return (seqs[0], seqs[0] + _run(seqs) - 1) if seqs else None


def _run(seqs: Sequence[int]) -> int:
    """How many of them follow each other from the first on."""
    return next((n for n, seq in enumerate(seqs) if seq != seqs[0] + n), len(seqs))


async def rows(snapshot: Snapshot, key: LaneKey, first: int, last: int) -> dict[int, WireEvent]:
    """The events from ``first`` to ``last`` that are here, whatever is missing between them; without bodies."""
    query = (
        select(_e.seq, _e.header, _e.hash)
        .join(t.lanes, _n.id == _e.lane_id)
        .where(_n.region == key.region, _n.epoch == key.epoch, _n.lane == key.lane)
        .where(_e.seq.between(first, last))
    )
    return {
        seq: WireEvent(bytes(header), bytes(hash_), None, None)
        for seq, header, hash_ in await snapshot.rows(query)
    }
