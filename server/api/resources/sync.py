"""First load and catching up; what the socket sends, asked for (docs/protocol/http.md 5)."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request

from server.api.access import secret_of
from server.api.resources.paging import Channels, channels_of, cursor_of
from server.api.route import Call, Query
from server.app.sync import Page, Reset
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import Cursor
from server.storage.queries.shapes import FirstLoad

STOPPING = Refusal(Code.STOPPING, "the node is about to stop: ask again in a moment")


class SyncQuery(Query, frozen=True, kw_only=True):
    """``since``: the cursor of what the client has. ``channels``: further ones, separated by commas.
    ``wait``: how many seconds to wait for something when there is nothing."""

    since: Annotated[str, Meta(max_length=40)] = ""
    channels: Channels = ""
    limit: Annotated[int, Meta(ge=1, le=limits.SYNC_PAGE_EVENTS)] = limits.SYNC_PAGE_EVENTS
    wait: Annotated[int, Meta(ge=0, le=limits.LONG_POLL_SECONDS_MAX)] = 0


async def read(call: Call[SyncQuery, None]) -> FirstLoad | Page | Reset | Refusal:
    query, sync = call.query, call.services.sync
    if not query.since:
        for name in ("channels", "wait"):
            if getattr(query, name):
                return Refusal(Code.BAD_VALUE, f"{name} goes with since", name)
        return await sync.snapshot(call.person)
    channels = channels_of(query.channels)
    cursor = cursor_of(query.since, "since")
    if not query.wait:
        return await sync.since(call.person, cursor, channels, query.limit)
    # Waiting is no slowness: it is measured apart from the requests that do not.
    call.request.scope["tap.route"] += "?wait"
    with call.services.news.turn(call.person):
        return await _long_poll(call, cursor, channels)


async def _long_poll(
    call: Call[SyncQuery, None], cursor: Cursor, channels: Sequence[str]
) -> Page | Reset | Refusal:
    services, loop = call.services, asyncio.get_running_loop()
    until = loop.time() + call.query.wait
    if services.news.stopping:
        return STOPPING
    while True:
        answer = await services.sync.since(call.person, cursor, channels, call.query.limit)
        if not isinstance(answer, Page) or answer.events or answer.values or answer.more:
            return answer
        cursor = Cursor.parse(answer.cursor)
        if not await _news(call, answer.channels, cursor.position, until - loop.time()):
            return answer
        # Meanwhile the caller may have been signed out.
        who = await services.auth.identify(secret_of(call.request))
        if isinstance(who, Refusal):
            return who


async def _news(
    call: Call[SyncQuery, None], channels: Sequence[str], after: int, seconds: float
) -> bool:
    """Waits for something on the channels. False when nothing came in time, the node stops, or nobody
    is there any more to be answered."""
    news = asyncio.ensure_future(call.services.news.on(channels, after))
    gone = asyncio.ensure_future(_gone(call.request))
    try:
        done, _ = await asyncio.wait(
            (news, gone), timeout=max(seconds, 0), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        news.cancel()
        gone.cancel()
    return news in done and not call.services.news.stopping


async def _gone(request: Request) -> None:
    """Returns once the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
