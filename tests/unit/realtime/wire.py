"""Reading what was written to a connection: joined, unmasked websocket frames, deflated or not; and
server-sent events."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from server.realtime import frames
from server.realtime.frames import Form

_DECODE = (msgspec.json.decode, msgspec.msgpack.decode)


def messages(data: bytes, form: Form) -> list[Any]:
    """The decoded payloads."""
    if form is Form.EVENT_STREAM:
        return EventSource().feed(data)
    return [_DECODE[form.encoding](payload) for payload in _payloads(data)]


def _payloads(data: bytes) -> list[bytes]:
    """RFC 6455 5.2, RFC 7692 7.2.2."""
    found, at = [], 0
    while at < len(data):
        first, size, at = data[at], data[at + 1], at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        payload = data[at : at + size]
        if first & frames.DEFLATED:
            payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
        found.append(payload)
        at += size
    return found


class EventSource:
    """Reads server-sent events as a browser does (HTML 9.2.6), as far as a node may write them."""

    def __init__(self) -> None:
        self.last_id = ""
        """What a browser sends as Last-Event-ID when it comes back."""
        self.retry_ms = 0
        self.comments = 0
        self._rest = b""
        self._data: list[str] = []
        self._id = ""

    def feed(self, data: bytes) -> list[Any]:
        """The events that are complete now, decoded; what is cut off waits for its rest."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            assert b"\r" not in line, "it would end the line, too"
            if line:
                self._field(line.decode())
            else:
                self.last_id = self._id
                if self._data:
                    found.append(msgspec.json.decode("\n".join(self._data)))
                self._data = []
        return found

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case "retry":
                self.retry_ms = int(value)
            case _:
                raise AssertionError(f"browsers ignore {name}")
