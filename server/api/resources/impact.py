"""A person's own ledger and the topics of the company."""

from typing import Annotated, Any

from msgspec import Meta

from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.app.scores import account
from server.domain import limits
from server.storage.queries import records
from server.storage.queries.shapes import Shape, TopicView


class Impact(Shape, frozen=True, kw_only=True):
    """What one's contributions were worth to others; shown to oneself alone.

    ``total``: milli-points of all lines, for ever; ``standing``: what of it still stands today;
    ``level`` from 0, ``next_level_at``: the standing of the next one. ``lines``: newest first, each
    explaining itself (docs/scoring.md 6)."""

    cursor: str
    total: int
    standing: int
    level: int
    next_level_at: int | None
    rules: str
    lines: tuple[dict[str, Any], ...]


class TopicsQuery(Query, frozen=True, kw_only=True):
    after: Annotated[str, Meta(max_length=limits.TOPIC_CHARS_MAX)] = ""
    limit: Limit = 100


class Topics(Shape, frozen=True, kw_only=True):
    cursor: str
    topics: tuple[TopicView, ...]
    next: str | None


async def impact(call: Call[NoQuery, None]) -> Impact:
    services = call.services
    async with services.reader.snapshot() as snapshot:
        today = await account(snapshot, call.person, services.now())
        total, lines = await records.credit_lines(snapshot, call.person, limits.PAGE_ITEMS_MAX)
        return Impact(
            cursor=await as_of(call.services, snapshot),
            total=total,
            standing=today.standing,
            level=today.level,
            next_level_at=today.next_level,
            rules=today.rules,
            lines=tuple([line.line for line in lines]),
        )


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
