"""The edge: sockets, tasks, clock and chance around the links (docs/protocol/federation.md 1 and 7).

It performs the effects of each peer's ``Link`` and feeds it what happened; every decision is the
link's. A link that fails by our own mistake is replaced by a new one after a pause, so that it harms
no other.
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from ssl import SSLContext
from typing import Any, NamedTuple, Protocol, assert_never

import msgspec
import structlog
import websockets.asyncio.client
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from server import __version__
from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import EventId, LaneKey
from server.domain.wire import LaneBatch
from server.federation import frames, gauges
from server.federation.connection import (
    CLOSE_SECONDS_MAX,
    SUBPROTOCOL,
    Connection,
    Endpoint,
    Gone,
    Socket,
    turn_away,
)
from server.federation.frames import Hello
from server.federation.handshake import Identity
from server.federation.lanes import Reach
from server.federation.link import Link, close_code
from server.federation.pages import Pages, Snapshots
from server.federation.status import LaneStatus, LinkStatus
from server.federation.steps import (
    Applied,
    Apply,
    ApplyRefused,
    Close,
    Committed,
    Dial,
    DialFailed,
    Disconnected,
    Effect,
    Input,
    LoadPage,
    LoadTips,
    Opened,
    PageLoaded,
    Received,
    Report,
    Send,
    SetTimer,
    Started,
    State,
    Stopped,
    TimerFired,
    TipsLoaded,
)
from server.federation.trust import Roster

log = structlog.get_logger(__name__)

PATH = "/federation/v1"
STRANGERS_MAX = 64
"""Connections that have not said who they are; three times the company."""
RENEW_SECONDS = 30
"""Pause before a link that failed by our own mistake is made anew."""


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
        scheme, _, rest = self.url.rstrip("/").partition("://")
        return {"http": "ws", "https": "wss"}.get(scheme, scheme) + "://" + rest + PATH


class Writer(Protocol):
    """``app.handle.Handler``: answers only once the events are committed (I1); skips known ones."""

    async def apply(self, batch: LaneBatch) -> int | Refusal: ...


class CommittedEvent(Protocol):
    """``storage.event_log.Record``, as far as links care."""

    @property
    def id(self) -> EventId: ...


class Log(Protocol):
    """``app.tap.Tap``: calls the listener on the loop after each commit, in order."""

    def subscribe(self, listener: Callable[[Sequence[CommittedEvent]], None]) -> None: ...


class DialledSocket:
    def __init__(self, connection: websockets.asyncio.client.ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        try:
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


class _Peer:
    """A link and what the edge holds for it."""

    def __init__(self, address: PeerAddress, link: Link) -> None:
        self.address = address
        self.region = address.region
        self.link = link
        self.connections: dict[int, Connection] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.dialling: asyncio.Task[None] | None = None
        self.heard_at: int | None = None
        self.certificate_until: int | None = None


class Links:
    """All links of one node. ``run`` until ``close`` or cancellation; ``endpoint`` serves PATH."""

    def __init__(
        self,
        *,
        region: str,
        epoch: int,
        peers: Sequence[PeerAddress],
        groups: Mapping[str, Sequence[str]],
        private: Ed25519PrivateKey,
        reader: Snapshots,
        handler: Writer,
        tap: Log,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        tls: SSLContext | None = None,
    ) -> None:
        """``clock``: UTC milliseconds; ``entropy``: random bytes; ``tls``: for wss://, else the default."""
        self._me = Identity(region, epoch, private, __version__)
        self._roster = Roster({peer.region: peer.public_keys for peer in peers})
        regions = frozenset({region, *(peer.region for peer in peers)})
        self._reach = Reach(regions, {name: tuple(them) for name, them in groups.items()})
        self._peers = {peer.region: _Peer(peer, self._new_link(peer)) for peer in peers}
        self._pages = Pages(region, reader, private)
        self._handler, self._tap = handler, tap
        self._clock, self._entropy, self._tls = clock, entropy, tls
        self._numbers = itertools.count(1)
        self._loads: dict[tuple[LaneKey, int], list[_Peer]] = {}
        self._strangers = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._stop, self._stopped, self._quiet = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._watchers: list[tuple[str, State, asyncio.Future[None]]] = []
        self.endpoint = Endpoint(self._accepted)

    def status(self) -> list[LinkStatus]:
        """One entry per configured peer, by region."""
        return [self._status_of(self._peers[region]) for region in sorted(self._peers)]

    def _status_of(self, peer: _Peer) -> LinkStatus:
        now = self._clock()
        return msgspec.structs.replace(
            peer.link.status(now),
            silent_ms=None if peer.heard_at is None else max(0, now - peer.heard_at),
            certificate_until=peer.certificate_until,
        )

    def lanes(self) -> dict[str, list[LaneStatus]]:
        """By peer: how far it is with each of our lanes."""
        now = self._clock()
        return {region: self._peers[region].link.lanes(now) for region in sorted(self._peers)}

    async def reached(self, region: str, state: State) -> None:
        """Returns once the link to a region is, or next comes to be, in a state."""
        if self._peers[region].link.state is state:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append((region, state, future))
        await future

    # -- life ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Dials, accepts and serves. Once per instance."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._tap.subscribe(self._committed)
                for peer in self._peers.values():
                    self._feed(peer, Started())
                await self._stop.wait()
                await self._wind_down()
        finally:
            self._tasks = None
            self._stopped.set()

    async def close(self) -> None:
        """Tells every peer, closes, and returns when ``run`` has ended."""
        self._stop.set()
        if self._tasks is not None:
            await self._stopped.wait()

    async def _wind_down(self) -> None:
        for peer in self._peers.values():
            self._feed(peer, Stopped())
            if peer.timer:
                peer.timer.cancel()
            if peer.dialling:
                peer.dialling.cancel()
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                while any(peer.connections for peer in self._peers.values()):
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            log.warning("peers did not let go in time")
        for task in list(self._running):
            task.cancel()

    # -- a link's inputs and effects -------------------------------------------------------------------

    def _new_link(self, peer: PeerAddress) -> Link:
        return Link(self._me, peer.region, self._roster, self._reach, peer.dials)

    def _feed(self, peer: _Peer, given: Input) -> None:
        if self._tasks is None:
            return
        jitter = int.from_bytes(self._entropy(4), "big") / 2**32
        try:
            effects = peer.link.step(self._clock(), given, jitter)
        except Exception:
            log.exception("a link failed and is made anew", peer=peer.region)
            self._renew(peer)
            return
        for effect in effects:
            self._perform(peer, effect)

    def _renew(self, peer: _Peer) -> None:
        peer.link = self._new_link(peer.address)
        self._hang_up(peer)
        if peer.timer:
            peer.timer.cancel()
        loop = asyncio.get_running_loop()
        peer.timer = loop.call_later(RENEW_SECONDS, self._feed, peer, Started())

    def _hang_up(self, peer: _Peer) -> None:
        """Our own trouble: the next connection may find it mended."""
        for connection in peer.connections.values():
            connection.close(close_code(Code.INTERNAL), Code.INTERNAL)

    def _perform(self, peer: _Peer, effect: Effect) -> None:
        match effect:
            case Send(conn, data, events):
                _count(peer.region, "out", len(data), events)
                if connection := peer.connections.get(conn):
                    connection.send(data)
            case LoadPage(key, after):
                self._load_page(peer, key, after)
            case Apply(batch):
                self._spawn(self._apply(peer, batch))
            case SetTimer(at):
                self._set_timer(peer, at)
            case Close(conn, code, reason):
                if connection := peer.connections.get(conn):
                    connection.close(code, reason)
            case LoadTips(conn):
                self._spawn(self._load_tips(peer, conn))
            case Dial():
                if peer.dialling is None:
                    peer.dialling = self._spawn(self._dial(peer))
            case Report():
                self._report(peer, effect)
            case _:
                assert_never(effect)

    def _report(self, peer: _Peer, report: Report) -> None:
        _log(peer.region, report)
        gauges.measure([self._status_of(peer)], self._clock())
        for watcher in self._watchers[:]:
            region, state, future = watcher
            if (region, state) == (peer.region, report.state) or future.done():
                self._watchers.remove(watcher)
                if not future.done():
                    future.set_result(None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        assert self._tasks is not None, "links are not running"
        task = self._tasks.create_task(_guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _set_timer(self, peer: _Peer, at: int) -> None:
        if peer.timer:
            peer.timer.cancel()
        pause = max(0, at - self._clock()) / 1000
        peer.timer = asyncio.get_running_loop().call_later(pause, self._timer_fired, peer)

    def _timer_fired(self, peer: _Peer) -> None:
        self._feed(peer, TimerFired())
        gauges.measure([self._status_of(peer)], self._clock())

    # -- the log and the writer ------------------------------------------------------------------------

    def _committed(self, records: Sequence[CommittedEvent]) -> None:
        """After each commit: only that the log moved; pages are read when a peer has credit."""
        tips = {LaneKey(*record.id[:3]): record.id.seq for record in records}
        for peer in self._peers.values():
            self._feed(peer, Committed(tips))

    def _load_page(self, peer: _Peer, key: LaneKey, after: int) -> None:
        """Peers that live at the tip ask for the same page: read, sign and encode it once."""
        waiting = self._loads.setdefault((key, after), [])
        waiting.append(peer)
        if len(waiting) == 1:
            self._spawn(self._page(key, after))

    async def _page(self, key: LaneKey, after: int) -> None:
        try:
            page = await self._pages.page(key, after)
        except Exception:
            log.exception("a page of the log cannot be read", lane=key.lane, after=after)
            for peer in self._loads.pop((key, after)):
                self._hang_up(peer)
            return
        for peer in self._loads.pop((key, after)):
            self._feed(peer, PageLoaded(key, after, page))

    async def _load_tips(self, peer: _Peer, conn: int) -> None:
        try:
            tips = await self._pages.tips()
        except Exception:
            log.exception("the tips of the log cannot be read")
            self._hang_up(peer)
            return
        self._feed(peer, TipsLoaded(conn, tips))

    async def _apply(self, peer: _Peer, batch: LaneBatch) -> None:
        try:
            outcome = await self._handler.apply(batch)
        except Exception:
            log.exception("a batch cannot be applied", peer=peer.region, lane=batch.key.lane)
            outcome = Refusal(Code.INTERNAL, "the batch cannot be applied; see the log")
        if isinstance(outcome, Refusal):
            self._feed(peer, ApplyRefused(batch.key, outcome))
        else:
            _count(peer.region, "in", 0, len(batch.events))
            self._feed(peer, Applied(batch.key, outcome))

    # -- connections -------------------------------------------------------------------------------------

    async def _dial(self, peer: _Peer) -> None:
        metrics.PEER_CONNECTS.labels(peer.region, "dialled").inc()
        try:
            connection = await self._connect(peer.address.uri)
        except (OSError, WebSocketException, TimeoutError, ValueError) as error:
            peer.dialling = None
            metrics.PEER_CONNECTS.labels(peer.region, "failed").inc()
            self._feed(peer, DialFailed(f"{type(error).__name__}: {error}"))
            return
        # From here on the task is the connection's; the next Dial gets one of its own.
        peer.dialling = None
        peer.certificate_until = gauges.certificate_until(connection.transport)
        async with connection:
            await self._talk(peer, DialledSocket(connection), inbound=False)

    async def _connect(self, uri: str) -> websockets.asyncio.client.ClientConnection:
        return await websockets.asyncio.client.connect(
            uri,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=limits.PEER_FRAME_BYTES_MAX,
            open_timeout=limits.HELLO_SECONDS_MAX,
            close_timeout=CLOSE_SECONDS_MAX,
            ping_interval=None,  # the link's own PING also measures and reports
            ssl=(self._tls or True) if uri.startswith("wss:") else None,
        )

    async def _accepted(self, socket: Socket) -> None:
        """An inbound connection, until it ends: first of all it says who it is."""
        if self._tasks is None or self._stop.is_set():
            await turn_away(socket, Refusal(Code.STOPPING, "the node is not running"))
        elif self._strangers >= STRANGERS_MAX:
            await turn_away(socket, Refusal(Code.OVERLOADED, "too many unknown connections"))
        elif introduced := await self._introduced(socket):
            peer, first = introduced
            metrics.PEER_CONNECTS.labels(peer.region, "accepted").inc()
            await self._talk(peer, socket, inbound=True, first=first)

    async def _introduced(self, socket: Socket) -> tuple[_Peer, bytes] | None:
        """The peer a stranger claims to be, and its HELLO; None when it was turned away."""
        self._strangers += 1
        try:
            async with asyncio.timeout(limits.HELLO_SECONDS_MAX):
                first = await socket.receive()
            return self._peer_of(first), first
        except TimeoutError:
            await turn_away(socket, Refusal(Code.EXPIRED, "no HELLO came in time"))
        except Gone:
            pass  # nobody is there to be told
        except Refused as error:
            log.warning("a stranger was refused", reason=error.refusal.message)
            metrics.FEDERATION_REJECTED.labels("unknown", error.refusal.code).inc()
            await turn_away(socket, error.refusal)
        finally:
            self._strangers -= 1
        return None

    def _peer_of(self, first: bytes) -> _Peer:
        hello = frames.decode(first)
        if not isinstance(hello, Hello):
            raise Refused(Code.BAD_FRAME, "HELLO comes first")
        peer = self._peers.get(hello.region)
        if peer is None:
            raise Refused(Code.UNKNOWN_PEER, f"region {hello.region} is not in the roster here")
        return peer

    async def _talk(
        self, peer: _Peer, socket: Socket, *, inbound: bool, first: bytes | None = None
    ) -> None:
        """One connection from its opening to its end."""
        connection = Connection(next(self._numbers), socket)
        conn = connection.number
        peer.connections[conn] = connection
        reason = "our end stopped"
        try:
            self._feed(peer, Opened(conn, inbound, self._entropy(frames.NONCE_BYTES)))
            if first is not None:
                self._heard(peer, conn, first)
            async with asyncio.TaskGroup() as both:
                both.create_task(connection.write())
                both.create_task(self._read(peer, connection))
        except* Gone as gone:
            reason = str(gone.exceptions[0])
        finally:
            del peer.connections[conn]
            self._quiet.set()
            self._feed(peer, Disconnected(conn, reason))

    async def _read(self, peer: _Peer, connection: Connection) -> None:
        while True:
            self._heard(peer, connection.number, await connection.receive())

    def _heard(self, peer: _Peer, conn: int, data: bytes) -> None:
        _count(peer.region, "in", len(data), 0)
        peer.heard_at = self._clock()
        self._feed(peer, Received(conn, data))


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Our own mistake in one task must not take the others along."""
    try:
        await work
    except Exception:
        log.exception("a task of the links failed")


# -- for operators ---------------------------------------------------------------------------------------


def _log(region: str, report: Report) -> None:
    if report.refusal:
        code = report.refusal.code
        metrics.FEDERATION_REJECTED.labels(region, code).inc()
        reason = report.refusal.message
        log.warning("refused", peer=region, state=report.state, code=code, reason=reason)
    else:
        log.info("link", peer=region, state=report.state, note=report.note)


def _count(region: str, direction: str, size: int, events: int) -> None:
    if size:
        metrics.FEDERATION_BYTES.labels(region, direction).inc(size)
    if events:
        metrics.FEDERATION_EVENTS.labels(region, direction).inc(events)
