"""Files: taken in from people, handed out to who may see a post that has them, fetched from other regions,
deleted when nothing needs them.

The bytes are named by their SHA-256, so they are the same everywhere and never change. Which posts have a
file is a fold of the log (``media_posts``); where bytes lie is this node's own business (``media``).

Fetching (docs/protocol/federation.md 20) is one flight per file (``flights``). Deleting begins in the commit that takes a file's last post away (``media_loose``), and may be cut
off anywhere: what is owed is read from that table until the bytes are gone.
"""

import asyncio
import errno
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from server.app import media_rows, metrics, pictures
from server.app.flights import Flights
from server.app.handle import Handler
from server.app.media_rows import Upload
from server.app.media_strays import UNKNOWN, Strays
from server.app.pictures import Picture
from server.app.tap import Tap
from server.domain import limits, visibility
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import ErasureRequested, PostDeleted
from server.domain.media import HEAD_BYTES, PICTURES, TAKEN, sniffed
from server.storage.async_facts import load_facts
from server.storage.event_log import Record
from server.storage.media_files import Draft, MediaFiles
from server.storage.queries import media
from server.storage.queries.media import Came, Held, Told
from server.storage.reader import Reader, Snapshot
from server.storage.sql import Tx

log = logging.getLogger(__name__)
T = TypeVar("T")

WRITE_BYTES = 256 * 1024
"""Gathered before a thread writes them."""
EVERY_SECONDS = 3_600

NOT_FOUND = Refusal(Code.NOT_FOUND, "there is no such file that you can see")
NOT_YET = Refusal(
    Code.NOT_HERE, "this file has not come from its region yet: ask again in a moment"
)


class Unavailable(Exception):
    """A region did not hand out a file; the text says why."""


class Source(Protocol):
    """The other regions. Raises Unavailable, also half-way."""

    def stream(self, region: str, hash: str) -> AsyncIterator[bytes]: ...


class Found(NamedTuple):
    """A file somebody may see. ``path``: None while the bytes are not here."""

    hash: str
    type: str
    name: str
    stays: bool
    origin: str
    """The region it comes from."""
    thumbnail: bytes
    path: Path | None


class Media:
    """Made by the composition root. ``audience``: the regions a lane of an origin is for;
    ``leaves``: whether uploads may go there."""

    def __init__(
        self,
        files: MediaFiles,
        handler: Handler,
        reader: Reader,
        tap: Tap,
        *,
        region: str,
        audience: Callable[[str, str], frozenset[str]],
        leaves: bool,
        source: Source,
        now: Callable[[], int],
    ) -> None:
        self.files, self._handler, self._reader = files, handler, reader
        self._region, self._lane_audience = region, audience
        self._leaves, self._source, self._now = leaves, source, now
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="tap-picture")
        self._disk = asyncio.Lock()
        """Between a file and its row nothing may come."""
        self.strays = Strays(files, handler, reader, self._disk, leaves=leaves, now=now)
        self._flights = Flights(self._arrives, now)
        self._under_way: Counter[str] = Counter()
        """Uploads by person, while they come."""
        self._heard = asyncio.Event()
        tap.subscribe(self._committed)

    def close(self) -> None:
        self._flights.close()
        self._threads.shutdown(cancel_futures=True)

    # -- taking in -----------------------------------------------------------------------------------

    async def receive(self, person: str, pieces: AsyncIterator[bytes]) -> Upload:
        """Keeps what somebody sends. Raises Refused: too_large, bad_value, rate_limited, disk_full."""
        try:
            upload = await self._received(person, pieces)
        except Refused as error:
            metrics.UPLOADS.labels(error.refusal.code).inc()
            raise
        metrics.UPLOADS.labels("ok").inc()
        return upload

    async def _received(self, person: str, pieces: AsyncIterator[bytes]) -> Upload:
        since = self._now() - limits.UPLOAD_KEPT_SECONDS * 1000
        async with self._reader.snapshot() as snapshot:
            waiting = await media.pending(snapshot, person, since)
        if waiting + self._under_way[person] >= limits.UPLOADS_PER_PERSON_MAX:
            metrics.LIMITS_HIT.labels("UPLOADS_PER_PERSON_MAX").inc()
            raise Refused(
                Code.RATE_LIMITED,
                "you uploaded many files that no post has: publish some of them first",
            )
        self._under_way[person] += 1
        try:
            with _disk_errors(), self.files.draft() as draft:
                return await self._filled(person, draft, pieces)
        finally:
            self._under_way[person] -= 1
            self._under_way += Counter()  # forgets the zeros

    async def _filled(self, person: str, draft: Draft, pieces: AsyncIterator[bytes]) -> Upload:
        try:
            async with asyncio.timeout(limits.UPLOAD_SECONDS_MAX):
                head = await _fill(draft, pieces)
        except TimeoutError:
            metrics.LIMITS_HIT.labels("UPLOAD_SECONDS_MAX").inc()
            raise Refused(Code.BAD_ENCODING, "the upload took too long; try again") from None
        kind = sniffed(head)
        if kind is None:
            raise Refused(Code.BAD_VALUE, f"files of this kind are not taken; these are: {TAKEN}")
        if kind not in PICTURES:
            return await self._keep(person, kind, draft, Picture(0, 0, b""))
        with self.files.draft() as clean:
            run = asyncio.get_running_loop().run_in_executor
            picture = await run(self._threads, pictures.clean, draft.path, clean.file)
            if clean.size() > limits.MEDIA_BYTES_MAX:
                raise _too_large()
            return await self._keep(person, kind, clean, picture)

    async def _keep(self, person: str, kind: str, draft: Draft, picture: Picture) -> Upload:
        hash_ = await asyncio.to_thread(draft.hash)
        found = Upload(hash_, kind, draft.size(), picture.width, picture.height)
        at = self._now()

        def work(tx: Tx) -> None:
            media_rows.put_kept(tx, found, at, thumbnail=picture.thumbnail, stays=not self._leaves)
            media_rows.put_upload(tx, hash_, person, at)

        async with self._disk:
            await self._noted(draft, hash_, work)
        return found

    async def _noted(self, draft: Draft, hash: str, work: Callable[[Tx], T]) -> T:
        """Gives a draft its name, and has the writer note it; while ``_disk`` is held. Where that is refused the
        bytes go again: nobody would count them."""
        was_here = await self._path(hash)
        await asyncio.to_thread(self.files.keep, draft, hash)
        try:
            return await self._handler.run(work)
        except Refused:
            async with self._reader.snapshot() as snapshot:
                unknown = await media.unknown(snapshot, [hash])
            if unknown and not was_here:
                await asyncio.to_thread(self.files.delete, hash)
            raise

    # -- handing out ---------------------------------------------------------------------------------

    async def find(self, person: str, hash: str) -> Found | Refusal:
        """The file as a post shows it that this person may see, or as they uploaded it (I12)."""
        held = await self._held(hash)
        path = await self._path(hash) if held else None
        async with self._reader.snapshot() as snapshot:
            told = await _told(snapshot, person, hash)
            if told is not None:
                small = told.thumbnail or (held.thumbnail if held else b"")
                kind = held.type if held else told.type
                return Found(hash, kind, told.name, told.stays, told.origin, small, path)
            if held is None or not await media.is_uploader(snapshot, person, hash):
                return NOT_FOUND
        return Found(hash, held.type, "", held.stays, self._region, held.thumbnail, path)

    async def open(self, person: str, hash: str) -> Found | Refusal:
        """As ``find``, with the bytes: fetched if they are not here, as far as a reader can wait for it."""
        found = await self.find(person, hash)
        if isinstance(found, Refusal) or found.path is not None:
            return found
        if found.stays:
            return Refusal(Code.NOT_EXPORTED, f"this file may not leave the region {found.origin}")
        if not await self._flights.bring(hash):
            return NOT_YET
        # Now its bytes say what it is; and meanwhile it may have gone out of the reader's sight.
        found = await self.find(person, hash)
        return NOT_YET if isinstance(found, Found) and found.path is None else found

    async def for_region(self, region: str, hash: str) -> Path | Refusal:
        """The bytes for another region, which must be in a lane that a post with them came in (I8)."""
        async with self._reader.snapshot() as snapshot:
            came = await media.came_in(snapshot, hash)
        if not any(region in self._audience(one) for one in came):
            return Refusal(Code.NOT_FOUND, f"region {region} was told of no such file")
        held = await self._held(hash)
        if held is None:
            return NOT_YET
        if held.stays:
            return Refusal(Code.NOT_EXPORTED, f"this file may not leave the region {self._region}")
        return await self._path(hash) or NOT_YET

    def _audience(self, came: Came) -> frozenset[str]:
        lanes = [self._lane_audience(lane, came.origin) for lane in came.lanes]
        return frozenset[str]().union(*lanes)

    # -- fetching ------------------------------------------------------------------------------------

    async def _arrives(self, hash: str) -> bool:
        """Whether the bytes are here now, or some region handed them out."""
        if await self._held(hash) is not None and await self._path(hash):
            return True  # another flight landed since its reader looked
        for region in await self._holders(hash):
            if await self._fetched(region, hash):
                return True
        return False

    async def _held(self, hash: str) -> Held | None:
        async with self._reader.snapshot() as snapshot:
            held = await media.held(snapshot, hash)
        if held is None and await self.strays.adopt(hash):
            async with self._reader.snapshot() as snapshot:
                held = await media.held(snapshot, hash)
        return held

    async def _path(self, hash: str) -> Path | None:
        """Where the bytes of a file lie whose row is here; None where the disk has lost them, or they were just
        deleted."""
        path = self.files.path(hash)
        return path if await asyncio.to_thread(path.exists) else None

    async def _holders(self, hash: str) -> Sequence[str]:
        """Who may have the bytes: the origins first, then whoever else was told of them."""
        async with self._reader.snapshot() as snapshot:
            came = await media.came_in(snapshot, hash)
        origins = dict.fromkeys(sorted({one.origin for one in came}))
        others = frozenset[str]().union(*map(self._audience, came))
        return [
            name for name in {**origins, **dict.fromkeys(sorted(others))} if name != self._region
        ]

    async def _fetched(self, region: str, hash: str) -> bool:
        """Whether that region handed it out, and it is what its name says."""
        with self.files.draft() as draft:
            outcome, head = await self._asked(region, hash, draft)
            metrics.MEDIA_FETCHES.labels(region, outcome).inc()
            return outcome == "ok" and await self._store(hash, head, draft)

    async def _asked(self, region: str, hash: str, draft: Draft) -> tuple[str, bytes]:
        """The outcome as it is counted, and the first bytes."""
        try:
            async with asyncio.timeout(limits.MEDIA_FETCH_SECONDS_MAX):
                head = await _fill(draft, self._source.stream(region, hash))
        except Unavailable as error:
            log.info("region %s does not hand out a file: %s", region, error)
            return "unavailable", b""
        except TimeoutError:
            return "slow", b""
        except Refused as refused:
            return refused.refusal.code, b""
        right = await asyncio.to_thread(draft.hash) == hash
        return "ok" if right else "wrong_bytes", head

    async def _store(self, hash: str, head: bytes, draft: Draft) -> bool:
        """False when its last post went while it was under way."""
        file = Upload(hash, sniffed(head) or UNKNOWN, draft.size(), 0, 0)

        def work(tx: Tx) -> bool:
            wanted = media_rows.has_post(tx, hash)
            if wanted:
                media_rows.put(tx, file, self._now())
            return wanted

        async with self._disk:
            wanted = await self._noted(draft, hash, work)
            if not wanted and not await self._handler.run(lambda tx: media_rows.is_held(tx, hash)):
                self.files.delete(hash)
        return wanted

    # -- deleting ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Deletes what nothing needs until cancelled. A failure is logged and tried again."""
        try:
            await self.strays.clear()
        except Exception:
            log.exception("files without a row could not be looked for")
        while True:
            self._heard.clear()
            try:
                await self.tidy()
            except Refused as refused:
                log.warning("files wait to be deleted: %s", refused)
            except Exception:
                log.exception("files could not be deleted")
            try:
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._heard.wait()
            except TimeoutError:
                pass

    def _committed(self, records: Sequence[Record]) -> None:
        if any(isinstance(record.event, PostDeleted | ErasureRequested) for record in records):
            self._heard.set()

    async def tidy(self) -> int:
        """Deletes drafts that are too old, and files whose last post is gone; how many went. Afterwards
        nothing is owed to any erasure that was committed before the call."""
        since = self._now() - limits.UPLOAD_KEPT_SECONDS * 1000
        await self._handler.run(lambda tx: media_rows.expire(tx, since))
        total = 0
        while page := await self._loose():
            async with self._disk:
                gone = await self._handler.run(lambda tx, page=page: media_rows.let_go(tx, page))  # type: ignore[misc]
                await asyncio.to_thread(self._delete, gone)
                await self._handler.run(lambda tx, page=page: media_rows.settle(tx, page))  # type: ignore[misc]
            total += len(gone)
        metrics.MEDIA_DELETED.inc(total)
        async with self._reader.snapshot() as snapshot:
            files, size = await media.total(snapshot)
        metrics.MEDIA_FILES.set(files)
        metrics.MEDIA_BYTES.set(size)
        return total

    async def _loose(self) -> list[str]:
        async with self._reader.snapshot() as snapshot:
            return await media.loose(snapshot)

    def _delete(self, hashes: Collection[str]) -> None:
        for hash_ in hashes:
            self.files.delete(hash_)


async def _told(snapshot: Snapshot, person: str, hash: str) -> Told | None:
    """What the newest post that somebody may see says of a file: where several regions published it, of those in
    which it does not stay."""
    for stays in (False, True):
        places = await media.places(snapshot, hash, person, stays=stays)
        facts = await load_facts(snapshot, person, places)
        for place, post in places.items():
            if facts.who is not None and visibility.may_watch(facts, facts.who, place):
                return await media.told(snapshot, post, hash)
    return None


async def _fill(draft: Draft, pieces: AsyncIterator[bytes]) -> bytes:
    """Writes all of it; its first bytes. Raises Refused(too_large) before more than the limit is written."""
    head, waiting, total = b"", bytearray(), 0
    async for piece in pieces:
        total += len(piece)
        if total > limits.MEDIA_BYTES_MAX:
            raise _too_large()
        if len(head) < HEAD_BYTES:
            head = (head + piece)[:HEAD_BYTES]
        waiting += piece
        if len(waiting) >= WRITE_BYTES:
            await asyncio.to_thread(draft.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(draft.write, bytes(waiting))
    draft.file.flush()
    return head


def _too_large() -> Refused:
    metrics.LIMITS_HIT.labels("MEDIA_BYTES_MAX").inc()
    return Refused(Code.TOO_LARGE, f"a file may have {limits.MEDIA_BYTES_MAX // 2**20} MiB")


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(Code.DISK_FULL, "the disk of this node is full; nothing was kept") from None
