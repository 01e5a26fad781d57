"""A whole ledger as a file: every line with its factors and reasons, and a last row that is their sum.

CSV as in RFC 4180, in UTF-8, a header first. A text that a spreadsheet would take for a formula gets an
apostrophe before it (OWASP, "CSV Injection"): titles are other people's words. Pure.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from server.scoring.periods import iso

COLUMNS = (
    "act",
    "at",
    "kind",
    "what",
    "content",
    "content_title",
    "by",
    "by_text",
    "base",
    "factors",
    "milli_points",
    "rules",
    "status",
    "status_text",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a cell begins with that a spreadsheet computes; full-width forms too."""

_encode = msgspec.json.Encoder().encode


def csv_lines(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Ledger lines (docs/scoring.md 6) as rows in the order of ``COLUMNS``."""
    return csv_rows([[_cell(name, line) for name in COLUMNS] for line in lines])


def csv_header() -> bytes:
    return csv_rows([COLUMNS])


def csv_total(total: int) -> bytes:
    """The last row: in the columns of kind and points."""
    return csv_rows([[{"kind": "total", "milli_points": total}.get(name, "") for name in COLUMNS]])


def csv_rows(rows: Iterable[Sequence[Any]]) -> bytes:
    """RFC 4180: CRLF, quotes where needed; texts made harmless, numbers as they are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([[harmless(cell) for cell in row] for row in rows])
    return out.getvalue().encode()


def harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return "'" + cell
    return "" if cell is None else cell


def _cell(name: str, line: Mapping[str, Any]) -> Any:
    match name:
        case "at":
            return iso(line["at"])
        case "factors":
            return "; ".join([_factor(factor) for factor in line["factors"]])
        case _:
            return line[name]


def _factor(factor: Mapping[str, Any]) -> str:
    return "{name} {factor_text} = {milli} ({reason})".format_map(factor)


def json_header(person: str, rules: str) -> bytes:
    return b'{"person":%s,"rules":%s,"lines":[' % (_encode(person), _encode(rules))


def json_lines(lines: Sequence[Mapping[str, Any]], first: bool) -> bytes:
    """``first``: nothing stands before them."""
    text = b",\n".join([_encode(line) for line in lines])
    return text if first or not lines else b",\n" + text


def json_total(total: int) -> bytes:
    return b'],"total":%d}\n' % total
