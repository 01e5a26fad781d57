"""What a mutant is: one small lie in one file, and the promise it breaks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Stale(Exception):
    """The text a mutant replaces is not there, or not only once: the code moved on, the mutant did not."""


class Mutant(NamedTuple):
    name: str
    file: str
    """Below ``server/``."""
    find: str
    put: str
    breaks: str
    """The promise: a section of docs/protocol/federation.md, or an invariant of docs/ARCHITECTURE.md."""

    def applied_to(self, package: Path) -> str:
        """The file's text with the lie in it. Raises Stale."""
        text = (package / self.file).read_text()
        if (times := text.count(self.find)) != 1:
            raise Stale(f"{self.name}: {self.file} has {times} times {self.find!r}")
        return text.replace(self.find, self.put)
