"""A client's websocket (RFC 6455): what of a ``Connection`` is the websocket's own.

What is plain, handshake and frames alike, is read at once; for the rest, and for the end, there is a ``wire.Wire``
as long as it takes. What we send bypasses it, as ready frames.
"""

from collections.abc import MutableSet
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as WireState

from server.app import metrics
from server.app.credentials import credentials_of
from server.app.origin import is_own_origin
from server.domain.errors import Code, Refused
from server.realtime import effects as fx
from server.realtime import frames
from server.realtime.connection import CLOSING_SECONDS_MAX, Connection
from server.realtime.frames import Encoding, Form
from server.realtime.handshake import PlainRequest, encoding_of, plain_request
from server.realtime.states import CloseCode
from server.realtime.wire import Wire, accepted, agreed, plain_frame

if TYPE_CHECKING:
    from server.realtime.gateway import Gateway

PATH = "/api/v1/live"
_PING = frames.websocket_frame(frames.PING, b"")
FATAL = frozenset({Code.BAD_ENCODING, Code.TOO_LARGE})
"""Malformed frames that end the connection: nothing says where understanding would begin again."""


class WebSocket(Connection):
    """Made by ``Gateway.protocol_class``."""

    __slots__ = ("_message", "_text", "_wire")

    def __init__(self, gateway: "Gateway", siblings: MutableSet[Any]) -> None:
        super().__init__(gateway, siblings)
        self._wire: Wire | None = None
        """Reads what is not plain, as long as there is such."""
        self._message: bytearray | None = None
        self._text = True

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if not self._is_open and self._wire is None and self._upgraded(data):
            return
        at = 0
        while self._wire is None and at < len(data):
            plain = plain_frame(data, at) if self._is_open else None
            if plain is None:
                self._read_by_wire()
            else:
                at = plain.end
                self._frame(plain.frame)
        if self._wire is not None:
            self._parse(self._wire, data[at:])

    def _read_by_wire(self) -> Wire:
        """From here on, until it rests."""
        if self._wire is None:
            self._wire = Wire.opened(self._deflates()) if self._is_open else Wire()
        return self._wire

    def _parse(self, wire: Wire, data: bytes) -> None:
        wire.receive_data(data)
        # The parser keeps what it gave last, headers or a message, for as long as it waits for more: emptied.
        for event in wire.events_received():
            if isinstance(event, Request):
                self._handshake(wire, event)
                event.headers.clear()
            elif isinstance(event, Frame):
                self._frame(event)
                event.data = b""
        self._flush(wire)
        if wire.rests:
            self._wire = None

    def _deflates(self) -> bool:
        return self.form in (Form.JSON_DEFLATE, Form.MSGPACK_DEFLATE)

    # -- the websocket -----------------------------------------------------------------------------------

    def _upgraded(self, data: bytes) -> bool:
        """Whether this was a plain handshake, which is answered now."""
        headers = plain_request(data)
        if headers is None:
            return False
        encoding = encoding_of(headers.get_all("Sec-WebSocket-Protocol"))
        extensions = agreed(headers.get("sec-websocket-extensions"))
        if encoding is None or extensions is None:
            return False
        if self._is_admitted(headers):
            key = headers["sec-websocket-key"]
            self.write(accepted(key, extensions, encoding.subprotocol))
            self._let_in(headers, encoding, deflates=bool(extensions))
        return True

    def _handshake(self, wire: Wire, request: Request) -> None:
        """The same for any other, as websockets judges it."""
        if not self._is_admitted(request.headers):
            return
        response = wire.accept(request)
        encoding = encoding_of(request.headers.get_all("Sec-WebSocket-Protocol"))
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and encoding is not None:
            response.headers["Sec-WebSocket-Protocol"] = encoding.subprotocol
        wire.send_response(response)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._let_in(request.headers, encoding, deflates=bool(wire.extensions))
        else:
            metrics.HANDSHAKES.labels("malformed").inc()

    def _is_admitted(self, headers: Headers | PlainRequest) -> bool:
        """Before the upgrade, while it costs us little."""
        if self._gateway.stopping:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The node is stopping.\n", "stopping")
            return False
        if hidden := self._gateway.hidden():
            text = f"{hidden.message.capitalize()}.\n"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, text, "recovering")
            return False
        peer = self._transport.get_extra_info("peername")
        if self._gateway.admits(peer[0] if peer else "", headers.get_all("X-Forwarded-For")):
            return True
        text = "Too many connections from your address; try again shortly.\n"
        self._refuse(HTTPStatus.TOO_MANY_REQUESTS, text, "rate_limited")
        return False

    def _refuse(self, status: HTTPStatus, text: str, outcome: str) -> None:
        """When to come back is spread."""
        wire = self._read_by_wire()
        response = wire.reject(status, text)
        response.headers["Retry-After"] = str(1 + self._gateway.retry_ms() // 1000)
        wire.send_response(response)
        self._flush(wire)
        metrics.HANDSHAKES.labels(outcome).inc()

    def _let_in(
        self, headers: Headers | PlainRequest, encoding: Encoding | None, deflates: bool
    ) -> None:
        self.form = Form.of_websocket(encoding or Encoding.JSON, deflates)
        self._opened()
        # After the handshake, so that browsers can read the reason: they hide HTTP's answer.
        outcome = "accepted"
        if encoding is None:
            outcome = "no_subprotocol"
            self._end(CloseCode.NO_SUBPROTOCOL, "speak tap.v1.json or tap.v1.msgpack")
        elif not self._is_trusted(headers):
            outcome = "bad_origin"
            self._end(CloseCode.BAD_ORIGIN, "a page of another site cannot use this session")
        metrics.of(metrics.HANDSHAKES, outcome).inc()

    def _is_trusted(self, headers: Headers | PlainRequest) -> bool:
        """Takes the credentials of the request; a cookie counts only for our own pages."""
        secret, from_cookie = credentials_of(
            headers.get_all("Authorization"), headers.get_all("Cookie")
        )
        self.secret = secret
        origin = ", ".join(headers.get_all("Origin"))
        host = ", ".join(headers.get_all("Host"))
        return not from_cookie or is_own_origin(origin, host, self._gateway.public_url)

    def _frame(self, frame: Frame) -> None:
        """Messages may come in pieces; closes are echoed by the parser."""
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
        elif frame.opcode is Opcode.PING and not self._closing:
            self.write(frames.websocket_frame(frames.PONG, bytes(frame.data)))
        elif frame.opcode is Opcode.CLOSE:
            self.feed(fx.Lost())

    def _received(self, data: Any) -> None:
        if self._closing:
            return
        try:
            frame: fx.Input = frames.decode(self.form.encoding, data, self._text)
        except Refused as refused:
            frame = fx.Malformed(refused.refusal, refused.refusal.code in FATAL)
        metrics.of(metrics.WEBSOCKET_FRAMES_RECEIVED, type(frame).__name__.lower()).inc()
        self.feed(frame)

    def _flush(self, wire: Wire) -> None:
        """What the parser wants to send: handshake and closes. Empty bytes mean: the end."""
        for data in wire.data_to_send():
            if data:
                self.write(data)
            elif wire.parser_exc is None:
                self.close()
            else:
                self._broken(wire)

    def _broken(self, wire: Wire) -> None:
        """The parser gave up and said so (RFC 6455 7.4.1). Closing now, with bytes unread, would reset the
        connection and take our close frame with it: so only our half ends, and the rest is discarded."""
        self._closing = wire.close_sent.code if wire.close_sent else 0
        self.feed(fx.Lost())
        if self._transport.can_write_eof():
            self.flush()
            self._transport.write_eof()
            self._wake_at(self._gateway.steady() + CLOSING_SECONDS_MAX * 1000)
        else:
            self.close()

    # -- what kind of connection this is -------------------------------------------------------------------

    def _end(self, code: int, reason: str) -> None:
        """Our half of the closing handshake; the client has a few seconds for its half."""
        if self._closing:
            return
        self._closing = code
        wire = self._read_by_wire()
        if wire.state is WireState.OPEN:
            wire.send_close(code, reason)
            self._flush(wire)
        self._wake_at(self._gateway.steady() + CLOSING_SECONDS_MAX * 1000)

    def _beat(self) -> None:
        """A ping, which is answered (RFC 6455 5.5.2; section 7)."""
        self._heard = False
        self.write(_PING)

    def _ended_by(self) -> str:
        return "client" if self._wire is not None and self._wire.close_rcvd else "lost"
