"""A real node with real sockets on loopback: database, writer, uvicorn, gateway. Only time is ours.

``LiveNode.device`` is a client by websocket or, where a node was opened with ``Form.EVENT_STREAM``, by
server-sent events and requests beside them: tests of delivery run over both.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from server.api.app import create_app
from server.api.services import Services
from server.app.auth import DAY_MS, EXPIRED, Along, Identity, T
from server.app.news import News
from server.app.sync import Sync
from server.domain.errors import Code, Refusal
from server.ops import listener
from server.realtime.frames import Encoding, Form
from server.realtime.gateway import Gateway
from server.realtime.loads import Auth
from server.realtime.streams import Streams
from server.realtime.websocket import PATH
from server.storage.async_facts import load_person
from server.storage.reader import Reader
from tests.support.node import Entropy, Steady, TestNode, open_test_node
from tests.support.receivers import SEAL, webhooks_of
from tests.unit.realtime.wire import EventSource

SECONDS_MAX = 20
EVENTS, FRAMES = PATH + "/events", PATH + "/frames"
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)


class Secrets:
    """An ``Auth`` whose secrets are people's names, with anything after a dot, until they are revoked."""

    def __init__(self, reader: Reader, now: Callable[[], int]) -> None:
        self.revoked: set[str] = set()
        self.expires: dict[str, int] = {}
        """By secret, UTC milliseconds; else in a day."""
        self.known: dict[str, Identity] = {}
        """Filled by a test that wants secrets remembered."""
        self._reader, self._now = reader, now

    def remembered(self, secret: str) -> Identity | None:
        return self.known.get(secret)

    async def identify(self, secret: str) -> Identity | Refusal:
        async with self._reader.snapshot() as snapshot:
            who = await load_person(snapshot, secret.partition(".")[0])
        if who is None or secret in self.revoked:
            return Refusal(Code.UNAUTHENTICATED, "sign in first")
        expires_at = self.expires.get(secret, self._now() + DAY_MS)
        return EXPIRED if expires_at <= self._now() else Identity(who, "device", "", expires_at)

    async def look_up(
        self, secrets: Collection[str], along: Along[T]
    ) -> tuple[dict[str, Identity | Refusal], T]:
        found = {secret: await self.identify(secret) for secret in secrets}
        people = {one.person: one.who for one in found.values() if isinstance(one, Identity)}
        async with self._reader.snapshot() as snapshot:
            return found, await along(snapshot, people)


class Speaker(ABC):
    """A client that speaks frames."""

    @abstractmethod
    async def say(self, **frame: Any) -> None: ...

    @abstractmethod
    async def next(self) -> Any:
        """The next frame."""

    @abstractmethod
    async def end(self) -> tuple[int, str]:
        """The close code and reason, once the node has closed; frames before it are skipped."""

    @abstractmethod
    def cut(self) -> None:
        """The connection breaks."""

    async def hear(self, name: str = "") -> Any:
        """The next frame, or the next of a name."""
        while True:
            async with asyncio.timeout(SECONDS_MAX):
                frame = await self.next()
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


class Device(Speaker):
    """By websocket."""

    def __init__(self, socket: ClientConnection, encoding: Encoding) -> None:
        self.socket, self.encoding = socket, encoding

    async def say(self, **frame: Any) -> None:
        packed = _PACK[self.encoding](frame)
        await self.socket.send(packed.decode() if self.encoding is Encoding.JSON else packed)

    async def next(self) -> Any:
        message = await self.socket.recv()
        assert isinstance(message, str) is (self.encoding is Encoding.JSON)
        return _UNPACK[self.encoding](message)

    def cut(self) -> None:
        self.socket.transport.abort()

    async def end(self) -> tuple[int, str]:
        with pytest.raises(ConnectionClosed) as closed:
            await self._drain()
        said = closed.value.rcvd
        assert said is not None, "the connection broke"
        return said.code, said.reason

    async def _drain(self) -> None:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                await self.socket.recv()


class Answer(NamedTuple):
    """The head of an answer, names in lower case, and where its body comes from."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def json(self) -> Any:
        async with asyncio.timeout(SECONDS_MAX):
            found = await self.reader.readexactly(int(self.headers["content-length"]))
        self.writer.close()
        return msgspec.json.decode(found)


async def ask(
    port: int, method: str, target: str, person: str = "", body: bytes = b"", **headers: str
) -> Answer:
    """One request on a connection of its own; ``person`` is their bearer token, too."""
    if person:
        headers["Authorization"] = f"Bearer {person}"
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    return await answer_on(reader, writer)


async def answer_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
    async with asyncio.timeout(SECONDS_MAX):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    return Answer(
        int(first.split()[1]), {name.lower(): value for name, value in pairs}, reader, writer
    )


class StreamDevice(Speaker):
    """By server-sent events; ``hello`` opens the stream, and what else is said are requests."""

    def __init__(self, live: LiveNode) -> None:
        self.source = EventSource()
        self.stream = ""
        self._live = live
        self._answer: Answer | None = None
        self._frames: deque[Any] = deque()

    async def say(self, **frame: Any) -> None:
        if frame["t"] == "hello":
            await self._open(**frame)
            return
        target = f"{FRAMES}?stream={self.stream}"
        said = await ask(self._live.port, "POST", target, self.person, msgspec.json.encode(frame))
        assert (said.status, await said.json()) == (202, {"ok": True})

    async def _open(
        self, t: str, token: str, cursor: str = "", channels: Iterable[str] = (), **headers: str
    ) -> None:
        self.person = token
        query = urlencode({"cursor": cursor, "channels": ",".join(channels)})
        self._answer = await ask(self._live.port, "GET", f"{EVENTS}?{query}", token, **headers)
        assert self._answer.status == 200
        name = await self.hear("stream")
        self.stream = name["id"]

    async def next(self) -> Any:
        while not self._frames:
            assert self._answer is not None
            try:
                event = await self._answer.reader.readuntil(b"\n\n")
            except asyncio.IncompleteReadError as end:
                if end.partial:
                    pytest.fail("a node ends a stream after an event, not in it")
                raise EOFError from None
            self._frames.extend(self.source.feed(event))
        return self._frames.popleft()

    async def end(self) -> tuple[int, str]:
        code, reason = 0, ""
        try:
            while True:
                frame = await self.hear()
                if frame["t"] == "bye":
                    code, reason = frame["code"], frame["reason"]
        except EOFError:
            return code, reason

    def cut(self) -> None:
        if self._answer is not None:
            self._answer.writer.transport.abort()


class LiveNode:
    """A node that serves clients, and how to connect to it."""

    def __init__(
        self, node: TestNode, gateway: Gateway, secrets: Secrets, news: News, port: int, form: Form
    ) -> None:
        self.node, self.gateway, self.secrets, self.port = node, gateway, secrets, port
        self.steady: Steady = gateway.steady  # type: ignore[assignment]
        self.news = news
        self.form = form
        """What clients speak unless a test says otherwise."""

    @asynccontextmanager
    async def device(
        self, encoding: Encoding = Encoding.JSON, **options: Any
    ) -> AsyncIterator[Any]:
        if self.form is Form.EVENT_STREAM:
            device = StreamDevice(self)
            yield device
            device.cut()
            return
        options = {"subprotocols": [encoding.subprotocol], "compression": None} | options
        address = f"ws://127.0.0.1:{self.port}{PATH}"
        async with connect(address, max_size=None, **options) as socket:
            yield Device(socket, encoding)

    @asynccontextmanager
    async def restarted(self) -> AsyncIterator[LiveNode]:
        """The same log behind a gateway that begins anew."""
        async with _live(self.node, self.secrets, self.secrets, self.form) as again:
            yield again

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the timer with it."""
        self.steady.now += int(seconds * 1000)
        self.node.clock.advance(int(seconds * 1000))
        self.gateway.tick()


@asynccontextmanager
async def live_node(
    folder: Path,
    form: Form = Form.JSON,
    auth: Callable[[TestNode], Auth] | None = None,
    **options: Any,
) -> AsyncIterator[LiveNode]:
    """Region ``in`` with asha and bob; ``auth`` instead of people's names as secrets."""
    async with open_test_node(folder) as node:
        for person in ("asha", "bob"):
            await node.register(person)
        async with live_of(node, form, auth, **options) as live:
            yield live


@asynccontextmanager
async def live_of(
    node: TestNode,
    form: Form = Form.JSON,
    auth: Callable[[TestNode], Auth] | None = None,
    **options: Any,
) -> AsyncIterator[LiveNode]:
    """A node that is there already, serving clients."""
    secrets = Secrets(node.reader, node.clock)
    async with _live(node, secrets, auth(node) if auth else secrets, form, **options) as live:
        yield live


@asynccontextmanager
async def _live(
    node: TestNode, secrets: Secrets, auth: Any, form: Form, **options: Any
) -> AsyncIterator[LiveNode]:
    gateway = Gateway(
        region=node.region,
        tap=node.tap,
        handler=node.handler,
        reader=node.reader,
        auth=auth,
        clock=node.clock,
        steady=Steady(),
        chance=lambda: 0.5,
        **options,
    )
    await gateway.start()
    news = News(node.tap)
    async with _served(gateway, _application(node, gateway, secrets, news)) as port:
        yield LiveNode(node, gateway, secrets, news, port, form)


def _application(node: TestNode, gateway: Gateway, secrets: Secrets, news: News) -> Any:
    """The HTTP side; nobody signs in here, and nobody has files."""
    no_passwords: Any = None
    no_files: Any = None
    auth: Any = secrets
    return create_app(
        Services(
            region=node.region,
            name="India",
            public_url="",
            reader=node.reader,
            handler=node.handler,
            tap=node.tap,
            sync=Sync(node.reader, node.tap, node.region, node.clock),
            news=news,
            live=Streams(gateway, Entropy("streams")),
            auth=auth,
            passwords=no_passwords,
            media=no_files,
            webhooks=webhooks_of(node),
            seal=SEAL,
            now=node.clock,
        )
    )


@asynccontextmanager
async def _served(gateway: Gateway, app: Any) -> AsyncIterator[int]:
    sock = listener.bind("127.0.0.1", 0)
    server = listener.server(app, {PATH: gateway.protocol_class})
    task = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield sock.getsockname()[1]
    finally:
        await gateway.close()
        server.stop()
        await task
        sock.close()
