"""What SQLite leaves behind: text in the unused part of pages, which no query shows but a disk reader finds.

``secure_delete`` overwrites deleted rows. But when a page is split, rows are copied to another page and
the old bytes stay in the gap of the first one; erasing the row later overwrites the copy only. Measured: three
of 300 erased posts, with three in ten edited. ``VACUUM`` writes every page anew and leaves nothing, but
holds up all writing, so it is worth asking first: this module reads the file and says whether it is needed.

The file is read by a process of its own. Were this one to open and close it, the operating system would
drop the locks that SQLite holds on it (POSIX advisory locks; sqlite.org/howtocorrupt.html 2.2).

    python -m server.storage.residue DATABASE < needles, one a line in hexadecimal

File format: sqlite.org/fileformat2.html 1.6.
"""

import asyncio
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

NEEDLE_BYTES = 24
"""Long enough to be nobody else's text by accident."""
NEEDLE_BYTES_MIN = 4
"""Shorter texts tell nothing and would be found everywhere."""
NEEDLES_PER_TEXT_MAX = 8
"""What is left may have lost its beginning or its end."""
HEADER_BYTES = 100
_LEAVES = {2: 12, 5: 12, 10: 8, 13: 8}
"""First byte of a b-tree page -> bytes of its header."""


def needles(texts: Iterable[str]) -> list[bytes]:
    """Pieces of the texts as they lie in the file, spread over each."""
    return [piece for text in texts for piece in _pieces(text.encode("utf-8", "replace"))]


def _pieces(data: bytes) -> Iterator[bytes]:
    if len(data) < NEEDLE_BYTES_MIN:
        return
    last = max(0, len(data) - NEEDLE_BYTES)
    step = max(NEEDLE_BYTES, last // (NEEDLES_PER_TEXT_MAX - 1) + 1)
    for start in range(0, last + 1, step):
        yield data[start : start + NEEDLE_BYTES]


def gaps(file: Path) -> Iterator[bytes]:
    """The unused middle of every b-tree page that has something in it."""
    with file.open("rb") as opened:
        page = opened.read(HEADER_BYTES)
        size = int.from_bytes(page[16:18], "big")
        size = 65_536 if size == 1 else size
        if len(page) < HEADER_BYTES or size < 512:
            return
        opened.seek(0)
        number = 0
        while page := opened.read(size):
            gap = _gap(page, HEADER_BYTES if number == 0 else 0)
            if gap.strip(b"\0"):
                yield gap
            number += 1


def _gap(page: bytes, start: int) -> bytes:
    header = _LEAVES.get(page[start])
    if header is None:
        return b""
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65_536
    return page[start + header + 2 * cells : content]


def search(file: Path, wanted: Collection[bytes]) -> int:
    """How many pages still hold one of the pieces where nothing should be."""
    return sum(any(piece in gap for piece in wanted) for gap in gaps(file))


async def search_apart(file: Path, wanted: Collection[bytes]) -> int:
    """``search`` in a process of its own. Raises OSError when it cannot be done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        str(file),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate("\n".join(p.hex() for p in wanted).encode())
    if process.returncode != 0:
        raise OSError(f"looking through {file} failed: {complained.decode(errors='replace')}")
    return int(said)


if __name__ == "__main__":
    print(search(Path(sys.argv[1]), [bytes.fromhex(line) for line in sys.stdin.read().split()]))
