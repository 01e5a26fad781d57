"""One process per data folder: an exclusive lock the kernel gives back when its holder ends.

The file names the holder (pid and what it is doing), for the sentence the second process prints. The
file itself may stay behind; only the lock counts (flock(2)).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "tap.lock"


class Locked(Exception):
    """Another process holds the data folder; the text says which."""


@contextmanager
def hold(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the folder while the block runs. Raises Locked, or OSError when the folder is unusable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, folder)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {purpose}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, purpose = _described(os.pread(handle, 100, 0))
        raise Locked(f"{folder} is in use by process {pid} ({purpose}).") from None


def holder(folder: Path) -> str | None:
    """``pid purpose`` of the process holding the folder, or None when nobody does."""
    try:
        handle = os.open(folder / FILE, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return " ".join(_described(os.pread(handle, 100, 0)))
    finally:
        os.close(handle)
    return None


def _described(text: bytes) -> tuple[str, str]:
    pid, _, purpose = text.decode(errors="replace").strip().partition(" ")
    return pid or "unknown", purpose or "unknown"
