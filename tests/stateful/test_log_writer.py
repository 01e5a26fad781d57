"""The log under everything at once: own events, peers' batches, forks, gaps, failures and restarts (I3, I5).

After every step the rows on the disk must be whole: positions dense, every lane 1..n, every chain
recomputed from its headers, and nothing there that was rolled back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from server.domain.decide import Draft
from server.domain.errors import Code, Refused
from server.domain.events import ReadMarked, TopicDefined
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, WireEvent, chain, decode_header, genesis
from server.storage import tables as t
from server.storage.connection import SqliteConnection
from server.storage.event_log import Tip
from server.storage.log_writer import LogWriter
from server.storage.node import open_node
from server.storage.sql import statement
from tests.support.node import START, ForeignLog, migrated

OWN_LANES = ("control", "global", "local", "pair.de.in")
PEERS = ("de", "fr")
_ROWS = statement(
    select(
        *(t.lanes.c.region, t.lanes.c.epoch, t.lanes.c.lane),
        *(t.events.c.position, t.events.c.seq, t.events.c.header, t.events.c.hash),
    )
    .join(t.lanes, t.lanes.c.id == t.events.c.lane_id)
    .order_by(t.events.c.position)
)
_TIPS = statement(
    select(t.lanes.c.region, t.lanes.c.epoch, t.lanes.c.lane, t.lanes.c.seq, t.lanes.c.hash)
)


class Failed(Exception):
    """Something went wrong before the commit."""


class Origin(NamedTuple):
    """A peer's lane as the peer has it: all events ever made, ours or not."""

    log: ForeignLog
    events: list[WireEvent]

    def batch(self, after: int, upto: int) -> LaneBatch:
        previous = self.events[after - 1].hash if after else genesis(*self.log.key)
        part = tuple(self.events[after:upto])
        last = part[-1].hash if part else previous
        head = SignedHead(*self.log.key, after + len(part), last, "test", b"")
        return LaneBatch(self.log.key, after, previous, part, head)


class LogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.connection = SqliteConnection(":memory:")
        self.connection._connection.deserialize(migrated())
        with self.connection.transaction() as tx:
            self.epoch = open_node(tx, "in", b"\0\0\0\1").epoch
        self.origins = {region: Origin(ForeignLog(region), []) for region in PEERS}
        self.committed: list[tuple[LaneKey, bytes]] = []
        self.now = START
        self.restart()

    @rule()
    def restart(self) -> None:
        self.writer = LogWriter("in", self.epoch)
        with self.connection.transaction() as tx:
            self.writer.load(tx)

    @rule(ms=st.sampled_from([-3_600_000, 0, 1, 60_000]))
    def the_clock_moves(self, ms: int) -> None:
        self.now = max(0, self.now + ms)

    @rule(lanes=st.lists(st.sampled_from(OWN_LANES), min_size=1, max_size=4), fails=st.booleans())
    def append(self, lanes: list[str], fails: bool) -> None:
        made: list[tuple[LaneKey, bytes]] = []
        with suppress(Failed), self.connection.transaction() as tx:
            for lane in lanes:
                event = ReadMarked(channel="c:x", up_to=len(self.committed) + len(made))
                record = self.writer.append(tx, Draft(lane, "asha", event, ()), self.now, bytes(16))
                made.append((LaneKey(*record.id[:3]), b""))
            self.writer.flush(tx)
            if fails:
                raise Failed
        self._end(made, fails)

    @rule(region=st.sampled_from(PEERS), count=st.integers(1, 4))
    def a_peer_writes(self, region: str, count: int) -> None:
        log, events = self.origins[region]
        topics = [
            ("", TopicDefined(topic="tea", rev=log.seq + n, names={})) for n in range(1, count + 1)
        ]
        events += log.batch(self.now, *topics).events

    @rule(
        region=st.sampled_from(PEERS),
        after=st.integers(0, 12),
        count=st.integers(0, 6),
        fails=st.booleans(),
    )
    def a_batch_arrives(self, region: str, after: int, count: int, fails: bool) -> None:
        """Any stretch of the peer's lane: the next one, a repeat, an overlap, or one after a gap."""
        origin = self.origins[region]
        after = min(after, len(origin.events))
        batch = origin.batch(after, after + count)
        held = self.writer.tip(batch.key).seq
        fresh = batch.events[max(0, held - after) :] if after <= held else ()
        try:
            with suppress(Failed), self.connection.transaction() as tx:
                records = self.writer.store(tx, batch)
                self.writer.flush(tx)
                assert len(records) == len(fresh)
                if fails:
                    raise Failed
        except Refused as refused:
            self._reload()
            code = refused.refusal.code
        else:
            code = None
        assert code is (Code.BROKEN_CHAIN if after > held else None)
        if code is not None:
            return
        self._end([(batch.key, event.header) for event in fresh], fails)

    @rule(region=st.sampled_from(PEERS), after=st.integers(0, 12), count=st.integers(1, 4))
    def another_history_arrives(self, region: str, after: int, count: int) -> None:
        """The same numbers bound to other events: refused wherever it meets what we hold."""
        origin = self.origins[region]
        held = self.writer.tip(origin.log.key).seq
        if not held:
            return
        after = min(after, held - 1)
        log = ForeignLog(region)
        log.seq = after
        log.hash = origin.events[after - 1].hash if after else genesis(*log.key)
        forged = [("mallory", TopicDefined(topic="tea", rev=9, names={"x": "y"}))] * count
        batch = log.batch(self.now + 7, *forged)
        with pytest.raises(Refused) as refused, self.connection.transaction() as tx:
            self.writer.store(tx, batch)
        assert refused.value.refusal.code is Code.FORK
        self._reload()

    def _end(self, made: list[tuple[LaneKey, bytes]], failed: bool) -> None:
        if failed:
            self._reload()
        else:
            self.committed += made

    def _reload(self) -> None:
        """What the handler does after a transaction that did not happen."""
        with self.connection.transaction() as tx:
            self.writer.load(tx)

    @invariant()
    def positions_are_dense_and_every_chain_holds(self) -> None:
        with self.connection.transaction() as tx:
            rows, stored = tx.rows(_ROWS, {}), tx.rows(_TIPS, {})
        assert [row[3] for row in rows] == list(range(1, len(rows) + 1))
        tips: dict[LaneKey, tuple[int, bytes]] = {}
        clock: dict[str, int] = {}
        for (region, epoch, lane, _, seq, raw, hash_), (key, header_bytes) in zip(
            rows, self.committed, strict=True
        ):
            assert LaneKey(region, epoch, lane) == key
            assert header_bytes in (b"", raw)
            header = decode_header(raw)
            before, previous = tips.get(key, (0, genesis(*key)))
            assert (seq, header.seq) == (before + 1, before + 1)
            assert hash_ == chain(previous, raw)
            tips[key] = (seq, hash_)
            if region == "in":
                assert header.hlc > clock.get(region, -1), "our clock never stands or turns back"
                clock[region] = header.hlc
        assert {LaneKey(*row[:3]): (row[3], row[4]) for row in stored} == tips
        assert self.writer.position == len(rows)
        assert all(self.writer.tip(key) == Tip(*tip) for key, tip in tips.items())

    def teardown(self) -> None:
        self.connection.close()


TestLog = pytest.mark.stateful(LogMachine.TestCase)
