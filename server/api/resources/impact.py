"""A person's own ledger and the topics of the company."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import asdict
from starlette.responses import Response, StreamingResponse

from server.api.answers import JSON
from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.app import impact as lately
from server.app import ledger_export as export_file
from server.app.cases import with_cases
from server.app.impact import MonthHelped, MonthTrend, UsefulAct
from server.app.scores import account
from server.app.views_place import Place, place_of
from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.events.base import ScoresRule
from server.domain.scoring_policy import CAUTIOUS
from server.storage.queries import records, scoring, views
from server.storage.queries.shapes import Shape, TopicView
from server.storage.queries.views import NEWEST, LedgerKey
from server.storage.reader import Snapshot

CSV = "text/csv"
NAMED_SHOWN = 20
"""Of lists of nominees; four a year are usual."""

Mark = Annotated[str, Meta(max_length=48)]


class Named(Shape, frozen=True, kw_only=True):
    """A list of nominees that named one, who took it, and when."""

    quarter: str
    at: int
    by: str


class Impact(Shape, frozen=True, kw_only=True):
    """What one's contributions were worth to others; shown to oneself alone.

    ``total``: milli-points of all lines, for ever; ``standing``: what of it still stands today;
    ``level`` from 0, ``next_level_at``: the standing of the next one. ``scores``: the region's policy; off:
    there is nothing. ``lines``: newest first, each explaining itself (docs/scoring.md 6), with the mode of its
    community; ``next``: the mark of older ones. ``useful``: what to answer next."""

    cursor: str
    total: int
    standing: int
    level: int
    next_level_at: int | None
    rules: str
    scores: ScoresRule
    lines: tuple[dict[str, Any], ...]
    next: str | None
    month: MonthHelped
    trend: tuple[MonthTrend, ...]
    useful: tuple[UsefulAct, ...]
    named: tuple[Named, ...]


class LinesQuery(Query, frozen=True, kw_only=True):
    before: Mark = ""
    limit: Limit = 50


class Lines(Shape, frozen=True, kw_only=True):
    """Ledger lines, newest first. ``next``: the mark of the next page; null on the last."""

    cursor: str
    lines: tuple[dict[str, Any], ...]
    next: str | None


class PlaceAnswer(Place, frozen=True, kw_only=True):
    cursor: str


class ExportQuery(Query, frozen=True, kw_only=True):
    format: Literal["csv", "json"] = "json"


class TopicsQuery(Query, frozen=True, kw_only=True):
    after: Annotated[str, Meta(max_length=limits.TOPIC_CHARS_MAX)] = ""
    limit: Limit = 100


class Topics(Shape, frozen=True, kw_only=True):
    cursor: str
    topics: tuple[TopicView, ...]
    next: str | None


async def impact(call: Call[NoQuery, None]) -> Impact:
    services, person = call.services, call.person

    async def load(snapshot: Snapshot) -> Impact:
        policy = (await scoring.policies(snapshot)).get(services.region, CAUTIOUS)
        # Of whom nothing is scored there is nothing to tell, not even to themselves.
        owner = "" if policy.scores == "off" else person
        today = await account(snapshot, owner, services.now())
        shown, more = await _page(snapshot, owner, services.region, NEWEST, limits.PAGE_ITEMS_MAX)
        month, trend = await lately.lately(snapshot, owner, services.now())
        named = await views.named(snapshot, person, NAMED_SHOWN)
        return Impact(
            cursor=await as_of(services, snapshot),
            total=await records.total(snapshot, owner),
            standing=today.standing,
            level=today.level,
            next_level_at=today.next_level,
            rules=today.rules,
            scores=policy.scores,
            lines=shown,
            next=more,
            month=month,
            trend=trend,
            useful=await lately.useful(snapshot, person),
            named=tuple([Named(quarter=n.quarter, at=n.at, by=n.reader) for n in named]),
        )

    # Some twenty questions, and a year of lines: all in one turn of a thread that is not the loop's.
    return await services.reader.load(load)


async def lines(call: Call[LinesQuery, None]) -> Lines:
    """Raises Refused(bad_value) for what is no mark of ours."""
    async with call.services.reader.snapshot() as snapshot:
        key = _key_of(call.query.before)
        owner = await _owner(call, snapshot)
        shown, more = await _page(snapshot, owner, call.services.region, key, call.query.limit)
        return Lines(cursor=await as_of(call.services, snapshot), lines=shown, next=more)


async def place(call: Call[NoQuery, None]) -> PlaceAnswer:
    """Where one's standing lies among those of one's region: only when asked, and only in bands."""
    services = call.services
    async with services.reader.snapshot() as snapshot:
        found = await place_of(snapshot, call.person, services.region, services.now())
        cursor = await as_of(services, snapshot)
    return PlaceAnswer(cursor=cursor, **asdict(found))


async def export(call: Call[ExportQuery, None]) -> Response:
    """The whole ledger as a file; what it holds adds up to its last row, whatever changes meanwhile."""
    kind = call.query.format
    async with call.services.reader.snapshot() as snapshot:
        owner = await _owner(call, snapshot)
        rules = (await account(snapshot, owner, call.services.now())).rules
    pieces = _csv(call, owner) if kind == "csv" else _json(call, owner, rules)
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="tap-impact-{call.person}.{kind}"',
    }
    return StreamingResponse(pieces, media_type=CSV if kind == "csv" else JSON, headers=headers)


async def _csv(call: Call[Any, Any], owner: str) -> AsyncIterator[bytes]:
    total = 0
    yield export_file.csv_header()
    async for page in _pages(call, owner):
        total += sum([line["milli_points"] for line in page])
        yield export_file.csv_lines(page)
    yield export_file.csv_total(total)


async def _json(call: Call[Any, Any], owner: str, rules: str) -> AsyncIterator[bytes]:
    total, first = 0, True
    yield export_file.json_header(call.person, rules)
    async for page in _pages(call, owner):
        total += sum([line["milli_points"] for line in page])
        yield export_file.json_lines(page, first)
        first = False
    yield export_file.json_total(total)


async def _pages(call: Call[Any, Any], owner: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Each page in a transaction of its own: a slow reader must not hold one of the few connections."""
    key, more = NEWEST, True
    while more:
        async with call.services.reader.snapshot() as snapshot:
            found = await views.ledger(snapshot, owner, key, limits.PAGE_ITEMS_MAX)
        more = len(found) == limits.PAGE_ITEMS_MAX
        if found:
            key = found[-1].key
            yield [one.line for one in found]


async def _owner(call: Call[Any, Any], snapshot: Snapshot) -> str:
    """Whose ledger is read: one's own; nobody's where the region's policy is off."""
    policy = (await scoring.policies(snapshot)).get(call.services.region, CAUTIOUS)
    return "" if policy.scores == "off" else call.person


async def _page(
    snapshot: Snapshot, owner: str, region: str, before: LedgerKey, limit: int
) -> tuple[tuple[dict[str, Any], ...], str | None]:
    found = await views.ledger(snapshot, owner, before, limit + 1)
    shown = found[:limit]
    more = f"{shown[-1].key.at}.{shown[-1].key.act}" if len(found) > limit else None
    placed = await lately.placed(snapshot, shown)
    return await with_cases(snapshot, owner, region, placed), more


def _key_of(mark: str) -> LedgerKey:
    if not mark:
        return NEWEST
    at, _, act = mark.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) < 17 and act.isascii()):
        raise Refused(Code.BAD_VALUE, "this is no page mark: take the one in `next`", "before")
    return LedgerKey(int(at), act)


async def topics(call: Call[TopicsQuery, None]) -> Topics:
    query = call.query
    async with call.services.reader.snapshot() as snapshot:
        found = await records.topics(snapshot, query.after, query.limit + 1)
        shown = tuple(found[: query.limit])
        return Topics(
            cursor=await as_of(call.services, snapshot),
            topics=shown,
            next=shown[-1].id if len(found) > query.limit else None,
        )
