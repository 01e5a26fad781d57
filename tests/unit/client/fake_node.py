"""A node on loopback that says what a test tells it to, and checks what it hears.

A test's script is one coroutine per connection, in order:

    async def first(line: Line) -> None:
        hello = await line.heard("hello")
        await line.say(t="welcome", ...)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tap_client import frames
from websockets.asyncio.server import ServerConnection, serve

SECONDS_MAX = 10
Script = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection, from the node's side; speaks the encoding the client asked for."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        packed = socket.subprotocol == "tap.v1.msgpack"
        self._encode = frames.encoder("msgpack" if packed else "json")

    async def heard(self, name: str) -> dict[str, Any]:
        """The next frame, which must be of this name; pings on the way are answered."""
        frame = frames.decode(await asyncio.wait_for(self._socket.recv(), SECONDS_MAX))
        while frame["t"] == "ping" != name:
            await self.say(t="pong", server_time=0)
            frame = frames.decode(await asyncio.wait_for(self._socket.recv(), SECONDS_MAX))
        assert frame["t"] == name, frame
        return frame

    async def say(self, **frame: Any) -> None:
        await self._socket.send(self._encode(frame))

    async def raw(self, message: str | bytes) -> None:
        await self._socket.send(message)

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    async def welcome(
        self, cursor: str = "1.10", resume: str = "fresh", channels: tuple[str, ...] = ("g", "c:a")
    ) -> dict[str, Any]:
        """Hear hello, answer welcome; the hello."""
        hello = await self.heard("hello")
        await self.say(
            t="welcome",
            cursor=cursor,
            epoch=1,
            region="in",
            person="asha",
            server_time=0,
            resume=resume,
            reason="too old" if resume == "reset" else None,
            channels=channels,
        )
        return hello

    async def event(self, position: int, *channels: str, **body: Any) -> None:
        await self.say(**event(position, *channels, **body))

    async def gone(self) -> None:
        """Returns when the client has gone."""
        await asyncio.wait_for(self._socket.wait_closed(), SECONDS_MAX)

    def cut(self) -> None:
        """End the connection without a word, as a broken cable does."""
        self._socket.transport.abort()


def event(position: int, *channels: str, **body: Any) -> dict[str, Any]:
    """An event frame."""
    return {
        "t": "event",
        "position": position,
        "id": f"in:1:global:{position}",
        "type": "post.published",
        "at": position,
        "by": "asha",
        "channels": list(channels or ("c:a",)),
        "body": body,
    }


@asynccontextmanager
async def fake_node(*scripts: Script) -> AsyncIterator[str]:
    """The address of a node whose connections follow the scripts; fails the test if one failed."""
    waiting = list(scripts)
    failures: list[BaseException] = []
    finished = asyncio.Event()

    async def connection(socket: ServerConnection) -> None:
        if not waiting:
            await socket.close(1001, "nothing more to say")
            return
        script = waiting.pop(0)
        try:
            await script(Line(socket))
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            if not waiting:
                finished.set()

    protocols = list(frames.SUBPROTOCOLS.values())
    async with serve(connection, "127.0.0.1", 0, subprotocols=protocols) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        await asyncio.wait_for(finished.wait(), SECONDS_MAX)
    if failures:
        raise failures[0]
