"""The one writer: what each kind of job does inside a group commit (``group_commit`` has the thread).

- a command of a person    at home here, or in a region that asks for them: decided, appended, folded;
                           remembered by its client key (I2)
- a batch of a peer        verified by the caller, stored and folded
- records of an import     decided and appended like commands, many to a job
- a function on the node's own tables (sessions, consumers)
- a function on the connection, between two transactions (an erasure's last steps)
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from sqlalchemy import bindparam, insert

from server.app import metrics
from server.app.group_commit import GroupCommit
from server.app.incarnations import lost, raised
from server.app.tap import Tap
from server.app.unanswered import Unanswered
from server.domain import limits
from server.domain.commands import Command, encoded
from server.domain.decide import Context, Decided, decide, decide_asked, decide_import
from server.domain.decide.asking import region_to_ask
from server.domain.errors import Code, Refusal, Refused
from server.domain.facts import Facts
from server.domain.ids import Cursor, LaneKey, object_id
from server.domain.import_records import ImportRecord
from server.domain.wire import SALT_BYTES, LaneBatch
from server.storage import tables as t
from server.storage.connection import Overtaken, WriterConnection
from server.storage.epochs import open_log
from server.storage.event_log import Record
from server.storage.facts import TxFacts
from server.storage.log_writer import LogWriter
from server.storage.sql import Tx, point, statement

log = logging.getLogger(__name__)
T = TypeVar("T")
_Rule = Callable[[Facts, Context], Decided | Refusal]

_ENTROPY_BYTES = 4096
_KEY = point(t.command_keys, "digest", "answer")
_INSERT_KEY = statement(
    insert(t.command_keys).values(
        {name: bindparam(name) for name in ("person", "key", "digest", "answer", "at")}
    )
)


class Answer(msgspec.Struct, frozen=True):
    """A command was committed. ``repeated``: it had been before, and this is the first answer."""

    position: int
    cursor: str
    result: dict[str, Any]
    repeated: bool = False


class Told(msgspec.Struct, frozen=True, array_like=True):
    """An answer as the command key remembers it, also over a move (docs/events/person.released.md)."""

    position: Annotated[int, Meta(ge=0, lt=2**53)]
    epoch: Annotated[int, Meta(ge=0, lt=2**53)]
    result: dict[str, Any]


_encode = msgspec.msgpack.Encoder().encode
_stored = msgspec.msgpack.Decoder(Told).decode


def first_told(answer: bytes) -> Told:
    """What a command's author was told, from the answer as its key remembers it."""
    return _stored(answer)


def readable(answer: bytes) -> bytes:
    """An answer that another region's program kept; an empty one instead of what says nothing here."""
    try:
        _stored(answer)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _encode(Told(0, 0, {}))
    return answer


def _label(outcome: Answer | Refusal) -> str:
    if isinstance(outcome, Refusal):
        return outcome.code
    return "repeated" if outcome.repeated else "ok"


class Entropy:
    """Random bytes for object ids and salts, drawn in bulk: a system call per batch, not per event."""

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = source
        self._pool = b""
        self._at = 0

    def take(self, n: int) -> bytes:
        if self._at + n > len(self._pool):
            self._pool, self._at = self._source(_ENTROPY_BYTES), 0
        self._at += n
        return self._pool[self._at - n : self._at]


class Handler(GroupCommit):
    """The only way to change anything. Made by the composition root; ``start`` before use.

    ``now`` returns UTC milliseconds, ``entropy`` random bytes; both are called in the writer thread."""

    def __init__(
        self,
        connection: WriterConnection,
        tap: Tap,
        *,
        region: str,
        epoch: int,
        groups: Mapping[str, frozenset[str]],
        now: Callable[[], int],
        entropy: Callable[[int], bytes],
        peers: frozenset[str] = frozenset(),
    ) -> None:
        self.region, self.epoch, self.peers, self.groups = region, epoch, peers, groups
        super().__init__(connection)
        self.holding: Refusal | None = None
        """What people are answered instead while a restored log gets back what it lost."""
        self.doubted = asyncio.Event()
        """Set with ``doubt``: the node is to be opened anew, in another epoch."""
        self.doubt = ""
        """Why nothing more may be written in this epoch: others hold more of it than we."""
        self.doubted_epoch = epoch
        """The epoch of ours that others hold more of."""
        self._tap, self._now = tap, now
        self._entropy = Entropy(entropy)
        self._ask: Callable[[str, str, str, Command], Awaitable[Answer | Refusal]] | None = None
        self._unanswered = Unanswered()
        self._log = LogWriter(region, epoch)
        self._facts = TxFacts(self._log.flush)
        self.needles: dict[str, tuple[bytes, ...]] = {}
        """By erasure request: pieces of what was destroyed since the start, until its receipt."""
        self._stale = False
        """The log's tips in memory may have been rolled back."""
        self._durable = 0
        """The position of our last commit."""
        self._records: list[Record] = []
        self._keys: dict[tuple[str, str], dict[str, Any]] = {}

    def start(self) -> None:
        """Loads the log's tips and starts the thread; call on the running loop."""
        with self._connection.transaction() as tx:
            self._log.load(tx)
            if self._log.position == 0:
                open_log(self._log, tx, 0, self._now(), self._entropy.take)
        self._durable = self._log.position
        self._tap.open(self.epoch + self._log.reading, self._log.position)
        super().start()

    # -- on the loop ---------------------------------------------------------------------------------

    async def handle(self, person: str, key: str, command: Command) -> Answer | Refusal:
        """One person's command. The same (person, key) is applied once; a repeat gets the first answer,
        the same key with another body is refused (I2). What another region has to decide is asked there."""
        outcome = await self._keyed(
            person, key, command, lambda facts, context: decide(command, person, facts, context)
        )
        again = (person, key) in self._unanswered
        if isinstance(outcome, Refusal) and (again or outcome.code is Code.WRONG_REGION):
            outcome = await self._elsewhere(person, key, command, outcome)
        kind = str(command.__struct_config__.tag)
        metrics.of(metrics.COMMANDS, kind, _label(outcome)).inc()
        return outcome

    async def handle_asked(
        self, asker: str, person: str, key: str, command: Command
    ) -> Answer | Refusal:
        """As ``handle``, for a person whose home is the region that asks."""
        return await self._keyed(
            person,
            key,
            command,
            lambda facts, context: decide_asked(command, person, asker, facts, context),
        )

    def ask_with(
        self, ask: Callable[[str, str, str, Command], Awaitable[Answer | Refusal]]
    ) -> None:
        """``ask(region, person, key, command)``: how another region's decision is got."""
        self._ask = ask

    async def _elsewhere(
        self, person: str, key: str, command: Command, refusal: Refusal
    ) -> Answer | Refusal:
        """The answer of the region that has to decide; without one to ask, our own."""
        if self._ask is None or refusal.retryable:
            return refusal
        region = await self._submit(lambda tx: self._region_to_ask(person, command))
        if isinstance(region, Refusal) or not region:
            return refusal
        outcome = await self._ask(region, person, key, command)
        self._unanswered.note((person, key), outcome)
        return outcome

    async def _keyed(
        self, person: str, key: str, command: Command, rule: _Rule
    ) -> Answer | Refusal:
        if self.holding:
            return self.holding
        digest = hashlib.sha256(encoded(command)).digest()
        return await self._submit(lambda tx: self._command(tx, person, key, digest, rule))

    async def import_records(self, records: Sequence[ImportRecord]) -> list[str | Refusal]:
        """For each record ``new``, ``known`` or why it was refused; in slices, so people come in between."""
        if self.holding:
            return [self.holding] * len(records)
        outcomes: list[str | Refusal] = []
        for start in range(0, len(records), limits.IMPORT_RECORDS_PER_JOB):
            part = records[start : start + limits.IMPORT_RECORDS_PER_JOB]
            decided = partial(self._import_all, part)
            done = await self._submit(decided, long=True)
            if isinstance(done, Refusal):
                done = [done] * len(part)
            outcomes += done
        return outcomes

    async def apply(self, batch: LaneBatch) -> int | Refusal:
        """Stores verified events of another region, perhaps in several transactions; the lane's tip after the
        last commit, or the first refusal."""
        long = len(batch.events) > limits.WRITER_SHORT_JOB_EVENTS_MAX
        jobs = [partial(self._apply, batch=part) for part in batch.parts()]
        outcomes = await asyncio.gather(*[self._submit(job, long=long) for job in jobs])
        refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        return refusals[0] if refusals else outcomes[-1]

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Runs a function on the node's own tables inside the next group commit.

        Raises Refused when the node cannot write; whatever ``work`` raises rolls it back and is raised."""
        outcome = await self._submit(work)
        if isinstance(outcome, Refusal):
            raise Refused(outcome.code, outcome.message)
        return outcome

    async def append(self, decide: _Rule) -> dict[str, Any] | Refusal:
        """Events decided by the node itself or its operator rather than by a person."""
        return await self._submit(lambda tx: self._decided(tx, decide))

    def distrust(self, reason: str, epoch: int) -> None:
        """Nothing of our own is written any more until the node was opened anew: ``epoch``, of ours, was
        also written by somebody who is not this log."""
        if self.doubt:
            return
        log.critical("this log lost events: %s", reason)
        self.doubt, self.doubted_epoch = reason, epoch
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.doubted.set)

    # -- in the writer thread ------------------------------------------------------------------------

    # -- around the jobs of a transaction --------------------------------------------------------------

    def _publish(self, records: Sequence[Record]) -> None:
        self._tap.committed(records)

    def _begin(self, tx: Tx) -> None:
        if self._stale:
            self._log.load(tx)
            if self._log.position != self._durable:
                raise Overtaken("another node wrote into this log")
            self._stale = False
        self._facts.use(tx)

    def _finish(self, tx: Tx) -> None:
        if self._keys:
            tx.many(_INSERT_KEY, self._keys.values())
        self._log.flush(tx)

    def _committed(self) -> Sequence[Record]:
        self._count()
        self._durable = self._log.position
        self._keys.clear()
        for done in self._log.destroyed:
            self.needles[done.request] = self.needles.get(done.request, ()) + done.needles
        self._log.destroyed.clear()
        records, self._records = self._records, []
        return records

    def _count(self) -> None:
        own = sum(record.id.region == self.region for record in self._records)
        for origin, events in (("own", own), ("foreign", len(self._records) - own)):
            if events:
                metrics.of(metrics.EVENTS_COMMITTED, origin).inc(events)

    def _undo(self) -> None:
        """The next transaction reads the log's tips anew."""
        self._records.clear()
        self._keys.clear()
        self._facts.forget_all()
        self._stale = True

    def _command(
        self, tx: Tx, person: str, key: str, digest: bytes, rule: _Rule
    ) -> Answer | Refusal:
        known = self._known_answer(tx, person, key, digest)
        if known is not None:
            return known
        context = self._context()
        decision = raised(rule(self._facts, context), self.epoch)
        if isinstance(decision, Refusal):
            return decision
        self._append(tx, decision, context)
        position = self._log.position
        self._keys[person, key] = {
            "person": person,
            "key": key,
            "digest": digest,
            "answer": _encode(Told(position, self._tap.epoch, decision.answer)),
            "at": context.now,
        }
        return Answer(position, str(Cursor(self._tap.epoch, position)), decision.answer)

    def _region_to_ask(self, person: str, command: Command) -> str:
        """Empty when nobody else is to be asked: we ask for people at home here, about other homes."""
        who = self._facts.person(person)
        if who is None or who.home != self.region:
            return ""
        region = region_to_ask(command, self._facts)
        return "" if region == self.region else region

    def _known_answer(
        self, tx: Tx, person: str, key: str, digest: bytes
    ) -> Answer | Refusal | None:
        mine = self._keys.get((person, key))
        row = (
            (mine["digest"], mine["answer"])
            if mine is not None
            else tx.one(_KEY, {"person": person, "key": key})
        )
        if row is None:
            return None
        # Of a secret ballot cast at an earlier home no digest travels (docs/protocol/federation.md 18.3).
        if row[0] and bytes(row[0]) != digest:
            return Refusal(
                Code.KEY_REUSED, "this key was used for another command; take a new key", "key"
            )
        first = _stored(bytes(row[1]))
        cursor = str(Cursor(first.epoch, first.position))
        return Answer(first.position, cursor, first.result, repeated=True)

    def _context(self) -> Context:
        now = self._now()
        return Context(
            self.region,
            now,
            lambda: object_id(now, self._entropy.take(10)),
            self.groups,
            self.peers,
        )

    def _append(self, tx: Tx, decision: Decided, context: Context) -> None:
        if self.doubt and decision.drafts:
            raise Refused(
                Code.RECOVERING, f"this node lost events ({self.doubt}); try again shortly"
            )
        for draft in decision.drafts:
            record = self._log.append(tx, draft, context.now, self._entropy.take(SALT_BYTES))
            self._facts.forget(draft.event)
            self._records.append(record)

    def _import_all(self, records: Sequence[ImportRecord], tx: Tx) -> list[str | Refusal]:
        return [self._import(tx, record) for record in records]

    def _import(self, tx: Tx, record: ImportRecord) -> str | Refusal:
        context = self._context()
        decision = raised(decide_import(record, self._facts, context), self.epoch)
        if isinstance(decision, Refusal):
            return decision
        self._append(tx, decision, context)
        return "new" if decision.drafts else "known"

    def _apply(self, tx: Tx, batch: LaneBatch) -> int | Refusal:
        ours = LaneKey(self.region, self.epoch, batch.key.lane)
        if reason := lost(batch, ours, self._log.tip(ours).seq):
            self.distrust(reason, batch.key.epoch)
            return Refusal(Code.RECOVERING, f"this node lost events: {reason}")
        # Nothing is stored before the check inside, so a refused batch leaves no trace in this one.
        try:
            records = self._log.store(tx, batch)
        except Refused as refused:
            return refused.refusal
        for record in records:
            if record.event is not None:
                self._facts.forget(record.event)
        self._records += records
        return self._log.tip(batch.key).seq

    def _decided(self, tx: Tx, rule: _Rule) -> dict[str, Any] | Refusal:
        context = self._context()
        decision = raised(rule(self._facts, context), self.epoch)
        if isinstance(decision, Refusal):
            return decision
        self._append(tx, decision, context)
        return decision.answer

    def regroup(self, groups: Mapping[str, frozenset[str]], peers: frozenset[str]) -> None:
        """Other regions exist and form other groups from the next decision on: a newer roster says so."""
        self.groups, self.peers = groups, peers

    def lane_tip(self, key: LaneKey) -> int:
        """The writer's own view of a lane; for tests and diagnosis."""
        return self._log.tip(key).seq
