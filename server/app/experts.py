"""The consumer that keeps who knows: reads the tap in order, looks again where a batch touches, writes.

One batch of the tap is

1. *touched*: which threads and people to look at again (``expert_touches``)
2. *threads*: each as it stands by now (``expert_threads``); what differs is written
3. *people*: everybody who ever answered in one of them, and who else was touched: their record anew
   (``scoring.experts``) and whether it is shown; what differs is written, and after the last the cursor

All reading is on snapshots, off the writer's thread, a few at a time. Everything written is a function of the
tables, the rules and the day, so a batch that is read twice, in part even, changes nothing. Where the cursor's rules or its day are not today's, every record is read again: scores
age by the day. ``rebuild`` is the same from nothing.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from sqlalchemy import select

from server.app import expert_milestones, expert_store, expert_threads, metrics
from server.app.expert_store import Row, row_of
from server.app.expert_touches import Touches
from server.app.handle import Handler
from server.app.score_store import began_anew
from server.app.tap import Tap
from server.domain.scoring_policy import CAUTIOUS, may_show
from server.scoring.experts import Judged, Reading
from server.scoring.rules import Rulebook, day_of, shipped
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.reader import Reader, Snapshot, parts
from server.storage.sql import Tx, upsert

NAME = "experts"
RECORDS_PER_BATCH = 256
THREADS_PER_JOB = 64
PEOPLE_PER_JOB = 64
UNSAVED_RECORDS_MAX = 1_024
"""Records that touch nothing are not worth a commit each: at most so many are read again after a crash."""

_CURSOR = select(t.consumers.c.position, t.consumers.c.rules).where(t.consumers.c.name == NAME)
_SAVE = upsert(t.consumers, ["epoch", "position", "rules"])


class Experts:
    """Made by the composition root after the handler; ``run`` for ever, or ``catch_up`` once.

    The only writer of its tables, so a snapshot taken after its own commit is all it needs to know.
    ``now``: UTC milliseconds, for the day alone."""

    def __init__(
        self,
        tap: Tap,
        handler: Handler,
        reader: Reader,
        *,
        now: Callable[[], int],
        rulebook: Rulebook | None = None,
    ) -> None:
        self.position = -1
        """Up to where the tap is read; -1 before the stored cursor was."""
        self._tap, self._handler, self._reader, self._now = tap, handler, reader, now
        self._rulebook = rulebook or shipped()
        self._stands, self._saved, self._day = "", 0, 0
        self._busy = asyncio.Lock()

    async def run(self) -> None:
        """Follows the tap until cancelled. The day turns with the first commit of the next one."""
        await self._tap.follow(NAME, self.catch_up, lambda: self.position)

    async def catch_up(self) -> None:
        """Everything committed so far is taken in, as of today, when this returns."""
        async with self._busy:
            if self.position < 0:
                await self._open()
            self._day = day_of(self._now())
            if not self._stands:
                await self._begin()
            elif self._stands != self._today():
                await self._turn_day()
            while self.position < self._tap.position:
                records = await self._tap.read(self.position, RECORDS_PER_BATCH)
                touches = Touches(records)
                busy = await self._take_in(touches)
                self.position = records[-1].position
                if busy or self.position - self._saved >= UNSAVED_RECORDS_MAX:
                    await self._handler.run(partial(self._save, self._stands))
                metrics.CONSUMER_LAG_EVENTS.labels(NAME).set(self._tap.position - self.position)

    async def rebuild(self) -> None:
        """Forgets everything and takes it in anew from the beginning."""
        async with self._busy:
            await self._handler.run(expert_store.forget_all)
            await self._handler.run(_forget_cursor)
            self.position = -1
        await self.catch_up()

    def _today(self) -> str:
        return f"{self._rulebook.fingerprint}/{self._day}"

    async def _open(self) -> None:
        async with self._reader.snapshot() as snapshot:
            row = await snapshot.one(_CURSOR)
        self.position, self._stands = row or (0, "")
        self._saved = self.position

    async def _begin(self) -> None:
        """Every thread once, instead of once for each of its events; who used what is in the events alone."""
        position = self.position
        while position < self._tap.position:
            records = await self._tap.read(position, RECORDS_PER_BATCH)
            if uses := Touches(records).uses:
                await self._handler.run(partial(expert_store.put_uses, uses=uses))
            position = records[-1].position
        last = ""
        while threads := await self._questions(last):
            await self._look_at_threads(threads)
            last = threads[-1]
        self.position = position
        await self._turn_day()

    async def _questions(self, after: str) -> Sequence[str]:
        async with self._reader.snapshot() as snapshot:
            return await expert_threads.questions(snapshot, after, THREADS_PER_JOB)

    async def _turn_day(self) -> None:
        """Every record as of today and by today's rules, and how long people need to their milestones."""
        async with self._reader.snapshot() as snapshot:
            everybody = await expert_store.everybody(snapshot)
        await self._look_at_all(everybody)
        async with self._reader.snapshot() as snapshot:
            found = await expert_milestones.medians_of_all(snapshot)
        await self._handler.run(partial(expert_store.put_medians, found=found))
        await self._handler.run(partial(self._save, self._today()))

    def _save(self, stands: str, tx: Tx) -> None:
        values = {"name": NAME, "epoch": self._tap.epoch, "position": self.position}
        tx.execute(_SAVE, values | {"rules": stands})
        self._stands, self._saved = stands, self.position

    # -- one batch ---------------------------------------------------------------------------------------

    async def _take_in(self, touches: Touches) -> bool:
        """Looks again wherever the batch touches; whether there was anything to look at."""
        if not touches:
            return False  # most batches: posts that ask nothing, told by the records alone
        if touches.uses:
            await self._handler.run(partial(expert_store.put_uses, uses=touches.uses))
        async with self._reader.snapshot() as snapshot:
            threads = await expert_threads.touched(snapshot, touches)
            people = touches.people | await expert_store.at_home(snapshot, touches.regions)
        for part in parts(threads, THREADS_PER_JOB):
            people |= await self._look_at_threads(part)
        await self._look_at_all(people)
        return bool(threads or people or touches.uses)

    async def _look_at_threads(self, threads: Collection[str]) -> set[str]:
        """Writes what these threads amount to by now; whose records that may change."""
        async with self._reader.snapshot() as snapshot:
            read = await expert_threads.read(snapshot, threads)
            answers = await expert_store.answers_of_threads(snapshot, threads)
            calls = await expert_store.calls_of_threads(snapshot, threads)

        def write(tx: Tx) -> None:
            expert_store.put_answers(tx, answers, read.answers)
            expert_store.put_calls(tx, calls, read.calls)

        await self._handler.run(write)
        return read.people

    async def _look_at_all(self, people: Iterable[str]) -> None:
        for part in parts(people, PEOPLE_PER_JOB):
            async with self._reader.snapshot() as snapshot:
                answers = await _answers_since(snapshot, part)
                shown = await _shown(snapshot, part)
                before = await expert_store.rows_of(snapshot, part)
            # In a thread, so that somebody with thousands of answers does not hold up the loop.
            after = await asyncio.to_thread(self._rows, answers, shown)
            await self._handler.run(partial(expert_store.put_rows, before=before, after=after))

    def _rows(
        self, answers: Mapping[str, Iterable[Judged]], shown: Mapping[str, bool]
    ) -> list[Row]:
        rules = self._rulebook.on(self._day).expertise
        found: list[Row] = []
        if rules is None:
            return found
        for person in answers.keys() & shown.keys():
            reading = Reading(person, answers[person], rules, self._day)
            found += [row_of(topic, reading.on(topic), shown[person]) for topic in reading.topics]
        return found


async def _answers_since(snapshot: Snapshot, names: Collection[str]) -> dict[str, list[Judged]]:
    """What each of the people answered, without what they had erased from their history."""
    since = await began_anew(snapshot, names)
    return {
        name: [answer for answer in found if answer.at >= since.get(name, 0)]
        for name, found in (await expert_store.answers_of(snapshot, names)).items()
    }


async def _shown(snapshot: Snapshot, names: Collection[str]) -> dict[str, bool]:
    """Whether each of the people is shown to others; who lives where scores are off has no record at all."""
    standings = await expert_store.standings(snapshot, names)
    policies = await scoring.policies(snapshot)
    choices = await scoring.choices(snapshot, names)
    homes = {name: policies.get(one.home, CAUTIOUS) for name, one in standings.items()}
    return {
        name: one.active and not one.bot and may_show("experts", homes[name], choices[name])
        for name, one in standings.items()
        if homes[name].scores != "off"
    }


def _forget_cursor(tx: Tx) -> None:
    tx.execute(_SAVE, {"name": NAME, "epoch": 0, "position": 0, "rules": ""})
