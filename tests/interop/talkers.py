"""Websocket clients nobody here wrote, each behind the same three verbs: connect, say, hear."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec

from server.realtime.frames import Encoding

SECONDS_MAX = 30.0
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)


class Talker(Protocol):
    """``extensions``: as negotiated. ``offers``: whether the client asks for permessage-deflate.

    ``hear`` gives ``{"t": "closed", "code": ...}`` when the socket is gone."""

    encoding: Encoding
    extensions: str
    offers: bool

    async def connect(self, url: str, token: str) -> None: ...
    async def say(self, **frame: Any) -> None: ...
    async def hear(self) -> dict[str, Any]: ...
    async def close(self) -> None: ...


class ByLines:
    """A client in a process of its own (talker.js)."""

    encoding = Encoding.JSON
    offers = True

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.extensions = ""

    async def _order(self, **order: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()

    async def connect(self, url: str, token: str) -> None:
        """Browsers cannot send a header: the token goes into ``hello``."""
        await self._order(connect=url, protocol=self.encoding.subprotocol)
        opened = await self.hear()
        assert opened["t"] == "open", opened
        assert opened["protocol"] == self.encoding.subprotocol
        self.extensions = opened["extensions"]

    async def say(self, **frame: Any) -> None:
        await self._order(say=frame)

    async def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS_MAX):
            line = await self._process.stdout.readline()
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def close(self) -> None:
        await self._order(close=1000)


@asynccontextmanager
async def by_lines(command: Sequence[str]) -> AsyncIterator[ByLines]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=4 * 1024 * 1024,
    )
    try:
        yield ByLines(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


class Aiohttp:
    """``aiohttp.ClientSession.ws_connect``; the token goes into the header."""

    offers = True

    def __init__(self, session: Any, encoding: Encoding) -> None:
        self._session, self.encoding = session, encoding
        self.extensions = ""

    async def connect(self, url: str, token: str) -> None:
        self._socket = await self._session.ws_connect(
            url,
            protocols=[self.encoding.subprotocol],
            headers={"Authorization": f"Bearer {token}"},
            compress=15,
        )
        assert self._socket.protocol == self.encoding.subprotocol
        self.extensions = self._socket._response.headers.get("Sec-WebSocket-Extensions", "")

    async def say(self, **frame: Any) -> None:
        packed = _PACK[self.encoding](frame)
        if self.encoding is Encoding.JSON:
            await self._socket.send_str(packed.decode())
        else:
            await self._socket.send_bytes(packed)

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS_MAX):
            message = await self._socket.receive()
        if isinstance(message.data, str | bytes):
            heard: dict[str, Any] = _UNPACK[self.encoding](message.data)
            return heard
        return {"t": "closed", "code": self._socket.close_code}

    async def close(self) -> None:
        await self._socket.close()


class Picows:
    """``picows.ws_connect``: frames as they come; it knows no compression."""

    offers = False
    extensions = ""

    def __init__(self, picows: Any, encoding: Encoding) -> None:
        self._picows, self.encoding = picows, encoding
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def connect(self, url: str, token: str) -> None:
        picows, heard, unpack = self._picows, self._heard, _UNPACK[self.encoding]

        class Listener(picows.WSListener):  # type: ignore[misc,name-defined]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                match frame.msg_type:
                    case picows.WSMsgType.TEXT | picows.WSMsgType.BINARY:
                        heard.put_nowait(unpack(frame.get_payload_as_bytes()))
                    case picows.WSMsgType.CLOSE:
                        transport.send_close(frame.get_close_code())

            def on_ws_disconnected(self, transport: Any) -> None:
                heard.put_nowait({"t": "closed", "code": 1006})

        headers = {
            "Authorization": f"Bearer {token}",
            "Sec-WebSocket-Protocol": self.encoding.subprotocol,
        }
        self._transport, _ = await picows.ws_connect(Listener, url, extra_headers=headers)

    async def say(self, **frame: Any) -> None:
        kind = self._picows.WSMsgType
        text = self.encoding is Encoding.JSON
        self._transport.send(kind.TEXT if text else kind.BINARY, _PACK[self.encoding](frame))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS_MAX):
            return await self._heard.get()

    async def close(self) -> None:
        self._transport.send_close(self._picows.WSCloseCode.OK)
        self._transport.disconnect(graceful=True)
        await self._transport.wait_disconnected()
