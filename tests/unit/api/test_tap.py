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


async def test_who_is_signed_out_while_waiting_gets_no_more_of_it(site: Site) -> None:
    _, cursor = await batch(site, limit=1000)
    query = {"after": cursor, "wait_ms": 60_000}
    waiting = asyncio.ensure_future(
        site.refused("GET", "/tap", "asha", kind="service", params=query)
    )
    await asyncio.sleep(0)
    await site.services.auth.revoke_all("asha")
    await site.node.community("bob", "Tea")
    async with asyncio.timeout(SECONDS_MAX):
        assert await waiting == (401, "unauthenticated")


async def test_who_is_no_auditor_any_more_gets_no_more_of_it(site: Site) -> None:
    role = {"person": "bob", "role": "auditor"}
    await site.node.do("admin", "person.set_role", **role, on=True)
    response = await site.ask("GET", "/tap", "bob", params={"limit": 1000})
    query = {"after": response.headers["tap-cursor"], "wait_ms": 60_000}
    waiting = asyncio.ensure_future(site.refused("GET", "/tap", "bob", params=query))
    await asyncio.sleep(0)
    await site.node.do("admin", "person.set_role", **role, on=False)
    async with asyncio.timeout(SECONDS_MAX):
        assert await waiting == (403, "forbidden")


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
        self.taking = asyncio.Event()
        self.taking.set()

    async def receive(self) -> dict[str, Any]:
        if not hasattr(self, "_asked"):
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status.set_result(message["status"])
            return
        await self.taking.wait()  # the socket's buffer is full
        if message.get("body") or not message.get("more_body"):
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


# ---------------------------------------------------------------- filters, names, single events


async def test_a_filter_may_name_several_of_each(site: Site) -> None:
    tea = await site.node.community("asha", "Tea")
    await site.node.post("asha", tea)
    wanted = ["company.tap.post.*", "company.tap.community.created"]
    events, cursor = await batch(site, type=wanted)
    assert [event["type"] for event in events] == [wanted[1], "company.tap.post.published"]
    assert cursor == f"{site.node.tap.epoch:x}.{site.node.tap.position}"
    assert await batch(site, type=wanted, lane="control") == ([], cursor)


async def test_what_can_fit_nothing_is_refused(site: Site) -> None:
    for query in ({"type": "post.*"}, {"type": ["company.tap.x"] * 21}, {"lane": ""}):
        answer = await site.refused("GET", "/tap", "admin", params=query)
        assert answer == (422, "bad_value")


async def test_waiting_for_one_kind_is_not_ended_by_another(site: Site) -> None:
    tea = await site.node.community("asha", "Tea")
    _, cursor = await batch(site, limit=1000)
    waiting = asyncio.ensure_future(
        batch(site, after=cursor, wait_ms=60_000, type="company.tap.post.deleted")
    )
    await asyncio.sleep(0)
    post = await site.node.post("asha", tea)
    await asyncio.sleep(0)
    await site.node.do("asha", "post.delete", post=post)
    async with asyncio.timeout(SECONDS_MAX):
        events, _ = await waiting
    assert [event["type"] for event in events] == ["company.tap.post.deleted"]


async def test_a_stream_with_a_filter_says_how_far_it_came(site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(tap, "KEEP_ALIVE_SECONDS", 0.01)
    async with streaming(site, "type=company.tap.post.deleted") as stream:
        async with asyncio.timeout(SECONDS_MAX):
            line = json.loads(await stream.pieces.get())
            assert line == {"tapcursor": f"{site.node.tap.epoch:x}.{site.node.tap.position}"}
            assert await stream.pieces.get() == b"\n"


async def test_a_service_reads_about_whom_its_token_says(site: Site) -> None:
    issued = {
        names: (await site.services.auth.issue("bob", "service", "x", names=names)).secret
        for names in ("shown", "pseudonyms", "none")
    }
    seen: dict[str, str] = {}
    for names, secret in issued.items():
        headers = {"Authorization": f"Bearer {secret}"}
        answer = await site.ask("GET", "/tap", headers=headers, params={"limit": 1000})
        seen[names] = answer.text
    assert '"asha"' in seen["shown"]
    for names in ("pseudonyms", "none"):
        assert "asha" not in seen[names].lower()
    # Another token of the same holder knows the same pseudonyms.
    again = await site.services.auth.issue("bob", "service", "y", names="pseudonyms")
    headers = {"Authorization": f"Bearer {again.secret}"}
    answer = await site.ask("GET", "/tap", headers=headers, params={"limit": 1000})
    assert answer.text == seen["pseudonyms"]


async def test_who_may_not_know_names_reads_no_pages_full_of_them(site: Site) -> None:
    issued = await site.services.auth.issue("bob", "service", "x", names="pseudonyms")
    headers = {"Authorization": f"Bearer {issued.secret}"}
    for path in ("/people", "/feed", "/sync", "/people/asha"):
        refused = await site.refused("GET", path, headers=headers)
        assert refused == (403, "forbidden")


async def test_one_event_comes_in_either_mode(site: Site) -> None:
    events, _ = await batch(site, type="company.tap.person.registered")
    path = f"/tap/events/{events[-1]['id']}"
    structured = await site.ask("GET", path, "asha", kind="service")
    assert structured.headers["content-type"] == "application/cloudevents+json"
    assert structured.json() == events[-1]
    binary = await site.ask(
        "GET", path, "asha", kind="service", headers={"accept": "application/json"}
    )
    assert binary.headers["content-type"] == "application/json"
    assert binary.headers["ce-id"] == events[-1]["id"]
    assert binary.json() == events[-1]["data"]


async def test_an_event_that_is_not_here_is_not_found(site: Site) -> None:
    for name in ("in:1:global:1", "nonsense", "in:1:global:0x"):
        answer = await site.refused("GET", f"/tap/events/{name}", "asha", kind="service")
        assert answer == (404, "not_found")


# ---------------------------------------------------------------- readers that do not read (I9)


async def test_a_reader_that_stalls_costs_one_page_and_nobody_else_anything(
    site: Site, monkeypatch: Any
) -> None:
    """What is not taken is not read either: the log keeps it."""
    monkeypatch.setattr(tap, "STREAM_RECORDS", 2)
    reads: list[int] = []
    whole = site.node.tap.read

    async def read(after: int, limit: int) -> Any:
        reads.append(after)
        return await whole(after, limit)

    async with streaming(site) as stalled:
        first = await stalled.events()
        stalled.taking.clear()
        tea = await site.node.community("asha", "Tea")
        monkeypatch.setattr(site.node.tap, "read", read)
        for number in range(50):
            await site.node.post("asha", tea, f"cup {number}")
        await asyncio.sleep(0)
        before = len(reads)
        assert before <= 2
        seen, cursor = [], ""
        while (found := await batch(site, limit=1000, after=cursor))[0]:
            seen += [int(event["tapposition"]) for event in found[0]]
            cursor = found[1]
        assert seen == list(range(1, site.node.tap.position + 1))
        # And it lost nothing: it goes on where it stood.
        stalled.taking.set()
        taken = [int(event["tapposition"]) for event in first]
        while taken[-1] < site.node.tap.position:
            taken += [int(event["tapposition"]) for event in await stalled.events()]
        assert taken == seen


async def test_a_busy_stream_ends_too(site: Site) -> None:
    async with streaming(site) as stream:
        await stream.events()
        await site.services.auth.revoke_all("asha")
        await site.node.community("bob", "Tea time")
        async with asyncio.timeout(SECONDS_MAX):
            assert await stream.pieces.get() == b""
