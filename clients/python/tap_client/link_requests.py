"""What the links that are made of plain requests share: one task that reads, and the frames it read ahead."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

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


async def post(url: str, path: str, token: str | None, value: object) -> tuple[int, dict[str, Any]]:
    """Status and answer of a JSON request. Raises LinkEnded when nobody answers in time."""
    headers = headers_for(token) | {"Content-Type": "application/json"}
    try:
        async with (
            asyncio.timeout(POST_SECONDS_MAX),
            exchange(url, "POST", path, headers, json.dumps(value).encode()) as answer,
        ):
            return answer.status, parsed(await answer.body())
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


def refusal(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """The node's own word in the answer to a request that was refused. Where there is none, something before the node
    answered: raises LinkEnded if that will pass, and says what the status was if not."""
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if status in PASSES or status >= 500:
        raise LinkEnded(end_of(status))
    return {
        "code": "internal",
        "message": f"something before the node refused it with status {status}",
    }
