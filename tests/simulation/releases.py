"""Nodes of other releases, by what their frames look like on the wire (docs/protocol/federation.md 12)."""

from __future__ import annotations

from enum import Enum

import msgspec

from server.federation import frames
from server.federation.frames import Ack, Hello, Want

_decode = msgspec.msgpack.Decoder(list[object]).decode
_encode = msgspec.msgpack.Encoder().encode
_KNOWN_SO_FAR = {Want.__struct_config__.tag: 6, Ack.__struct_config__.tag: 3}
"""Elements the older release reads and writes, its kind included."""
_GROWN = frozenset(
    frame.__struct_config__.tag for frame in (frames.Hello, frames.Heads, frames.Ack, frames.Ping)
)
"""Tags of the frames to which a later version appends."""


class Release(Enum):
    OLDER = "knows no compression, and sends and takes every lane from its beginning"
    SAME = "ours"
    NEWER = "speaks later versions too, and appends elements to its frames"


def as_released(data: bytes, release: Release) -> bytes:
    """A frame as a node of that release would have written it. Proofs cover none of what differs."""
    if release is Release.SAME:
        return data
    try:
        elements = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data  # damaged on its way
    hello = elements[:1] == [Hello.__struct_config__.tag]
    if release is Release.OLDER:
        if elements and elements[0] in _KNOWN_SO_FAR:
            return _encode(elements[: _KNOWN_SO_FAR[elements[0]]])
        return _encode([*elements[:9], []]) if hello and len(elements) > 9 else data
    if (
        hello
        and len(elements) > 9
        and isinstance(elements[3], list)
        and isinstance(elements[9], list)
    ):
        elements[3] = [1, 9]
        elements[9] = [*elements[9], "telepathy"]
    return _encode([*elements, {"later": 1}]) if elements and elements[0] in _GROWN else data
