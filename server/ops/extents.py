"""The extent outside the database: how far the log is known to reach (docs/protocol/federation.md 16.1).

One small file beside the database, replaced at most once a second after commits and at the stop, never before
what it says is durable. At start it is compared: a database that lacks anything of it was put back, or was on
a disk that lied, and goes on in a new epoch at once.
"""

import asyncio
import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from server.app.handle import Handler
from server.app.tap import Tap
from server.domain.errors import Refused
from server.storage import extent
from server.storage.epochs import begin_epoch
from server.storage.extent import Extent
from server.storage.forks import forked_lane
from server.storage.node import Identity, open_node
from server.storage.sql import Tx

FILE = "tap.extent"
SECONDS_MIN = 1.0

log = structlog.get_logger(__name__)


class Doubt(NamedTuple):
    """Why the log has to begin anew, and an epoch of ours that is known from elsewhere (0: none)."""

    reason: str
    epoch: int = 0


def read(folder: Path) -> Extent | None:
    """The extent; None where none was written, or what was written is none any more."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Extent)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        log.warning("the extent of the log is damaged", file=str(folder / FILE))
        return None


def write(folder: Path, found: Extent) -> None:
    """Replaces the file: whoever reads it finds the old extent or this one, whole, after a power cut too."""
    new = folder / f"{FILE}.new"
    with new.open("wb") as file:
        file.write(msgspec.json.encode(found))
        file.flush()
        os.fsync(file.fileno())
    new.replace(folder / FILE)
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def identify(
    tx: Tx, region: str, folder: Path, now: int, doubt: Doubt | None = None
) -> tuple[Identity, Identity]:
    """Whose database this is, as it was and as it goes on: in a new epoch if there is any doubt.

    ``doubt``: from elsewhere. Raises WrongRegion."""
    before = open_node(tx, region, os.urandom(4))
    known = read(folder)
    if doubt is None and (reason := extent.doubt(tx, known) or _forked(tx, before)):
        doubt = Doubt(reason)
    if doubt is None:
        return before, before
    epoch = max(doubt.epoch, known.epoch if known and known.region == region else 0)
    after = begin_epoch(tx, before, now, os.urandom, epoch)
    log.warning("the log goes on in a new epoch", reason=doubt.reason, epoch=f"{after.epoch:x}")
    return before, after


def _forked(tx: Tx, identity: Identity) -> str:
    """Nothing more may be written in an epoch others leave out."""
    lane = forked_lane(tx, identity.region, identity.epoch)
    return f"there are two histories of our lane {lane}" if lane else ""


class Keeper:
    """Keeps the extent of a running node. ``keep`` until cancelled; ``update`` once it has ended."""

    def __init__(self, folder: Path, handler: Handler, tap: Tap) -> None:
        self._folder, self._handler, self._tap = folder, handler, tap
        self._written: Extent | None = None

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_MIN)
            await self.update()

    async def update(self) -> None:
        """Writes how far the log is durable now, if it moved. A disk that refuses is the log's to alarm."""
        if self._written is not None and self._written.position == self._tap.position:
            return
        try:
            found = await self._handler.run(extent.take)
            if found is not None:
                await asyncio.to_thread(write, self._folder, found)
                self._written = found
        except Refused:
            return
        except OSError as error:
            log.warning("the extent of the log cannot be written", error=str(error))
