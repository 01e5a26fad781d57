"""The websocket below messages: ``websockets``' sans-I/O parser, as we want it. No I/O.

permessage-deflate (section 3.3, RFC 7692): a deflated frame is a ready frame, made once and shared like any
other, so no message may need what went before it, and no connection keeps a window.
"""

from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.server import ServerProtocol
from websockets.typing import ExtensionParameter

from server.domain import limits
from server.realtime.frames import DEFLATE_WINDOW_BITS


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
    """One connection's handshake and parser."""

    def __init__(self) -> None:
        super().__init__(extensions=EXTENSIONS, max_size=limits.CLIENT_FRAME_BYTES_MAX)
