"""The websocket below messages: ``websockets``' sans-I/O parser, as we want it. No I/O.

permessage-deflate (section 3.3, RFC 7692): a deflated frame is a ready frame, made once and shared like any
other, so no message may need what went before it, and no connection keeps a window.
"""

import logging
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter

from server.domain import limits
from server.realtime.frames import DEFLATE_WINDOW_BITS

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
    """One connection's handshake and parser. Gives whole frames in order; pings are the reader's to answer,
    so that pongs keep their place among the other answers."""

    def __init__(self) -> None:
        super().__init__(extensions=EXTENSIONS, max_size=limits.CLIENT_FRAME_BYTES_MAX, logger=_LOG)
        self._text: IncrementalDecoder | None = None
        """While a text message comes in pieces: what stands between two of them."""

    def recv_frame(self, frame: Frame) -> None:
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
