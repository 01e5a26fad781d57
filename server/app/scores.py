"""The scoring consumer: reads the tap in order, keeps acts, writes the ledgers of people at home here.

One batch of the tap is

1. *kept*: its acts become rows of ``score_acts`` (one job of the writer; a repeat changes nothing)
2. *scored*: which lines it may change, and these anew (``score_anew``), on a reader's snapshot and off the
   writer's thread, so that nobody's command waits for it
3. *written*: changed lines together with the cursor, in one job (at-least-once becomes exactly once)
4. *told*: the listener, after the commit

Where the cursor's rules are not the ones we have (first start, changed rules), acts are kept without
scoring up to the log's end and then every ledger is scored once. ``tap rebuild`` is the same from 0.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import bindparam, delete, func, literal_column, select

from server.app import metrics, score_store
from server.app.score_acts import destroyed, moves, spread
from server.app.score_anew import Anew, Gathered, Work, whole
from server.app.score_changes import Changes, Touches
from server.app.score_rows import Move, Row
from server.app.score_store import family_rows, forget_acts, put_rows, total, write_lines
from server.app.tap import Tap
from server.scoring.rules import DAY_MS, Rulebook, day_of, shipped
from server.scoring.score import standing
from server.storage import tables as t
from server.storage.event_log import Record
from server.storage.reader import Reader, Snapshot
from server.storage.sql import Tx, statement, upsert

T = TypeVar("T")
Listener = Callable[[str, int, dict[str, Any] | None], None]
"""(person, total in milli-points, the new line or None): called on the loop after the commit."""

NAME = "scores"
RECORDS_PER_BATCH = 256
SCOPES_PER_JOB = 64
UNSAVED_RECORDS_MAX = 1_024
"""Records without an act are not worth a commit each: at most so many are read again after a crash."""

_CURSOR = select(t.consumers.c.position, t.consumers.c.rules).where(t.consumers.c.name == NAME)
_SAVE = upsert(t.consumers, ["epoch", "position", "rules"])
_FORGET = [statement(delete(table)) for table in (t.score_acts, t.score_rulings, t.credits_)]
_DAY = t.credits_.c.at // literal_column(str(DAY_MS))
_DAYS = (
    select(_DAY, func.sum(t.credits_.c.milli_points))
    .where(t.credits_.c.person == bindparam("person"))
    .group_by(_DAY)
)


class Writer(Protocol):
    """What scoring needs of the handler: whose people it writes for, and jobs inside a transaction."""

    @property
    def region(self) -> str: ...
    async def run(self, work: Callable[[Tx], T]) -> T: ...


class Scores:
    """Made by the composition root after the handler; ``run`` for ever, or ``catch_up`` once.

    The only writer of ``score_acts`` and ``credits``, so a snapshot taken after its own commit is all
    it needs to know. ``now``: UTC milliseconds, for the measured lag alone."""

    def __init__(
        self,
        tap: Tap,
        handler: Writer,
        reader: Reader,
        *,
        now: Callable[[], int],
        listener: Listener | None = None,
        rulebook: Rulebook | None = None,
        retains: Callable[[], int] | None = None,
    ) -> None:
        """``retains``: the clock by which old lines are bare (``score_retention``); without one none are."""
        self.position = -1
        """Up to where the tap is scored; -1 before the stored cursor was read."""
        self._tap, self._handler, self._reader = tap, handler, reader
        self._now, self.listener = now, listener
        self._rulebook, self._retains = rulebook or shipped(), retains
        self._rules, self._saved, self._live_from = "", 0, 0
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Follows the tap until cancelled."""
        await self._tap.follow("scores", self.catch_up, lambda: self.position)

    async def catch_up(self) -> None:
        """Everything committed so far is kept and scored when this returns."""
        async with self._busy:
            if self.position < 0:
                await self._open()
            if self._rules != self._rulebook.fingerprint:
                await self._score_all()
            while self.position < self._tap.position:
                records = await self._tap.read(self.position, RECORDS_PER_BATCH)
                await self._score(records, await self._keep(records))

    async def rebuild(self) -> None:
        """Forgets all acts and lines and replays the tap from the beginning."""
        async with self._busy:
            await self._handler.run(_forget_all)
            self.position = -1
        await self.catch_up()

    async def _open(self) -> None:
        async with self._reader.snapshot() as snapshot:
            row = await snapshot.one(_CURSOR)
        self.position, self._rules = row or (0, "")
        self._saved, self._live_from = self.position, self._tap.position

    # -- kept ------------------------------------------------------------------------------------------

    async def _keep(self, records: Sequence[Record]) -> list[Row]:
        """The rows that the acts of these records came to, some perhaps known before."""
        found = [move for record in records for move in moves(record)]
        return await self._handler.run(lambda tx: _keep(tx, found)) if found else []

    # -- scored ----------------------------------------------------------------------------------------

    async def _score(self, records: Sequence[Record], kept: Sequence[Row]) -> None:
        touches = Touches(records, kept)
        changes = await self._changes(touches) if touches else Changes()
        await self._write(changes, records[-1], kept)

    async def _changes(self, part: Touches | Work) -> Changes:
        """What a batch changed, or what is stored otherwise of a part. To SQLite all reading is one turn of a
        thread."""

        async def gathered(view: Snapshot) -> Gathered | None:
            anew = self._anew(view)
            work = part if isinstance(part, Work) else await anew.work(part)
            return await anew.gathered(work) if work else None

        found = await self._reader.load(gathered)
        return await asyncio.to_thread(found.changes) if found else Changes()

    async def _score_all(self) -> None:
        """Keeps acts up to the log's end, then scores every quarter of everybody at home here."""
        while self.position < self._tap.position:
            records = await self._tap.read(self.position, RECORDS_PER_BATCH)
            await self._write(Changes(), records[-1], await self._keep(records))
        async with self._reader.snapshot() as snapshot:
            scopes = await score_store.scopes(snapshot)
        for start in range(0, len(scopes), SCOPES_PER_JOB):
            changes = await self._changes(whole(scopes[start : start + SCOPES_PER_JOB]))
            await self._handler.run(partial(_write_lines, changes))
        await self._handler.run(
            lambda tx: self._save(tx, self.position, self._rulebook.fingerprint)
        )
        self._rules, self._saved = self._rulebook.fingerprint, self.position

    def _anew(self, snapshot: Snapshot) -> Anew:
        now = self._retains() if self._retains else None
        return Anew(snapshot, self._rulebook, self._handler.region, now)

    # -- written and told --------------------------------------------------------------------------------

    async def _write(self, changes: Changes, last: Record, kept: Sequence[Row]) -> None:
        off = destroyed(kept)
        dirty = changes.gone or changes.written or off
        totals: dict[str, int] = {}

        def write(tx: Tx) -> dict[str, int]:
            # Their lines were found by them: they go together.
            forget_acts(tx, off)
            return self._commit(tx, changes, last.position)

        if dirty or last.position - self._saved >= UNSAVED_RECORDS_MAX:
            totals = await self._handler.run(write)
            self._saved = last.position
        self.position = last.position
        metrics.SCORING_LINES.inc(len(changes.written))
        self._measure(last)
        if last.position > self._live_from:
            self._tell(changes, totals)

    def _commit(self, tx: Tx, changes: Changes, position: int) -> dict[str, int]:
        _write_lines(changes, tx)
        self._save(tx, position, self._rules)
        return {person: total(tx, person) for person in changes.people}

    def _save(self, tx: Tx, position: int, rules: str) -> None:
        values = {"name": NAME, "epoch": self._tap.epoch, "position": position, "rules": rules}
        tx.execute(_SAVE, values)

    def _measure(self, last: Record) -> None:
        behind = self._tap.position - last.position
        metrics.CONSUMER_LAG_EVENTS.labels(NAME).set(behind)
        late = max(0, self._now() - last.at) / 1000 if behind else 0
        metrics.SCORING_LAG_SECONDS.set(late)

    def _tell(self, changes: Changes, totals: dict[str, int]) -> None:
        if self.listener is None:
            return
        for line in sorted(changes.gained, key=lambda line: line.at):
            self.listener(line.person, totals[line.person], msgspec.json.decode(line.line))
        for person in sorted(totals.keys() - {line.person for line in changes.gained}):
            self.listener(person, totals[person], None)


def _write_lines(changes: Changes, tx: Tx) -> None:
    write_lines(tx, changes.gone, changes.written)


def _keep(tx: Tx, found: Sequence[Move]) -> list[Row]:
    """Rows of a family depend on those before them; all others are written at once."""
    kept: list[Row] = []
    plain: list[Row] = []
    for move in found:
        if move.family is None:
            plain.append(move.row)
        else:
            rows = spread(move.family, family_rows(tx, move.family), move.row)
            put_rows(tx, rows)
            kept += rows
    put_rows(tx, plain)
    return kept + plain


def _forget_all(tx: Tx) -> None:
    for forget in _FORGET:
        tx.execute(forget, {})
    tx.execute(_SAVE, {"name": NAME, "epoch": 0, "position": 0, "rules": ""})


class Account(NamedTuple):
    """A person's standing today; ``next_level``: milli-points of standing where the next level begins."""

    standing: int
    level: int
    next_level: int | None
    rules: str


async def account(snapshot: Snapshot, person: str, now: int) -> Account:
    """Standing and level on the UTC day of ``now``, from the stored lines."""
    rulebook = shipped()
    rules = rulebook.on(day_of(now))
    days = await snapshot.rows(_DAYS, {"person": person})
    points = [(day * DAY_MS, int(milli)) for day, milli in days]
    worth = standing(points, rules, day_of(now))
    level = rules.level(worth)
    ahead = rules.levels[level] if level < len(rules.levels) else None
    return Account(worth, level, ahead, rules.id)
