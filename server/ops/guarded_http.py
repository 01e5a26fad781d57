"""uvicorn's HTTP protocol with what it lacks: bounds of time and bytes, and a way to give a connection away.

uvicorn waits for ever for a client that sends its request drop by drop or not at all, or reads no answer,
and takes headers of any size; a few hundred such sockets are a cheap attack (slow-loris). Here one timer
per connection ends them, and legitimate slow links keep their time: a body may come as slowly as 1 KiB/s.
A second timer runs only while an answer waits to be read.

An answer without end costs uvicorn a task and a queue per reader. ``api.handover`` gives such a connection
to its owner instead, as websockets are (``listener.ByPath``).

It also loses the body of a request that offers HTTP/2 without TLS (h2c, as Java's client and ``curl --http2``
do): llhttp takes that for an upgrade. We leave such offers out, as a server may (RFC 9110 7.8).
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.api.handover import EXTENSION, Owner
from server.app import metrics
from server.domain import limits

HEADER_SECONDS_MAX = 10.0
"""Headers are one or two packets; a phone on a bad link needs a second or two."""
HEADER_BYTES_MAX = 64 * 1024
"""Above it no browser, proxy or client of ours gets; cookies and tokens are below 4 KiB."""
BODY_SECONDS_MAX = 25.0
BODY_BYTES_PER_SECOND_MIN = 1024
"""A body has 25 s, and as much more as it earns at this rate: so nobody who merely waits is there after 30 s
(``python -m tests.bench loris``)."""

_H2C = re.compile(rb"\r\nupgrade:[ \t]*h2c[ \t]*(?=\r\n)", re.IGNORECASE)
_HEADERS_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedHttp(HttpToolsProtocol):
    """One HTTP connection whose client has a deadline in each state it can keep waiting in."""

    _timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _stall_bytes = 0
    _in_headers = False
    _header_bytes = 0
    _body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Whatever the kernel does not take at once pauses us: so no unread answer is without its timer. One,
        # as uvloop's TLS pauses at the mark already, and at nought for ever.
        transport.set_write_buffer_limits(1, 0)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._disarm_stall()
        metrics.lost(exc)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers or self._is_idle():
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _H2C.sub(b"", head + end) + rest
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # After parsing, so that a body which came with the headers is not counted as headers.
        if self._in_headers and self._header_bytes > HEADER_BYTES_MAX:
            metrics.LIMITS_HIT.labels("HEADER_BYTES_MAX").inc()
            self.transport.write(_HEADERS_TOO_LARGE)
            self._end()
        elif self._is_idle():
            # Empty lines before a next request (RFC 9112 2.2): uvicorn has stopped its own clock for them.
            self._await_headers()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_stall()

    def resume_writing(self) -> None:
        self._disarm_stall()
        super().resume_writing()

    # -- the parser's callbacks ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_headers:  # a further request on a kept connection
            self._await_headers()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._disarm()
        self._body_bytes = 0
        self._arm(BODY_SECONDS_MAX, self._judge_body, BODY_SECONDS_MAX)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._disarm()
        self.transport.set_write_buffer_limits()  # asyncio's own; owners set theirs
        super().handle_websocket_upgrade()

    def _is_idle(self) -> bool:
        """Whether the last request has been answered and no other has begun."""
        return self._timer is None and self._is_ours() and self.cycle.response_complete

    def _is_ours(self) -> bool:
        """Whether the connection has not been given to another protocol."""
        return self in self.connections

    # -- giving the connection away ------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # Only here is it this request's turn: those pipelined before it have been answered.
        cycle.scope["extensions"] = {EXTENSION: {"to": partial(self._hand_over, cycle)}}
        super()._start_asgi_task(cycle, app)

    async def _hand_over(
        self, cycle: RequestResponseCycle, owner: Owner, start: Any, send: Callable[[Any], Any]
    ) -> None:
        """Writes the head, then takes ourselves out: what comes from now on is the owner's. Requests
        pipelined behind this one are not answered, as ``Connection: close`` says (RFC 9112 9.6)."""
        cycle.chunked_encoding = False
        await send(start)
        transport, gone = self.transport, cycle.disconnected
        cycle.disconnected = True  # nothing more is to come from the application
        if gone or transport.is_closing():
            return
        self._disarm()
        self._disarm_stall()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        self.flow.resume_reading()  # stopped for what came behind; without it nobody hears the end
        protocol = owner(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    # -- deadlines ---------------------------------------------------------------------------------------

    def _await_headers(self) -> None:
        self._in_headers, self._header_bytes = True, 0
        self._arm(HEADER_SECONDS_MAX, self._headers_late)

    def _arm(self, seconds: float, then: Callable[..., None], *args: Any) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, then, *args)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _headers_late(self) -> None:
        metrics.LIMITS_HIT.labels("HEADER_SECONDS_MAX").inc()
        self._end()

    def _judge_body(self, spent: float) -> None:
        """A body that came fast enough so far gets the time it has earned."""
        earned = BODY_SECONDS_MAX + self._body_bytes / BODY_BYTES_PER_SECOND_MIN
        # Reading is paused while the application is busy: then the wait is not the client's.
        if earned - spent > 1 or not self.transport.is_reading():
            wait = max(earned - spent, BODY_SECONDS_MAX)
            self._arm(wait, self._judge_body, spent + wait)
            return
        metrics.LIMITS_HIT.labels("BODY_SECONDS_MAX").inc()
        self._end()

    def _watch_stall(self) -> None:
        self._stall_bytes = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(limits.STALLED_SECONDS_MAX, self._judge_stall)

    def _disarm_stall(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _judge_stall(self) -> None:
        """Slow readers are waited for; those that take nothing at all are gone, also when we are closing."""
        if not self._is_ours():
            return
        if self.transport.get_write_buffer_size() < self._stall_bytes:
            self._watch_stall()
            return
        metrics.LIMITS_HIT.labels("STALLED_SECONDS_MAX").inc()
        self.transport.abort()

    def _end(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
