"""A region's log as it is in production: the real writer, its folds and its pages, on SQLite in memory.

The laboratory's lists stay beside it as the model. Whatever the links are told comes from the database, and
whatever the database takes is compared with the model.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from server.app.group_commit import Job
from server.app.handle import Handler
from server.app.tap import Tap
from server.domain.decide import Context, Draft
from server.domain.errors import Refusal, Refused
from server.domain.events import Event, PostPublished, TopicDefined
from server.domain.ids import EventId, LaneKey, object_id
from server.domain.wire import SALT_BYTES, LaneBatch, WireEvent
from server.federation.catchup import Page
from server.federation.forks import ForkProof
from server.federation.frames import SEQ_END
from server.federation.lanes import Course, Held
from server.federation.pages import Pages
from server.federation.trust import Roster
from server.storage import event_log
from server.storage import tables as t
from server.storage.connection import SqliteConnection
from server.storage.digest import shared_digests
from server.storage.epochs import begin_epoch, open_log
from server.storage.event_log import Record
from server.storage.node import open_node
from server.storage.rebuild import rebuild_on
from tests.simulation.oracle import holds
from tests.simulation.plainlog import Place, PlainLog, Rule
from tests.support.node import Entropy, migrated
from tests.unit.federation.lab import GROUPS, LISTED

T = TypeVar("T")
COPY_EVERY = 5
"""Own commits between two copies of the disk that a restore may put back."""
_GROUPS = {name: frozenset(members) for name, members in GROUPS.items()}


class Torn(Exception):
    """The process died inside a transaction."""


class SyncHandler(Handler):
    """The writer without its thread: a job is done when ``do`` returns."""

    def open(self) -> None:
        with self._connection.transaction() as tx:
            self._log.load(tx)
            if self._log.position == 0:
                open_log(self._log, tx, 0, self._now(), self._entropy.take)
        self.position = self._log.position
        self._tap.open(self.epoch, self.position)

    def do(self, work: Callable[[Any], T]) -> T:
        self._batch([Job(work, None)], last=True)  # type: ignore[arg-type]
        return self._outcome  # type: ignore[no-any-return]

    def _announce(self, records: Sequence[Record], outcomes: Any, last: bool) -> None:
        positions = [record.position for record in records]
        first = self.position + 1
        holds(positions == list(range(first, first + len(records))), "I3: positions have a hole")
        self.position += len(records)
        self.announced = [record.id for record in records]
        if records:
            self._tap.committed(records)
        ((_, self._outcome),) = outcomes
        if isinstance(self._outcome, Exception):
            raise self._outcome


class _Snapshots:
    """Reads on the writer's own connection, between its transactions: what is committed."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._engine = create_engine(
            "sqlite://", creator=lambda: raw, poolclass=StaticPool, pool_reset_on_return=None
        )
        self.connection = self._engine.connect()

    async def load(self, load: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        return await load(self)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[_Snapshots]:
        yield self

    def close(self) -> None:
        self.connection.close()
        self._engine.dispose()

    async def rows(self, statement: Any, params: Mapping[str, Any] | None = None) -> Sequence[Any]:
        return self.connection.execute(statement, dict(params or {})).fetchall()

    async def one(self, statement: Any, params: Mapping[str, Any] | None = None) -> Any:
        return self.connection.execute(statement, dict(params or {})).fetchone()


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")


class SqlLog(PlainLog):
    """See the module. The process's memory of it is lost with ``reopen``, the disk with ``put_back``."""

    def __init__(self, region: str, private: Any, roster: Roster) -> None:
        super().__init__(region, private)
        self._roster = roster
        self._now, self._lives = 0, 0
        self.copies: list[tuple[bytes, dict[LaneKey, int]]] = []
        image = bytearray(migrated())
        image[18:20] = b"\1\1"  # a database in memory has no write-ahead log
        self._connection: Any = None
        self._mount(bytes(image))

    def _mount(self, image: bytes) -> None:
        if self._connection:
            self._snapshots.close()
            self._connection.close()
        self._connection = SqliteConnection(":memory:")
        self._connection._connection.deserialize(image)
        self._snapshots = _Snapshots(self._connection._connection)
        self.reopen()

    def reopen(self) -> None:
        """As after the process's end: whatever is not on the disk is forgotten."""
        self._lives += 1
        entropy = Entropy(f"{self.region} {self._lives}")
        with self._connection.transaction() as tx:
            self.epoch = open_node(tx, self.region, entropy(4)).epoch
        self.reader: Any = self._snapshots
        self.tap = Tap(self.reader)
        self._handler = SyncHandler(
            self._connection,
            self.tap,
            region=self.region,
            epoch=self.epoch,
            groups=_GROUPS,
            now=lambda: self._now,
            entropy=entropy,
            peers=self._roster.regions - {self.region},
        )
        self._handler.open()
        self._pages = Pages(self.region, self.reader, self.private, self._roster)
        self._learn()

    def _learn(self) -> None:
        """Takes into the model what the database wrote by itself: the event that opens an epoch."""
        for key, tip in self.tips().items():
            if tip.seq > len(self.lanes.get(key, ())):
                self.lanes[key] = self._read(key, 0)

    def _read(self, key: LaneKey, after: int) -> list[Any]:
        found: list[Any] = []
        while page := at_once(event_log.lane_page(self._snapshots, key, after + len(found))):  # type: ignore[arg-type]
            found += page
        return found

    def _read_early(self, key: LaneKey) -> dict[int, WireEvent]:
        """What the database holds beyond a hole."""
        tip, lanes = self.tips()[key], t.lanes.c
        rows = self._snapshots.connection.execute(
            select(
                t.events.c.seq, t.events.c.header, t.events.c.hash, t.events.c.salt, t.events.c.body
            )
            .join(t.lanes, lanes.id == t.events.c.lane_id)
            .where(lanes.region == key.region, lanes.epoch == key.epoch, lanes.lane == key.lane)
            .where(t.events.c.seq > tip.seq)
        )
        return {seq: WireEvent(*event) for seq, *event in rows}

    def open_epoch(self, now: int) -> None:
        """``tap restored``: a new incarnation, in one transaction with its first event."""
        chance = Entropy(f"{self.region} {self._lives} opens")
        with self._connection.transaction() as tx:
            begin_epoch(tx, open_node(tx, self.region, b""), now, chance)
        self.reopen()

    # -- what links ask ----------------------------------------------------------------------------------

    def tips(self) -> dict[LaneKey, Held]:
        return at_once(self._pages.tips())

    def page(
        self,
        key: LaneKey,
        after: int,
        known: Roster | None = None,
        course: Course = Course.WHOLE,
        upto: int = SEQ_END,
    ) -> Page | None:
        return at_once(self._pages.page(key, after, course, upto))

    def prove(self, evidence: LaneBatch) -> ForkProof | None:
        return at_once(self._pages.prove(evidence))

    def take(self, batch: LaneBatch) -> None:
        self.apply(batch)

    def go_by(self, roster: Roster) -> None:
        self._roster = self._pages._roster = roster

    def sign_by(self, private: Any) -> None:
        super().sign_by(private)
        self._pages.rotate(private)

    def run(self, work: Callable[[Any], T]) -> T:
        """``Handler.run``, at once."""
        return self._handler.do(work)

    @contextlib.contextmanager
    def facts(self) -> Iterator[Any]:
        """What the tables say."""
        with self._connection.transaction() as tx:
            self._handler._facts.use(tx)
            yield self._handler._facts

    def decide(
        self, rule: Rule, facts: Any, context: Context
    ) -> tuple[dict[str, Any] | Refusal, list[Place]]:
        """By the tables; ``facts`` are the model's, and not asked."""
        self._now, self._handler.announced = context.now, []
        outcome = self._handler.do(lambda tx: self._handler._decided(tx, rule))
        places = [(LaneKey(*id[:3]), id.seq) for id in self._handler.announced]
        for key in dict.fromkeys([key for key, _ in places]):
            known = self.lanes.setdefault(key, [])
            known.extend(self._read(key, len(known)))
        if places:
            self._copy_now_and_then()
        return outcome, places

    def append(
        self,
        lane: str,
        body: Any,
        now: int,
        kind: str = "post.published",
        actor: str = "asha",
    ) -> LaneKey:
        self._now = now
        key = LaneKey(self.region, self.epoch, lane)
        name = object_id(now, hashlib.sha256(body + self.tip(key).hash).digest())
        place, text = "c:01kdvdna013gf2xzp6ew42bw2p", body.hex()[:4_000]
        event: Event = PostPublished(post=name, kind="update", place=place, at=now, text=text)
        if kind in LISTED:
            event = TopicDefined(topic=name, rev=1, names={"en": text[:40]})
        handler = self._handler

        def work(tx: Any) -> None:
            salt = hashlib.sha256(b"salt" + body).digest()[:SALT_BYTES]
            handler._records.append(
                handler._log.append(tx, Draft(lane, "asha", event, ()), now, salt)
            )

        handler.do(work)
        before = len(self.lanes.get(key, ()))
        self.lanes.setdefault(key, []).extend(self._read(key, before))
        self._copy_now_and_then()
        return key

    def _copy_now_and_then(self) -> None:
        if sum(len(events) for events in self.lanes.values()) % COPY_EVERY == 0:
            self._copy()

    def _apply(self, batch: LaneBatch) -> int:
        key = batch.key
        before, known = self.tip(key).seq, set(self.early.get(key, ()))
        outcome = self._handler.do(lambda tx: self._handler._apply(tx, batch))
        try:
            seq = super()._apply(batch)
        except Refused as refused:
            holds(isinstance(outcome, Refusal), "the writer takes what contradicts its log")
            raise refused
        holds(not isinstance(outcome, Refusal), f"the writer refuses what was verified: {outcome}")
        holds(outcome == seq, f"the writer says {outcome}, the model {seq}")
        holds(self._read(key, before) == self.lanes[key][before:], "the rows differ")
        holds(self.tips()[key] == self.tip(key), "the tips differ")
        held = {*range(before + 1, seq + 1), *self.early.get(key, ())} - known
        fresh = [EventId(*key, number) for number in sorted(held)]
        holds(self._handler.announced == fresh, "readers are told of something else")
        return seq

    def tear(self, batch: LaneBatch) -> None:
        """The process dies inside the transaction: nothing of it is left."""
        with contextlib.suppress(Torn), self._connection.transaction() as tx:
            self._handler._apply(tx, batch)
            self._handler._log.flush(tx)
            raise Torn

    # -- the disk ----------------------------------------------------------------------------------------

    def _copy(self) -> None:
        lengths = {key: len(events) for key, events in self.lanes.items()}
        self.copies = [*self.copies[-3:], (self._connection._connection.serialize(), lengths)]

    def put_back(self, lengths: Mapping[LaneKey, int]) -> None:
        """The oldest copy kept; which prefix of each lane that is, the copy decides."""
        if not self.copies:
            self._copy()
        image, lengths = self.copies[0]
        super().put_back(lengths)
        self.copies = self.copies[:1]
        self._mount(image)
        for key, held in self.tips().items():
            if held.lead:
                self.leads[key], self.early[key] = held.lead, self._read_early(key)

    def check(self) -> None:
        """The database is what the model says, and its folds are what its log says (I6)."""
        for key, events in self.lanes.items():
            holds(self._read(key, 0) == events, f"rows of {key} differ from the model")
            early = self.early.get(key, {})
            holds(self._read_early(key) == early, f"early rows of {key} differ from the model")
        report = rebuild_on(self._connection, check=True)
        holds(not report.different, f"I6: folded anew, these tables differ: {report.different}")

    def digests(self) -> dict[str, str]:
        """For comparing nodes that hold the same lanes."""
        return shared_digests(self._snapshots.connection)
