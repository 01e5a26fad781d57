"""What the links that are made of plain requests share: one task that reads, and the frames it read ahead."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, NamedTuple

from tap_client.errors import Unreachable
from tap_client.exchange import exchange
from tap_client.frames import Frame
from tap_client.link import End, LinkEnded, Token, end_of

UNREAD_MAX = 100
"""Frames read ahead; then the connection waits, and the node notices."""
POST_SECONDS_MAX = 20
"""For the answer to what was said. What comes by the other requests is no sign of life of this one, and nothing
else is said before it."""


class RequestsLink:
    def __init__(self, url: str, token: Token) -> None:
        self._url = url
        self._token = token
        self._frames: asyncio.Queue[Frame | LinkEnded | None] = asyncio.Queue(UNREAD_MAX)
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Nothing to do before the hello."""

    def _begin(self, reading: Coroutine[Any, Any, None]) -> None:
        """With the hello."""
        self._reading = asyncio.create_task(reading)

    async def receive(self) -> Frame | None:
        frame = await self._frames.get()
        if isinstance(frame, LinkEnded):
            raise frame
        return frame

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def headers_for(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


class Posted(NamedTuple):
    """What came of a JSON request. ``retry_after``: the header of that name."""

    status: int
    answer: dict[str, Any]
    retry_after: str | None

    def end(self) -> End:
        """What it means for the link, where it ends that."""
        return end_of(self.status, self.retry_after)


async def post(url: str, path: str, token: str | None, value: object) -> Posted:
    """Raises LinkEnded when nobody answers in time."""
    headers = headers_for(token) | {"Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(POST_SECONDS_MAX),
            exchange(url, "POST", path, headers, json.dumps(value).encode()) as answer,
        ):
            body = await answer.body()
            return Posted(answer.status, parsed(body), answer.headers.get("retry-after"))
    except (Unreachable, TimeoutError) as error:
        raise LinkEnded(End(None, str(error) or "no answer")) from error


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON map, empty for anything else: proxies answer in HTML."""
    try:
        value = json.loads(body) if body else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


PASSES = frozenset({408, 425, 429})
"""Statuses that are about the moment; with those from 500 on, nobody said that the node itself is at fault."""


def refusal(posted: Posted) -> dict[str, Any]:
    """The node's own word in the answer to a request that was refused. Where there is none, something before the node
    answered: raises LinkEnded if that will pass, and says what the status was if not."""
    status, error = posted.status, posted.answer.get("error")
    # A gateway's JSON may have text for an error, or a number for its code.
    if isinstance(error, dict) and isinstance(error.get("code"), str):
        return error
    if status in PASSES or status >= 500:
        raise LinkEnded(posted.end())
    return {
        "code": "internal",
        "message": f"something before the node refused it with status {status}",
    }
