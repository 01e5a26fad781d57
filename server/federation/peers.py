"""A configured peer, its link, and what the edge holds for it."""

import asyncio

import msgspec

from server.domain.errors import Code
from server.federation.connection import Connection
from server.federation.dialled import PeerAddress
from server.federation.link import Link
from server.federation.meters import Told
from server.federation.status import LinkStatus
from server.federation.steps import close_code

FUTILE_MAX = 3
"""A restart of the peer behind its proxy looks like a proxy without websockets, once or twice."""


class Peer:
    """See the module."""

    def __init__(self, address: PeerAddress, link: Link) -> None:
        self.address = address
        self.region = address.region
        self.link = link
        self.connections: dict[int, Connection] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.dialling: asyncio.Task[None] | None = None
        self.heard_at: int | None = None
        self.certificate_until: int | None = None
        self.told = Told()
        self._futile = 0
        """Websockets in a row that came to nothing though somebody answered."""

    def status(self, now: int) -> LinkStatus:
        return msgspec.structs.replace(
            self.link.status(now),
            silent_ms=None if self.heard_at is None else max(0, now - self.heard_at),
            certificate_until=self.certificate_until,
        )

    @property
    def polls(self) -> bool:
        """Whether the next connection is to be a polled one."""
        return self._futile >= FUTILE_MAX

    def websocket_tried(self, *, futile: bool) -> None:
        self._futile = self._futile + 1 if futile else 0

    def poll_tried(self) -> None:
        """Whatever came of it, the next try is a websocket; if that fails, polling again at once."""
        self._futile = FUTILE_MAX - 1

    def rest(self) -> None:
        """Nothing more is to happen of its own accord."""
        if self.timer:
            self.timer.cancel()
        if self.dialling:
            self.dialling.cancel()
            self.dialling = None

    def hang_up(self) -> None:
        """Our own trouble: the next connection may find it mended."""
        for connection in self.connections.values():
            connection.close(close_code(Code.INTERNAL), Code.INTERNAL)
