"""The websocket below messages: plain frames read at once, all else by ``websockets``' parser. No I/O.

Nearly every client frame comes whole, unfragmented, not deflated and right: ``plain_frame`` reads those, and
nothing of it is kept. Whatever is different in any way is a ``Wire``'s, which lives no longer than it takes, and
stays the authority on what is allowed (docs/adr/0008). The same goes for handshakes (``handshake.plain_request``).

permessage-deflate (section 3.3, RFC 7692): a deflated frame is a ready frame, made once and shared like any
other, so no message may need what went before it, and no connection keeps a window.
"""

import logging
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter
from websockets.utils import accept_key

from server.domain import limits
from server.realtime.frames import BINARY, DEFLATE_WINDOW_BITS, PING, PONG, TEXT

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part, as on platforms it has no wheel for
    from websockets.utils import apply_mask

_LOG = logging.getLogger("websockets.server")
"""Looked up once, not by each connection."""
new_decoder = getincrementaldecoder("utf-8")


class SharedDeflate(ServerPerMessageDeflateFactory):
    """Without context takeover on either side. What comes is inflated up to ``CLIENT_FRAME_BYTES_MAX``, by an
    inflater that lives as long as its message."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Raises NegotiationError, which declines the offer: for a reader with a smaller window every frame
        would have to be made anew."""
        agreed, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < DEFLATE_WINDOW_BITS:
            raise NegotiationError("frames are shared, and deflated with a window of 15 bits")
        return agreed, extension


EXTENSIONS = (SharedDeflate(),)


class Wire(ServerProtocol):
    """A handshake, or some frames of a connection that is open. Gives whole frames in order; pings are the
    reader's to answer, so that pongs keep their place among the other answers."""

    def __init__(self, state: State = State.CONNECTING) -> None:
        super().__init__(
            extensions=EXTENSIONS,
            state=state,
            max_size=limits.CLIENT_FRAME_BYTES_MAX,
            logger=_LOG,
        )
        self._text: IncrementalDecoder | None = None
        """While a text message comes in pieces: what stands between two of them."""
        self._rests = False

    @classmethod
    def opened(cls, deflates: bool) -> "Wire":
        """For what follows a handshake that is over."""
        wire = cls(State.OPEN)
        if deflates:
            # Clients that deflate with a smaller window are understood with the largest, too.
            bits = DEFLATE_WINDOW_BITS
            wire.extensions = [PerMessageDeflate(True, True, bits, bits)]
        return wire

    @property
    def rests(self) -> bool:
        """Whether nothing is kept between what came and what will come: it may be forgotten."""
        return self._rests and self.state is State.OPEN

    def receive_data(self, data: bytes | bytearray) -> None:
        self._rests = False
        super().receive_data(data)

    def recv_frame(self, frame: Frame) -> None:
        self._take(frame)
        self._rests = self.current_size is None and not self.reader.buffer

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
            return
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # it may come between two pieces of a message (RFC 6455 5.4)
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            self._judge_text(frame)
        super().recv_frame(frame)

    def _judge_text(self, frame: Frame) -> None:
        """Text that is no UTF-8 ends the connection with the piece that shows it (RFC 6455 8.1). Raises
        UnicodeDecodeError, which the parser makes a 1007."""
        if frame.opcode is Opcode.TEXT:
            self._text = new_decoder()
        if self._text is not None:
            self._text.decode(frame.data, frame.fin)
        if frame.fin:
            self._text = None


class Plain(NamedTuple):
    """A frame, and where in the data the next one begins."""

    frame: Frame
    end: int


_PLAIN = {first: Opcode(first & 0x0F) for first in (TEXT, BINARY, PING, PONG)}
_MASKED, _CONTROL_BYTES_MAX, _16_BITS = 0x80, 125, 126
_SAID_NOTHING = Frame(Opcode.PONG, b"")
"""Nearly all that idle clients ever send: made once."""


def plain_frame(data: bytes, at: int) -> Plain | None:
    """The frame that begins there, if it is whole, a message or ping of its own, and without fault (RFC 6455
    5.2); None leaves it to a ``Wire``."""
    if len(data) < at + 6:
        return None
    opcode, size, start = _PLAIN.get(data[at]), data[at + 1] - _MASKED, at + 6
    if size == _16_BITS and len(data) >= at + 8:
        size, start = data[at + 2] << 8 | data[at + 3], at + 8
    elif size >= _16_BITS:
        return None
    end = start + size
    if opcode is None or size < 0 or end > len(data):
        return None
    if opcode is Opcode.PONG and not size:
        return Plain(_SAID_NOTHING, end)
    payload = apply_mask(data[start:end], data[start - 4 : start])
    if opcode is Opcode.TEXT:
        if not _is_utf8(payload):
            return None
    elif opcode is not Opcode.BINARY and size > _CONTROL_BYTES_MAX:
        return None
    return Plain(Frame(opcode, payload), end)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def accepted(key: str, agreed: str, subprotocol: str) -> bytes:
    """The answer to a handshake (RFC 6455 4.2.2). Without the date, which is a choice here (RFC 9110 6.6.1)."""
    extensions = f"Sec-WebSocket-Extensions: {agreed}\r\n" if agreed else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n{extensions}"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    ).encode()


@lru_cache(maxsize=64)
def agreed(offer: str | None) -> str | None:
    """What is agreed on when these extensions are offered, perhaps nothing; None when the offer is malformed.
    There are only so many browsers: remembered."""
    if offer is None:
        return ""
    headers = Headers({"Sec-WebSocket-Extensions": offer})
    try:
        found, _ = Wire().process_extensions(headers)
    except InvalidHandshake:
        return None
    return found or ""
