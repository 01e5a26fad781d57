"""What somebody on the line between two regions can read: frames, also of connections that broke in the middle.

Plain websockets and long polls are read as a wiretap would, and what is packed is unpacked, so that a word
cannot hide behind a mask or a compressor. Texts of tests carry marks, ``mark-<audience>-…``.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator

import zstandard

from server.domain.errors import Refused
from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.packing import unpack
from server.federation.polled import parted

MARK = re.compile(rb"mark-([a-z.]+)-")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_DATA_OPCODES = (0, 1, 2)


class Wiretap:
    """One direction of one connection: bytes in as they come, messages out."""

    def __init__(self) -> None:
        self._buffer = b""
        self._is_websocket = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now."""
        self._buffer += data
        found: list[bytes] = []
        while (messages := self._next()) is not None:
            found += messages
        return found

    @property
    def rest(self) -> bytes:
        """What came of the next message, if anything; readable."""
        if self._is_websocket and (begun := self._frame()):
            return begun[1]
        return self._buffer

    def _next(self) -> list[bytes] | None:
        if self._is_websocket:
            return self._next_frame()
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        if b"upgrade: websocket" in head.lower():
            assert b"permessage-deflate" not in head, "nobody here reads that"
            self._is_websocket, self._buffer = True, rest
            return []
        length = int(found[1]) if (found := _LENGTH.search(head)) else 0
        if len(rest) < length:
            return None
        body, self._buffer = rest[:length], rest[length:]
        try:
            return parted(body)
        except ValueError:
            return [body]  # a name, or words

    def _next_frame(self) -> list[bytes] | None:
        found = self._frame()
        if found is None:
            return None
        opcode, payload, end = found
        if end > len(self._buffer):
            return None
        self._buffer = self._buffer[end:]
        return [payload] if opcode in _DATA_OPCODES else []

    def _frame(self) -> tuple[int, bytes, int] | None:
        """(opcode, as much as came of the payload, where the frame ends), RFC 6455 5.2."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode, masked, size = buffer[0] & 15, buffer[1] >> 7, buffer[1] & 127
        at = 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:at], "big")
        mask = buffer[at : at + 4] if masked else bytes(4)
        at += 4 * masked
        if len(buffer) < at:
            return None
        payload = buffer[at : at + size]
        key = (mask * (len(payload) // 4 + 1))[: len(payload)]
        plain = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
        return opcode, plain.to_bytes(len(payload), "big"), at + size


class Overheard:
    """What was said from one region to another, over all their connections."""

    def __init__(self) -> None:
        self.marks: Counter[str] = Counter()
        """Audience named by a mark -> how often one was read."""
        self.lanes: set[LaneKey] = set()
        """Every lane that was mentioned."""
        self.channels: set[str] = set()
        """Every person and place somebody was asked about (EPHEM)."""
        self.kinds: Counter[str] = Counter()

    def message(self, data: bytes) -> str:
        """The kind of frame it is, or "" for something else."""
        self.scrap(data)
        try:
            frame = frames.decode(data)
        except Refused:
            return ""
        kind = frames.NAMES[type(frame)]
        self.kinds[kind] += 1
        self.lanes.update(lanes_of(frame))
        if isinstance(frame, frames.Ephem):
            self.channels.update([one.channel for one in frame.look])
        return kind

    def scrap(self, data: bytes) -> None:
        """Bytes of a message, perhaps not all."""
        for readable in list(unpacked(data)) or [data]:
            self.marks.update(found.decode() for found in MARK.findall(readable))


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is packed in it, as far as it came."""
    at = data.find(zstandard.FRAME_HEADER)
    while at >= 0:
        with contextlib.suppress(zstandard.ZstdError):  # four bytes that look like the beginning
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
        at = data.find(zstandard.FRAME_HEADER, at + 1)


def lanes_of(frame: frames.Frame) -> Iterator[LaneKey]:
    """Every lane the frame names."""
    match frame:
        case frames.Packed():
            yield unpack(frame)[0].head.key
        case frames.Batch(head=head) | frames.Fork(first=head):
            yield head.key
        case frames.Heads(tips=tips) | frames.Ack(tips=tips):
            yield from [tip.key for tip in tips]
        case frames.Want(after=after, without=without):
            yield from [tip.key for tip in after]
            yield from [ref.key for ref in without]
