"""The one writer's side of the log: appending own events, storing foreign ones.

Positions are given in commit order (I3). Own events get the next number of their lane, the chain hash and a
salted commitment (I5); foreign ones keep the bytes their origin wrote. ``event_log`` reads what this writes.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, insert, select, update

from server.domain import wire
from server.domain.decide import Draft
from server.domain.erasure import is_on_its_thread, post_told_by
from server.domain.errors import Code, Refused
from server.domain.events import (
    NAMES,
    VERSIONS,
    ErasureRequested,
    Event,
    LogClosed,
    PostPublished,
    ReplyPublished,
    decode_known,
    encode_body,
)
from server.domain.ids import LaneKey, hlc_millis, next_hlc, thread_channel
from server.domain.leads import Lead, contradiction, grown
from server.domain.visibility import CONTROL, Touched, channels, touched
from server.domain.wire import Header, LaneBatch, SignedHead, WireEvent
from server.storage import leads
from server.storage import tables as t
from server.storage.erasing import Destroyed, destroy
from server.storage.event_log import Record, Tip, said
from server.storage.projections import fold
from server.storage.projections.base import Meta, is_erased
from server.storage.sql import Tx, statement, upsert
from server.storage.vocabulary import is_read, note_unread


class _Lane:
    """The writer's view of a lane's tip; written back once per transaction."""

    __slots__ = ("hash", "id", "key", "lead", "seq")

    def __init__(
        self, key: LaneKey, id: int, seq: int, hash: bytes, lead: Lead | None = None
    ) -> None:
        self.key, self.id, self.seq, self.hash, self.lead = key, id, seq, hash, lead


_INSERT_EVENT = statement(insert(t.events))
_INSERT_CHANNEL = statement(insert(t.event_channels))
_SAID = statement(said(bindparam("channel")))
_INSERT_HELD = statement(insert(t.bodies))
_INSERT_LANE = statement(insert(t.lanes))
_UPDATE_LANE = statement(
    update(t.lanes)
    .where(t.lanes.c.id == bindparam("lane"))
    .values(seq=bindparam("seq"), hash=bindparam("hash"))
)
_UPDATE_HLC = statement(update(t.node).where(t.node.c.id == 1).values(hlc=bindparam("hlc")))
_PUT_HEAD = upsert(t.heads)
_HASH = statement(
    select(t.events.c.hash).where(
        t.events.c.lane_id == bindparam("lane_id"), t.events.c.seq == bindparam("seq")
    )
)
_ALL_LANES = statement(
    select(
        t.lanes.c.id,
        t.lanes.c.region,
        t.lanes.c.epoch,
        t.lanes.c.lane,
        t.lanes.c.seq,
        t.lanes.c.hash,
    )
)
_CLOSED = statement(
    select(t.events.c.position)
    .join(t.lanes, t.lanes.c.id == t.events.c.lane_id)
    .where(t.ABOUT_COMPANY, t.events.c.type == "log.closed")
    .where(t.lanes.c.region == bindparam("region"), t.lanes.c.lane == CONTROL)
    .limit(1)
)
_POSITION = statement(select(t.events.c.position).order_by(t.events.c.position.desc()).limit(1))
_NODE = statement(select(t.node.c.hlc, t.node.c.unread, t.node.c.reading).where(t.node.c.id == 1))


class LogWriter:
    """The append side; lives in the writer thread and is used in one transaction at a time.

    Rows of the log are collected and written at ``flush``: hardly anybody reads them inside the
    transaction, and one ``executemany`` costs a third of single statements."""

    def __init__(self, region: str, epoch: int) -> None:
        self.region, self.epoch = region, epoch
        self.position = 0
        self.hlc = 0
        self.closed = False
        """Whether the region has left: nothing may be appended any more."""
        self.reading = 0
        """How often the tables became others by reading the log anew; part of every cursor's epoch."""
        self._unread = False
        """Whether something in the log could not be read, and that is noted."""
        self._lanes: dict[LaneKey, _Lane] = {}
        self._touched_lanes: set[LaneKey] = set()
        self._new_lanes: set[LaneKey] = set()
        self._leading: set[LaneKey] = set()
        """Lanes whose lead changed in this transaction."""
        self._events: list[dict[str, object]] = []
        self._channels: list[dict[str, object]] = []
        self._said: set[str] = set()
        """Channels of what this transaction collected, but for replies."""
        self._held: list[dict[str, object]] = []
        self.destroyed: list[Destroyed] = []
        """What erasures of this transaction took; for who looks for what is left, after the commit."""

    def load(self, tx: Tx) -> None:
        """(Re)reads tips, position and clock: at start and after a rollback."""
        row = tx.one(_POSITION, {})
        self.position = row[0] if row else 0
        node = tx.one(_NODE, {})
        self.hlc, unread, self.reading = node or (0, 0, 0)
        self._unread = bool(unread)
        self.destroyed = []
        self.closed = tx.one(_CLOSED, {"region": self.region}) is not None
        self._lanes = {}
        held = leads.load(tx)
        for id_, region, epoch, lane, seq, hash_ in tx.rows(_ALL_LANES, {}):
            key = LaneKey(region, epoch, lane)
            self._lanes[key] = _Lane(key, id_, seq, bytes(hash_), held.get(id_))
        self._forget()

    def _forget(self) -> None:
        self._touched_lanes.clear()
        self._new_lanes.clear()
        self._leading.clear()
        self._events, self._channels, self._held = [], [], []
        self._said.clear()

    def tip(self, key: LaneKey) -> Tip:
        lane = self._lanes.get(key)
        return Tip(lane.seq, lane.hash, lane.lead) if lane else Tip(0, wire.genesis(*key))

    def _lane(self, key: LaneKey) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key, len(self._lanes) + 1, 0, wire.genesis(*key))
            self._new_lanes.add(key)
        self._touched_lanes.add(key)
        return lane

    def append(self, tx: Tx, draft: Draft, now: int, salt: bytes) -> Record:
        """Gives a decided event its number, hash and position, and folds it.

        Raises Refused(closed) when the region has left."""
        if self.closed:
            raise Refused(Code.CLOSED, "this region has left: its log is closed for good")
        self.closed = isinstance(draft.event, LogClosed) and draft.lane == CONTROL
        lane = self._lane(LaneKey(self.region, self.epoch, draft.lane))
        self.hlc = next_hlc(self.hlc, now)
        lane.seq += 1
        name = NAMES[type(draft.event)]
        body = encode_body(draft.event)
        header = Header(
            wire.HEADER_VERSION,
            self.region,
            self.epoch,
            draft.lane,
            lane.seq,
            name,
            VERSIONS[name],
            self.hlc,
            draft.actor,
            draft.refs,
            wire.commitment(salt, body),
        )
        raw = wire.encode_header(header)
        lane.hash = wire.chain(lane.hash, raw)
        return self._store(tx, lane, header, WireEvent(raw, lane.hash, salt, body), draft.event)

    def store(self, tx: Tx, batch: LaneBatch) -> list[Record]:
        """Stores verified foreign events after our tip, or early; events we hold already are skipped.

        Raises Refused(broken_chain) when the batch does not continue our copy of the lane, Refused(fork) when it
        contradicts it, Refused(conflict) when it fits to no lead: nothing of it is stored then."""
        tip = self.tip(batch.key)
        if batch.early and batch.after > tip.seq:
            return self._store_early(tx, batch, tip.lead)
        skip = tip.seq - batch.after
        if skip < 0:
            raise Refused(Code.BROKEN_CHAIN, f"lane continues at {batch.after}, we hold {tip.seq}")
        self._refuse_fork(tx, batch, tip)
        if skip >= len(batch.events):
            return []
        known = self._known(tx, batch, tip.lead)
        lane = self._lane(batch.key)
        records = self._store_new(tx, lane, batch.events[skip:], known)
        lane.seq, lane.hash = batch.after + len(batch.events), batch.events[-1].hash
        self._join(lane)
        self._keep_head(tx, lane, batch.head)
        return records

    def _store_early(self, tx: Tx, batch: LaneBatch, lead: Lead | None) -> list[Record]:
        """Events behind a hole: they begin a lead, continue it, or are listed ones before it."""
        longer = grown(lead, batch)
        known = self._known(tx, batch, lead)
        lane = self._lane(batch.key)
        records = self._store_new(tx, lane, batch.events, known)
        if longer != lead:
            lane.lead = longer
            self._leading.add(lane.key)
        self._keep_head(tx, lane, batch.head)
        return records

    def _known(self, tx: Tx, batch: LaneBatch, lead: Lead | None) -> Collection[int]:
        """Which of the batch's events are here already; without a lead none can be beyond the tip.

        Raises Refused(fork) when one of them is another."""
        if lead is None:
            return ()
        self._write_rows(tx)  # what came in this transaction counts, too
        end = batch.after + len(batch.events)
        known = leads.hashes(tx, self._lanes[batch.key].id, batch.after, end)
        if (at := contradiction(batch, known, lead)) is not None:
            raise Refused(Code.FORK, f"two histories of {batch.key.region} at {at}")
        return known

    def _store_new(
        self, tx: Tx, lane: _Lane, events: Sequence[WireEvent], known: Collection[int]
    ) -> list[Record]:
        records = []
        for event, header in [(event, wire.decode_header(event.header)) for event in events]:
            if header.seq in known:
                continue
            body = None if event.body is None else decode_known(header.type, event.body)
            if event.body is not None and not self._unread and not is_read(body, event.body):
                note_unread(tx)
                self._unread = True
            records.append(self._store(tx, lane, header, event, body))
        return records

    def _join(self, lane: _Lane) -> None:
        """The lane reaches its lead: all of it is here."""
        lead = lane.lead
        if lead is None or lane.seq < lead.base:
            return
        if lane.seq < lead.seq:
            lane.seq, lane.hash = lead.seq, lead.hash
        lane.lead = None
        self._leading.add(lane.key)

    def _refuse_fork(self, tx: Tx, batch: LaneBatch, tip: Tip) -> None:
        """Compares at the last number both have; the hashes there cover everything before it."""
        both = min(tip.seq, batch.after + len(batch.events))
        at = both - batch.after
        theirs = batch.events[at - 1].hash if at else batch.previous
        if both == tip.seq:
            ours = tip.hash
        elif both == 0:
            ours = wire.genesis(*batch.key)
        else:
            self._write_rows(tx)  # what came in this transaction counts, too
            row = tx.one(_HASH, {"lane_id": self._lanes[batch.key].id, "seq": both})
            ours = bytes(row[0]) if row else b""
        if theirs != ours:
            raise Refused(Code.FORK, f"two histories of {batch.key.region} at {both}")

    def _keep_head(self, tx: Tx, lane: _Lane, head: SignedHead) -> None:
        values = {"hash": head.hash, "key_id": head.key_id, "signature": head.signature}
        tx.execute(_PUT_HEAD, {"lane_id": lane.id, "seq": head.seq} | values)

    def _store(
        self, tx: Tx, lane: _Lane, header: Header, raw: WireEvent, event: Event | None
    ) -> Record:
        self.position += 1
        shown, value = show(tx, header, event, self.position)
        post = post_told_by(event)
        if post and not shown and is_erased(tx, post):
            # It came after its erasure: header and hash alone are kept.
            event, post, raw = None, "", raw._replace(salt=None, body=None)
        self._events.append(
            {
                "position": self.position,
                "lane_id": lane.id,
                "seq": header.seq,
                "type": header.type,
                "header": raw.header,
                "hash": raw.hash,
                "salt": raw.salt,
                "body": raw.body,
            }
        )
        late = self._is_late(tx, header, event)
        for channel in shown:
            self._channels.append({"channel": channel, "position": self.position})
        if not isinstance(event, ReplyPublished):
            self._said.update(shown)
        if event is not None and post and not is_on_its_thread(event, shown):
            self._held.append({"post": post, "position": self.position})
        erased = self._destroy(tx, event) if isinstance(event, ErasureRequested) else ()
        body = raw.body or b""
        at = hlc_millis(header.hlc)
        return Record(
            self.position,
            header.id,
            header.type,
            at,
            header.actor,
            event,
            body,
            shown,
            value,
            erased,
            late,
        )

    def _is_late(self, tx: Tx, header: Header, event: Event | None) -> bool:
        """Whether something was said about a post before it came. Of what is written here nobody knew."""
        is_ours = (header.region, header.epoch) == (self.region, self.epoch)
        if is_ours or not isinstance(event, PostPublished):
            return False
        thread = thread_channel(event.post)
        return thread in self._said or tx.one(_SAID, {"channel": thread}) is not None

    def _destroy(self, tx: Tx, event: ErasureRequested) -> tuple[int, ...]:
        self._write_rows(tx)  # what came in this transaction may be meant, too
        done = destroy(tx, event, self.position)
        self.destroyed.append(done)
        return done.positions

    def flush(self, tx: Tx) -> None:
        """Writes what the transaction appended; last, before the commit, and before the log is read in it."""
        for key in self._new_lanes:
            lane = self._lanes[key]
            row = {"id": lane.id, "seq": lane.seq, "hash": lane.hash}
            tx.execute(_INSERT_LANE, row | key._asdict())
        for key in self._touched_lanes - self._new_lanes:
            lane = self._lanes[key]
            tx.execute(_UPDATE_LANE, {"lane": lane.id, "seq": lane.seq, "hash": lane.hash})
        for key in self._leading:
            leads.keep(tx, self._lanes[key].id, self._lanes[key].lead)
        if self._touched_lanes:
            tx.execute(_UPDATE_HLC, {"hlc": self.hlc})
        self._write_rows(tx)
        self._forget()

    def _write_rows(self, tx: Tx) -> None:
        if self._events:
            tx.many(_INSERT_EVENT, self._events)
        if self._channels:
            tx.many(_INSERT_CHANNEL, self._channels)
        if self._held:
            tx.many(_INSERT_HELD, self._held)
        self._events, self._channels, self._held = [], [], []
        self._said.clear()


def show(
    tx: Tx, header: Header, event: Event | None, position: int
) -> tuple[tuple[str, ...], Touched | None]:
    """Folds one event; the channels it appears on and the value it touches.

    A repeat (a further copy of a conversation's event) changes nothing and is shown to nobody."""
    _, epoch, lane, seq = header.id
    meta = Meta(header.region, header.actor, hlc_millis(header.hlc), position, epoch, lane, seq)
    if event is None or not fold(tx, event, meta):
        return (), None
    return channels(event, header.actor), touched(event)
