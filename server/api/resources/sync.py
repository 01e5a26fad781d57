"""First load and catching up; what the socket sends, asked for (docs/protocol/http.md 5)."""

from typing import Annotated

from msgspec import Meta

from server.api.resources.paging import cursor_of
from server.api.route import Call, Query
from server.app.sync import Page, Reset
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.storage.queries.shapes import FirstLoad


class SyncQuery(Query, frozen=True, kw_only=True):
    """``since``: the cursor of what the client has. ``channels``: further ones, separated by commas."""

    since: Annotated[str, Meta(max_length=40)] = ""
    channels: Annotated[str, Meta(max_length=32 * limits.CHANNELS_PER_CONNECTION_MAX)] = ""
    limit: Annotated[int, Meta(ge=1, le=limits.SYNC_PAGE_EVENTS)] = limits.SYNC_PAGE_EVENTS


async def read(call: Call[SyncQuery, None]) -> FirstLoad | Page | Reset | Refusal:
    query, sync = call.query, call.services.sync
    if not query.since:
        if query.channels:
            return Refusal(Code.BAD_VALUE, "channels go with since", "channels")
        return await sync.snapshot(call.person)
    channels = [name for name in query.channels.split(",") if name]
    if len(channels) > limits.CHANNELS_PER_CONNECTION_MAX:
        return Refusal(
            Code.BAD_VALUE, f"at most {limits.CHANNELS_PER_CONNECTION_MAX} channels", "channels"
        )
    cursor = cursor_of(query.since, "since")
    return await sync.since(call.person, cursor, channels, query.limit)
