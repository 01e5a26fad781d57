"""An answer whose body somebody else writes: the connection itself goes to its owner, after the head.

The route decides as for any other request (who, what, from where), so a refusal is an ordinary answer
and the head has the headers of all answers. Then no task of the application is left: the owner is the
connection's ``asyncio.Protocol`` from there on. The server offers this as an ASGI extension
(ops/guarded_http.py).

The body ends with the connection: any other framing would be bytes of its own around each piece, for
proxies to take off again, and HTTP/1.0 (what nginx speaks to a node unless told otherwise) has none.
RFC 9112 6.3 allows it to every version; that a cut looks like an end does no harm where the reader
has a cursor.
"""

import asyncio
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

EXTENSION = "tap.hand_over"
"""``await scope["extensions"][EXTENSION]["to"](owner, start, send)``, ``start`` being the
``http.response.start``."""

Owner = Callable[..., asyncio.Protocol]
"""Called as uvicorn calls a protocol class: ``(config=, server_state=, app_state=)``."""


class HandOver(Response):
    """A 200 to GET; to HEAD only its head."""

    def __init__(self, owner: Owner, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(None, headers={**headers, "Connection": "close"}, media_type=media_type)
        del self.headers["content-length"]
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        if scope["method"] == "HEAD":
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        await scope["extensions"][EXTENSION]["to"](self._owner, start, send)
