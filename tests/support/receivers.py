"""Receivers of webhooks: one that is a script, for virtual time, and a real one on a socket."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from server.app.sealing import Seal
from server.app.webhook_steps import Answered, Outcome
from server.app.webhook_worker import Consent, Means, Sender
from server.app.webhooks import Webhooks
from tests.support.node import Entropy, TestNode

ORIGIN = "tap.in.example.com"
SEAL = Seal(b"s" * 32, Entropy("nonces"))


class Request(NamedTuple):
    webhook: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """Of a structured or batched request."""
        found = json.loads(self.body)
        return found if isinstance(found, list) else [found]

    @property
    def positions(self) -> list[int]:
        return [int(event["tapposition"]) for event in self.events]


class Scripted:
    """A ``Sender`` whose receivers answer as told, at once. ``consent``: to being sent to."""

    def __init__(self, answer: Callable[[Request], Outcome] = lambda _: Answered(204)) -> None:
        self.answer = answer
        self.consent: Consent | str = Consent()
        self.requests: list[Request] = []
        self.asked: list[tuple[str, str]] = []
        self.forgotten: list[str] = []
        self._came = asyncio.Event()

    async def post(
        self, webhook: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        request = Request(webhook, url, headers, body)
        self.requests.append(request)
        self._came.set()
        await asyncio.sleep(0)  # as a socket would
        return self.answer(request)

    async def ask(self, webhook: str, url: str, origin: str) -> Consent | str:
        self.asked.append((url, origin))
        return self.consent

    async def forget(self, webhook: str) -> None:
        self.forgotten.append(webhook)

    async def until(self, true: Callable[[], bool], seconds_max: float = 10) -> None:
        """Returns once something holds of what came."""
        async with asyncio.timeout(seconds_max):
            while not true():
                self._came.clear()
                await self._came.wait()


def means_of(node: TestNode, sender: Sender, draw: float = 0.5) -> Means:
    """Time passes only while a webhook waits: each pause moves the node's clock."""

    async def pause(milliseconds: int) -> None:
        node.clock.advance(milliseconds)
        await asyncio.sleep(0)

    return Means(node.handler, sender, ORIGIN, node.clock, lambda: draw, pause)


def webhooks_of(node: TestNode, sender: Scripted | None = None, seal: Seal = SEAL) -> Webhooks:
    means = means_of(node, sender or Scripted())
    return Webhooks(
        node.tap, node.reader, means, seal, region=node.region, entropy=Entropy("webhooks")
    )


@asynccontextmanager
async def working(webhooks: Webhooks) -> AsyncIterator[Webhooks]:
    """They send while the block runs."""
    task = asyncio.ensure_future(webhooks.run())
    try:
        yield webhooks
    finally:
        task.cancel()
        await asyncio.wait([task])


class Receiver:
    """A plain HTTP/1.1 server on the loopback; ``answer`` gives the bytes of an answer, None to say nothing."""

    def __init__(self, answer: Callable[[str, dict[str, str], bytes], bytes | None]) -> None:
        self.answer = answer
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0
        self.connections = 0
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def close(self) -> None:
        for writer in self._open.values():
            writer.close()
        if tasks := [task for task in self._open if task is not None]:
            await asyncio.wait(tasks)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open[asyncio.current_task()] = writer
        try:
            while line := await reader.readline():
                headers: dict[str, str] = {}
                while (raw := await reader.readline()).strip():
                    name, _, value = raw.decode("ascii").partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                what = line.decode("ascii").rsplit(" ", 1)[0]
                self.heard.append((what, headers, body))
                answer = self.answer(what, headers, body)
                if answer is None:
                    await reader.read()  # until the other side has had enough
                    break
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def http(status: int, body: str = "", **headers: str) -> bytes:
    """An answer; ``retry_after`` becomes Retry-After."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *lines])
    return f"{head}\r\n\r\n{body}".encode()


@asynccontextmanager
async def receiver(
    answer: Callable[[str, dict[str, str], bytes], bytes | None],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Receiver]:
    made = Receiver(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()
