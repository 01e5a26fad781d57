"""Live frames without a websocket: an event stream, and what its client says (docs/protocol/client.md 6.6)."""

from typing import Annotated, Any

from msgspec import Meta
from starlette.responses import Response

from server.api.access import FOREIGN, address_of, credentials_in, from_elsewhere
from server.api.answers import body_of
from server.api.handover import HandOver
from server.api.resources.paging import Channels, channels_of
from server.api.resources.session import Done
from server.api.route import Call, Query
from server.domain import limits
from server.domain.errors import Refusal

EVENT_STREAM = "text/event-stream"
UNBUFFERED = {"X-Accel-Buffering": "no"}
"""nginx collects what it passes on, unless it is told not to."""


class EventsQuery(Query, frozen=True, kw_only=True):
    """``cursor``: resume from here; the header Last-Event-ID goes before it. ``channels``: further ones,
    separated by commas."""

    cursor: Annotated[str, Meta(max_length=40)] = ""
    channels: Channels = ""


class FramesQuery(Query, frozen=True, kw_only=True):
    """``stream``: the name its first frame gave."""

    stream: Annotated[str, Meta(max_length=64)]


async def events(call: Call[EventsQuery, None]) -> Response | Refusal:
    """The frames of a websocket as server-sent events, until either side ends it."""
    request, services = call.request, call.services
    # Nothing is changed, but a stream is held open: not in the name of a visitor of another site's page.
    secret, from_cookie = credentials_in(request)
    if from_cookie and from_elsewhere(request, services):
        return FOREIGN
    cursor = request.headers.get("last-event-id") or call.query.cursor or None
    channels = channels_of(call.query.channels)
    owner = services.live.open(address_of(request), secret, call.person, cursor, channels)
    return owner if isinstance(owner, Refusal) else HandOver(owner, UNBUFFERED, EVENT_STREAM)


async def say(call: Call[FramesQuery, Any]) -> Done | Refusal:
    """One frame, as a websocket's client says it; what it leads to comes on the stream."""
    raw = await body_of(call.request, limits.CLIENT_FRAME_BYTES_MAX)
    refusal = call.services.live.say(call.query.stream, call.person, raw)
    return Done() if refusal is None else refusal
