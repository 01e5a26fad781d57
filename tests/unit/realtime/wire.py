"""Reading what was written to a connection: joined, unmasked websocket frames, deflated or not."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from server.realtime import frames
from server.realtime.frames import Encoding

_DECODE = (msgspec.json.decode, msgspec.msgpack.decode)


def messages(data: bytes, encoding: Encoding) -> list[Any]:
    """The decoded payloads (RFC 6455 5.2, RFC 7692 7.2.2)."""
    found, at = [], 0
    while at < len(data):
        first, size, at = data[at], data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        payload = data[at : at + size]
        if first & frames.DEFLATED:
            payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
        found.append(_DECODE[encoding](payload))
        at += size
    return found
