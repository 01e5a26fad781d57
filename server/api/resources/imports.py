"""Archives of other systems, one record a line, decided and written by this region."""

from server.api.answers import body_of
from server.api.route import Call, NoQuery
from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.import_records import ImportRecord, import_record
from server.storage.queries.shapes import Shape

LINES_MAX = 10_000
"""A few thousand records fit the bytes; empty ones must not cost more than full ones."""


class RefusedLine(Shape, frozen=True, kw_only=True):
    """``line`` counts from 1."""

    line: int
    code: Code
    message: str


class Imported(Shape, frozen=True, kw_only=True):
    """``known``: imported before; nothing changed. The other lines stand whatever was refused."""

    new: int
    known: int
    refused: tuple[RefusedLine, ...]


async def run(call: Call[NoQuery, None]) -> Imported | Refusal:
    raw = await body_of(call.request, limits.IMPORT_BODY_BYTES_MAX)
    lines = raw.split(b"\n")
    if len(lines) > LINES_MAX:
        return Refusal(Code.TOO_LARGE, f"one import may have {LINES_MAX} lines")
    refused: list[RefusedLine] = []
    records: list[tuple[int, ImportRecord]] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                records.append((number, import_record(line)))
            except Refused as error:
                refused.append(_refused(number, error.refusal))
    outcomes = await call.services.handler.import_records([record for _, record in records])
    counted = {"new": 0, "known": 0}
    for (number, _), outcome in zip(records, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            refused.append(_refused(number, outcome))
        else:
            counted[outcome] += 1
    for name, n in (*counted.items(), ("refused", len(refused))):
        metrics.IMPORT_RECORDS.labels(name).inc(n)
    found = tuple(sorted(refused, key=lambda one: one.line))
    return Imported(new=counted["new"], known=counted["known"], refused=found)


def _refused(line: int, refusal: Refusal) -> RefusedLine:
    return RefusedLine(line=line, code=refusal.code, message=refusal.message)
