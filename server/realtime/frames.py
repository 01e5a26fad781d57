"""What clients and the node say to each other (docs/protocol/client.md 3 to 5). Bytes in, bytes out.

One schema, two encodings: JSON in text messages, MessagePack in binary ones. ``t`` names the frame,
fields nobody knows are ignored. Client frames are decoded with their types and bounds; everything else
is a refusal with a stable code. Server frames are encoded straight into *ready* websocket frames: a
server's frames are unmasked (RFC 6455 5.1), and deflated ones need nothing that went before (RFC 7692
7.1.1.1), so one and the same bytes serve every connection of a ``Form``. Server-sent events are one more form.
"""

import struct
import zlib
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from server.app.sync import event_map
from server.domain import commands, limits
from server.domain.commands import Command, Key
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import Cursor
from server.storage.event_log import Record


class Encoding(IntEnum):
    """What a client and the node say is written in."""

    JSON = 0
    MSGPACK = 1

    @property
    def subprotocol(self) -> str:
        return SUBPROTOCOLS[self]


SUBPROTOCOLS = ("tap.v1.json", "tap.v1.msgpack")


class Form(IntEnum):
    """How a payload becomes bytes on the wire; also the index of whatever is kept once per form."""

    JSON = 0
    MSGPACK = 1
    JSON_DEFLATE = 2
    """With permessage-deflate agreed on; small payloads go as they are (RFC 7692 6)."""
    MSGPACK_DEFLATE = 3
    EVENT_STREAM = 4
    """Server-sent events: JSON in a line of its own, after the place it brings the reader to (section 6.6)."""

    @property
    def encoding(self) -> Encoding:
        return _FORMS[self][0]

    @classmethod
    def of_websocket(cls, encoding: Encoding, deflates: bool) -> "Form":
        if encoding is Encoding.JSON:
            return cls.JSON_DEFLATE if deflates else cls.JSON
        return cls.MSGPACK_DEFLATE if deflates else cls.MSGPACK


# -- from the client (section 4) ---------------------------------------------------------------------

Channels = Annotated[
    tuple[Annotated[str, Meta(max_length=80)], ...],
    Meta(max_length=limits.CHANNELS_PER_CONNECTION_MAX),
]
"""What is no channel at all is refused one by one, so that newer kinds do not cost a client the rest."""
CursorText = Annotated[str, Meta(max_length=40)]
TOKEN_CHARS_MAX = 512
"""Device tokens have 43 characters today; room for signed ones."""


class ClientFrame(msgspec.Struct, frozen=True, tag_field="t", kw_only=True):
    """Base of what a client says."""


class Hello(ClientFrame, tag="hello", frozen=True, kw_only=True):
    token: Annotated[str, Meta(max_length=TOKEN_CHARS_MAX)] | None = None
    cursor: CursorText | None = None
    channels: Channels = ()
    client: Annotated[str, Meta(max_length=64)] = ""


class Watch(ClientFrame, tag="watch", frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=0, lt=2**53)]
    channels: Channels
    since: CursorText | None = None


class Unwatch(ClientFrame, tag="unwatch", frozen=True, kw_only=True):
    channels: Channels


class DoFrame(ClientFrame, tag="do", frozen=True, kw_only=True):
    """A command as it comes; it is read on its own, as ``Do``."""

    key: Key
    command: msgspec.Raw


class Do(msgspec.Struct, frozen=True):
    """A command with its client key; a malformed command is refused under its key."""

    key: str
    command: Command | Refusal


class Token(ClientFrame, tag="token", frozen=True, kw_only=True):
    """Newer credentials of the same person (section 3.4)."""

    token: Annotated[str, Meta(max_length=TOKEN_CHARS_MAX)]


class Ping(ClientFrame, tag="ping", frozen=True, kw_only=True):
    """Answered by ``pong``: for clients that cannot send websocket pings (browsers)."""


class Rewind(ClientFrame, tag="rewind", frozen=True, kw_only=True):
    """Something after this cursor was lost: send it again (section 6.8)."""

    cursor: CursorText


class Background(ClientFrame, tag="background", frozen=True, kw_only=True):
    """The device went to sleep: answers only, from now on (section 6.7)."""


class Foreground(ClientFrame, tag="foreground", frozen=True, kw_only=True):
    """Somebody looks again: go on from where it stopped."""


class Typing(ClientFrame, tag="typing", frozen=True, kw_only=True):
    """The person is writing something for this place (section 4.9)."""

    channel: Annotated[str, Meta(max_length=80)]


FromClient = Hello | Token | Watch | Rewind | Unwatch | Do | Ping | Background | Foreground | Typing
_Wire = Hello | Token | Watch | Rewind | Unwatch | DoFrame | Ping | Background | Foreground | Typing

# -- from the node (section 5) -------------------------------------------------------------------------

Resume = Literal["fresh", "complete", "paged", "reset"]


class ServerFrame(msgspec.Struct, frozen=True, tag_field="t", kw_only=True):
    """Base of what the node says."""


class Welcome(ServerFrame, tag="welcome", frozen=True, kw_only=True):
    cursor: str
    epoch: int
    region: str
    person: str
    server_time: int
    expires_at: int
    resume: Resume
    reason: str | None
    channels: tuple[str, ...]


class Value(ServerFrame, tag="value", frozen=True, kw_only=True):
    of: str
    id: str
    position: int
    value: Any


class Mark(ServerFrame, tag="mark", frozen=True, kw_only=True):
    cursor: str


class RefusedChannel(msgspec.Struct, frozen=True):
    channel: str
    code: str


class Watching(ServerFrame, tag="watching", frozen=True, kw_only=True):
    """``id`` 0: not an answer; ``refused`` then lists channels that were taken away."""

    id: int
    channels: tuple[str, ...]
    refused: tuple[RefusedChannel, ...] = ()


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """``retry``: the same command with the same key may be sent again."""

    code: str
    message: str
    field: str | None = None
    retry: bool


class Done(ServerFrame, tag="done", frozen=True, kw_only=True, omit_defaults=True):
    """With ``ok``: answer, cursor and repeated; without: error."""

    key: str
    ok: bool
    answer: dict[str, Any] | None = None
    cursor: str | None = None
    repeated: bool | None = None
    error: ErrorBody | None = None


class Pong(ServerFrame, tag="pong", frozen=True, kw_only=True):
    server_time: int


class Expiring(ServerFrame, tag="expiring", frozen=True, kw_only=True):
    """UTC milliseconds."""

    expires_at: int


class Renewed(ServerFrame, tag="renewed", frozen=True, kw_only=True):
    """UTC milliseconds."""

    expires_at: int


class TypingNow(ServerFrame, tag="typing", frozen=True, kw_only=True):
    """Who types there, all of them; nobody ends it."""

    channel: str
    people: tuple[str, ...]


class Reset(ServerFrame, tag="reset", frozen=True, kw_only=True):
    reason: str
    cursor: str


class Error(ServerFrame, tag="error", frozen=True, kw_only=True):
    error: ErrorBody


class Bye(ServerFrame, tag="bye", frozen=True, kw_only=True):
    code: int
    reason: str
    retry_ms: int


class Stream(ServerFrame, tag="stream", frozen=True, kw_only=True):
    """The first frame of an event stream: under which name its client speaks (section 6.6)."""

    id: str


def error_body(refusal: Refusal) -> ErrorBody:
    return ErrorBody(
        code=refusal.code,
        message=refusal.message,
        field=refusal.field,
        retry=refusal.retryable,
    )


# -- decoding ------------------------------------------------------------------------------------------

_decode = (
    msgspec.json.Decoder[_Wire](_Wire).decode,
    msgspec.msgpack.Decoder[_Wire](_Wire).decode,
)
_command = (commands.from_json, commands.from_msgpack)


def decode(encoding: Encoding, data: bytes | bytearray, text: bool) -> FromClient:
    """One message. Raises Refused: ``bad_encoding`` and ``too_large`` end the connection, ``bad_frame``,
    ``bad_value`` and ``unknown_kind`` do not (section 8)."""
    if len(data) > limits.CLIENT_FRAME_BYTES_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"a frame may have {limits.CLIENT_FRAME_BYTES_MAX} bytes, this has {len(data)}",
        )
    if text is not (encoding is Encoding.JSON):
        kind = "text" if encoding is Encoding.JSON else "binary"
        raise Refused(Code.BAD_ENCODING, f"{encoding.subprotocol} is spoken in {kind} messages")
    try:
        if text:
            # Also what a decoder skips must be UTF-8 (RFC 6455 8.1).
            str(data, "utf-8")
        frame = _decode[encoding](data)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Code.BAD_ENCODING, f"this is no well-formed frame: {error}") from None
    return Do(frame.key, _wish(encoding, frame.command)) if isinstance(frame, DoFrame) else frame


def _wish(encoding: Encoding, raw: msgspec.Raw) -> Command | Refusal:
    try:
        return _command[encoding](bytes(raw))
    except Refused as refused:
        return refused.refusal


def _misfit(text: str) -> Refused:
    """msgspec's words as our code, a sentence and the path of the field."""
    words, _, path = text.partition(" - at `")
    field = path.rstrip("`").removeprefix("$.") or None
    if field == "t" or words.endswith("missing required field `t`"):
        return Refused(Code.UNKNOWN_KIND, f"there is no such frame: {words}", "t")
    return Refused(Code.BAD_FRAME if field is None else Code.BAD_VALUE, words, field)


# -- encoding ------------------------------------------------------------------------------------------

_encode = (msgspec.json.Encoder().encode, msgspec.msgpack.Encoder().encode)
TEXT, BINARY, PING, PONG = 0x81, 0x82, 0x89, 0x8A
"""FIN and the opcode (RFC 6455 5.2)."""
DEFLATED = 0x40
"""RSV1: the message is deflated (RFC 7692 6)."""
DEFLATE_LEVEL = 4
"""Events of 500 B to 2 KB are deflated to 55 % in 11 to 35 µs by any level; a post of 40 KB to 46 % in 0.7 ms
by this one, to 49 % in 0.4 ms by the first, to 45 % in 1.4 ms by the sixth: too long for the loop."""
DEFLATE_WINDOW_BITS = 15
"""The window a reader must have, as all of them have it: the largest (RFC 7692 7.1.2.1)."""
_16_BITS, _64_BITS = struct.Struct("!BBH").pack, struct.Struct("!BBQ").pack


def encode(frame: ServerFrame | dict[str, Any], form: Form) -> bytes:
    """A frame ready to be written."""
    encoding, wrap = _FORMS[form]
    data = wrap(_encode[encoding](frame))
    return _fields(frame) + data if form is Form.EVENT_STREAM else data


def event(record: Record, form: Form, epoch: int) -> bytes:
    """A committed event ready to be written; the same map ``GET /sync`` gives (section 5.2)."""
    data = encode(event_map(record), form)
    return _id(str(Cursor(epoch, record.position))) + data if form is Form.EVENT_STREAM else data


def without_place(ready: bytes) -> bytes:
    """A server-sent event that leaves its reader's Last-Event-ID as it is."""
    return ready[ready.find(b"\n") + 1 :]


KEEP_ALIVE = b":\n\n"
"""Server-sent events: a comment."""


def _fields(frame: ServerFrame | dict[str, Any]) -> bytes:
    """What comes before a frame's data. A command's cursor is no place: the reader may not be there yet."""
    match frame:
        case Welcome(cursor=cursor) | Mark(cursor=cursor) | Reset(cursor=cursor):
            return _id(cursor)
        case Bye(retry_ms=retry_ms) if retry_ms:
            return b"retry: %d\n" % retry_ms
        case _:
            return b""


def _id(cursor: str) -> bytes:
    return b"id: %s\n" % cursor.encode()


def _event(payload: bytes) -> bytes:
    """JSON writes line feeds and carriage returns in strings as escapes, so it is one line."""
    return b"data: %s\n\n" % payload


def websocket_frame(first: int, payload: bytes) -> bytes:
    """One unfragmented, unmasked data frame (RFC 6455 5.2): 7, 16 or 64 bits of length."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 2**16:
        return _16_BITS(first, 126, size) + payload
    return _64_BITS(first, 127, size) + payload


def deflated_frame(first: int, payload: bytes) -> bytes:
    """The same, its payload deflated if that is worth it, without context takeover (RFC 7692 7.2.1)."""
    if len(payload) < limits.DEFLATE_BYTES_MIN:
        return websocket_frame(first, payload)
    deflate = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -DEFLATE_WINDOW_BITS)
    # The flush ends with an empty block, of which the last four bytes are known and not sent.
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return websocket_frame(first | DEFLATED, data[:-4])


_FORMS: tuple[tuple[Encoding, Callable[[bytes], bytes]], ...] = (
    (Encoding.JSON, partial(websocket_frame, TEXT)),
    (Encoding.MSGPACK, partial(websocket_frame, BINARY)),
    (Encoding.JSON, partial(deflated_frame, TEXT)),
    (Encoding.MSGPACK, partial(deflated_frame, BINARY)),
    (Encoding.JSON, _event),
)
"""By form: the payload's encoding, and what is put around it."""
