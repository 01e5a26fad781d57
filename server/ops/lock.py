"""One process per data folder: an exclusive lock the kernel gives back when its holder ends.

The file names the holder (pid and what it is doing), for the sentence the second process prints. The
file itself may stay behind; only the lock counts (flock(2)).
"""

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = "tap.lock"


class Locked(Exception):
    """Another process holds the data folder; the text says which."""


class NotOwner(Exception):
    """The folder is somebody else's; the text says whom to run as."""


@contextmanager
def hold(folder: Path, purpose: str) -> Iterator[None]:
    """Hold the folder while the block runs. Raises Locked, NotOwner, or OSError when the folder is unusable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_owner(folder)
    handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, folder)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {purpose}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def require_owner(folder: Path) -> None:
    """Root may write everywhere, and what it wrote here the node could not read at its next start. Whoever else is
    not the owner is stopped by the kernel. Raises NotOwner."""
    if os.geteuid() != 0 or not folder.exists():
        return
    owner = folder.stat().st_uid
    if owner != 0:
        name = _name_of(owner)
        raise NotOwner(
            f"{folder} belongs to {name}, and the node could not read what root writes there: run this as {name} "
            f"(`sudo -u {name} tap ...`)."
        )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"  # as sudo takes it


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
