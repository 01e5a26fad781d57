"""Server-sent events down, requests up: for networks that let no websocket through.

The stream carries the same frames; its first one names it, and what the client says is posted under that
name, one at a time, so the node hears it in order.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from tap_client import frames
from tap_client.errors import Unreachable
from tap_client.exchange import Answer, exchange
from tap_client.frames import Frame
from tap_client.link import End, LinkEnded, Token, end_of

EVENTS = "/api/v1/live/events"
FRAMES = "/api/v1/live/frames"
UNREAD_MAX = 100
"""Frames read ahead; then the connection waits, and the node notices."""


class EventsLink:
    def __init__(self, url: str, token: Token) -> None:
        self._url = url
        self._token = token
        self._stream = ""
        self._frames: asyncio.Queue[Frame | LinkEnded | None] = asyncio.Queue(UNREAD_MAX)
        self._reading: asyncio.Task[None] | None = None
        self._end = End(1006, "the stream ended")

    async def open(self) -> None:
        """Nothing to do before the hello."""

    async def send(self, frame: Frame) -> None:
        if frame["t"] == "hello":
            self._reading = asyncio.create_task(self._read(frame))
        else:
            await self._post(frame)

    async def receive(self) -> Frame | None:
        frame = await self._frames.get()
        if isinstance(frame, LinkEnded):
            raise frame
        return frame

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, hello: Frame) -> None:
        query = {"cursor": hello.get("cursor"), "channels": ",".join(hello.get("channels", ()))}
        given = urlencode({name: value for name, value in query.items() if value})
        path = EVENTS + ("?" + given if given else "")
        headers = headers_for(self._token()) | {"Accept": "text/event-stream"}
        try:
            async with exchange(self._url, "GET", path, headers) as answer:
                if answer.status != 200:
                    self._end = end_of(answer.status, answer.headers.get("retry-after"))
                elif not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    self._end = End(None, "no event stream", is_absent=True)
                else:
                    async for line in lines(answer):
                        await self._line(line)
        except Unreachable as error:
            self._end = End(None if not self._stream else 1006, str(error))
        await self._frames.put(LinkEnded(self._end))

    async def _line(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            await self._frames.put(None)
            return
        frame = frames.decode(line.removeprefix(b"data:").decode("utf-8", "replace"))
        if frame["t"] == "stream":
            self._stream = str(frame.get("id", ""))
            return
        if frame["t"] == "bye":
            self._end = End(int(frame.get("code", 1006)), str(frame.get("reason", "")))
        await self._frames.put(frame)

    async def _post(self, frame: Frame) -> None:
        path = f"{FRAMES}?{urlencode({'stream': self._stream})}"
        status, answer = await post(self._url, path, self._token(), frame)
        if status < 400:
            return
        if status == 401:
            raise LinkEnded(end_of(status))
        if status in (404, 410) or status >= 500:
            raise LinkEnded(End(1006, f"status {status}"))
        error = answer.get("error", {})
        if frame["t"] == "do":
            await self._frames.put({"t": "done", "key": frame["key"], "ok": False, "error": error})
        else:
            await self._frames.put({"t": "error", "error": error})


def headers_for(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


async def post(url: str, path: str, token: str | None, value: object) -> tuple[int, dict[str, Any]]:
    """Status and answer of a JSON request. Raises LinkEnded when nobody answers."""
    headers = headers_for(token) | {"Content-Type": "application/json"}
    try:
        async with exchange(url, "POST", path, headers, json.dumps(value).encode()) as answer:
            return answer.status, parsed(await answer.body())
    except Unreachable as error:
        raise LinkEnded(End(None, str(error))) from error


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON map, empty for anything else: proxies answer in HTML."""
    try:
        value = json.loads(body) if body else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def lines(answer: Answer) -> AsyncIterator[bytes]:
    """The lines of the body as they come, without their ends. The node ends them with one newline."""
    rest = b""
    async for piece in answer.pieces():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
