"""Server-sent events down, requests up: for networks that let no websocket through.

The stream carries the same frames; its first one names it, and what the client says is posted under that
name, one at a time, so the node hears it in order.
"""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from tap_client import frames
from tap_client.errors import ProtocolError, Unreachable
from tap_client.exchange import Answer, exchange
from tap_client.frames import Frame
from tap_client.link import End, LinkEnded, Token, end_of
from tap_client.link_requests import RequestsLink, headers_for, post, refusal

EVENTS = "/api/v1/live/events"
FRAMES = "/api/v1/live/frames"


class EventsLink(RequestsLink):
    def __init__(self, url: str, token: Token) -> None:
        super().__init__(url, token)
        self._stream = ""
        self._end = End(1006, "the stream ended")

    async def send(self, frame: Frame) -> None:
        if frame["t"] == "hello":
            self._begin(self._read(frame))
        else:
            await self._post(frame)

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
        except ProtocolError as error:
            self._end = End(1002, str(error))
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
        posted = await post(self._url, path, self._token(), frame)
        if posted.status < 400:
            return
        if posted.status == 401 or posted.status >= 500:
            raise LinkEnded(posted.end())
        if posted.status in (404, 410):
            raise LinkEnded(End(1006, f"status {posted.status}"))
        error = refusal(posted)
        if frame["t"] == "do":
            await self._frames.put({"t": "done", "key": frame["key"], "ok": False, "error": error})
        else:
            await self._frames.put({"t": "error", "error": error})


async def lines(answer: Answer) -> AsyncIterator[bytes]:
    """The lines of the body as they come, without their ends. The node ends them with one newline."""
    rest = b""
    async for piece in answer.pieces():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
