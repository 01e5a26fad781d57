"""The event tap over HTTP: batches with a cursor, waiting for news, and the endless stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from server.api.resources import tap
from tests.unit.api.site import Site

SECONDS_MAX = 10


async def batch(site: Site, **query: Any) -> tuple[list[dict[str, Any]], str]:
    response = await site.ask("GET", "/tap", "asha", kind="service", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/cloudevents-batch+json"
    return response.json(), response.headers["tap-cursor"]


async def test_batches_follow_each_other_without_gap_or_repeat(site: Site) -> None:
    tea = await site.node.community("asha", "Tea")
    for number in range(5):
        await site.node.post("asha", tea, f"cup {number}")
    seen, cursor = [], ""
    while True:
        events, cursor = await batch(site, limit=3, after=cursor)
        if not events:
            break
        seen += [int(event["tapposition"]) for event in events]
        assert cursor == events[-1]["tapcursor"]
    assert seen == list(range(1, site.node.tap.position + 1))
    assert await batch(site, after=cursor) == ([], cursor)


async def test_a_reader_waits_for_news(site: Site) -> None:
    _, cursor = await batch(site, limit=1000)
    waiting = asyncio.ensure_future(batch(site, after=cursor, wait_ms=60_000))
    await asyncio.sleep(0)
    await site.node.community("asha", "Tea")
    async with asyncio.timeout(SECONDS_MAX):
        events, _ = await waiting
    assert events[0]["type"] == "company.tap.community.created"


async def test_waiting_ends_without_news(site: Site) -> None:
    _, cursor = await batch(site, limit=1000)
    assert await batch(site, after=cursor, wait_ms=1) == ([], cursor)


async def test_a_cursor_of_another_log_is_refused(site: Site) -> None:
    for after in ("1.1", f"{site.node.tap.epoch:x}.999999", "now"):
        answer = await site.refused("GET", "/tap", "admin", params={"after": after})
        assert answer == (400, "bad_cursor")
        assert await site.refused("GET", "/tap/stream", "admin", params={"after": after}) == answer


class Stream:
    """A reader of /tap/stream that takes one piece after the other."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status.set_result(message["status"])
        elif message.get("body") or not message.get("more_body"):
            self.pieces.put_nowait(message.get("body", b""))

    async def events(self) -> list[dict[str, Any]]:
        async with asyncio.timeout(SECONDS_MAX):
            piece = await self.pieces.get()
        return [json.loads(line) for line in piece.splitlines() if line]


@asynccontextmanager
async def streaming(site: Site, query: str = "") -> AsyncIterator[Stream]:
    token = await site.token("asha", "service")
    stream = Stream()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/api/v1/tap/stream",
        "raw_path": b"/api/v1/tap/stream",
        "root_path": "",
        "scheme": "https",
        "query_string": query.encode(),
        "headers": [
            (b"authorization", f"Bearer {token}".encode()),
            (b"accept-encoding", b"gzip"),
        ],
        "client": ("203.0.113.7", 1),
        "server": ("tap.in.example.com", 443),
    }
    task = asyncio.ensure_future(site.app(scope, stream.receive, stream.send))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(SECONDS_MAX):
            assert await stream.status == 200
        yield stream
    finally:
        stream.gone.set()
        async with asyncio.timeout(SECONDS_MAX):
            await asyncio.wait([task])


async def test_the_stream_sends_the_past_and_then_each_commit(site: Site) -> None:
    async with streaming(site) as stream:
        past = await stream.events()
        assert [int(e["tapposition"]) for e in past] == list(range(1, site.node.tap.position + 1))
        await site.node.community("asha", "Tea")
        now = await stream.events()
        assert now[0]["type"] == "company.tap.community.created"
    async with streaming(site, f"after={past[-1]['tapcursor']}") as again:
        assert (await again.events())[0]["id"] == now[0]["id"]


async def test_a_silent_stream_shows_that_it_lives(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(tap, "KEEP_ALIVE_SECONDS", 0.01)
    async with streaming(site) as stream:
        await stream.events()
        async with asyncio.timeout(SECONDS_MAX):
            assert await stream.pieces.get() == b"\n"


async def test_a_stream_ends_when_its_token_does(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(tap, "KEEP_ALIVE_SECONDS", 0.01)
    async with streaming(site) as stream:
        await stream.events()
        await site.services.auth.revoke_all("asha")
        # The reader does nothing: the node itself ends it.
        async with asyncio.timeout(SECONDS_MAX):
            while await stream.pieces.get():
                pass


async def test_a_busy_stream_ends_too(site: Site) -> None:
    async with streaming(site) as stream:
        await stream.events()
        await site.services.auth.revoke_all("asha")
        await site.node.community("bob", "Tea time")
        async with asyncio.timeout(SECONDS_MAX):
            assert await stream.pieces.get() == b""
