"""An echo server of our own ``WebSocket``, and a peer that speaks to it in octets.

Everything below messages is the real code: handshake, parser, deflating, closing. Only what a message
means is replaced: it is sent back. The peer's side is written out by hand (RFC 6455 5.2, RFC 7692 7.2), so
that nothing is tested against itself.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from server.realtime import frames
from server.realtime.connection import Connection
from server.realtime.frames import Form
from server.realtime.gateway import Gateway
from server.realtime.hub import Hub
from server.realtime.websocket import PATH, WebSocket
from server.realtime.wheel import Wheel
from tests.unit.realtime.scenes import NODE, commands_of_people

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1, RSV2, RSV3 = 4, 2, 1
MASK = b"\x37\xfa\x21\x3d"
TAIL = b"\0\0\xff\xff"
"""What the end of a flush leaves out (RFC 7692 7.2.1)."""


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0) -> bytes:
    """One masked frame of a client, whether or not the RFC allows it."""
    size = len(payload)
    head = bytes((fin << 7 | rsv << 4 | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    else:
        head += struct.pack("!BH", 0xFE, size) if size < 2**16 else struct.pack("!BQ", 0xFF, size)
    key = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + MASK + masked.to_bytes(size, "big")


def pieces(opcode: int, payload: bytes, size: int, rsv: int = 0) -> list[bytes]:
    """One message in frames of so many bytes."""
    parts = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    last = len(parts) - 1
    return [
        frame(CONT if at else opcode, part, at == last, 0 if at else rsv)
        for at, part in enumerate(parts)
    ]


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, reason if code is None else struct.pack("!H", code) + reason)


def deflate(payload: bytes, level: int = 9, window: int = 15) -> bytes:
    maker = zlib.compressobj(level, zlib.DEFLATED, -window)
    return (maker.compress(payload) + maker.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


class Heard(NamedTuple):
    """A frame of the server."""

    opcode: int
    payload: bytes
    rsv: int = 0


class Echo(WebSocket):
    """Sends each message back in the form agreed on."""

    def _received(self, data: Any) -> None:
        if self._closing:
            return
        first = frames.TEXT if self._text else frames.BINARY
        deflates = self.form in (Form.JSON_DEFLATE, Form.MSGPACK_DEFLATE)
        wrap = frames.deflated_frame if deflates else frames.websocket_frame
        self.write(wrap(first, bytes(data)))


class _Gateway:
    """As much of a gateway as a connection needs below messages."""

    stopping, public_url, node = False, "", NODE
    commands = commands_of_people()

    def __init__(self) -> None:
        self.hub, self.wheel = Hub(0, epoch=NODE.epoch), Wheel[Connection](0)

    def steady(self) -> int:
        return 0

    def chance(self) -> float:
        return 0.5

    def admits(self, *_: object) -> bool:
        return True

    def hidden(self) -> None:
        """Everything is shown."""

    clock = steady

    def opened(self, connection: Connection) -> None:
        """Nobody counts."""

    lost = opened


class _Transport(asyncio.Transport):
    """Keeps what is written; ``ended`` once the server has ended its half or all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        assert not self.ended, "written after the end"
        self.written += data

    def close(self) -> None:
        self.ended = True

    write_eof = abort = close

    def is_closing(self) -> bool:
        return self.ended

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Whoever tests this reads all."""


class Peer:
    """The client's side of one connection. ``offer``: a ``Sec-WebSocket-Extensions`` header."""

    def __init__(self, offer: str = "") -> None:
        self._transport = _Transport()
        self._server = Echo(cast(Gateway, _Gateway()), set())
        self._server.connection_made(self._transport)
        self._server.data_received(_request(offer))
        head, _, rest = bytes(self._transport.written).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert not rest
        lines = [line.partition(b": ") for line in head.split(b"\r\n")]
        self.agreed = b"".join(of for name, _, of in lines if name == b"Sec-WebSocket-Extensions")
        self._transport.written.clear()

    def send(self, *writes: bytes) -> None:
        """Each of them is what one read of the server's gets."""
        for data in writes:
            if data:
                self._server.data_received(data)

    def hear(self) -> list[Heard]:
        """What the server has sent since the last call, inflated."""
        heard = list(_parse(bytes(self._transport.written)))
        self._transport.written.clear()
        return heard

    @property
    def ended(self) -> bool:
        return self._transport.ended

    def lose(self) -> None:
        self._server.connection_lost(None)


def _request(offer: str) -> bytes:
    lines = [
        f"GET {PATH} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: tap.v1.json",
    ]
    if offer:
        lines.append(f"Sec-WebSocket-Extensions: {offer}")
    return "\r\n".join([*lines, "", ""]).encode()


def _parse(data: bytes) -> Iterator[Heard]:
    """Whole, unmasked, unfragmented frames: a server sends nothing else here."""
    while data:
        first, size, at = data[0], data[1], 2
        assert first & 0x80, "a fragment"
        if size >= 126:
            at += 2 if size == 126 else 8
            size = int.from_bytes(data[2:at], "big")
        payload, data = data[at : at + size], data[at + size :]
        assert len(payload) == size, "cut off"
        rsv = first >> 4 & 7
        if rsv == RSV1:
            payload = zlib.decompressobj(-15).decompress(payload + TAIL)
        yield Heard(first & 15, payload, rsv)


def chopped(writes: Sequence[bytes], size: int | None) -> list[bytes]:
    """The same octets: frame by frame (0), all at once (None), or so many at a time."""
    if size == 0:
        return list(writes)
    data = b"".join(writes)
    return [data[at : at + (size or len(data))] for at in range(0, len(data), size or len(data))]
