"""Live frames as server-sent events, and what their readers say by POST (section 6.6). The I/O.

For networks that let no websocket through. The request was read and answered with a head by the HTTP
side (api/handover.py); from there on the connection is a seat like any other, with frames of
``Form.EVENT_STREAM``. What its client says comes in requests of its own, under the stream's unguessable
name, and is told to the same session.

A client that vanished without a word does not answer pings here: the kernel is asked to give up on what
it does not acknowledge. The transport's end is noticed by reading, so reading goes on, though the
request was the last thing to be said on this connection (RFC 9112 9.6).
"""

import asyncio
import base64
import contextlib
import socket
from collections.abc import Callable, MutableSet, Sequence
from typing import TYPE_CHECKING, Any

from server.app import metrics
from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.realtime import effects as fx
from server.realtime import frames
from server.realtime.connection import CLOSING_SECONDS_MAX, Connection
from server.realtime.frames import Encoding, Form, Hello
from server.realtime.replies import TOO_FAST
from server.realtime.ring import Ready
from server.realtime.states import State

if TYPE_CHECKING:
    from server.realtime.gateway import Gateway

NAME_BYTES = 16
"""Nobody guesses 128 bits; and only the stream's own person may use its name."""
CLIENT = "event-stream"
"""In place of the name a client gives itself in ``hello``; also how measurements call these connections."""

STOPPING = Refusal(Code.STOPPING, "the node is about to stop: come back in a moment")
TOO_MANY = Refusal(Code.RATE_LIMITED, "too many connections from your address; try again shortly")
GONE = Refusal(Code.NOT_FOUND, "there is no such stream, or no longer: open another", "stream")
NOT_YOURS = Refusal(Code.FORBIDDEN, "this stream is somebody else's", "stream")
UNREAD = Refusal(Code.RATE_LIMITED, "read what the stream has for you before you ask for more")
TALKATIVE = Refusal(Code.BAD_FRAME, "nothing is read here: say it by POST /api/v1/live/frames")


class EventStream(Connection):
    """Made by ``Streams.open`` for a connection on which the head of the answer was sent. ``hello``: what
    the request said; whose it is was checked."""

    __slots__ = ("_hello", "_streams", "name", "person")

    def __init__(
        self,
        gateway: "Gateway",
        siblings: MutableSet[Any],
        streams: "Streams",
        person: str,
        secret: str,
        hello: Hello,
    ) -> None:
        super().__init__(gateway, siblings)
        self.form = Form.EVENT_STREAM
        self.name, self.person, self.secret = streams.new_name(), person, secret
        self._streams = streams
        self._hello = hello

    @property
    def label(self) -> str:
        return CLIENT

    # -- asyncio's calls -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        _give_up_on_silence(transport)
        self._streams.by_name[self.name] = self
        self._opened()
        self._send(frames.Stream(id=self.name))
        self.feed(self._hello)
        if self._gateway.stopping:  # since it was let in
            self.shutdown()

    def data_received(self, data: bytes) -> None:
        if not self._closing:
            self.feed(fx.Malformed(TALKATIVE, fatal=True))

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.by_name.pop(self.name, None)
        super().connection_lost(exc)

    # -- what kind of connection this is -----------------------------------------------------------------

    def say(self, frame: fx.Input) -> Refusal | None:
        """What the client said elsewhere; answers come on the stream. House rule 3 holds here, too."""
        if self._closing or self.session.state is State.CLOSED:
            return GONE
        if self._paused:
            return UNREAD
        self.feed(frame)
        return None

    def _joined(self, entries: Sequence[Ready], replayed: bool) -> bytes:
        """A browser resumes from the last id it saw, not from the highest: what is replayed has none."""
        if not replayed:
            return super()._joined(entries, replayed)
        return b"".join([frames.without_place(entry.frame(self.form)) for entry in entries])

    def _beat(self) -> None:
        self.write(frames.KEEP_ALIVE)

    def _end(self, code: int, reason: str) -> None:
        """What was said before it still goes out, for a few seconds; the end is the connection's."""
        if self._closing:
            return
        self._closing = code
        self.close()
        self._wake_at(self._gateway.steady() + CLOSING_SECONDS_MAX * 1000)


class Streams:
    """The node's event streams by name. ``entropy``: secret random bytes."""

    def __init__(self, gateway: "Gateway", entropy: Callable[[int], bytes]) -> None:
        self.by_name: dict[str, EventStream] = {}
        self._gateway, self._entropy = gateway, entropy

    def new_name(self) -> str:
        return base64.urlsafe_b64encode(self._entropy(NAME_BYTES)).decode().rstrip("=")

    def open(
        self, address: str, secret: str, person: str, cursor: str | None, channels: Sequence[str]
    ) -> Callable[..., EventStream] | Refusal:
        """Who will own the connection. ``address``: the client's, also behind a trusted proxy; ``secret`` is
        known to be the person's."""
        refusal = self._refusal(address)
        metrics.HANDSHAKES.labels(refusal.code if refusal else "accepted").inc()
        if refusal is not None:
            return refusal
        hello = Hello(cursor=cursor, channels=tuple(channels), client=CLIENT)

        def owner(**context: Any) -> EventStream:
            siblings = context["server_state"].connections
            return EventStream(self._gateway, siblings, self, person, secret, hello)

        return owner

    def _refusal(self, address: str) -> Refusal | None:
        if self._gateway.stopping:
            return STOPPING
        return None if self._gateway.admits(address, ()) else TOO_MANY

    def charge(self, person: str) -> Refusal | None:
        """Counts a command that came without a session, beside those of the person's sessions; why it is one
        too many."""
        if self._gateway.commands.take(person, self._gateway.steady()):
            return None
        metrics.LIMITS_HIT.labels("COMMANDS_PER_10_S").inc()
        return TOO_FAST

    def say(self, name: str, person: str, raw: bytes) -> Refusal | None:
        """Tells the session of a person's stream one frame of JSON; None when it was taken."""
        stream = self.by_name.get(name)
        if stream is None:
            return GONE
        if stream.person != person:
            return NOT_YOURS
        try:
            frame = frames.decode(Encoding.JSON, raw, text=True)
        except Refused as refused:
            return refused.refusal
        metrics.of(metrics.WEBSOCKET_FRAMES_RECEIVED, type(frame).__name__.lower()).inc()
        return stream.say(frame)


def _give_up_on_silence(transport: asyncio.BaseTransport) -> None:
    """Where the kernel can (Linux): what is not acknowledged in the time between two signs of life, as a
    websocket must answer a ping in it, ends the connection (RFC 5482)."""
    sock = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is not None and option is not None:
        with contextlib.suppress(OSError):  # e.g. a unix socket
            sock.setsockopt(socket.IPPROTO_TCP, option, limits.PING_SECONDS * 1000)
