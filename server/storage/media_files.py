"""The bytes of files on this node's disk: ``<folder>/ab/cdef...``, named by their SHA-256.

Guarantee: a file under its name is whole and synced (I1): it is written beside, hashed while it is written,
and renamed. Blocking; callers on the loop use a thread.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

DRAFTS = "incoming"


class Draft:
    """A file that is still being written; gone when its block ends, unless it was kept."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder)
        self.path = Path(name)
        self.file = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.file.close()  # which writes what still waits, and fails on a full disk
        finally:
            self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        self.file.write(data)

    def hash(self) -> str:
        """Of all that was written, however that was."""
        self.file.flush()
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()

    def size(self) -> int:
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size


class MediaFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder / DRAFTS

    def open(self) -> None:
        """Makes the folders, and clears what a crash left unfinished."""
        self._drafts.mkdir(parents=True, exist_ok=True)
        for path in self._drafts.iterdir():
            path.unlink()

    def draft(self) -> Draft:
        return Draft(self._drafts)

    def path(self, hash: str) -> Path:
        return self._folder / hash[:2] / hash[2:]

    def keep(self, draft: Draft, hash: str) -> None:
        """Gives a draft its name, durably; one that is there already is the same."""
        path = self.path(hash)
        path.parent.mkdir(exist_ok=True)
        draft.file.flush()
        os.fsync(draft.file.fileno())
        draft.file.close()
        draft.path.replace(path)
        for folder in (path.parent, self._folder):
            _sync(folder)

    def delete(self, hash: str) -> None:
        self.path(hash).unlink(missing_ok=True)

    def written_at(self, hash: str) -> int:
        """UTC milliseconds."""
        return self.path(hash).stat().st_mtime_ns // 1_000_000

    def hashes(self) -> Iterator[str]:
        """Every file there is, in no order."""
        for folder in self._folder.iterdir():
            if len(folder.name) == 2:
                yield from (folder.name + path.name for path in folder.iterdir())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
