"""What a node measures about itself once a second: how late the loop wakes, how full the disk is."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from server.app import metrics
from server.ops.certificate import Certificate
from server.ops.core import Core, now
from server.ops.place import sqlite_file

SECONDS = 1.0


async def watch(core: Core, certificate: Certificate, links: Callable[[], None]) -> None:
    """Until cancelled. Statting a file takes microseconds, so it does not leave the loop.

    ``links``: measures the links to peers."""
    loop = asyncio.get_running_loop()
    file = sqlite_file(core.config)
    wal = file.with_name(file.name + "-wal") if file else None
    due = loop.time() + SECONDS
    while True:
        await asyncio.sleep(due - loop.time())
        metrics.LOOP_LAG_SECONDS.set(max(0.0, loop.time() - due))
        metrics.POSITION.set(core.tap.position)
        metrics.WRITER_QUEUE_JOBS.set(core.handler.waiting)
        metrics.READ_ONLY.set(bool(core.handler.read_only))
        links()
        if certificate.until is not None:
            metrics.CERTIFICATE_SECONDS.set((certificate.until - now()) / 1000)
        _measure_files(Path(core.config.node.data_dir), wal)
        due = max(due + SECONDS, loop.time())


def _measure_files(folder: Path, wal: Path | None) -> None:
    """A disk that cannot be asked has nothing free: the alarm should ring, the node should not end."""
    try:
        disk = os.statvfs(folder)
        metrics.DISK_FREE_BYTES.set(disk.f_bavail * disk.f_frsize)
    except OSError:
        metrics.DISK_FREE_BYTES.set(0)
    if wal is not None:
        metrics.WAL_BYTES.set(wal.stat().st_size if wal.exists() else 0)
