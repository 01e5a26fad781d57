"""What rules about cases ask: a line of a ledger kept here, and cases as far as they have come."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, select

from server.domain.events import CreditFlow, RuledPair
from server.domain.facts import CaseFact, CreditFact
from server.storage import tables as t
from server.storage.sql import Row, Tx, statement

OWN = "-own"
"""How the name of a line ends that is for an act of one's own."""

_c, _d, _r, _p = t.cases.c, t.case_decisions.c, t.credit_rulings.c, t.case_parties.c
_SAME_DECISION = and_(_d.case_id == _c.case_id, _d.region == _c.region)
_SAME_RULING = and_(_r.case_id == _c.case_id, _r.region == _c.region)
SAME_PARTY = and_(_p.case_id == _c.case_id, _p.region == _c.region)
KNOWN = t.cases.outerjoin(t.case_decisions, _SAME_DECISION).outerjoin(
    t.credit_rulings, _SAME_RULING
)
"""Cases with what was decided and ruled, where it was."""
_FACT = select(
    _c.case_id,
    _c.region,
    _c.kind,
    _c.parties,
    _c.quarter,
    _c.person,
    _c.line,
    _c.content,
    _c.about,
    _c.flows,
    _d.rev,
    _d.outcome,
    _d.person,
    _r.rev,
    _r.pairs,
)
_CASE = statement(
    _FACT.select_from(KNOWN).where(
        _c.case_id == bindparam("case_id"), _c.region == bindparam("region")
    )
)
_ABOUT = statement(
    _FACT.select_from(KNOWN.join(t.case_parties, SAME_PARTY))
    .where(_p.person == bindparam("person"), _c.region == bindparam("region"))
    .order_by(_c.case_id)
)
_l, _a = t.credits_.c, t.score_acts.c
_LINE = statement(
    select(_l.quarter, _l.line).where(_l.act == bindparam("line"), _l.person == bindparam("person"))
)
_GIVEN = statement(
    select(_a.giver, _a.data).where(
        _a.content == bindparam("content"), _a.author == bindparam("person")
    )
)


class _Factor(msgspec.Struct):
    name: str


class _Line(msgspec.Struct):
    content: str
    status: str
    factors: tuple[_Factor, ...] = ()


class _Act(msgspec.Struct):
    position: int


names = msgspec.json.Decoder(tuple[str, ...]).decode
flows = msgspec.json.Decoder(tuple[CreditFlow, ...]).decode
pairs = msgspec.json.Decoder(tuple[RuledPair, ...]).decode
_line = msgspec.json.Decoder(_Line).decode
_act = msgspec.json.Decoder(_Act).decode


def credit(tx: Tx, person: str, line: str) -> CreditFact | None:
    """None where it is no line of theirs. Without a content once it is too old to say what it was about."""
    row = tx.one(_LINE, {"line": line, "person": person})
    if row is None:
        return None
    quarter, text = row
    told = _line(text)
    given = tx.rows(_GIVEN, {"content": told.content, "person": person}) if told.content else []
    damped = any(factor.name == "mutual" for factor in told.factors)
    return CreditFact(line, quarter, told.content, _giver(given, line), told.status, damped)


def _giver(acts: Iterable[Row], line: str) -> str:
    """A line has the position of its first act for a name. A name with a colon is no person's."""
    for giver, data in acts:
        if str(_act(data).position) == line.removesuffix(OWN) and ":" not in giver:
            return str(giver)
    return ""


def case(tx: Tx, name: str, region: str) -> CaseFact | None:
    row = tx.one(_CASE, {"case_id": name, "region": region})
    return None if row is None else _fact(row)


def about(tx: Tx, person: str, region: str) -> list[CaseFact]:
    return [_fact(row) for row in tx.rows(_ABOUT, {"person": person, "region": region})]


def _fact(row: Any) -> CaseFact:
    case_id, region, kind, parties, quarter, person, line, content, of, given, *decided = row
    rev, outcome, by, ruled_rev, ruled = decided
    return CaseFact(
        case=case_id,
        region=region,
        kind=kind,
        parties=names(parties),
        quarter=quarter,
        person=person,
        line=line,
        content=content,
        about=of,
        flows=tuple([(flow.giver, flow.author) for flow in flows(given)]),
        rev=rev or 0,
        outcome=outcome or "",
        by=by or "",
        ruled_rev=ruled_rev or 0,
        pairs=pairs(ruled) if ruled else (),
    )
