"""One client's connection: inputs to its session, the session's effects performed in order. The I/O.

What is the same over a websocket and over server-sent events: the transport's back-pressure, deadlines,
the session. How a frame becomes bytes and how an end is said is the subclass's. No task, queue or timer
belongs to a connection.
"""

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, MutableSet, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from server.app import metrics
from server.domain import limits
from server.realtime import effects as fx
from server.realtime import frames, presence
from server.realtime.frames import Form
from server.realtime.outlet import Outlet
from server.realtime.ring import Ready
from server.realtime.session import Session
from server.realtime.states import CloseCode, State

if TYPE_CHECKING:
    from server.realtime.gateway import Gateway

log = logging.getLogger(__name__)

CHANCE: Callable[[], float] = random.random
"""0.0 to 1.0; spreads pings and reconnects. Tests bring their own."""
CLOSING_SECONDS_MAX = 5
"""For the client's half of an end: the closing handshake, or taking what was sent before it."""
PING_MS = limits.PING_SECONDS * 1000
RECHECK_PINGS = 24
"""Every ten minutes it is asked whether a connection may still be: another process on the same base may
have signed its person out."""
LOW_WATER_BYTES = limits.WRITE_BUFFER_BYTES_MAX // 4
INTERNAL_ERROR, MESSAGE_TOO_BIG = 1011, 1009
"""RFC 6455 7.4.1."""
LIMITS = {
    CloseCode.HELLO_TIMEOUT: "UNAUTHENTICATED_SECONDS_MAX",
    CloseCode.TOO_MANY_CONNECTIONS: "CONNECTIONS_PER_PERSON_MAX",
    CloseCode.TOO_LARGE: "CLIENT_FRAME_BYTES_MAX",
    MESSAGE_TOO_BIG: "CLIENT_FRAME_BYTES_MAX",
    CloseCode.RATE_LIMITED: "COMMANDS_PER_10_S",
}
"""Which limit a close code tells of."""


class Connection(Outlet, asyncio.Protocol, ABC):
    """``siblings``: the server's own set of open connections."""

    __slots__ = (
        "_closing",
        "_due",
        "_gateway",
        "_heard",
        "_is_open",
        "_paused",
        "_pinged",
        "_pings",
        "_seen",
        "_siblings",
        "_stall_bytes",
        "_todo",
        "form",
        "secret",
        "session",
    )

    def __init__(self, gateway: "Gateway", siblings: MutableSet[Any]) -> None:
        super().__init__()
        self.form = Form.JSON
        self.session = Session(gateway.node, gateway.steady(), gateway.commands)
        self.secret = ""
        """What the client proved itself with; kept to ask again when it may have been revoked."""
        self._seen: presence.State = "offline"
        """As what whoever watches the person sees them for this connection."""
        self._gateway = gateway
        self._siblings = siblings
        self._is_open = False
        """Whether the client was let in; also true after the end."""
        self._todo: deque[fx.Input] | None = None
        self._heard = True
        """Whether any byte came since the last ping; always true where nobody answers."""
        self._pinged = False
        """Whether the answer to a ping is being waited for."""
        self._pings = 0
        # The first ping comes 12.5 to 25 s after connecting (section 7).
        self._due = gateway.steady() + int(PING_MS * (1 + gateway.chance()) / 2)
        """When to look after the connection next, whatever the session wants."""
        self._paused = False
        self._stall_bytes = 0
        self._closing = 0
        """The close code we ended with; 0 while nobody did."""

    # -- what subclasses say -----------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """How measurements call connections of this kind."""
        return self.form.encoding.subprotocol

    @abstractmethod
    def _end(self, code: int, reason: str) -> None:
        """Our half of the end."""

    @abstractmethod
    def _beat(self) -> None:
        """Some bytes, so that nothing on the way takes the connection for dead."""

    def _ended_by(self) -> str:
        """Who ended it when we did not."""
        return "lost"

    # -- asyncio's calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport)
        self._transport.set_write_buffer_limits(limits.WRITE_BUFFER_BYTES_MAX, LOW_WATER_BYTES)
        self._siblings.add(self)
        self._gateway.opened(self)

    def pause_writing(self) -> None:
        """More than the high-water mark waits to be sent; reading stops with it (house rule 3)."""
        self._paused = True
        self._stall_bytes = self._transport.get_write_buffer_size()
        self._wake_at(self._gateway.steady() + limits.STALLED_SECONDS_MAX * 1000)
        self._transport.pause_reading()
        metrics.SLOW_READERS.inc()
        self._gateway.measures.slow[self] = None
        self.feed(fx.Paused())

    def resume_writing(self) -> None:
        self._paused = False
        self._gateway.measures.slow.pop(self, None)
        self._heard = True  # somebody took it; what they said meanwhile is still unread
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self.feed(fx.Resumed())

    def eof_received(self) -> None:
        """The transport closes itself; ``connection_lost`` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.detach()
        metrics.lost(exc)
        self.feed(fx.Lost())
        self._siblings.discard(self)
        self._gateway.lost(self)
        if self._is_open:
            metrics.of(metrics.WEBSOCKET_CONNECTIONS, self.label).dec()
            self._count_end()

    def shutdown(self) -> None:
        """uvicorn's word that it stops."""
        self.feed(fx.Drain(self._gateway.retry_ms()))

    def abort(self) -> None:
        """End it now, whatever is unsent."""
        self._transport.abort()

    # -- the session -------------------------------------------------------------------------------------

    def _opened(self) -> None:
        """The client was let in; its session's first deadline runs."""
        self._is_open = True
        metrics.of(metrics.WEBSOCKET_CONNECTIONS, self.label).inc()
        self._wake_at(self._due)

    def _count_end(self) -> None:
        """By whom, and if by us with which code: what others send is no closed set."""
        by = str(int(self._closing)) if self._closing else self._ended_by()
        metrics.of(metrics.WEBSOCKET_CLOSED, by).inc()
        if self._closing in LIMITS:
            metrics.LIMITS_HIT.labels(LIMITS[self._closing]).inc()

    def feed(self, what: fx.Input) -> None:
        """Tells the session, and performs what it asks for. Told again meanwhile (a full ring answers at
        once, a write may pause), that comes after: inputs are handled one by one. Never raises: whoever has news
        for many tells the next one."""
        if self._todo is not None:
            self._todo.append(what)
            return
        todo = self._todo = deque((what,))
        deadline = self.session.deadline
        releases = self.hold()
        try:
            while todo:
                for effect in self.session.receive(todo.popleft(), self._moment()):
                    self._perform(effect)
            if releases:
                self.release()
        except Exception:
            self.fail()
        finally:
            self._todo = None
        if self.session.deadline < deadline:
            self._wake_at(self._due)

    def fail(self) -> None:
        """Called while a mistake of ours is handled: it ends this connection, which comes back from its place."""
        log.exception("a connection failed")
        metrics.of(metrics.LIVE_FAILURES, "connection").inc()
        self._gateway.hub.leave(self, self.session.channels)
        self.session.state = State.CLOSED
        try:
            self._end(INTERNAL_ERROR, "")
            self.release()
        except Exception:
            log.exception("a connection could not even be ended")
            self.abort()

    def turn(self, position: int, data: bytes) -> None:
        """What may be heard from there on may be remembered, and more be sent at once: held, ``data`` stays
        before it, and is not found to be too much before the session has left the hub."""
        releases = self.hold()
        if data:
            self.write(data)
        self.feed(fx.Turned(position))
        try:
            if releases:
                self.release()
        except Exception:
            self.fail()

    def _moment(self) -> fx.Moment:
        gateway, hub = self._gateway, self._gateway.hub
        return fx.Moment(
            gateway.steady(),
            gateway.clock(),
            hub.position,
            hub.sent(self),
            hub.values.flushed,
            hub.narrowed,
            gateway.log_position,
        )

    def _perform(self, effect: fx.Effect) -> None:
        gateway = self._gateway
        match effect:
            case fx.SendFrame(frame):
                self._send(frame)
            case fx.SendEvents(entries, replayed):
                metrics.of(metrics.WEBSOCKET_FRAMES_SENT, "event").inc(len(entries))
                self.write(self._joined(entries, replayed))
            case fx.CatchUp():
                self.flush()
                if self._paused:
                    self.feed(fx.Paused())
                else:
                    gateway.catch_up(self, effect)
            case fx.Submit():
                gateway.submit(self, effect)
            case fx.Join(channels):
                gateway.hub.join(self, channels)
            case fx.Drop(channels):
                gateway.hub.part(self, channels)
            case fx.Leave(channels):
                gateway.hub.leave(self, channels)
            case fx.SendValues():
                gateway.refresh.send(self, effect)
            case fx.Authenticate(token):
                self.secret = token or self.secret
                gateway.authenticate(self, self.secret)
            case fx.Renew(token):
                gateway.renew(self, token)
            case fx.JudgeBy(secret):
                self.secret = secret
            case fx.LoadInterests():
                gateway.load_interests(self, effect)
            case fx.Authorize():
                gateway.authorize(self, effect)
            case fx.Appear(state):
                self.appear(state)
            case fx.SendPresence(people):
                for value in gateway.present.values(people):
                    self._send(value)
            case fx.SayTyping(channel):
                gateway.present.typed(channel, self.session.person, gateway.steady())
            case fx.Close(code, reason):
                self._end(code, reason)
            case _:
                assert_never(effect)

    def appear(self, state: presence.State) -> None:
        """Shows the person so to whoever looks."""
        gateway = self._gateway
        gateway.present.moved(self.session.person, self._seen, state, gateway.steady())
        self._seen = state

    def _joined(self, entries: Sequence[Ready], replayed: bool) -> bytes:
        return b"".join([entry.frame(self.form) for entry in entries])

    def _send(self, frame: frames.ServerFrame) -> None:
        metrics.of(metrics.WEBSOCKET_FRAMES_SENT, str(frame.__struct_config__.tag)).inc()
        if isinstance(frame, frames.Welcome):
            metrics.of(metrics.RESUMES, frame.resume).inc()
        data = frames.encode(frame, self.form)
        if self._paused:
            self._stall_bytes += len(data)
        self.write(data)

    def waiting_bytes(self) -> int:
        """Written, and not yet taken by the kernel."""
        return self._transport.get_write_buffer_size()

    def is_slow(self) -> bool:
        return self.waiting_bytes() > LOW_WATER_BYTES

    def takes_values(self, channels: Collection[str]) -> bool:
        """Whether what is shown on these channels may be written now."""
        is_live = self.session.state is State.LIVE and not self._paused
        return is_live and self.session.hears(channels)

    # -- time ----------------------------------------------------------------------------------------------

    def wake(self, now: int) -> None:
        """A deadline has come: the session's, or that of looking after the connection."""
        if now >= self.session.deadline:
            self.feed(fx.Tick())
        if now < self._due:
            self._wake_at(self._due)
        elif self._closing or self._transport.is_closing():
            self.abort()
        elif self._paused:
            self._judge_stall(now)
        elif not self._pinged:
            self._ping(now)
        elif self._heard:
            self._pinged = False
            self._wake_at(now + PING_MS - limits.PONG_SECONDS_MAX * 1000)
        else:
            metrics.LIMITS_HIT.labels("PONG_SECONDS_MAX").inc()
            self.abort()

    def _ping(self, now: int) -> None:
        self._wake_at(now + limits.PONG_SECONDS_MAX * 1000)
        self.hold()  # a mark and the ping are one system call
        self.feed(fx.Tick())
        if not self._closing:
            self._pinged = True
            self._beat()
            self._pings += 1
        self.release()
        if self._pinged and self._pings % RECHECK_PINGS == 0:
            self._gateway.recheck_one(self, lambda: None)

    def _judge_stall(self, now: int) -> None:
        """Slow readers are waited for; those that take nothing at all are gone."""
        waiting = self._transport.get_write_buffer_size()
        if waiting >= self._stall_bytes:
            metrics.LIMITS_HIT.labels("STALLED_SECONDS_MAX").inc()
            self.abort()
            return
        self._stall_bytes = waiting
        self._wake_at(now + limits.STALLED_SECONDS_MAX * 1000)

    def _wake_at(self, due: int) -> None:
        self._due = due
        self._gateway.wheel.put(self, min(due, self.session.deadline))
