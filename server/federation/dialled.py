"""Connections this node opens: a peer's address, and the websocket to it. Part of the edge."""

import contextlib
from collections.abc import AsyncIterator
from ssl import SSLContext
from typing import NamedTuple

import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from server.domain import limits
from server.federation.connection import CLOSE_SECONDS_MAX, SUBPROTOCOL, Gone
from server.federation.gauges import certificate_until

PATH = "/federation/v1"
POLLED_PATH = PATH + "/polled"
MEDIA_PATH = PATH + "/media/"


class NoUpgrade(Gone):
    """Somebody answers, but lets no websocket through."""


class PeerAddress(NamedTuple):
    """One configured peer."""

    region: str
    url: str
    """Its public address: http(s):// or ws(s)://host[:port]."""
    public_keys: tuple[bytes, ...]
    """Ed25519, 32 bytes each; two while one is being replaced."""
    dials: bool
    """Whether this node opens the connection."""

    @property
    def uri(self) -> str:
        """Of the websocket."""
        return self._under({"http": "ws", "https": "wss"}, PATH)

    @property
    def polled_url(self) -> str:
        """Where a polled connection is opened."""
        return self._under({"ws": "http", "wss": "https"}, POLLED_PATH)

    @property
    def media_url(self) -> str:
        """Where its files are asked for."""
        return self._under({"ws": "http", "wss": "https"}, MEDIA_PATH)

    def _under(self, schemes: dict[str, str], path: str) -> str:
        scheme, _, rest = self.url.rstrip("/").partition("://")
        return schemes.get(scheme, scheme) + "://" + rest + path


class DialledSocket:
    take_bytes = 0

    def __init__(self, connection: websockets.asyncio.client.ClientConnection) -> None:
        self._connection = connection
        self.certificate_until = certificate_until(connection.transport)

    async def send(self, *messages: bytes) -> None:
        try:
            for data in messages:
                await self._connection.send(data)
        except ConnectionClosed as error:
            raise Gone(str(error)) from None

    async def receive(self) -> bytes:
        try:
            data = await self._connection.recv()
        except ConnectionClosed as error:
            raise Gone(str(error)) from None
        return data.encode() if isinstance(data, str) else data

    async def close(self, code: int, reason: str) -> None:
        await self._connection.close(code, reason)


@contextlib.asynccontextmanager
async def connect(uri: str, tls: SSLContext | None) -> AsyncIterator[DialledSocket]:
    """A websocket. Raises Gone when nobody is there, NoUpgrade when somebody is who speaks none."""
    try:
        connection = await websockets.asyncio.client.connect(
            uri,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,  # batches are packed once for all peers
            max_size=limits.PEER_FRAME_BYTES_MAX,
            open_timeout=limits.HELLO_SECONDS_MAX,
            close_timeout=CLOSE_SECONDS_MAX,
            ping_interval=None,  # the link's own PING also measures and reports
            ssl=(tls or True) if uri.startswith("wss:") else None,
        )
    except (InvalidHandshake, TimeoutError) as error:
        raise NoUpgrade(f"{type(error).__name__}: {error}") from None
    except (OSError, WebSocketException, ValueError) as error:
        raise Gone(f"{type(error).__name__}: {error}") from None
    async with connection:
        yield DialledSocket(connection)
