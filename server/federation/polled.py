"""Links where proxies let no websocket through: the same messages by POST (docs/protocol/federation.md 1).

The accepting side. A polled connection has an unguessable name; its other end says things by one request and
hears by another, which waits until there is something. It is a ``Socket`` like any other: who it is and what it
may do is the link's business, and whoever does not call any more is silent to the link. Part of the edge.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

from server.domain import limits
from server.domain.errors import Code
from server.federation.connection import (
    CLOSE_SECONDS_MAX,
    Gone,
    Receive,
    SendMessage,
    Socket,
)

LENGTH_BYTES = 4
BODY_BYTES_MAX = 2 * limits.PEER_FRAME_BYTES_MAX
"""One largest message, or what came together until then."""
TAKE_BYTES = 1024 * 1024
"""As much as goes into one request before the next message: a round trip costs more than its bytes."""
NAME_BYTES = 16
"""Nobody guesses 128 bits."""
POLLED_MAX = 256
"""Polled connections at a time: each peer's one and its guests, and those nobody has proven yet."""


def joined(messages: Iterable[bytes]) -> bytes:
    """Each message after its length, four bytes, the highest first."""
    return b"".join(
        [part for data in messages for part in (len(data).to_bytes(LENGTH_BYTES, "big"), data)]
    )


def parted(body: bytes) -> list[bytes]:
    """Raises ValueError when the lengths do not fit the body."""
    messages, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES
        if at + size > len(body):
            raise ValueError("a message is cut short")
        messages.append(body[at : at + size])
        at += size
    return messages


class PolledSocket:
    """What one end said and the other has not taken; at most one request's worth each way (I9)."""

    take_bytes = TAKE_BYTES
    certificate_until = None

    def __init__(self) -> None:
        self._said: deque[bytes] = deque()
        self._to_hear: deque[bytes] = deque()
        self._moved = asyncio.Condition()
        self._closing: tuple[int, str] | None = None
        self._over = ""
        """Why nothing more can be said or heard."""

    # -- our side --

    async def send(self, *messages: bytes) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._over or not self._to_hear)
            if self._over:
                raise Gone(self._over)
            self._to_hear += messages
            self._moved.notify_all()

    async def receive(self) -> bytes:
        async with self._moved:
            await self._moved.wait_for(lambda: self._over or self._said)
            if not self._said:
                raise Gone(self._over)
            self._moved.notify_all()
            return self._said.popleft()

    async def close(self, code: int, reason: str) -> None:
        """Returns when the other end was told, or does not ask any more."""
        async with self._moved:
            self._closing = (code, reason)
            self._moved.notify_all()
            try:
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await self._moved.wait_for(lambda: self._over)
            except TimeoutError:
                self._over = "the other end does not ask any more"

    # -- the other side's requests --

    async def say(self, messages: list[bytes]) -> None:
        """Raises Gone when the connection is over."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._over or not self._said)
            if self._over:
                raise Gone(self._over)
            self._said += messages
            self._moved.notify_all()

    async def hear(self) -> list[bytes]:
        """What there is to hear, perhaps nothing after a while. Raises Gone when there never will be."""
        async with self._moved:
            try:
                async with asyncio.timeout(limits.LONG_POLL_SECONDS_MAX):
                    await self._moved.wait_for(lambda: self._over or self._to_hear or self._closing)
            except TimeoutError:
                return []
            messages = [*self._to_hear]
            self._to_hear.clear()
            if not messages and self._closing:
                self._over = "closed by us"
            self._moved.notify_all()
            if not messages:
                raise Gone(" ".join(map(str, self._closing or (self._over,))))
            return messages

    async def leave(self, reason: str) -> None:
        async with self._moved:
            self._over = self._over or reason
            self._moved.notify_all()


class Declined(Exception):
    """The HTTP answer to a request that cannot be served."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


GONE = 410


class Polls:
    """The ASGI application below ``<path>/polled``; an object, so that routers hand it the raw scope."""

    def __init__(
        self,
        path: str,
        accepted: Callable[[Socket], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        entropy: Callable[[int], bytes],
    ) -> None:
        """``accepted``: serves an inbound connection until it ends; ``spawn``: as a task of the links."""
        self._path = path
        self._accepted, self._spawn, self._entropy = accepted, spawn, entropy
        self._sockets: dict[str, PolledSocket] = {}

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: SendMessage) -> None:
        try:
            status, body = await self._answer(scope, receive)
        except Declined as declined:
            status, body = declined.status, str(declined).encode()
        except Gone as gone:
            status, body = GONE, str(gone).encode()
        headers = [(b"content-type", b"application/octet-stream"), (b"cache-control", b"no-store")]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Mapping[str, Any], receive: Receive) -> tuple[int, bytes]:
        name, _, act = scope["path"].removeprefix(self._path).strip("/").partition("/")
        match scope["method"], name, act:
            case "POST", "", "":
                return 201, self._opened().encode()
            case "POST", _, "say":
                await self._said(self._socket(name), await _body(receive))
                return 204, b""
            case "POST", _, "hear":
                return 200, joined(await self._socket(name).hear())
            case "DELETE", _, "":
                await self._socket(name).leave("closed by the other end")
                return 204, b""
        raise Declined(404, "POST opens, POST say and hear talk, DELETE closes")

    def _opened(self) -> str:
        if len(self._sockets) >= POLLED_MAX:
            raise Declined(503, "too many polled connections")
        name = self._entropy(NAME_BYTES).hex()
        self._sockets[name] = socket = PolledSocket()
        self._spawn(self._talk(name, socket))
        return name

    async def _talk(self, name: str, socket: PolledSocket) -> None:
        try:
            await self._accepted(socket)
        finally:
            del self._sockets[name]
            await socket.leave("the connection has ended")

    def _socket(self, name: str) -> PolledSocket:
        if name not in self._sockets:
            raise Declined(GONE, "there is no such connection, or no longer")
        return self._sockets[name]

    @staticmethod
    async def _said(socket: PolledSocket, body: bytes) -> None:
        try:
            await socket.say(parted(body))
        except ValueError as error:
            await socket.leave("it said something malformed")
            raise Declined(400, f"{Code.BAD_ENCODING}: {error}") from None


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Declined(400, "the request was cut short")
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Declined(413, f"{Code.TOO_LARGE}: at most {BODY_BYTES_MAX} bytes at a time")
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)
