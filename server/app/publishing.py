"""Publishes what may be told of the people at home here, so that any other region can recompute it.

docs/scoring.md section 9. At its start and once every UTC day, and soon after somebody chose to be shown,
the node computes its people's public ledgers from the log (``score_public``) in a process of its own, so
that neither the loop nor the writer waits for it. Then it writes, through the one writer and in small
jobs, the standings that are news, and last the root that covers them. A crash in between leaves standings
without a root, which the next start computes again: what is published already is no news.
"""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from server.app import metrics, public_mirror
from server.app.handle import Handler
from server.app.public_mirror import Cut
from server.app.score_public import PublicPart, account_of, differs, public_part
from server.app.tap import Tap
from server.domain.decide import scoring as decide
from server.domain.decide.base import Context, Decided
from server.domain.decide.scoring import Reached
from server.domain.errors import Refusal, Refused
from server.domain.events import (
    ErasureRequested,
    ScoringChoiceChanged,
    ScoringPolicyChanged,
    ScoringRootPublished,
)
from server.domain.facts import Facts
from server.domain.scoring_policy import CAUTIOUS, publishes
from server.scoring.rules import DAY_MS, Rulebook, day_of, shipped
from server.storage.event_log import Record
from server.storage.queries import scoring as queries
from server.storage.queries.scoring import Root, Standing
from server.storage.reader import Reader

T = TypeVar("T")
log = logging.getLogger(__name__)

PEOPLE_PER_JOB = 200
"""Some ten milliseconds of the writer's time."""
PAUSE_MS = 600_000
"""Between two publications that people's choices caused: each reads the whole public log."""
RETRY_MS = 60_000
START_SECONDS = 15
"""At a start everybody comes back at once: this can wait."""
ASLEEP_SECONDS_MAX = 60
"""A clock that is set forward is noticed within a minute."""
NICE = 10
"""Whoever uses the node goes first."""


class Computed(NamedTuple):
    """What there is to publish: plain, since it comes from another process."""

    day: int
    rules: str
    quarter: str
    cut: Cut
    people: int
    root: str
    news: tuple[Reached, ...]
    """Whose published standing is missing, or not what the ledger says any more."""


Compute = Callable[[int], Awaitable[Computed]]
"""What the public ledgers come to on a UTC day."""


# -- computing ------------------------------------------------------------------------------------------


async def computed(
    reader: Reader, file: Path, region: str, day: int, rulebook: Rulebook | None = None
) -> Computed:
    """Reads the public lanes up to where they end now. ``file``: of the mirror, kept for the next time."""
    rulebook = rulebook or shipped()
    cut = await public_mirror.cut_here(reader)
    part = await public_part(reader, file, region, cut, day, rulebook)
    async with reader.snapshot() as snapshot:
        policy = (await queries.policies(snapshot)).get(region, CAUTIOUS)
        choices = await queries.choices(snapshot, part.credits)
        known = {one.person: one for one in await queries.standings_by(snapshot, region)}
    asked = {person: publishes(policy, choices[person]) for person in part.credits}
    people = {person for person, (points, _) in asked.items() if points}
    people |= {person for person, one in known.items() if one.shown}
    by_topic = {person for person, (_, topics) in asked.items() if topics}
    return Computed(
        day=day,
        rules=part.rules,
        quarter=part.quarter,
        cut=cut,
        people=len(part.credits),
        root=part.root,
        news=tuple(_news(part, sorted(people), by_topic, known, rulebook)),
    )


def _news(
    part: PublicPart,
    people: Iterable[str],
    by_topic: Collection[str],
    known: Mapping[str, Standing],
    rulebook: Rulebook,
) -> Iterator[Reached]:
    """``by_topic``: of whom the standing by topic is published too."""
    for person in people:
        account = account_of(part.credits.get(person, ()), part.day, rulebook)
        published = known.get(person)
        if (
            published is None
            or not published.shown
            or differs(part, published, rulebook)
            or (person in by_topic and account.topics and not published.topics)
        ):
            yield Reached(person, *account)


class Asked(NamedTuple):
    """What the other process is told: on its standard input, since ``url`` may hold a password."""

    url: str
    file: str
    region: str
    day: int


async def compute_apart(url: str, file: Path, region: str, day: int) -> Computed:
    """``computed`` in a process that ends with its answer, and gives its memory back.

    It ends at once when nobody waits for it any more: a mirror that is not whole is begun anew."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __spec__.name,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        asked = msgspec.msgpack.encode(Asked(url, str(file), region, day))
        answer, _ = await process.communicate(asked)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the process that computes ended with {process.returncode}")
    return msgspec.msgpack.decode(answer, type=Computed)


def main() -> None:
    """That process."""
    os.nice(NICE)
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Asked)

    async def run() -> Computed:
        reader = Reader.open(asked.url)
        try:
            return await computed(reader, Path(asked.file), asked.region, asked.day)
        finally:
            await reader.close()

    sys.stdout.buffer.write(msgspec.msgpack.encode(asyncio.run(run())))


# -- publishing -----------------------------------------------------------------------------------------


class Publisher:
    """Made by the composition root after the handler; ``run`` for ever, or ``publish`` once."""

    def __init__(
        self,
        tap: Tap,
        handler: Handler,
        reader: Reader,
        *,
        now: Callable[[], int],
        compute: Compute,
        forget: Callable[[], None],
    ) -> None:
        """``forget``: destroys what ``compute`` keeps between two days."""
        self._handler, self._reader = handler, reader
        self._now, self._compute, self._forget = now, compute, forget
        self._asked = False
        """Somebody wants to be shown, or the policy is another one."""
        self._wanted = False
        """The operator wants it now."""
        self._done_at = 0
        self._news = asyncio.Event()
        tap.subscribe(self._committed)

    async def run(self) -> None:
        """Until cancelled. A failure is logged and tried again."""
        await self._wait(START_SECONDS)
        while True:
            self._news.clear()
            await self._wait((await self._step() - self._now()) / 1000)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0), ASLEEP_SECONDS_MAX)):
                await self._news.wait()

    def ask(self) -> None:
        """Publish as soon as possible: somebody who runs the node wants it."""
        self._wanted = True
        self._news.set()

    async def _step(self) -> int:
        """Publishes if it is time to; when to ask again (UTC milliseconds)."""
        try:
            if await self.due() <= self._now():
                await self.publish(self._now())
            return await self.due()
        except Exception:
            metrics.SCORING_PUBLISHED.labels("failed").inc()
            log.exception("standings are not published")
            return self._now() + RETRY_MS

    async def due(self) -> int:
        """The moment of the next publication, in UTC milliseconds; a past one: now. Not while a restored log gets
        back what it lost: in that may be that somebody wants nothing shown any more."""
        if self._handler.holding:
            return self._now() + RETRY_MS
        async with self._reader.snapshot() as snapshot:
            last = await queries.last_root(snapshot, self._handler.region)
        if self._wanted:
            return 0
        if not self._done_at and (last is None or last.rules != shipped().fingerprint):
            return 0
        done = max(last.day if last else 0, day_of(self._done_at))
        tomorrow = (done + 1) * DAY_MS
        return min(tomorrow, self._done_at + PAUSE_MS) if self._asked else tomorrow

    async def publish(self, now: int) -> int:
        """Writes what is news, then the root, if anything is or the day is another; how many standings.

        Raises Refused when the node cannot write."""
        self._asked = self._wanted = False
        region = self._handler.region
        async with self._reader.snapshot() as snapshot:
            policy = (await queries.policies(snapshot)).get(region, CAUTIOUS)
            last = await queries.last_root(snapshot, region)
            written = [one.person for one in await queries.standings_by(snapshot, region)]
        await self._in_jobs(decide.sweep, written)
        count = 0
        if policy.scores != "off":
            found = await self._compute(day_of(now))
            count = await self._in_jobs(partial(decide.publish, found.day, found.rules), found.news)
            if count or last is None or _says(last) != _says(found):
                await self._append(partial(decide.publish_root, _root(region, found)))
        self._done_at = now
        metrics.SCORING_PUBLISHED.labels("done").inc()
        return count

    async def _in_jobs(self, rule: Callable[..., Decided], items: Sequence[T]) -> int:
        """How many events a rule about many people came to, a part of them at a time."""
        count = 0
        for start in range(0, len(items), PEOPLE_PER_JOB):
            answer = await self._append(partial(rule, items[start : start + PEOPLE_PER_JOB]))
            count += answer["written"]
        return count

    async def _append(self, rule: Callable[[Facts, Context], Decided]) -> dict[str, Any]:
        answer = await self._handler.append(rule)
        if isinstance(answer, Refusal):
            raise Refused(answer.code, answer.message)
        return answer

    def _committed(self, records: Sequence[Record]) -> None:
        for record in records:
            match record.event:
                case ScoringChoiceChanged() | ScoringPolicyChanged() if (
                    record.id.region == self._handler.region
                ):
                    self._asked = True
                    self._news.set()
                case ErasureRequested():
                    self._forget()


def _says(one: Root | Computed) -> tuple[int, str, str]:
    return one.day, one.rules, one.root


def _root(region: str, found: Computed) -> ScoringRootPublished:
    return ScoringRootPublished(
        region=region,
        day=found.day,
        rules=found.rules,
        quarter=found.quarter,
        cut=found.cut,
        people=found.people,
        root=found.root,
    )


if __name__ == "__main__":
    main()
