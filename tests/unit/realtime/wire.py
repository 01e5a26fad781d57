"""Reading what was written to a connection: joined, unmasked websocket frames."""

from __future__ import annotations

from typing import Any

import msgspec

from server.realtime.frames import Encoding

_DECODE = (msgspec.json.decode, msgspec.msgpack.decode)


def messages(data: bytes, encoding: Encoding) -> list[Any]:
    """The decoded payloads (RFC 6455 5.2)."""
    found, at = [], 0
    while at < len(data):
        size, at = data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        found.append(_DECODE[encoding](data[at : at + size]))
        at += size
    return found
