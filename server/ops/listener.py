"""The one port: uvicorn for HTTP, and websockets handed to whoever owns their path.

A websocket's handshake comes whole, as the first bytes of its connection: ``FirstBytes`` gives it to its owner,
and uvicorn never hears of it. Everything else is uvicorn's. It parses any other upgrade request, then gives the
connection to one websocket protocol class. ``ByPath`` is that class: it reads the request line and installs the
owner's protocol on the transport. Nothing of ours stands between a socket and its owner afterwards.
"""

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server.app import metrics
from server.domain import limits
from server.ops import guarded_http
from server.ops.guarded_http import GuardedHttp

ProtocolFactory = Callable[..., asyncio.Protocol]
"""Called as uvicorn does: ``factory(config=, server_state=, app_state=)``."""

_NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: 29\r\n\r\nThere is no websocket there.\n"
)
BACKLOG = 4096
"""A whole region coming back at once waits in the kernel, not in a refused connection."""
KEEP_ALIVE_SECONDS = 65
"""Above the 60 s after which common proxies drop an idle connection: they close first, without a race."""

DATE_SECONDS = 1.0
"""What an HTTP date can tell (RFC 9110 5.6.7)."""


class ListenError(Exception):
    """The address cannot be listened on; the text says why and what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"http.host {host} is no address of this machine: {error}.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _end_untaken(listening)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ListenError(_why_not(error, host, port)) from None
    return listening


def _end_untaken(listening: socket.socket) -> None:
    """Accepted sockets inherit this (tcp(7)): the kernel ends those whose client acknowledges nothing, or keeps its
    window shut. Our own clocks see what waits in the process only, and behind TLS not the last 64 KiB of that."""
    if sys.platform == "linux":
        milliseconds = int(limits.UNTAKEN_SECONDS_MAX * 1000)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is in use by another program: stop it, or set http.port "
                f"(TAP_HTTP__PORT={port + 1})."
            )
        case errno.EACCES:
            return f"Port {port} needs more rights: use one above 1023, or a proxy in front."
        case errno.EADDRNOTAVAIL:
            return f"http.host {host} is no address of this machine."
        case _:
            return f"{host} port {port} cannot be listened on: {error.strerror}."


class FirstBytes(asyncio.Protocol):
    """Waits for what a connection is. uvicorn's protocol would be made for each, parse the handshake, write it
    anew for ``ByPath``, and be left to the collector: a fifth of what the loop does for a new connection.
    ``context``: what uvicorn gives to its protocols."""

    __slots__ = ("_context", "_owners", "_timer", "_transport")

    def __init__(self, owners: Mapping[str, ProtocolFactory], **context: Any) -> None:
        self._owners, self._context = owners, context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._context["server_state"].connections.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(guarded_http.HEADER_SECONDS_MAX, self._late)

    def data_received(self, data: bytes) -> None:
        self._leave()
        owner = self._owners.get(path_of(data)) if _is_handshake(data) else None
        if owner is None:  # with a deadline of its own for the headers
            protocol: asyncio.Protocol = GuardedHttp(**self._context)
        else:
            asked = ("config", "server_state", "app_state")
            protocol = owner(**{name: self._context[name] for name in asked})
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def shutdown(self) -> None:
        """uvicorn's word that it stops."""
        self._transport.close()

    def _leave(self) -> None:
        self._timer.cancel()
        self._context["server_state"].connections.discard(self)

    def _late(self) -> None:
        metrics.LIMITS_HIT.labels("HEADER_SECONDS_MAX").inc()
        self._transport.close()


def _is_handshake(data: bytes) -> bool:
    """Whether these bytes are one plain websocket handshake and nothing else (RFC 6455 4.1); whatever is odd
    about it is for uvicorn's parser to say."""
    first, _, headers = data.lower().partition(b"\r\n")
    return (
        first.startswith(b"get /")
        and first.endswith(b" http/1.1")
        and headers.find(b"\r\n\r\n") == len(headers) - 4
        and b"\nupgrade: websocket\r" in headers
        and b"\nsec-websocket-key: " in headers
        and b"\0" not in headers
    )


class ByPath(asyncio.Protocol):
    """Hands a websocket upgrade to the protocol that owns its path."""

    def __init__(self, owners: Mapping[str, ProtocolFactory], **context: Any) -> None:
        self._owners = owners
        self._context = context
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:  # bytes that came before the owner was installed
            self._inner.data_received(data)
            return
        transport = self._transport
        assert transport is not None
        owner = self._owners.get(path_of(data))
        if owner is None:
            transport.write(_NOT_FOUND)
            transport.close()
            return
        self._inner = owner(**self._context)
        self._inner.connection_made(transport)
        self._inner.data_received(data)
        # uvicorn installs *us* after this call returns; the owner comes right after.
        asyncio.get_running_loop().call_soon(self._install, transport, self._inner)

    @staticmethod
    def _install(transport: asyncio.Transport, inner: asyncio.Protocol) -> None:
        if not transport.is_closing():
            transport.set_protocol(inner)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner else None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()


def path_of(request: bytes) -> str:
    """The path of a request's first line, without its query."""
    parts = request.split(b"\r\n", 1)[0].split(b" ")
    return parts[1].partition(b"?")[0].decode("latin-1") if len(parts) > 1 else ""


def asgi_websocket(**context: Any) -> asyncio.Protocol:
    """uvicorn's own websocket protocol, for the paths whose owner is the ASGI application."""
    return WebSocketsSansIOProtocol(**context)


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: the node decides the order of its stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        """Set once connections are taken."""
        self._stopping = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def stop(self) -> None:
        """Takes no more connections, and lets ``serve`` return when those there are have been answered."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        """uvicorn's own looks ten times a second whether it is to stop; ours is told, and wakes for the date that
        answers carry. ``on_tick(0)``: that is when it is written anew."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: Any, sockets: Mapping[str, ProtocolFactory], **options: Any) -> Server:
    """uvicorn for ``app``, with websocket paths given to their owners."""

    def first_bytes(**context: Any) -> asyncio.Protocol:
        return FirstBytes(sockets, **context)

    def by_path(**context: Any) -> asyncio.Protocol:
        return ByPath(sockets, **context)

    return Server(
        uvicorn.Config(
            app,
            loop="none",
            http=first_bytes,  # type: ignore[arg-type]  # uvicorn only ever calls it
            ws=by_path,  # type: ignore[arg-type]  # uvicorn only ever calls it
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            **options,
        )
    )
