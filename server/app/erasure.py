"""This region's part in an erasure, after the log and the tables have let go of the words.

The commit that brings a request destroys the bodies and blanks the tables at once (storage/erasing). What
is left lies beside them, and the receipt waits for it:

1. ledger lines that name the post have been scored anew
2. files that only erased posts had are deleted
3. the write-ahead log is emptied (SQLite), or old row versions are gone (PostgreSQL)
4. the unused parts of the database's pages hold none of the words, or the database is written anew

Then the receipt is appended, once per region (docs/protocol/federation.md 15). All of it may be cut off
anywhere: what is owed is read from the tables, and done again from the first step. A database that was put back
owes all of it anew, also where the receipt that was given before comes back with the rest.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from server.app import metrics
from server.app.handle import Handler
from server.app.tap import Tap
from server.domain.decide import Context, Decided, Draft
from server.domain.decide.erase import receipt
from server.domain.errors import Refusal, Refused
from server.domain.events import ErasureCompleted, ErasureRequested
from server.domain.facts import Facts
from server.domain.visibility import lane_audience
from server.storage.connection import WriterConnection
from server.storage.erasing import seen_to
from server.storage.event_log import Record
from server.storage.queries import erasures
from server.storage.queries.erasures import Audience, Owed
from server.storage.reader import Reader
from server.storage.residue import search_apart

log = logging.getLogger(__name__)

RETRY_SECONDS = 2
"""A reader holds the old pages, or scores are still being written: both pass within a second."""
REWRITE_SECONDS_MIN = 600
"""Between two rewrites of the database, each of which holds up all writing: about 10 s per GB."""
LOOK_SECONDS = 60
"""How often the measurements are brought up to date when nothing happens: they tell an age."""


def audience_of(regions: frozenset[str], groups: Mapping[str, Iterable[str]]) -> Audience:
    """Whose receipts an erasure needs, where these regions and policy groups are configured."""

    def audience(origin: str, lanes: Collection[str]) -> frozenset[str]:
        told = [lane_audience(lane, origin, regions, groups) for lane in lanes]
        return frozenset[str]().union(*told)

    return audience


class Erasures:
    """Made by the composition root; ``run`` for ever, or ``settle`` once.

    ``scored``: up to which position ledger lines are written. ``delete_files``: ``app.media.Media.tidy``.
    ``file``: the SQLite database. ``now``: UTC milliseconds."""

    def __init__(
        self,
        handler: Handler,
        tap: Tap,
        reader: Reader,
        audience: Audience,
        *,
        now: Callable[[], int],
        scored: Callable[[], int],
        delete_files: Callable[[], Awaitable[object]],
        file: Path | None,
    ) -> None:
        self._handler, self._tap, self._reader = handler, tap, reader
        self._audience, self._now, self._scored, self._file = audience, now, scored, file
        self._delete_files = delete_files
        self._rewrite_at = 0
        """From when on the database may be written anew, once more."""
        self._wait_until = 0
        """Until then there is nothing to be tried: it has to be written anew, and may not."""
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Gives receipts until cancelled. What fails is logged, shown as an open erasure, tried again."""
        self._tap.subscribe(self._listen)
        while True:
            pause = LOOK_SECONDS
            self._heard.clear()
            try:
                if await self.settle():
                    pause = RETRY_SECONDS
                await self.measure()
            except Refused as refused:
                log.warning("erasures wait: %s", refused)
            except Exception:
                log.exception("erasures stand still")
            await _at_most(pause, self._heard)

    def _listen(self, records: Sequence[Record]) -> None:
        if any(isinstance(r.event, ErasureRequested | ErasureCompleted) for r in records):
            self._heard.set()

    async def settle(self) -> int:
        """Gives the receipts that can be given now; how many have to wait."""
        async with self._reader.snapshot() as snapshot:
            owed = await erasures.owed(snapshot)
        ready = [one for one in owed if one.position <= self._scored()]
        if not ready:
            return len(owed)
        await self._delete_files()
        if not await self._is_clean(ready):
            return len(owed)
        outcome = await self._handler.append(
            lambda facts, context: _receipts(ready, facts, context)
        )
        if isinstance(outcome, Refusal):
            raise Refused(outcome.code, outcome.message)
        await self._handler.run(lambda tx: seen_to(tx, [one.request for one in ready]))
        for one in ready:
            self._handler.needles.pop(one.request, None)
        metrics.ERASURE_BODIES.inc(sum(one.bodies for one in ready))
        return len(owed) - len(ready)

    async def _is_clean(self, owed: Sequence[Owed]) -> bool:
        """Nothing of the words is left beside the tables; False: it takes another try."""
        if self._now() < self._wait_until or not await self._handler.apart(_settle):
            return False
        if self._file is None or not await self._is_left(owed, self._file):
            return True
        if self._now() < self._rewrite_at:
            self._wait_until = self._rewrite_at
            return False
        self._rewrite_at = self._now() + REWRITE_SECONDS_MIN * 1000
        metrics.ERASURE_REWRITES.inc()
        log.info("words of an erasure are left in unused parts of the database: it is written anew")
        await self._handler.apart(lambda connection: connection.compact())
        return await self._handler.apart(_settle)

    async def _is_left(self, owed: Sequence[Owed], file: Path) -> bool:
        """What was destroyed before this start is not known any more, so it may be anywhere."""
        known = self._handler.needles
        if any(one.bodies and one.request not in known for one in owed):
            return True
        wanted = {piece for one in owed for piece in known.get(one.request, ())}
        try:
            return bool(wanted) and await search_apart(file, wanted) > 0
        except OSError as error:
            log.warning("%s; the database is written anew instead", error)
            return True

    async def measure(self) -> None:
        async with self._reader.snapshot() as snapshot:
            found = await erasures.still_open(snapshot, self._audience)
        metrics.ERASURES_OPEN.set(len(found))
        oldest = max(0, self._now() - found[0].at) / 1000 if found else 0
        metrics.ERASURE_OLDEST_SECONDS.set(oldest)


def _settle(connection: WriterConnection) -> bool:
    return connection.settle()


def _receipts(owed: Sequence[Owed], facts: Facts, context: Context) -> Decided:
    drafts: list[Draft] = []
    for one in owed:
        drafts += receipt(one.request, one.person, one.bodies, one.lanes, facts, context)
    return Decided(drafts, {})


async def _at_most(seconds: float, heard: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        pass
