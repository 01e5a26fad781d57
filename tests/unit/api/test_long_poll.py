"""``wait`` on /sync: answered by the commit that concerns the caller, and never kept for nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from server.app.news import News
from server.app.sync import Sync
from server.domain import limits
from tests.unit.api.site import PREFIX, Site

SECONDS_MAX = 10


async def until(condition: Any) -> None:
    """Waits for something the loop will bring about."""
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110  the node's own state has no event to wait on
            await asyncio.sleep(0.001)


class Poll:
    """One request by ``person``, under way; ``hang_up`` is what a closed tab does."""

    def __init__(self, site: Site, person: str = "asha", **query: Any) -> None:
        self._site, self._person = site, person
        self._query = {"wait": 25, **query}
        self._gone = asyncio.Event()
        self._asked = False
        self.status, self.body = 0, b""
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        token = await self._site.token(self._person)
        query = "&".join(f"{name}={value}" for name, value in self._query.items())
        scope = {
            "type": "http",
            "method": "GET",
            "path": PREFIX + "/sync",
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "http_version": "1.1",
        }
        await self._site.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")

    def hang_up(self) -> None:
        self._gone.set()

    async def answer(self) -> Any:
        async with asyncio.timeout(SECONDS_MAX):
            await self.task
        return json.loads(self.body)


async def cursor_of(site: Site, person: str = "asha") -> str:
    return str((await site.get("/sync", person))["cursor"])


def waits(site: Site) -> News:
    return site.services.news


async def test_what_is_there_is_answered_at_once(site: Site) -> None:
    cursor = await cursor_of(site)
    tea = await site.node.community("asha", "Tea")
    await site.node.post("asha", tea, "hot")
    page = await Poll(site, since=cursor).answer()
    assert [event["type"] for event in page["events"]][-1] == "post.published"


async def test_the_commit_answers_and_nothing_is_asked_meanwhile(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    since = Sync.since

    async def counted(self: Sync, *arguments: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        return await since(self, *arguments, **more)

    tea = await site.node.community("asha", "Tea")
    chess = await site.node.community("bob", "Chess", visibility="private")
    monkeypatch.setattr(Sync, "since", counted)
    poll = Poll(site, since=await cursor_of(site))
    await until(lambda: waits(site)._waiters)
    for number in range(5):
        await site.node.post("bob", chess, f"not for asha {number}")
    assert asked == 1
    await site.node.post("asha", tea, "hot")
    page = await poll.answer()
    assert [event["body"]["text"] for event in page["events"]] == ["hot"]
    assert asked == 2
    assert not waits(site)._waiters


async def test_a_counter_answers_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VALUE_SECONDS_MIN", 0.0)
    tea = await site.node.community("asha", "Tea")
    await site.node.do("bob", "membership.set", community=tea[2:], joined=True)
    post = await site.node.post("asha", tea, "hot")
    poll = Poll(site, since=await cursor_of(site))
    await until(lambda: waits(site)._waiters)
    await site.node.do("bob", "reaction.set", target=post, reaction="helpful", on=True)
    page = await poll.answer()
    assert [(value["id"], value["value"]["helpful"]) for value in page["values"]] == [(post, 1)]
    assert page["events"] == []


async def test_a_watched_thread_answers(site: Site) -> None:
    tea = await site.node.community("bob", "Tea")
    question = await site.node.post("bob", tea, "why?", "question", title="Why?")
    poll = Poll(site, since=await cursor_of(site), channels=f"t:{question},t:nothing")
    await until(lambda: waits(site)._waiters)
    await site.node.reply("bob", question, "because")
    page = await poll.answer()
    assert [event["body"]["text"] for event in page["events"]] == ["because"]
    assert page["refused"] == [{"channel": "t:nothing", "code": "forbidden"}]


async def test_time_up_is_an_empty_page_that_has_moved_on(site: Site) -> None:
    tea = await site.node.community("bob", "Tea", visibility="private")
    cursor = await cursor_of(site)
    await site.node.post("bob", tea, "not for asha")
    page = await Poll(site, since=cursor, wait=1).answer()
    assert (page["events"], page["values"], page["more"]) == ([], [], False)
    assert page["cursor"] == f"{site.node.tap.epoch:x}.{site.node.tap.position}"


async def test_who_hangs_up_waits_no_longer(site: Site) -> None:
    poll = Poll(site, since=await cursor_of(site))
    await until(lambda: waits(site)._waiters)
    poll.hang_up()
    await poll.answer()
    assert not waits(site)._waiters
    assert not waits(site)._people


async def test_a_stopping_node_answers_at_once(site: Site) -> None:
    cursor = await cursor_of(site)
    poll = Poll(site, since=cursor)
    await until(lambda: waits(site)._waiters)
    waits(site).close()
    page = await poll.answer()
    assert (page["events"], page["cursor"]) == ([], cursor)
    late = await site.refused("GET", "/sync", "asha", params={"since": cursor, "wait": 25})
    assert late == (503, "stopping")


async def test_who_was_signed_out_meanwhile_is_told_nothing(site: Site) -> None:
    tea = await site.node.community("asha", "Tea")
    poll = Poll(site, since=await cursor_of(site))
    await until(lambda: waits(site)._waiters)
    await site.services.auth.sign_out(await site.token("asha"))
    await site.node.post("asha", tea, "hot")
    assert (await poll.answer())["error"]["code"] == "unauthenticated"
    assert poll.status == 401


async def test_a_person_has_a_bounded_number_of_waits(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LONG_POLLS_PER_PERSON_MAX", 1)
    cursor = await cursor_of(site)
    poll = Poll(site, since=cursor)
    await until(lambda: waits(site)._waiters)
    again = await site.refused("GET", "/sync", "asha", params={"since": cursor, "wait": 1})
    assert again == (429, "rate_limited")
    poll.hang_up()
    await poll.answer()


@pytest.mark.parametrize(
    ("query", "code"),
    [({"wait": 25}, "bad_value"), ({"wait": 26, "since": "1.1"}, "bad_value")],
)
async def test_a_wait_that_makes_no_sense_is_refused(
    site: Site, query: dict[str, Any], code: str
) -> None:
    assert await site.refused("GET", "/sync", "asha", params=query) == (422, code)
