"""Cases about credits: disputed ledger lines and circles, for who decides and for who is a party.

Opening and deciding are commands (``dispute.open``, ``case.decide``, ``case.hold``)."""

from typing import Any, Literal

import msgspec

from server.api.resources.paging import Mark, as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.app import cases
from server.app.cases import CaseView
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import OBJECT_PATTERN
from server.domain.visibility import may_decide_cases
from server.storage.queries import cases as queries
from server.storage.queries.shapes import Shape

MINE_SHOWN = 100
"""Cases are rare: who has more asks for them one by one."""


class CasesQuery(Query, frozen=True, kw_only=True):
    state: Literal["open", "decided", "all"] = "open"
    before: Mark = ""
    limit: Limit = 50


class Cases(Shape, frozen=True, kw_only=True):
    """Newest first. ``next``: the mark of the next page; null on the last."""

    cursor: str
    cases: tuple[CaseView, ...]
    next: str | None


class OwnCases(Shape, frozen=True, kw_only=True):
    """Newest first."""

    cursor: str
    cases: tuple[CaseView, ...]


class OneCase(Shape, frozen=True, kw_only=True):
    """``entry``: the disputed line as it stands in the ledger, for whose it is and for who decides; else null."""

    cursor: str
    case: CaseView
    entry: dict[str, Any] | None


async def listed(call: Call[CasesQuery, None]) -> Cases | Refusal:
    """The region's cases; of one that is about the reader they read what a party reads.

    Raises Refused(bad_value) for what is no mark of ours."""
    services, query = call.services, call.query
    if not may_decide_cases(call.me.who, services.region):
        return Refusal(Code.FORBIDDEN, "cases are read by auditors and region admins")
    async with services.reader.snapshot() as snapshot:
        found = await queries.newest(
            snapshot, services.region, query.state, _key_of(query.before), query.limit + 1
        )
        shown = found[: query.limit]
        more = f"{shown[-1].at}.{shown[-1].case}" if len(found) > query.limit else None
        return Cases(
            cursor=await as_of(services, snapshot),
            cases=tuple([_seen(case, call.person) for case in shown]),
            next=more,
        )


async def mine(call: Call[NoQuery, None]) -> OwnCases:
    services = call.services
    async with services.reader.snapshot() as snapshot:
        found = await queries.about(snapshot, call.person, MINE_SHOWN)
        return OwnCases(
            cursor=await as_of(services, snapshot),
            cases=tuple([cases.own(case, call.person) for case in found]),
        )


async def one(call: Call[NoQuery, None]) -> OneCase | Refusal:
    """The same words for a case that is not there and one that is nobody's business."""
    services, name = call.services, call.path["case"]
    async with services.reader.snapshot() as snapshot:
        case = await queries.one(snapshot, name, services.region)
        decides = may_decide_cases(call.me.who, services.region)
        if case is None or not (
            call.person in case.parties or (decides and case.region == services.region)
        ):
            return Refusal(Code.NOT_FOUND, f"there is no case {name} that you can see")
        view = _seen(case, call.person)
        # A region holds the ledgers of its own people.
        shows = view.line is not None and case.region == services.region
        line = await queries.disputed(snapshot, case) if shows else None
        return OneCase(
            cursor=await as_of(services, snapshot),
            case=view,
            entry=msgspec.json.decode(line) if line is not None else None,
        )


def _seen(case: queries.Case, reader: str) -> CaseView:
    view = cases.own if reader in case.parties else cases.whole
    return view(case, reader)


def _key_of(mark: str) -> tuple[int, str]:
    if not mark:
        return queries.NEWEST
    at, _, case = mark.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) < 17 and OBJECT_PATTERN.fullmatch(case)):
        raise Refused(Code.BAD_VALUE, "this is no page mark: take the one in `next`", "before")
    return int(at), case
