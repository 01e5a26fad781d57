"""The log as it is read: one record, pages of all that was committed, of channels and of lanes.

Positions are given in commit order by the one writer (I3), which is ``log_writer``.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, literal, select

from server.domain import limits, wire
from server.domain.events import NAMES, Event, PostPublished, ReplyPublished, decode_known
from server.domain.ids import EventId, LaneKey, hlc_millis, thread_channel
from server.domain.leads import Lead
from server.domain.visibility import Touched, channels, touched
from server.domain.wire import SignedHead, WireEvent
from server.storage import leads
from server.storage import tables as t
from server.storage.reader import Snapshot


class Record(NamedTuple):
    """One committed event as every reader of the log sees it."""

    position: int
    id: EventId
    type: str
    at: int
    """UTC milliseconds of the event's hybrid clock."""
    actor: str
    event: Event | None
    """None for a type this version does not know, or an erased body."""
    body: bytes
    """MessagePack, empty when erased."""
    channels: tuple[str, ...]
    touched: Touched | None
    erased: tuple[int, ...] = ()
    """Positions of earlier events whose bodies went with this one: whoever keeps records forgets them."""
    late: bool = False
    """A post that came here after something that was said about it: it alone does not tell how it stands."""

    def bare(self) -> "Record":
        """As it is after its erasure."""
        return self._replace(event=None, body=b"", channels=(), touched=None)


class Tip(NamedTuple):
    """All up to event ``seq`` is held; and what the lead says, if there is one."""

    seq: int
    hash: bytes
    lead: Lead | None = None


_COLUMNS = (t.events.c.position, t.events.c.header, t.events.c.body)


def record_of(position: int, raw_header: bytes, body: bytes | None) -> Record:
    """A record as it was announced at its commit, from the stored row.

    Channels and touched values are recomputed; readers show only what the channel index holds, so a
    repeat that was shown to nobody stays invisible."""
    header = wire.decode_header(bytes(raw_header))
    event = None if body is None else decode_known(header.type, bytes(body))
    return Record(
        position,
        header.id,
        header.type,
        hlc_millis(header.hlc),
        header.actor,
        event,
        bytes(body or b""),
        channels(event, header.actor) if event is not None else (),
        touched(event) if event is not None else None,
    )


async def page(snapshot: Snapshot, after: int, limit: int) -> list[Record]:
    """Everything committed after a position, in order, as it was announced at its commit."""
    query = select(*_COLUMNS).where(t.events.c.position > after).order_by(t.events.c.position)
    records = await _told(snapshot, await snapshot.rows(query.limit(limit)))
    shown = await _shown(snapshot, [record for record in records if record.channels])
    return [
        record._replace(channels=(), touched=None)
        if record.channels and record.position not in shown
        else record
        for record in records
    ]


async def _shown(snapshot: Snapshot, records: list[Record]) -> set[int]:
    """Positions of those which the channel index holds; the others were repeats, shown to nobody."""
    if not records:
        return set()
    c = t.event_channels.c
    # One channel of each is enough. A range per channel: SQLite scans for (channel, position) IN (...).
    rows = await snapshot.rows(
        select(c.position).where(
            c.channel.in_({record.channels[0] for record in records}),
            c.position.between(records[0].position, records[-1].position),
        )
    )
    return {position for (position,) in rows}


def said(thread: Any) -> Any:
    """Where the first that is said of a thread's top stands: its post, or what came before it. Replies change only
    its counters, which come as a value."""
    c = t.event_channels.c
    return (
        select(c.position)
        .join(t.events, t.events.c.position == c.position)
        .where(c.channel == thread, t.events.c.type != NAMES[ReplyPublished])
        .order_by(c.position)
        .limit(1)
    )


_FIRST_SAID = select(
    t.posts.c.post,
    said(literal(thread_channel("")).concat(t.posts.c.post)).scalar_subquery().label("first"),
).where(t.posts.c.post.in_(bindparam("names", expanding=True)))


async def _told(snapshot: Snapshot, rows: Sequence[Any]) -> list[Record]:
    """The records of these rows, with what their commit knew of late posts."""
    records = [record_of(*row) for row in rows]
    posts = {one.event.post for one in records if isinstance(one.event, PostPublished)}
    if not posts:
        return records
    found = await snapshot.named(_FIRST_SAID, posts)
    first = {row.post: row.first for row in found if row.first is not None}
    return [
        one._replace(late=True)
        if isinstance(one.event, PostPublished)
        and first.get(one.event.post, one.position) < one.position
        else one
        for one in records
    ]


async def channel_page(
    snapshot: Snapshot, wanted: Collection[str], after: int, upto: int, limit: int
) -> list[Record]:
    """Events on any of the channels with after < position <= upto, in order, each once.

    Cost: at most ``limit`` index rows per channel, whatever the size of the log."""
    found: set[int] = set()
    c = t.event_channels.c
    for channel in wanted:
        query = (
            select(c.position)
            .where(c.channel == channel, c.position > after, c.position <= upto)
            .order_by(c.position)
            .limit(limit)
        )
        found.update(row[0] for row in await snapshot.rows(query))
    positions = sorted(found)[:limit]
    if not positions:
        return []
    rows = await snapshot.rows(
        select(*_COLUMNS).where(t.events.c.position.in_(positions)).order_by(t.events.c.position)
    )
    return await _told(snapshot, rows)


async def by_id(snapshot: Snapshot, id: EventId) -> Record | None:
    """One event; None for one that is not here."""
    query = (
        select(*_COLUMNS)
        .join(t.lanes, t.lanes.c.id == t.events.c.lane_id)
        .where(
            t.lanes.c.region == id.region,
            t.lanes.c.epoch == id.epoch,
            t.lanes.c.lane == id.lane,
            t.events.c.seq == id.seq,
        )
    )
    row = await snapshot.one(query)
    return record_of(*row) if row else None


async def about_company(snapshot: Snapshot) -> list[Record]:
    """What all regions said of keys, the roster and their end, in commit order; a few in any log."""
    query = select(*_COLUMNS).where(t.ABOUT_COMPANY).order_by(t.events.c.position)
    return [record_of(*row) for row in await snapshot.rows(query)]


async def lane_tips(snapshot: Snapshot) -> dict[LaneKey, Tip]:
    """The tip of every lane this node holds, own and foreign."""
    c = t.lanes.c
    rows = await snapshot.rows(
        select(c.region, c.epoch, c.lane, c.seq, c.hash, *leads.LEAD).outerjoin(
            t.leads, t.leads.c.lane_id == c.id
        )
    )
    return {LaneKey(*row[:3]): Tip(row[3], bytes(row[4]), leads.lead_of(*row[5:])) for row in rows}


_LANE = (
    t.lanes.c.region == bindparam("region"),
    t.lanes.c.epoch == bindparam("epoch"),
    t.lanes.c.lane == bindparam("lane"),
)
_LANE_PAGE = (
    select(t.events.c.header, t.events.c.hash, t.events.c.salt, t.events.c.body)
    .where(
        t.events.c.lane_id == select(t.lanes.c.id).where(*_LANE).scalar_subquery(),
        t.events.c.seq > bindparam("after"),
        t.events.c.seq <= select(t.lanes.c.seq).where(*_LANE).scalar_subquery(),
    )
    .order_by(t.events.c.seq)
    .limit(bindparam("limit"))
)
_HEADS = (
    select(t.heads.c.seq, t.heads.c.hash, t.heads.c.key_id, t.heads.c.signature)
    .join(t.lanes, t.lanes.c.id == t.heads.c.lane_id)
    .where(*_LANE, t.heads.c.seq.between(bindparam("first"), bindparam("last")))
)
_LANE_HEAD = _HEADS.order_by(t.heads.c.seq.desc()).limit(1)
_NEAREST_HEAD = _HEADS.order_by(t.heads.c.seq).limit(1)
_LANE_HEADS = _HEADS.order_by(t.heads.c.seq)


async def lane_page(
    snapshot: Snapshot,
    key: LaneKey,
    after: int,
    events_max: int = limits.BATCH_EVENTS_MAX,
    bytes_max: int = limits.BATCH_BYTES_MAX,
) -> list[WireEvent]:
    """Events of one lane after a seq, bounded in number and bytes (at least one if there is any).

    Only of what is held without a hole: nobody is sent or shown a lane that skips something."""
    asked = key._asdict() | {"after": after, "limit": events_max}
    rows = await snapshot.rows(_LANE_PAGE, asked)
    return _bounded(rows, bytes_max)


def _bounded(rows: Sequence[Sequence[bytes | None]], bytes_max: int) -> list[WireEvent]:
    events: list[WireEvent] = []
    size = 0
    for header, hash_, salt, body in rows:
        assert header is not None
        assert hash_ is not None
        event = WireEvent(bytes(header), bytes(hash_), salt and bytes(salt), body and bytes(body))
        size += event.size
        if events and size > bytes_max:
            break
        events.append(event)
    return events


async def lane_head(
    snapshot: Snapshot, key: LaneKey, first: int, last: int, *, nearest: bool = False
) -> SignedHead | None:
    """The furthest stored head of a foreign lane from ``first`` to ``last``, or the ``nearest``: where a relayed
    batch may end."""
    query = _NEAREST_HEAD if nearest else _LANE_HEAD
    row = await snapshot.one(query, key._asdict() | {"first": first, "last": last})
    return _head(key, *row) if row else None


async def lane_heads(snapshot: Snapshot, key: LaneKey, first: int, last: int) -> list[SignedHead]:
    """All stored heads of a foreign lane from ``first`` to ``last``, in order."""
    rows = await snapshot.rows(_LANE_HEADS, key._asdict() | {"first": first, "last": last})
    return [_head(key, *row) for row in rows]


def _head(key: LaneKey, seq: int, hash_: bytes, key_id: str, signature: bytes) -> SignedHead:
    return SignedHead(*key, seq, bytes(hash_), key_id, bytes(signature))
