"""Files on the disk that no row knows (``app.media``).

A crash between a file and its row leaves one, and so does a database that was put back: it knows nothing of
what was uploaded since the backup, but peers bring the posts back, and in most cases nobody else has the bytes.
So a stray is kept as long as a backup may be, and becomes this node's file again when a post asks for it.
"""

import asyncio
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from server.app import media_rows, pictures
from server.app.handle import Handler
from server.app.media_rows import Upload
from server.app.pictures import Picture
from server.domain import limits
from server.domain.durations import DAY_MS
from server.domain.errors import Refused
from server.domain.media import HEAD_BYTES, PICTURES, sniffed
from server.storage.media_files import MediaFiles
from server.storage.queries import media
from server.storage.reader import Reader

UNKNOWN = "application/octet-stream"


class Strays:
    """``disk``: between a file and its row nothing may come; ``leaves``: whether uploads may leave the region;
    ``now``: UTC milliseconds."""

    def __init__(
        self,
        files: MediaFiles,
        handler: Handler,
        reader: Reader,
        disk: asyncio.Lock,
        *,
        leaves: bool,
        now: Callable[[], int],
    ) -> None:
        self._files, self._handler, self._reader = files, handler, reader
        self._disk, self._leaves, self._now = disk, leaves, now

    async def clear(self) -> int:
        """Deletes those that are older than any backup; how many."""
        since = self._now() - limits.STRAY_KEPT_DAYS * DAY_MS
        every = await asyncio.to_thread(lambda: sorted(self._files.hashes()))
        total = 0
        for start in range(0, len(every), media.LOOSE_PER_PAGE):
            page = every[start : start + media.LOOSE_PER_PAGE]
            async with self._disk:
                async with self._reader.snapshot() as snapshot:
                    strays = await media.unknown(snapshot, page)
                total += await asyncio.to_thread(self._delete, strays, since)
        return total

    def _delete(self, hashes: Collection[str], since: int) -> int:
        old = [one for one in hashes if self._files.written_at(one) <= since]
        for hash_ in old:
            self._files.delete(hash_)
        return len(old)

    async def adopt(self, hash: str) -> bool:
        """Whether the bytes lie here and a post that stands has them; then a row says so from now on."""
        path = self._files.path(hash)
        if not await asyncio.to_thread(path.exists):
            return False
        try:
            found, thumbnail = await asyncio.to_thread(self._looked_at, hash, path)
        except FileNotFoundError:
            return False  # it was let go while it was looked at
        at, stays = self._now(), not self._leaves
        async with self._disk:
            # It may have been let go since.
            return await asyncio.to_thread(path.exists) and await self._handler.run(
                lambda tx: media_rows.adopt(tx, found, at, thumbnail=thumbnail, stays=stays)
            )

    def _looked_at(self, hash: str, path: Path) -> tuple[Upload, bytes]:
        """The file as it was uploaded, with the small form that its lost row had."""
        with path.open("rb") as file:
            kind = sniffed(file.read(HEAD_BYTES)) or UNKNOWN
        picture = Picture(0, 0, b"")
        if kind in PICTURES:
            # Another region's was kept as it came.
            with Path(os.devnull).open("wb") as unused, suppress(Refused):
                picture = pictures.clean(path, unused)
        size = path.stat().st_size
        return Upload(hash, kind, size, picture.width, picture.height), picture.thumbnail
