"""A node that lets no websocket through: event streams, long polls and commands, as a test scripts them.

Requests wait in ``asked`` until the test answers them, so nothing is a matter of time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SECONDS_MAX = 10
PREFIX = "/api/v1"


class Request:
    """One request and the way to answer it."""

    def __init__(self, head: list[str], body: bytes, writer: asyncio.StreamWriter) -> None:
        self.method, target, _version = head[0].split(" ", 2)
        parts = urlsplit(target)
        self.path = parts.path.removeprefix(PREFIX)
        self.query = dict(parse_qsl(parts.query))
        lines = (line.partition(":") for line in head[1:])
        self.headers = {name.lower(): value.strip() for name, _, value in lines}
        self.value: Any = json.loads(body) if body else None
        self._writer = writer

    def answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        self._writer.close()

    def stream(self, *frames: dict[str, Any]) -> None:
        """Begin an event stream with these frames."""
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        self._writer.write(f"{head}\r\n\r\n".encode())
        for frame in frames:
            self.say(frame)

    def say(self, frame: dict[str, Any]) -> None:
        self.raw(f"id: x\ndata: {json.dumps(frame)}\n\n".encode())

    def raw(self, data: bytes) -> None:
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        self._writer.close()

    def cut(self) -> None:
        self._writer.transport.abort()


class FakeHttp:
    def __init__(self) -> None:
        self.url = ""
        self.absent: set[str] = {"/live"}
        self.writers: list[asyncio.StreamWriter] = []
        self._asked: asyncio.Queue[Request] = asyncio.Queue()

    async def asked(self, path: str) -> Request:
        """The next request, which must be for this path."""
        request = await self.asked_any()
        assert request.path == path, (request.method, request.path, request.query)
        return request

    async def asked_any(self) -> Request:
        return await asyncio.wait_for(self._asked.get(), SECONDS_MAX)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        head = raw.decode().strip().split("\r\n")
        length = next((int(x.split(":")[1]) for x in head if x.lower().startswith("content-l")), 0)
        request = Request(head, await reader.readexactly(length), writer)
        if request.path in self.absent:
            request.answer({}, 404)
        else:
            self._asked.put_nowait(request)


@asynccontextmanager
async def fake_http() -> AsyncIterator[FakeHttp]:
    node = FakeHttp()
    server = await asyncio.start_server(node.connected, "127.0.0.1", 0)
    node.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield node
        for writer in node.writers:
            writer.transport.abort()
