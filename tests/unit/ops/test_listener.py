"""The one port: paths find their owners, slow clients find an end, addresses get clear sentences."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from server.ops import guarded_http, listener

UPGRADE = (
    b"GET %s HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SECONDS_MAX = 10


class Echo(asyncio.Protocol):
    """Owns a path: answers the handshake with its name and sends back what follows."""

    def __init__(self, name: bytes, **context: Any) -> None:
        self.name = name
        self.context = context

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.greeted = False

    def data_received(self, data: bytes) -> None:
        self.transport.write(data if self.greeted else self.name + b"\n")  # type: ignore[attr-defined]
        self.greeted = True


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the whole body and says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


@asynccontextmanager
async def running() -> AsyncIterator[Callable[[], Any]]:
    """The listener on a free port; yields how to connect to it."""
    owners = {
        "/a": lambda **context: Echo(b"owner of a", **context),
        "/b": lambda **context: Echo(b"owner of b", **context),
    }
    sock = listener.bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = listener.server(hello, owners)
    task = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        async with asyncio.timeout(SECONDS_MAX):
            yield lambda: asyncio.open_connection("127.0.0.1", port)
    finally:
        server.stop()
        await task


async def test_it_stops_when_it_is_told_and_not_when_it_next_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "DATE_SECONDS", 3_600.0)
    async with asyncio.timeout(SECONDS_MAX), running() as connect:
        _, writer = await connect()
        writer.close()


async def test_each_websocket_path_goes_to_its_owner() -> None:
    async with running() as connect:
        for path, owner in ((b"/a", b"owner of a\n"), (b"/b?x=1", b"owner of b\n")):
            reader, writer = await connect()
            writer.write(UPGRADE % path)
            assert await reader.readline() == owner
            writer.write(b"after\n")
            assert await reader.readline() == b"after\n"
            writer.close()


async def test_a_websocket_nobody_owns_is_not_found() -> None:
    async with running() as connect:
        reader, writer = await connect()
        writer.write(UPGRADE % b"/c")
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_http_goes_to_the_application() -> None:
    async with running() as connect:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 3\r\n\r\nabc")
        assert b"200 OK" in await reader.readline()
        writer.close()


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("HEADER_SECONDS_MAX", b""),
        ("HEADER_SECONDS_MAX", b"GET / HTTP/1.1\r\nx: y"),
        ("BODY_SECONDS_MAX", b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nabc"),
    ],
)
async def test_a_client_that_keeps_us_waiting_is_let_go(
    limit: str, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_http, limit, 0.05)
    before = hits(limit)
    async with running() as connect:
        reader, writer = await connect()
        writer.write(sent)
        assert await reader.read() == b""
        writer.close()
    assert hits(limit) == before + 1


async def test_who_has_said_nothing_is_let_go_when_the_server_stops() -> None:
    async with running() as connect:
        reader, writer = await connect()
        other, silent = await connect()
        silent.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        await other.readline()  # so the first was accepted as well
    assert await reader.read() == b""
    writer.close()
    silent.close()


async def test_an_odd_handshake_finds_its_owner_through_uvicorn() -> None:
    async with running() as connect:
        reader, writer = await connect()
        odd = (UPGRADE % b"/a").replace(b": websocket", b":websocket")
        assert odd != UPGRADE % b"/a"
        writer.write(odd)
        assert await reader.readline() == b"owner of a\n"
        writer.close()


async def test_a_slow_body_above_the_floor_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "BODY_SECONDS_MAX", 0.02)
    monkeypatch.setattr(guarded_http, "BODY_BYTES_PER_SECOND_MIN", 1)
    async with running() as connect:
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 2000\r\n\r\n" + b"a" * 1999)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)  # still open after ten deadlines
        writer.write(b"a")
        assert b"200 OK" in await reader.readline()
        writer.close()


async def test_headers_without_end_are_refused() -> None:
    async with running() as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\nx: " + b"y" * guarded_http.HEADER_BYTES_MAX)
        assert b"431" in await reader.readline()
        writer.close()


async def test_a_kept_connection_takes_one_request_after_another() -> None:
    async with running() as connect:
        reader, writer = await connect()
        for size in (1, 70_000, 2):
            body = b"a" * size
            writer.write(
                b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n" % size + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"200 OK" in head
            text = b""
            while not text.endswith(b"0\r\n\r\n"):
                text += await reader.readline()
            assert b"%d" % size in text
        writer.close()


async def test_an_offer_of_http_2_costs_no_body() -> None:
    """RFC 9110 7.8: it is left out, in the first request and in later ones, and never in a body."""
    head = (
        b"POST / HTTP/1.1\r\nhost: here\r\nconnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"http2-settings: AAMAAABkAAQAAP__\r\ncontent-length: %d\r\n\r\n"
    )
    bodies = (b"abc", b"\r\nUpgrade: h2c\r\n", b"\r\n\r\n\r\nUpgrade: h2c\r\n")
    async with running() as connect:
        reader, writer = await connect()
        for body in bodies:
            writer.write(head % len(body) + body)
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert (await reader.readuntil(b"0\r\n\r\n")).split(b"\r\n")[1] == b"%d" % len(body)
        writer.close()


def hits(limit: str) -> float:
    return REGISTRY.get_sample_value("tap_limits_hit_total", {"limit": limit}) or 0.0


def test_a_taken_port_gets_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(listener.ListenError, match=f"Port {port} .* in use .*TAP_HTTP__PORT"):
            listener.bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_gets_a_sentence(host: str) -> None:
    with pytest.raises(listener.ListenError, match="no address of this machine"):
        listener.bind(host, 0)


@pytest.mark.parametrize(
    ("request_line", "path"),
    [(b"GET /a/b?c=d HTTP/1.1\r\n", "/a/b"), (b"", ""), (b"GET", ""), (b"GET \xff H\r\n", "\xff")],
)
def test_path_of_a_request(request_line: bytes, path: str) -> None:
    assert listener.path_of(request_line) == path
