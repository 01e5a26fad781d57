"""One client socket: bytes in, frames to the session, its effects performed in order. The I/O.

``websockets``' sans-I/O ``ServerProtocol`` does the handshake and parses what clients send; what we send
bypasses it, as ready frames. No task, queue or timer belongs to a connection.

permessage-deflate is not offered: ``EXTENSIONS`` is its place. A compressed frame must be shared by all
readers like any other, so it will need server_no_context_takeover and one more index of ready frames.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, MutableSet, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, assert_never, cast

from websockets.extensions import ServerExtensionFactory
from websockets.frames import CloseCode as StandardCode
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as WireState
from websockets.server import ServerProtocol

from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refused
from server.realtime import effects as fx
from server.realtime import frames, presence
from server.realtime.frames import Encoding
from server.realtime.handshake import credentials_of, encoding_of, is_own_origin
from server.realtime.session import Session
from server.realtime.states import CloseCode, State

if TYPE_CHECKING:
    from server.realtime.gateway import Gateway

log = logging.getLogger(__name__)

CHANCE: Callable[[], float] = random.random
"""0.0 to 1.0; spreads pings and reconnects. Tests bring their own."""
EXTENSIONS: Sequence[ServerExtensionFactory] = ()
PING_MS = limits.PING_SECONDS * 1000
CLOSING_SECONDS_MAX = 5
"""For the client's half of the closing handshake."""
PATH = "/api/v1/live"
RECHECK_PINGS = 24
"""Every ten minutes it is asked whether a connection may still be: another process on the same base may
have signed its person out."""
LOW_WATER_BYTES = limits.WRITE_BUFFER_BYTES_MAX // 4
FATAL = frozenset({Code.BAD_ENCODING, Code.TOO_LARGE})
"""Malformed frames that end the connection: nothing says where understanding would begin again."""
LIMITS = {
    CloseCode.HELLO_TIMEOUT: "UNAUTHENTICATED_SECONDS_MAX",
    CloseCode.TOO_MANY_CONNECTIONS: "CONNECTIONS_PER_PERSON_MAX",
    CloseCode.TOO_LARGE: "CLIENT_FRAME_BYTES_MAX",
    StandardCode.MESSAGE_TOO_BIG: "CLIENT_FRAME_BYTES_MAX",
    CloseCode.RATE_LIMITED: "COMMANDS_PER_10_S",
}
"""Which limit a close code tells of."""


class Connection(asyncio.Protocol):
    """Made by ``Gateway.protocol_class``. ``siblings``: the server's own set of open connections."""

    __slots__ = (
        "_closing",
        "_due",
        "_gateway",
        "_heard",
        "_is_open",
        "_message",
        "_paused",
        "_pinged",
        "_pings",
        "_siblings",
        "_stall_bytes",
        "_text",
        "_todo",
        "_transport",
        "_wire",
        "encoding",
        "secret",
        "seen",
        "session",
        "write",
    )
    write: Callable[[bytes], None]
    """The transport's own; the hub's inner loop calls nothing else."""

    def __init__(self, gateway: "Gateway", siblings: MutableSet[Any]) -> None:
        self.encoding = Encoding.JSON
        self.session = Session(gateway.node, gateway.steady())
        self._gateway = gateway
        self._siblings = siblings
        self._wire = ServerProtocol(extensions=EXTENSIONS, max_size=limits.CLIENT_FRAME_BYTES_MAX)
        self._is_open = False
        """Whether the handshake was accepted; also true after the end."""
        self.secret = ""
        """What the client proved itself with; kept to ask again when it may have been revoked."""
        self.seen: presence.State = "offline"
        """As what whoever watches the person sees them for this connection."""
        self._message: bytearray | None = None
        self._text = True
        self._todo: deque[fx.Input] | None = None
        self._heard = True
        """Whether any byte came since the last ping."""
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

    # -- asyncio's calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(limits.WRITE_BUFFER_BYTES_MAX, LOW_WATER_BYTES)
        self.write = self._transport.write
        self._siblings.add(self)
        self._gateway.opened(self)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()

    def pause_writing(self) -> None:
        """More than the high-water mark waits to be sent; reading stops with it (house rule 3)."""
        self._paused = True
        self._stall_bytes = self._transport.get_write_buffer_size()
        self._wake_at(self._gateway.steady() + limits.STALLED_SECONDS_MAX * 1000)
        self._transport.pause_reading()
        metrics.SLOW_READERS.inc()
        self.feed(fx.Paused())

    def resume_writing(self) -> None:
        self._paused = False
        self._heard = True  # somebody took it; what they said meanwhile is still unread
        if not self._transport.is_closing():
            self._transport.resume_reading()
        self.feed(fx.Resumed())

    def eof_received(self) -> None:
        """The transport closes itself; ``connection_lost`` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.feed(fx.Lost())
        self._siblings.discard(self)
        self._gateway.lost(self)
        if self._is_open:
            metrics.WEBSOCKET_CONNECTIONS.labels(self.encoding.subprotocol).dec()
            self._count_end()

    def shutdown(self) -> None:
        """uvicorn's word that it stops."""
        self.feed(fx.Drain(self._gateway.retry_ms()))

    # -- the websocket -----------------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        if self._gateway.stopping:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The node is stopping.\n", "stopping")
            return
        peer = self._transport.get_extra_info("peername")
        forwarded = request.headers.get_all("X-Forwarded-For")
        if not self._gateway.admits(peer[0] if peer else "", forwarded):
            text = "Too many connections from your address; try again shortly.\n"
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, text, "rate_limited")
            return
        response = self._wire.accept(request)
        encoding = encoding_of(request.headers.get_all("Sec-WebSocket-Protocol"))
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and encoding is not None:
            response.headers["Sec-WebSocket-Protocol"] = encoding.subprotocol
        self._wire.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            metrics.HANDSHAKES.labels("malformed").inc()
            return
        self.encoding = encoding or Encoding.JSON
        self._is_open = True
        metrics.WEBSOCKET_CONNECTIONS.labels(self.encoding.subprotocol).inc()
        self._wake_at(self._due)
        # After the handshake, so that browsers can read the reason: they hide HTTP's answer.
        outcome = "accepted"
        if encoding is None:
            outcome = "no_subprotocol"
            self._end(CloseCode.NO_SUBPROTOCOL, "speak tap.v1.json or tap.v1.msgpack")
        elif not self._is_trusted(request):
            outcome = "bad_origin"
            self._end(CloseCode.BAD_ORIGIN, "a page of another site cannot use this session")
        metrics.HANDSHAKES.labels(outcome).inc()

    def _refuse(self, status: HTTPStatus, text: str, outcome: str) -> None:
        """Before the upgrade, while it costs us little; when to come back is spread."""
        response = self._wire.reject(status, text)
        response.headers["Retry-After"] = str(1 + self._gateway.retry_ms() // 1000)
        self._wire.send_response(response)
        metrics.HANDSHAKES.labels(outcome).inc()

    def _is_trusted(self, request: Request) -> bool:
        """Takes the credentials of the request; a cookie counts only for our own pages."""
        headers = request.headers
        secret, from_cookie = credentials_of(
            ", ".join(headers.get_all("Authorization")) or None, headers.get_all("Cookie")
        )
        self.secret = secret
        origin = ", ".join(headers.get_all("Origin"))
        host = ", ".join(headers.get_all("Host"))
        return not from_cookie or is_own_origin(origin, host, self._gateway.public_url)

    def _frame(self, frame: Frame) -> None:
        """Messages may come in pieces; pings are answered and closes echoed by the parser."""
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            self._text = frame.opcode is Opcode.TEXT
            if frame.fin:
                self._received(frame.data)
            else:
                self._message = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._message is not None:
            self._message += frame.data
            if frame.fin:
                message, self._message = self._message, None
                self._received(message)
        elif frame.opcode is Opcode.CLOSE:
            self.feed(fx.Lost())

    def _received(self, data: Any) -> None:
        if self._closing:
            return
        try:
            frame: fx.Input = frames.decode(self.encoding, data, self._text)
        except Refused as refused:
            frame = fx.Malformed(refused.refusal, refused.refusal.code in FATAL)
        metrics.WEBSOCKET_FRAMES_RECEIVED.labels(type(frame).__name__.lower()).inc()
        self.feed(frame)

    def _flush(self) -> None:
        """What the parser wants to send: handshake, pongs, closes. Empty bytes mean: the end."""
        for data in self._wire.data_to_send():
            if data:
                self.write(data)
            elif self._wire.parser_exc is None:
                self._transport.close()
            else:
                self._broken()

    def _broken(self) -> None:
        """The parser gave up and said so (RFC 6455 7.4.1). Closing now, with bytes unread, would reset the
        connection and take our close frame with it: so only our half ends, and the rest is discarded."""
        self._closing = self._wire.close_sent.code if self._wire.close_sent else 0
        self.feed(fx.Lost())
        if self._transport.can_write_eof():
            self._transport.write_eof()
            self._wake_at(self._gateway.steady() + CLOSING_SECONDS_MAX * 1000)
        else:
            self._transport.close()

    def _end(self, code: int, reason: str) -> None:
        """Our half of the closing handshake; the client has a few seconds for its half."""
        if self._closing:
            return
        self._closing = code
        if self._wire.state is WireState.OPEN:
            self._wire.send_close(code, reason)
            self._flush()
        self._wake_at(self._gateway.steady() + CLOSING_SECONDS_MAX * 1000)

    def _count_end(self) -> None:
        """By whom, and if by us with which code: what others send is no closed set."""
        ended_by = "client" if self._wire.close_rcvd is not None else "lost"
        metrics.WEBSOCKET_CLOSED.labels(
            str(int(self._closing)) if self._closing else ended_by
        ).inc()
        if self._closing in LIMITS:
            metrics.LIMITS_HIT.labels(LIMITS[self._closing]).inc()

    def abort(self) -> None:
        """End it now, whatever is unsent."""
        self._transport.abort()

    # -- the session -------------------------------------------------------------------------------------

    def feed(self, what: fx.Input) -> None:
        """Tells the session, and performs what it asks for. Told again meanwhile (a full ring answers at
        once, a write may pause), that comes after: inputs are handled one by one."""
        if self._todo is not None:
            self._todo.append(what)
            return
        todo = self._todo = deque((what,))
        deadline = self.session.deadline
        try:
            while todo:
                for effect in self.session.receive(todo.popleft(), self._moment()):
                    self._perform(effect)
        except Exception:
            log.exception("a session failed")
            self._gateway.hub.leave(self, self.session.channels)
            self.session.state = State.CLOSED
            self._end(StandardCode.INTERNAL_ERROR, "")
        finally:
            self._todo = None
        if self.session.deadline < deadline:
            self._wake_at(self._due)

    def _moment(self) -> fx.Moment:
        gateway, hub = self._gateway, self._gateway.hub
        return fx.Moment(
            gateway.steady(),
            gateway.clock(),
            hub.position,
            hub.sent(self),
            hub.values.flushed,
            hub.narrowed,
        )

    def _perform(self, effect: fx.Effect) -> None:
        gateway = self._gateway
        match effect:
            case fx.SendFrame(frame):
                self._send(frame)
            case fx.SendEvents(entries):
                metrics.WEBSOCKET_FRAMES_SENT.labels("event").inc(len(entries))
                self.write(b"".join([entry.frame(self.encoding) for entry in entries]))
            case fx.CatchUp():
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
                gateway.appear(self, state)
            case fx.SendPresence(people):
                for value in gateway.present(people):
                    self._send(value)
            case fx.SayTyping(channel):
                gateway.typing.said(channel, self.session.person, gateway.steady())
            case fx.Close(code, reason):
                self._end(code, reason)
            case _:
                assert_never(effect)

    def _send(self, frame: frames.ServerFrame) -> None:
        metrics.WEBSOCKET_FRAMES_SENT.labels(str(frame.__struct_config__.tag)).inc()
        if isinstance(frame, frames.Welcome):
            metrics.RESUMES.labels(frame.resume).inc()
        data = frames.encode(frame, self.encoding)
        if self._paused:
            self._stall_bytes += len(data)
        self.write(data)

    def is_slow(self) -> bool:
        return self._transport.get_write_buffer_size() > LOW_WATER_BYTES

    def takes_values(self) -> bool:
        return self.session.state is State.LIVE and not self._paused

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
        self.feed(fx.Tick())
        if self._closing:
            return
        self._heard, self._pinged = False, True
        self._wire.send_ping(b"")
        self._flush()
        self._pings += 1
        if self._pings % RECHECK_PINGS == 0:
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
