"""No HTTP client keeps a connection by doing nothing: each way of waiting has its end (slow-loris)."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from server.domain import limits
from server.ops import guarded_http, listener
from server.realtime.frames import Encoding
from tests.stress.wire import request
from tests.support.certificates import certify

SECONDS_MAX = 10
LARGE = 16 * 1024 * 1024
"""More than all buffers between us and a client that does not read."""
HEAD = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


MIDDLE = 1024 * 1024
"""What the kernel takes at once for a client that reads nothing: nothing waits in the process."""


async def large(scope: Any, receive: Any, send: Any) -> None:
    body = b"x" * {"/large": LARGE, "/middle": MIDDLE}.get(scope["path"], 2)
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


class Echo(asyncio.Protocol):
    """Owns a path; sends back whatever comes."""

    def __init__(self, **context: Any) -> None:
        pass

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[tuple[listener.Server, int]]:
    sock = listener.bind("127.0.0.1", 0)
    server = listener.server(large, {"/echo": Echo}, **options)
    task = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        async with asyncio.timeout(SECONDS_MAX):
            yield server, sock.getsockname()[1]
    finally:
        server.stop()
        await task


@pytest.mark.parametrize("drip", [b"\r\n", b"\r\n\r\n"])
async def test_an_empty_line_does_not_keep_a_kept_connection(
    drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9112 2.2 lets empty lines precede a request: they are none, and stop no clock."""
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(guarded_http, "HEADER_SECONDS_MAX", 0.2)
    async with running() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        await reader.readuntil(b"xx")
        writer.write(drip)
        assert await reader.read() == b""
        writer.close()


async def test_who_does_not_read_an_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STALLED_SECONDS_MAX", 0.2)
    async with running() as (server, port):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(HEAD.replace(b"/ ", b"/large "))
            while not server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
@pytest.mark.parametrize("encrypted", [False, True])
async def test_who_does_not_read_what_the_kernel_holds_is_let_go(
    encrypted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "UNTAKEN_SECONDS_MAX", 0.3)
    options: dict[str, Any] = {}
    if encrypted:
        chain, key = certify(tmp_path)
        options = {"ssl_certfile": str(chain), "ssl_keyfile": str(key)}
    before = _untaken()
    async with running(**options) as (server, port):
        client = await asyncio.to_thread(_asking_for_much, port, encrypted)
        with client:
            while _untaken() == before:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            while server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


def _asking_for_much(port: int, encrypted: bool) -> socket.socket:
    """A client with a small window, which has asked and will not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    if encrypted:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = context.wrap_socket(client)
    client.sendall(HEAD.replace(b"/ ", b"/middle "))
    return client


def _untaken() -> float:
    name = {"limit": "UNTAKEN_SECONDS_MAX"}
    return REGISTRY.get_sample_value("tap_limits_hit_total", name) or 0.0


async def test_an_upgraded_connection_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was kept from a request before: our deadlines end with the upgrade."""
    monkeypatch.setattr(guarded_http, "HEADER_SECONDS_MAX", 0.05)
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.05)
    async with running() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        await reader.readuntil(b"xx")
        writer.write(request(Encoding.JSON, {}, "GET /echo HTTP/1.1"))
        await reader.readuntil(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        writer.close()
