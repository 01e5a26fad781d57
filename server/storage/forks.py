"""Lanes of which an origin signed two histories: kept with their proof, for ever."""

from typing import NamedTuple

from sqlalchemy import bindparam, func, select, update

from server.domain.ids import LaneKey
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

_f = t.forks.c
_PUT = upsert(t.forks)
_RESOLVE = statement(
    update(t.forks)
    .where(
        _f.region == bindparam("of"),
        _f.epoch == bindparam("in_epoch"),
        _f.lane == bindparam("in_lane"),
        _f.resolved_at == 0,
    )
    .values(resolved_at=bindparam("at"))
)
_OF_EPOCH = statement(
    select(_f.lane).where(_f.region == bindparam("of"), _f.epoch == bindparam("in_epoch")).limit(1)
)


class Fork(NamedTuple):
    """``seq``: an event there are two of; ``held``: how far the one history we have reaches.

    ``proof``: the FORK frame. Times in UTC milliseconds; ``resolved_at`` 0: nobody has."""

    key: LaneKey
    seq: int
    held: int
    proof: bytes
    found_at: int
    resolved_at: int

    @property
    def id(self) -> str:
        return fork_id(self.key)


def fork_id(key: LaneKey) -> str:
    """As operators name it: ``de:13f337e48:global``, the epoch in hexadecimal."""
    return f"{key.region}:{key.epoch:x}:{key.lane}"


def keep(tx: Tx, key: LaneKey, seq: int, proof: bytes, now: int) -> None:
    """The first proof of a lane stays."""
    values = {"seq": seq, "proof": proof, "found_at": now, "resolved_at": 0}
    tx.execute(_PUT, key._asdict() | values)


def resolve(tx: Tx, key: LaneKey, now: int) -> bool:
    """An operator has seen to it; False when there is no such fork open."""
    values = {"of": key.region, "in_epoch": key.epoch, "in_lane": key.lane, "at": now}
    return tx.execute(_RESOLVE, values) > 0


def forked_lane(tx: Tx, region: str, epoch: int) -> str:
    """A lane of this epoch that has two histories, or nothing."""
    row = tx.one(_OF_EPOCH, {"of": region, "in_epoch": epoch})
    return str(row[0]) if row else ""


async def every(snapshot: Snapshot) -> list[Fork]:
    lanes = t.lanes.c
    rows = await snapshot.rows(
        select(
            _f.region,
            _f.epoch,
            _f.lane,
            _f.seq,
            func.coalesce(lanes.seq, 0),
            _f.proof,
            _f.found_at,
            _f.resolved_at,
        )
        .select_from(
            t.forks.outerjoin(
                t.lanes,
                (lanes.region == _f.region) & (lanes.epoch == _f.epoch) & (lanes.lane == _f.lane),
            )
        )
        .order_by(_f.found_at, _f.region, _f.epoch, _f.lane)
    )
    return [Fork(LaneKey(*row[:3]), row[3], row[4], bytes(row[5]), *row[6:]) for row in rows]
