"""A real node with real sockets on loopback: database, writer, uvicorn, gateway. Only time is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.app.auth import DAY_MS, EXPIRED, Identity
from server.domain.errors import Code, Refusal
from server.ops import listener
from server.realtime.frames import Encoding
from server.realtime.gateway import Gateway
from server.realtime.loads import Auth
from server.realtime.websocket import PATH
from server.storage.async_facts import load_person
from server.storage.reader import Reader
from tests.support.node import TestNode, open_test_node

SECONDS_MAX = 20
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)


class Secrets:
    """An ``Auth`` whose secrets are people's names, with anything after a dot, until they are revoked."""

    def __init__(self, reader: Reader, now: Callable[[], int]) -> None:
        self.revoked: set[str] = set()
        self.expires: dict[str, int] = {}
        """By secret, UTC milliseconds; else in a day."""
        self._reader, self._now = reader, now

    async def identify(self, secret: str) -> Identity | Refusal:
        async with self._reader.snapshot() as snapshot:
            who = await load_person(snapshot, secret.partition(".")[0])
        if who is None or secret in self.revoked:
            return Refusal(Code.UNAUTHENTICATED, "sign in first")
        expires_at = self.expires.get(secret, self._now() + DAY_MS)
        return EXPIRED if expires_at <= self._now() else Identity(who, "device", "", expires_at)


class Steady:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Device:
    """A client socket that speaks frames."""

    def __init__(self, socket: ClientConnection, encoding: Encoding) -> None:
        self.socket, self.encoding = socket, encoding

    async def say(self, **frame: Any) -> None:
        packed = _PACK[self.encoding](frame)
        await self.socket.send(packed.decode() if self.encoding is Encoding.JSON else packed)

    async def hear(self, name: str = "") -> Any:
        """The next frame, or the next of a name."""
        while True:
            async with asyncio.timeout(SECONDS_MAX):
                message = await self.socket.recv()
            assert isinstance(message, str) is (self.encoding is Encoding.JSON)
            frame = _UNPACK[self.encoding](message)
            if not name or frame["t"] == name:
                return frame

    async def hello(self, person: str = "asha", **more: Any) -> Any:
        """Says hello; the welcome."""
        await self.say(t="hello", token=person, **more)
        return await self.hear("welcome")

    async def live(self, person: str = "asha", **more: Any) -> Any:
        """Says hello and waits until it is live; the frames up to the mark."""
        await self.say(t="hello", token=person, **more)
        heard = [await self.hear()]
        while heard[-1]["t"] != "mark":
            heard.append(await self.hear())
        return heard

    async def end(self) -> tuple[int, str]:
        """The close code and reason, once the node has closed; frames before it are skipped."""
        with pytest.raises(ConnectionClosed) as closed:
            await self._drain()
        said = closed.value.rcvd
        assert said is not None, "the connection broke"
        return said.code, said.reason

    async def _drain(self) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                await self.socket.recv()


class LiveNode:
    """A node that serves clients, and how to connect to it."""

    def __init__(self, node: TestNode, gateway: Gateway, secrets: Secrets, port: int) -> None:
        self.node, self.gateway, self.secrets, self.port = node, gateway, secrets, port
        self.steady: Steady = gateway.steady  # type: ignore[assignment]

    @asynccontextmanager
    async def device(
        self, encoding: Encoding = Encoding.JSON, **options: Any
    ) -> AsyncIterator[Device]:
        options.setdefault("subprotocols", [encoding.subprotocol])
        address = f"ws://127.0.0.1:{self.port}{PATH}"
        async with connect(address, compression=None, max_size=None, **options) as socket:
            yield Device(socket, encoding)

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the timer with it."""
        self.steady.now += int(seconds * 1000)
        self.node.clock.advance(int(seconds * 1000))
        self.gateway.tick()


@asynccontextmanager
async def live_node(
    folder: Path, auth: Callable[[TestNode], Auth] | None = None, **options: Any
) -> AsyncIterator[LiveNode]:
    """Region ``in`` with asha and bob; ``auth`` instead of people's names as secrets."""
    async with open_test_node(folder) as node:
        for person in ("asha", "bob"):
            await node.register(person)
        secrets = Secrets(node.reader, node.clock)
        gateway = Gateway(
            region="in",
            tap=node.tap,
            handler=node.handler,
            reader=node.reader,
            auth=auth(node) if auth else secrets,
            clock=node.clock,
            steady=Steady(),
            chance=lambda: 0.5,
            **options,
        )
        await gateway.start()
        async with _served(gateway) as port:
            yield LiveNode(node, gateway, secrets, port)


@asynccontextmanager
async def _served(gateway: Gateway) -> AsyncIterator[int]:
    sock = listener.bind("127.0.0.1", 0)
    server = listener.server(_nothing, {PATH: gateway.protocol_class})
    task = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield sock.getsockname()[1]
    finally:
        await gateway.close()
        server.should_exit = True
        await task
        sock.close()


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
