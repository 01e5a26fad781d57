"""Every lane this node holds, for operators."""

import msgspec
from sqlalchemy import and_, func, select

from server.domain.ids import hlc_millis
from server.domain.wire import decode_header
from server.storage import tables as t
from server.storage.queries.shapes import Shape
from server.storage.reader import Snapshot

_HEAD = select(func.max(t.heads.c.seq)).where(t.heads.c.lane_id == t.lanes.c.id).scalar_subquery()
_LANES = (
    select(
        t.lanes.c.region,
        t.lanes.c.epoch,
        t.lanes.c.lane,
        t.lanes.c.seq,
        t.events.c.header,
        t.leads.c.base,
        t.leads.c.seq.label("lead"),
        _HEAD.label("head"),
    )
    .outerjoin(t.leads, t.leads.c.lane_id == t.lanes.c.id)
    .join(
        t.events,
        and_(
            t.events.c.lane_id == t.lanes.c.id,
            t.events.c.seq == func.coalesce(t.leads.c.seq, t.lanes.c.seq),
        ),
    )
    .order_by(t.lanes.c.region, t.lanes.c.epoch, t.lanes.c.lane)
)


class LaneAtPeer(Shape, frozen=True, kw_only=True):
    """How far a peer is with one of our lanes. Null: not known since this node started."""

    acked: int | None
    behind_events: int
    behind_ms: int | None
    """Age of the oldest event it has not acknowledged."""


class LaneView(Shape, frozen=True, kw_only=True):
    """One lane of one origin, as far as it is held here."""

    region: str
    epoch: str
    """In hexadecimal, as in event ids."""
    lane: str
    seq: int
    """All up to here is held."""
    at: int
    """When the last event that is held happened, by its origin's clock."""
    head: int | None
    """The last event under a signed head that was received; null for our own lanes, signed when sent."""
    base: int | None = None
    """What came early begins behind this event: up to it the lane is being filled; null when nothing is missing."""
    lead: int | None = None
    """Up to where it is held from there on."""
    forked: bool = False
    """Its origin signed two histories: left out until a person has looked."""
    peers: dict[str, LaneAtPeer] = msgspec.field(default_factory=dict)
    """Of our own lanes: by region that may have it."""


async def lanes(snapshot: Snapshot) -> list[LaneView]:
    """By origin, epoch and name; each with its last event."""
    return [
        LaneView(
            region=row.region,
            epoch=f"{row.epoch:x}",
            lane=row.lane,
            seq=row.seq,
            at=hlc_millis(decode_header(bytes(row.header)).hlc),
            head=row.head,
            base=row.base,
            lead=row.lead,
        )
        for row in await snapshot.rows(_LANES)
    ]
