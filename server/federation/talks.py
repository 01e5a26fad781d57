"""One connection from its dialling, or its opening by the peer, to its end. Edge."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Collection
from ssl import SSLContext

from server.app import metrics
from server.federation import dialled, frames, meters, polling
from server.federation.connection import Connection, Gone, Socket
from server.federation.dialled import NoUpgrade
from server.federation.peers import Peer
from server.federation.steps import DialFailed, Disconnected, Input, Opened, Received, Written


class Talks:
    """``feed``: gives a link its input; ``lost``: told of a region of which nothing can be asked any more.

    ``clock``: UTC milliseconds; ``entropy``: random bytes; ``tls``: for wss://, else the default."""

    def __init__(
        self,
        feed: Callable[[Peer, Input], None],
        lost: Callable[[str], None],
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        tls: SSLContext | None,
    ) -> None:
        self._feed, self._lost = feed, lost
        self._clock, self._entropy, self._tls = clock, entropy, tls
        self._numbers = itertools.count(1)
        self._ended = asyncio.Event()

    async def over(self, peers: Collection[Peer]) -> None:
        """Returns when none of them has a connection."""
        while any(peer.connections for peer in peers):
            self._ended.clear()
            await self._ended.wait()

    async def dial(self, peer: Peer) -> None:
        """Opens a connection and stays until it has ended."""
        metrics.PEER_CONNECTS.labels(peer.region, "dialled").inc()
        polls = peer.polls
        async with contextlib.AsyncExitStack() as stack:
            try:
                socket = await stack.enter_async_context(self._way(peer))
            except Gone as reason:
                peer.dialling = None
                if not polls:
                    peer.websocket_tried(futile=isinstance(reason, NoUpgrade))
                metrics.PEER_CONNECTS.labels(peer.region, "failed").inc()
                self._feed(peer, DialFailed(str(reason)))
                return
            # From here on the task is the connection's; the next Dial gets one of its own.
            peer.dialling = None
            peer.certificate_until = socket.certificate_until
            heard = await self._talk(peer, socket, inbound=False)
            if not polls:
                peer.websocket_tried(futile=not heard)

    def _way(self, peer: Peer) -> contextlib.AbstractAsyncContextManager[Socket]:
        if not peer.polls:
            return dialled.connect(peer.address.uri, self._tls)
        peer.poll_tried()
        return polling.connect(peer.address.polled_url, self._tls)

    async def accept(self, peer: Peer, socket: Socket, first: bytes) -> None:
        """``first``: its HELLO."""
        metrics.PEER_CONNECTS.labels(peer.region, "accepted").inc()
        await self._talk(peer, socket, inbound=True, first=first)

    async def _talk(
        self, peer: Peer, socket: Socket, *, inbound: bool, first: bytes | None = None
    ) -> bool:
        """Whether anything was heard on it."""
        conn = next(self._numbers)
        connection = Connection(conn, socket, lambda: self._feed(peer, Written(conn)))
        peer.connections[conn] = connection
        reason = "our end stopped"
        try:
            self._feed(peer, Opened(conn, inbound, self._entropy(frames.NONCE_BYTES)))
            if first is not None:
                self._heard(peer, conn, first)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(connection.write())
                tasks.create_task(connection.watch())
                tasks.create_task(self._read(peer, connection))
        except* Gone as gone:
            reason = str(gone.exceptions[0])
        finally:
            del peer.connections[conn]
            self._ended.set()
            self._feed(peer, Disconnected(conn, reason))
            if not peer.link.may_ask:
                self._lost(peer.region)
        return connection.heard

    async def _read(self, peer: Peer, connection: Connection) -> None:
        while True:
            self._heard(peer, connection.number, await connection.receive())

    def _heard(self, peer: Peer, conn: int, data: bytes) -> None:
        meters.count(peer.region, "in", len(data), 0)
        peer.heard_at = self._clock()
        self._feed(peer, Received(conn, data))
