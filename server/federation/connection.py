"""One websocket connection to a peer as the links use it, and the ASGI side of it.

Part of the edge, as ``links``; the dialled side stands there, since sockets are opened nowhere else.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from server.domain import limits
from server.domain.errors import Refusal
from server.federation import frames
from server.federation.frames import Fault
from server.federation.outbox import Outbox, Rank
from server.federation.steps import close_code

SUBPROTOCOL = "tap.federation.v1"
NO_SUBPROTOCOL = 4406
CLOSE_SECONDS_MAX = 5
"""How long the closing handshake may take; what was not sent is still in the log."""

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]


class Gone(Exception):
    """The connection ended; the text says how."""


class Socket(Protocol):
    """Whole binary messages in order; ``send`` and ``receive`` raise Gone at the end, ``close`` never."""

    @property
    def take_bytes(self) -> int:
        """How much is best written at a time; 0: one message, so that what comes up may go before others."""

    @property
    def certificate_until(self) -> int | None:
        """The other end's, UTC milliseconds; None without TLS, or where we were dialled."""

    async def send(self, *messages: bytes) -> None: ...
    async def receive(self) -> bytes: ...
    async def close(self, code: int, reason: str) -> None: ...


class AcceptedSocket:
    """The ASGI side. A text message is handed on as its bytes, and refused as no MessagePack."""

    take_bytes = 0
    certificate_until = None

    def __init__(self, receive: Receive, send: SendMessage) -> None:
        self._receive, self._send = receive, send

    async def send(self, *messages: bytes) -> None:
        try:
            for data in messages:
                await self._send({"type": "websocket.send", "bytes": data})
        except (OSError, RuntimeError) as error:
            raise Gone(str(error) or "the connection was lost") from None

    async def receive(self) -> bytes:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise Gone(f"closed with {message.get('code')} {message.get('reason') or ''}".strip())
        data: bytes | None = message.get("bytes")
        return data if data is not None else str(message.get("text")).encode()

    async def close(self, code: int, reason: str) -> None:
        # The other end may have closed in the meantime.
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class Connection:
    """A socket and what waits to be written to it, which the peer's credit bounds (I9)."""

    def __init__(
        self, number: int, socket: Socket, written: Callable[[], None] = lambda: None
    ) -> None:
        """``written``: told when what may be lost was handed to the socket, and nothing of it waits any more."""
        self.number = number
        self._socket = socket
        self._written = written
        self._outbox = Outbox()
        self._closing: tuple[int, str] | None = None
        self._wake = asyncio.Event()
        self.heard = False
        """Whether anything came."""
        self._is_sending = False
        self._sent = 0

    def send(self, data: bytes, rank: Rank = Rank.WORD) -> None:
        self._outbox.put(data, rank)
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """After the words sent before; a websocket's reason has at most 123 bytes."""
        self._outbox.drop_batches()
        self._closing = self._closing or (code, reason[:60])
        self._wake.set()

    async def receive(self) -> bytes:
        data = await self._socket.receive()
        self.heard = True
        return data

    async def write(self) -> None:
        """Until closed. Raises Gone when we closed, or the peer is gone."""
        while True:
            waits = self._outbox.waits(Rank.EPHEMERAL)
            if messages := self._outbox.take(self._socket.take_bytes):
                self._is_sending = True
                await self._socket.send(*messages)
                self._is_sending = False
                self._sent += 1
                if waits and not self._outbox.waits(Rank.EPHEMERAL):
                    self._written()
                continue
            if self._closing:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CLOSE_SECONDS_MAX):
                        await self._socket.close(*self._closing)
                raise Gone(f"closed by us: {self._closing[1]}")
            self._wake.clear()
            await self._wake.wait()

    async def watch(self) -> None:
        """Beside ``write``: raises Gone when the peer took nothing of one message for as long as it may be silent, or
        half as long again. Looking now and then spares every message a timer, a tenth of what it costs."""
        seen, looks = -1, 0
        while looks < 2:
            await asyncio.sleep(limits.LINK_SILENCE_SECONDS_MAX / 2)
            looks = looks + 1 if self._is_sending and self._sent == seen else 0
            seen = self._sent
        raise Gone("the peer takes nothing")


async def turn_away(socket: Socket, refusal: Refusal) -> None:
    """ERROR and close, for somebody who has no link here."""
    try:
        await socket.send(frames.encode(Fault(refusal.code, refusal.message)))
        await socket.close(close_code(refusal.code), refusal.code)
    except Gone:
        pass  # it did not wait for the answer


class Endpoint:
    """The ASGI application of the federation path; an object, so that routers hand it the raw scope."""

    def __init__(self, accepted: Callable[[Socket], Awaitable[None]]) -> None:
        self._accepted = accepted

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: SendMessage) -> None:
        socket = AcceptedSocket(receive, send)
        await receive()  # websocket.connect
        if SUBPROTOCOL not in scope.get("subprotocols", ()):
            await send({"type": "websocket.accept"})
            await socket.close(NO_SUBPROTOCOL, f"this path speaks {SUBPROTOCOL}")
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        await self._accepted(socket)
