"""The two encodings of the client protocol, and the values a client hears.

Both carry one map per message, ``t`` names the frame, and fields nobody knows are ignored.
"""

import json
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgpack  # type: ignore[import-untyped]  # ships no types

from tap_client.errors import ProtocolError

Frame = dict[str, Any]
Encoding = Literal["json", "msgpack"]
SUBPROTOCOLS: dict[Encoding, str] = {"json": "tap.v1.json", "msgpack": "tap.v1.msgpack"}


class Event(NamedTuple):
    """One committed fact. ``at``: UTC milliseconds; ``by``: who acted; ``body``: its fields."""

    position: int
    id: str
    type: str
    at: int
    by: str
    channels: tuple[str, ...]
    body: dict[str, Any]


class Value(NamedTuple):
    """The latest state of something that changes often; later positions replace earlier ones."""

    of: str
    id: str
    position: int
    value: Any


class Done(NamedTuple):
    """A command was applied: what it made, where it stands, whether this was a repeat."""

    answer: dict[str, Any]
    cursor: str
    repeated: bool


def encoder(encoding: Encoding) -> Callable[[Frame], str | bytes]:
    return _json if encoding == "json" else _msgpack


def _json(frame: Frame) -> str:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def _msgpack(frame: Frame) -> bytes:
    packed: bytes = msgpack.packb(frame)
    return packed


def require_plain(command: Frame) -> None:
    """That either encoding carries it, and the store. Raises ValueError: once given it would end every connection."""
    try:
        json.dumps(command, ensure_ascii=False, allow_nan=False).encode()
        msgpack.packb(command)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"no frame carries this command: {error}") from error


def decode(message: str | bytes) -> Frame:
    """A frame from a message of either encoding. Raises ProtocolError."""
    try:
        frame = json.loads(message) if isinstance(message, str) else msgpack.unpackb(message)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise ProtocolError(f"a message is malformed: {error}") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("t"), str):
        raise ProtocolError("a message is no map with a `t`")
    return frame


def event(frame: Frame) -> Event:
    """Raises ProtocolError when a field is missing."""
    try:
        return Event(
            int(frame["position"]),
            str(frame["id"]),
            str(frame["type"]),
            int(frame["at"]),
            str(frame["by"]),
            tuple(map(str, frame["channels"])),
            dict(frame["body"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"an event frame lacks or mistypes a field: {error!r}") from None


def value(frame: Frame) -> Value:
    """As ``event``."""
    try:
        return Value(str(frame["of"]), str(frame["id"]), int(frame["position"]), frame["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a value frame lacks or mistypes a field: {error!r}") from None
