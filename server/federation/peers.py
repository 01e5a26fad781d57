"""A configured peer, its link, and what the edge holds for it."""

import asyncio

from server.domain.errors import Code
from server.federation.connection import Connection
from server.federation.dialled import PeerAddress
from server.federation.link import Link
from server.federation.steps import close_code


class Peer:
    """See the module."""

    def __init__(self, address: PeerAddress, link: Link) -> None:
        self.address = address
        self.region = address.region
        self.link = link
        self.connections: dict[int, Connection] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.dialling: asyncio.Task[None] | None = None

    def hang_up(self) -> None:
        """Our own trouble: the next connection may find it mended."""
        for connection in self.connections.values():
            connection.close(close_code(Code.INTERNAL), Code.INTERNAL)
