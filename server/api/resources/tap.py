"""The event tap: what this node committed, in order, as CloudEvents 1.0 (docs/protocol/tap.md)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from server.api.access import secret_of
from server.api.resources.paging import cursor_of
from server.api.route import Call, Query
from server.app.auth import Identity
from server.app.cloudevents import BATCH_MEDIA_TYPE, encode, encode_batch
from server.domain.errors import Code, Refusal
from server.domain.ids import Cursor

WAIT_MS_MAX = 60_000
RECORDS_MAX = 1_000
STREAM_RECORDS = 200
KEEP_ALIVE_SECONDS = 25
"""An empty line tells proxies and readers that the stream lives."""
NDJSON = "application/x-ndjson"


class TapQuery(Query, frozen=True, kw_only=True):
    """``after``: the last cursor seen, empty for the beginning. ``wait_ms``: how long to wait for news."""

    after: Annotated[str, Meta(max_length=40)] = ""
    limit: Annotated[int, Meta(ge=1, le=RECORDS_MAX)] = 200
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0


class StreamQuery(Query, frozen=True, kw_only=True):
    after: Annotated[str, Meta(max_length=40)] = ""


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
    """A batch; its cursor for the next call stands in the header ``Tap-Cursor``."""
    tap, query = call.services.tap, call.query
    position = _start(call, query.after)
    if isinstance(position, Refusal):
        return position
    records = await tap.read(position, query.limit)
    if not records and query.wait_ms:
        try:
            async with asyncio.timeout(query.wait_ms / 1000):
                await tap.moved(position)
        except TimeoutError:
            pass
        records = await tap.read(position, query.limit)
    end = records[-1].position if records else position
    return Response(
        encode_batch(records, tap.epoch),
        media_type=BATCH_MEDIA_TYPE,
        headers={"Tap-Cursor": str(Cursor(tap.epoch, end))},
    )


async def stream(call: Call[StreamQuery, None]) -> Response | Refusal:
    """One event a line, for as long as the reader stays and its token is good."""
    position = _start(call, call.query.after)
    if isinstance(position, Refusal):
        return position
    # A gzip layer would hold lines back; a stream is not worth compressing line by line.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(call, position), media_type=NDJSON, headers=headers)


async def _lines(call: Call[StreamQuery, None], position: int) -> AsyncIterator[bytes]:
    tap = call.services.tap
    while not call.services.stopping() and await _still_welcome(call):
        records = await tap.read(position, STREAM_RECORDS)
        if records:
            yield b"".join([encode(record, tap.epoch) + b"\n" for record in records])
            position = records[-1].position
            continue
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                await tap.moved(position)
        except TimeoutError:
            yield b"\n"


async def _still_welcome(call: Call[StreamQuery, None]) -> bool:
    """Asked again before each piece: a memory look-up, until something about the token changed."""
    now = await call.services.auth.identify(secret_of(call.request))
    return isinstance(now, Identity) and now.may_read_tap() and now.person == call.person
