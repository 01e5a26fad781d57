"""Which converter reads a folder, and the names it gives."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from server.domain.errors import Code, Refused
from server.domain.import_records import ImportRecord
from server.ops.importing import files, stackexchange, zulip
from server.ops.importing.naming import Naming
from server.ops.importing.report import Report


class Names(NamedTuple):
    """How an archive's things are called; empty ones follow from the folder's name."""

    system: str = ""
    prefix: str = ""
    community: str = ""


KNOWN = {
    "ncar-zulip": Names(prefix="ncar"),
    "se-bicycles-meta": Names(prefix="bike", community="Bicycles Meta"),
}
"""Archives this project is tested with; their ids must stay what they are."""


def names(folder: Path, given: Names) -> Names:
    """The given names, else the ones known for this folder, else the folder's own."""
    system = given.system or folder.resolve().name
    known = KNOWN.get(system, Names())
    return Names(
        system,
        given.prefix or known.prefix or system.partition("-")[0],
        given.community or known.community or system,
    )


def _zulip(folder: Path, given: Names, report: Report) -> Iterator[ImportRecord]:
    name = names(folder, given)
    return zulip.convert(folder, Naming(name.system, name.prefix), report)


def _stackexchange(folder: Path, given: Names, report: Report) -> Iterator[ImportRecord]:
    name = names(folder, given)
    return stackexchange.convert(folder, Naming(name.system, name.prefix), name.community, report)


def _tap(path: Path, _: Names, __: Report) -> Iterator[ImportRecord]:
    return files.records(path)


READERS: dict[str, Callable[[Path, Names, Report], Iterator[ImportRecord]]] = {
    "tap": _tap,
    "zulip": _zulip,
    "stackexchange": _stackexchange,
}


def read(kind: str, paths: Sequence[Path], given: Names, report: Report) -> Iterator[ImportRecord]:
    """All records of all paths, counted. Raises Refused on the first that cannot be read."""
    for path in paths:
        try:
            for record in READERS[kind](path, given, report):
                report.count(str(record.__struct_config__.tag))
                yield record
        except ValueError as error:  # a time that is none, a name that makes no id
            raise Refused(Code.BAD_VALUE, f"cannot read {path}: {error}") from None
