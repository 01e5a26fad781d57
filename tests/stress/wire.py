"""A client socket below any library's level (RFC 6455): it decides each byte that goes out, and when it reads.

What it hears it parses strictly: a server's frames are unmasked, unfragmented, and use no reserved bit.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from server.realtime.frames import Encoding
from server.realtime.websocket import PATH

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)

Chop = Callable[[bytes], Iterable[bytes]]
"""How bytes are cut into writes."""


def whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def single_bytes(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


class Frame(NamedTuple):
    opcode: int
    payload: bytes


def frame(opcode: int, payload: bytes, mask: bytes = bytes(4), *, fin: bool = True) -> bytes:
    """One masked frame (RFC 6455 5.2)."""
    size = len(payload)
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 2**16:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    key = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + hidden.to_bytes(size, "big")


def pack(encoding: Encoding, said: Mapping[str, Any]) -> bytes:
    return _PACK[encoding](said)


def request(encoding: Encoding, changes: Mapping[str, str | None], first: str = "") -> bytes:
    """An upgrade request; ``changes`` adds, replaces or (None) leaves out headers."""
    headers = {
        "Host": "127.0.0.1",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"sixteen bytes...").decode(),
        "Sec-WebSocket-Protocol": encoding.subprotocol,
    }
    lines = [first or f"GET {PATH} HTTP/1.1"]
    lines += [f"{k}: {v}" for k, v in {**headers, **changes}.items() if v is not None]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def accept_of(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT).digest()).decode()


class Wire(asyncio.Protocol):
    """``heard``: called with each decoded frame; ``moved``: whenever something came or ended. Answers pings
    and closes unless told not to."""

    def __init__(
        self,
        encoding: Encoding,
        heard: Callable[[Any], None],
        mask: bytes,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self.encoding, self._heard, self._mask, self._moved = encoding, heard, mask, moved
        self.answers = True
        self.chop: Chop = whole
        self.status = ""
        """The status line and headers of the answer to the handshake."""
        self.code: int | None = None
        """Of the node's close frame; 0 when it had none."""
        self.pings = 0
        self.ended = False
        self._buffer = bytearray()

    # -- asyncio's calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self._moved()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._parse()
        self._moved()

    def _parse(self) -> None:
        if not self.status:
            head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not end:
                return
            self.status, self._buffer = head.decode("latin-1"), bytearray(rest)
        if self.is_open:
            for one in self._frames():
                self._frame(one)

    # -- hearing -------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self.status.startswith("HTTP/1.1 101 ")

    def _frames(self) -> Iterator[Frame]:
        while len(self._buffer) >= 2:
            first, size = self._buffer[:2]
            assert first & 0xF0 == 0x80, "reserved bits, or a message in pieces"
            at = 2
            if size >= 126:
                at += 2 if size == 126 else 8
                size = int.from_bytes(self._buffer[2:at], "big")
            if len(self._buffer) < at + size:
                return
            yield Frame(first & 0x0F, bytes(self._buffer[at : at + size]))
            del self._buffer[: at + size]

    def _frame(self, one: Frame) -> None:
        match one.opcode:
            case 1 | 2:
                assert (one.opcode == TEXT) is (self.encoding is Encoding.JSON)
                self._heard(_UNPACK[self.encoding](one.payload))
            case 9:
                self.pings += 1
                if self.answers:
                    self.write(self.framed(PONG, one.payload))
            case 8:
                self.code = int.from_bytes(one.payload[:2], "big")
                if self.answers:
                    self.write(self.framed(CLOSE, one.payload[:2]))
            case 10:
                pass
            case other:
                raise AssertionError(f"opcode {other}")

    # -- saying --------------------------------------------------------------------------------------

    def framed(self, opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
        return frame(opcode, payload, self._mask, fin=fin)

    def packed(self, **said: Any) -> bytes:
        """A frame of the protocol as it goes over the wire."""
        opcode = TEXT if self.encoding is Encoding.JSON else BINARY
        return self.framed(opcode, pack(self.encoding, said))

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    async def send(self, data: bytes) -> None:
        """Bytes in this wire's pieces; the node gets its turn after each."""
        for piece in self.chop(data):
            self.write(piece)
            await asyncio.sleep(0)

    async def say(self, **said: Any) -> None:
        await self.send(self.packed(**said))


async def connected(wire: Wire, port: int, receive_bytes: int = 0) -> Wire:
    """``receive_bytes``: of the kernel's buffer, for clients that are to fall behind soon."""
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.create_connection(lambda: wire, sock=sock)
    return wire
