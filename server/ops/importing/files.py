"""JSON Lines files, read and written one line at a time; also ``.gz``."""

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from server.domain.errors import Code, Refused
from server.domain.import_records import ImportRecord, import_record

Row = TypeVar("Row")

_encode = msgspec.json.Encoder().encode


def rows(path: Path, shape: type[Row]) -> Iterator[Row]:
    """An archive's rows, each checked against ``shape``; fields it does not name are passed over.

    Raises Refused naming file and line."""
    decode = msgspec.json.Decoder(shape).decode
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise _bad(path, number, str(error)) from None


def records(path: Path) -> Iterator[ImportRecord]:
    """The records of an import file. Raises Refused naming file, line and field."""
    with opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield import_record(line)
            except Refused as refused:
                raise _bad(path, number, refused.refusal.message, refused.refusal.field) from None


def encoded(record: ImportRecord) -> bytes:
    """One record as its line, without the line end."""
    return _encode(record)


def write(path: Path, records: Iterable[ImportRecord]) -> int:
    """Write records as an import file, whole or not at all; returns how many."""
    unfinished = path.with_name(path.name + ".part")
    count = 0
    with gzip.open(unfinished, "wb") if path.suffix == ".gz" else unfinished.open("wb") as out:
        for record in records:
            out.write(encoded(record) + b"\n")
            count += 1
    unfinished.replace(path)
    return count


def opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """A plain or gzipped file for reading bytes. Raises Refused when there is no such file."""
    try:
        return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise Refused(Code.BAD_VALUE, f"cannot read {path}: {error.strerror}") from None


def _bad(path: Path, line: int, message: str, field: str | None = None) -> Refused:
    place = f" (field {field})" if field else ""
    return Refused(Code.BAD_VALUE, f"{path.name} line {line}{place}: {message}", field)
