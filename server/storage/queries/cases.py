"""Cases about credits, as whoever decides them and whoever they are about read them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select, tuple_

from server.domain.events import CreditFlow, RuledPair
from server.storage import tables as t
from server.storage.case_facts import KNOWN, SAME_PARTY, flows, names, pairs
from server.storage.reader import Snapshot

NEWEST = (2**63 - 1, "")
"""The key before all others."""

_c, _d, _r, _p = t.cases.c, t.case_decisions.c, t.credit_rulings.c, t.case_parties.c
_CASE = select(
    _c.case_id,
    _c.region,
    _c.kind,
    _c.parties,
    _c.quarter,
    _c.reason,
    _c.person,
    _c.line,
    _c.content,
    _c.about,
    _c.received,
    _c.flows,
    _c.at,
    _d.rev,
    _d.outcome,
    _d.reason.label("why"),
    _d.person.label("by"),
    _d.at.label("decided_at"),
    _r.pairs,
)
_NEWEST = (
    _CASE.select_from(KNOWN)
    .where(
        _c.region == bindparam("region"),
        tuple_(_c.at, _c.case_id) < tuple_(bindparam("at"), bindparam("id")),
    )
    .order_by(_c.at.desc(), _c.case_id.desc())
    .limit(bindparam("limit"))
)
_BY_STATE = {
    "all": _NEWEST,
    "open": _NEWEST.where(_d.rev.is_(None)),
    "decided": _NEWEST.where(_d.rev.is_not(None)),
}
_ONE = _CASE.select_from(KNOWN).where(_c.case_id == bindparam("case")).order_by(_c.region)
_MINE = (
    _CASE.select_from(KNOWN.join(t.case_parties, SAME_PARTY))
    .where(_p.person == bindparam("person"))
    .order_by(_c.at.desc(), _c.case_id.desc())
    .limit(bindparam("limit"))
)
_LINES = (
    select(_c.line, _c.content, _c.case_id, _d.outcome)
    .select_from(KNOWN)
    .where(_c.person == bindparam("person"), _c.region == bindparam("region"))
    .where(_c.line.in_(bindparam("lines", expanding=True)))
    .order_by(_c.at, _c.case_id)
)
_DISPUTED = select(t.credits_.c.line).where(
    t.credits_.c.act == bindparam("line"), t.credits_.c.person == bindparam("person")
)
_COUNTS = (
    select(_c.kind, _d.outcome, func.count())
    .select_from(KNOWN)
    .where(_c.region == bindparam("region"))
    .group_by(_c.kind, _d.outcome)
)


class _Line(msgspec.Struct):
    content: str


_line = msgspec.json.Decoder(_Line).decode


class Case(NamedTuple):
    """A case whole. ``outcome`` is empty and ``rev`` 0 as long as nobody decided."""

    case: str
    region: str
    kind: str
    parties: tuple[str, ...]
    quarter: str
    reason: str
    person: str
    line: str
    content: str
    about: str
    received: int
    flows: tuple[CreditFlow, ...]
    at: int
    rev: int
    outcome: str
    why: str
    by: str
    decided_at: int
    pairs: tuple[RuledPair, ...]

    @property
    def held(self) -> bool:
        return any(pair.ruling == "held" for pair in self.pairs)


async def newest(
    snapshot: Snapshot, region: str, state: str, before: tuple[int, str], limit: int
) -> list[Case]:
    """Cases of a region in a state (``open``, ``decided``, ``all``), newest first."""
    at, id = before
    asked = {"region": region, "at": at, "id": id, "limit": limit}
    return [_case(row) for row in await snapshot.rows(_BY_STATE[state], asked)]


async def one(snapshot: Snapshot, case: str, region: str) -> Case | None:
    """The case of that name: this region's own, else one it was told of."""
    found = [_case(row) for row in await snapshot.rows(_ONE, {"case": case})]
    return min(found, key=lambda known: known.region != region, default=None)


async def about(snapshot: Snapshot, person: str, limit: int) -> list[Case]:
    """Cases in which somebody is a party, of whatever region, newest first."""
    return [_case(row) for row in await snapshot.rows(_MINE, {"person": person, "limit": limit})]


async def disputes_on(
    snapshot: Snapshot, person: str, region: str, lines: Iterable[str]
) -> dict[tuple[str, str], tuple[str, str]]:
    """(line, content) -> the latest case a person opened about it, and its outcome; empty while it is open."""
    asked = {"person": person, "region": region, "lines": sorted(lines)}
    if not asked["lines"]:
        return {}
    return {
        (row.line, row.content): (row.case_id, row.outcome or "")
        for row in await snapshot.rows(_LINES, asked)
    }


async def disputed(snapshot: Snapshot, case: Case) -> str | None:
    """The ledger line a case is about, as it stands now (JSON); None for a circle, and once it is gone."""
    asked = {"line": case.line, "person": case.person}
    row = await snapshot.one(_DISPUTED, asked) if case.line else None
    # A line that is old says no more what it was about.
    return str(row.line) if row and _line(row.line).content in ("", case.content) else None


async def counts(snapshot: Snapshot, region: str) -> dict[tuple[str, str], int]:
    """(kind, outcome) -> how many cases of a region; the outcome of open ones is empty."""
    rows = await snapshot.rows(_COUNTS, {"region": region})
    return {(kind, outcome or ""): int(count) for kind, outcome, count in rows}


def _case(row: Any) -> Case:
    return Case(
        case=row.case_id,
        region=row.region,
        kind=row.kind,
        parties=names(row.parties),
        quarter=row.quarter,
        reason=row.reason,
        person=row.person,
        line=row.line,
        content=row.content,
        about=row.about,
        received=row.received,
        flows=flows(row.flows),
        at=row.at,
        rev=row.rev or 0,
        outcome=row.outcome or "",
        why=row.why or "",
        by=row.by or "",
        decided_at=row.decided_at or 0,
        pairs=pairs(row.pairs) if row.pairs else (),
    )
