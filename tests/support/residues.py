"""A scanner for words that should be gone: every file of a folder, every form they may lie in."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

OUTPUT_BYTES_MAX = 1 << 16
ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")


def forms(words: str) -> dict[str, bytes]:
    """Name of a form -> the bytes of the words in it. MessagePack and SQLite hold UTF-8 as it is."""
    return {
        "utf-8": words.encode(),
        "utf-16-le": words.encode("utf-16-le"),
        "utf-16-be": words.encode("utf-16-be"),
        "latin-1": words.encode("latin-1"),
        "json": json.dumps(words)[1:-1].encode(),
        "json twice": json.dumps(json.dumps(words)[1:-1])[1:-1].encode(),
    }


def found(folder: Path, *words: str, deflated: bool = True) -> set[tuple[str, str]]:
    """(file, form) of whatever is left below a folder."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            seen |= {(path.name, form) for form in _in(data, words)}
            if deflated:
                seen |= {
                    (path.name, "deflated") for plain in _inflated(data) if set(_in(plain, words))
                }
    return seen


def _in(data: bytes, words: tuple[str, ...]) -> Iterator[str]:
    for word in words:
        for form, piece in forms(word).items():
            if piece in data:
                yield form


def _inflated(data: bytes) -> Iterator[bytes]:
    """What any stream of zlib or gzip in it says, and any of raw deflate (permessage-deflate's)."""
    for match in ZLIB.finditer(data):
        if plain := _inflate(data[match.start() :], zlib.MAX_WBITS | 32):
            yield plain
    for start in range(len(data)):
        # Two of three block types, and no stream begins where nothing is.
        if data[start] & 0b110 in (0b010, 0b100):
            plain = _inflate(data[start : start + OUTPUT_BYTES_MAX], -zlib.MAX_WBITS)
            if len(plain) > 16:
                yield plain


def _inflate(data: bytes, bits: int) -> bytes:
    """As far as it makes sense: an error loses what the same call had already made of its bytes."""
    stream = zlib.decompressobj(bits)
    plain = bytearray()
    for start in range(0, len(data), 256):
        piece, before = data[start : start + 256], stream.copy()
        try:
            plain += stream.decompress(piece, OUTPUT_BYTES_MAX)
        except zlib.error:
            return bytes(plain) + _one_by_one(before, piece)
        if stream.eof or len(plain) > OUTPUT_BYTES_MAX:
            break
    return bytes(plain)


def _one_by_one(stream: zlib._Decompress, piece: bytes) -> bytes:
    plain = bytearray()
    try:
        for at in range(len(piece)):
            plain += stream.decompress(piece[at : at + 1], OUTPUT_BYTES_MAX)
    except zlib.error:
        pass
    return bytes(plain)
