"""The event tap: what this node committed, in order, as CloudEvents 1.0 (docs/protocol/tap.md)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from server.api.access import secret_of
from server.api.answers import JSON
from server.api.resources.paging import cursor_of
from server.api.route import Access, Call, NoQuery, Query
from server.app.cloudevents import MEDIA_TYPE, Message, batched, binary, encode, structured
from server.app.feed import Feed, Filter, LaneName, Shown, SubjectId, Terms, TypePattern
from server.domain.errors import Code, Refusal
from server.domain.ids import EventId
from server.storage import event_log

WAIT_MS_MAX = 60_000
RECORDS_MAX = 1_000
STREAM_RECORDS = 200
KEEP_ALIVE_SECONDS = 25
"""A line tells proxies and readers that the stream lives."""
NDJSON = "application/x-ndjson"


class FilterQuery(Query, frozen=True, kw_only=True):
    """``after``: the last cursor seen, empty for the beginning. ``type``, ``lane``, ``subject``: what is wanted,
    each as often as needed; a type may end in ``*``."""

    after: Annotated[str, Meta(max_length=40)] = ""
    type: Annotated[tuple[TypePattern, ...], Terms] = ()
    lane: Annotated[tuple[LaneName, ...], Terms] = ()
    subject: Annotated[tuple[SubjectId, ...], Terms] = ()


class TapQuery(FilterQuery, frozen=True, kw_only=True):
    """``wait_ms``: how long to wait for news."""

    limit: Annotated[int, Meta(ge=1, le=RECORDS_MAX)] = 200
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0


class StreamQuery(FilterQuery, frozen=True, kw_only=True):
    pass


def _feed(call: Call[Any, Any], wanted: Filter) -> Feed:
    """The tap as the caller may see it. Pseudonyms are its holder's, so that they outlast a token."""
    services = call.services
    key = services.seal.pseudonyms(f"service {call.person}")
    return Feed(services.tap, wanted, call.me.names, key, services.nameless)


def _filtered(call: Call[Any, Any]) -> Feed:
    query = call.query
    return _feed(call, Filter(types=query.type, lanes=query.lane, subjects=query.subject))


def _start(call: Call[Any, Any], after: str) -> int | Refusal:
    """The position to read on from; the refusal when the cursor is of another log."""
    if not after:
        return 0
    cursor, tap = cursor_of(after, "after"), call.services.tap
    if cursor.epoch != tap.epoch:
        return Refusal(
            Code.BAD_CURSOR,
            f"this log began anew (epoch {tap.epoch:x}): read it again from its beginning",
            "after",
        )
    if cursor.position > tap.position:
        return Refusal(Code.BAD_CURSOR, "this node never was that far", "after")
    return cursor.position


async def page(call: Call[TapQuery, None]) -> Response | Refusal:
    """A batch; its cursor for the next call stands in the header ``Tap-Cursor``. With a filter it may be empty
    while there is more: then the cursor has moved."""
    query, feed = call.query, _filtered(call)
    position = _start(call, query.after)
    if isinstance(position, Refusal):
        return position
    shown = await feed.read(position, query.limit)
    if not shown.events and query.wait_ms:
        try:
            async with asyncio.timeout(query.wait_ms / 1000):
                while not shown.events:
                    position = shown.position
                    await feed.tap.moved(position)
                    shown = await feed.read(position, query.limit)
        except TimeoutError:
            shown = Shown([], position)
        if refusal := await _unwelcome(call):
            return refusal
    return _answer(batched(shown.events), {"Tap-Cursor": feed.cursor(shown.position)})


async def event(call: Call[NoQuery, None]) -> Response | Refusal:
    """One event by its id. ``Accept: application/json`` asks for it in CloudEvents's binary mode: attributes in
    headers, the data as body."""
    text = call.path["event"]
    async with call.services.reader.snapshot() as snapshot:
        record = await event_log.by_id(snapshot, EventId.parse(text))
    if record is None or record.position > call.services.tap.position:
        return Refusal(Code.NOT_FOUND, f"there is no event {text} here", "event")
    shown = await _feed(call, Filter()).show([record], 1)
    accepted = call.request.headers.get("accept", "*/*")
    plain = JSON in accepted and MEDIA_TYPE not in accepted
    return _answer((binary if plain else structured)(shown.events[0]), {})


def _answer(message: Message, headers: dict[str, str]) -> Response:
    return Response(message.body, headers=message.headers | headers)


async def stream(call: Call[StreamQuery, None]) -> Response | Refusal:
    """One event a line, for as long as the reader stays and its token is good."""
    position = _start(call, call.query.after)
    if isinstance(position, Refusal):
        return position
    # A gzip layer would hold lines back; a stream is not worth compressing line by line.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(call, position), media_type=NDJSON, headers=headers)


async def _lines(call: Call[StreamQuery, None], position: int) -> AsyncIterator[bytes]:
    """One page at a time: the next is read when this one was taken, so a slow reader costs one page (I9)."""
    feed, told = _filtered(call), position
    while not call.services.stopping() and not await _unwelcome(call):
        shown = await feed.read(position, STREAM_RECORDS)
        moved, position = shown.position > position, shown.position
        if shown.events:
            told = position
            yield b"".join([encode(one) + b"\n" for one in shown.events])
        elif moved and position - told >= RECORDS_MAX:
            told = position
            yield _cursor_line(feed, position)
        if moved:
            continue
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                await feed.tap.moved(position)
        except TimeoutError:
            yield _cursor_line(feed, position) if position > told else b"\n"
            told = position


def _cursor_line(feed: Feed, position: int) -> bytes:
    """Says how far the log was passed over; no event, as it has no ``specversion``."""
    return msgspec.json.encode({"tapcursor": feed.cursor(position)}) + b"\n"


async def _unwelcome(call: Call[Any, None]) -> Refusal | None:
    """Why the caller may read no more. Asked again before each piece and after each wait: a memory look-up, until
    something about the token changed."""
    now = await call.services.auth.identify(secret_of(call.request))
    if isinstance(now, Refusal):
        return now
    welcome = now.may_read_tap() and now.person == call.person
    return None if welcome else Refusal(Code.FORBIDDEN, f"this is for {Access.TAP.value}")
