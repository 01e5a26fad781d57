"""The websocket as a link: messages are frames already, in either encoding."""

import contextlib

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    NegotiationError,
)
from websockets.typing import Subprotocol

from tap_client import frames
from tap_client.address import is_loopback
from tap_client.errors import ProtocolError
from tap_client.frames import Encoding, Frame
from tap_client.link import End, LinkEnded, end_of

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""One event may be a whole article; nothing a node sends is near this."""
OPEN_SECONDS_MAX = 10


class WebsocketLink:
    def __init__(self, address: str, encoding: Encoding) -> None:
        self._address = address
        self._encoding: Encoding = encoding
        self._encode = frames.encoder(encoding)
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Raises LinkEnded; ProtocolError when there is no common subprotocol."""
        try:
            self._socket = await connect(
                self._address,
                subprotocols=[Subprotocol(frames.SUBPROTOCOLS[self._encoding])],
                max_size=MESSAGE_BYTES_MAX,
                open_timeout=OPEN_SECONDS_MAX,
                ping_interval=None,  # the session asks, the same on every transport
                proxy=None if is_loopback(self._address) else True,
            )
        except InvalidStatus as error:
            headers = error.response.headers
            end = end_of(error.response.status_code, headers.get("Retry-After"))
            raise LinkEnded(end) from error
        except NegotiationError as error:
            raise ProtocolError(str(error)) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise LinkEnded(End(None, str(error) or type(error).__name__)) from error

    async def send(self, frame: Frame) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):  # ``receive`` says so
            await self._socket.send(self._encode(frame))

    async def receive(self) -> Frame | None:
        assert self._socket is not None
        try:
            return frames.decode(await self._socket.recv())
        except ConnectionClosed as closed:
            received = closed.rcvd
            end = End(received.code, received.reason) if received else End(1006, "cut off")
            raise LinkEnded(end) from closed

    async def close(self) -> None:
        """Without waiting long for the other side, which may be gone."""
        if self._socket is not None:
            self._socket.close_timeout = CLOSE_SECONDS_MAX
            await self._socket.close()


CLOSE_SECONDS_MAX = 1.0
