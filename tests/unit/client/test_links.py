"""Event streams and long polls, against a node that lets no websocket through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tap_client import Client, Done, MemoryStore, Refused, Unreachable, Value
from tap_client.exchange import exchange

from tests.unit.client.fake_http import SECONDS_MAX, FakeHttp, Request, fake_http
from tests.unit.client.fake_node import event
from tests.unit.client.test_client import POST, Ears, no_wait

WELCOME = {
    "t": "welcome",
    "cursor": "1.10",
    "resume": "fresh",
    "person": "asha",
    "server_time": 0,
    "channels": ["g", "c:a"],
}
STREAM = {"t": "stream", "id": "s/1"}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits themselves are tested in test_session."""
    monkeypatch.setattr("tap_client.backoff.SECONDS_MIN", 0.001)
    monkeypatch.setattr("tap_client.backoff.SECONDS_MAX", 0.002)


def page(cursor: str, *events: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = {"cursor": cursor, "events": list(events), "values": [], "more": False}
    return answer | {"channels": ["g", "u:asha", "c:a"], "refused": []} | more


def client(node: FakeHttp, ears: Ears, store: MemoryStore | None = None) -> Client:
    return Client(node.url, "secret", on_event=ears.event, store=store, chance=no_wait)


async def streaming(node: FakeHttp) -> Request:
    stream = await node.asked("/live/events")
    stream.stream(STREAM, WELCOME)
    return stream


async def test_where_no_websocket_gets_through_an_event_stream_does() -> None:
    ears, store = Ears(), MemoryStore()
    async with fake_http() as node, client(node, ears, store) as tap:
        stream = await streaming(node)
        assert stream.headers["authorization"] == "Bearer secret"
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        assert tap.transport == "events"
        assert (store.noted("transport:any") or "").startswith('["events", ')
        wish = asyncio.create_task(tap.do(POST))
        posted = await node.asked("/live/frames")
        assert posted.query == {"stream": "s/1"}
        posted.answer({}, 202)
        stream.say(event(11))
        stream.raw(b":\n\n")
        done = {"t": "done", "key": posted.value["key"], "ok": True, "answer": {}, "cursor": "1.11"}
        stream.say(done)
        assert await asyncio.wait_for(wish, SECONDS_MAX) == Done({}, "1.11", False)
        assert await ears.until(1) == [11]


async def test_a_stream_resumes_from_the_cursor_and_is_taken_at_once_next_time() -> None:
    ears, store = Ears(), MemoryStore()
    async with fake_http() as node:
        async with client(node, ears, store) as tap:
            stream = await streaming(node)
            stream.say(event(11))
            await ears.until(1)
            stream.cut()
            again = await node.asked("/live/events")
            assert again.query == {"cursor": "1.11"}
            again.stream(STREAM, WELCOME | {"resume": "complete"}, event(11), event(12))
            assert await ears.until(2) == [11, 12]
            assert tap.cursor == "1.12"
        async with client(node, ears, store) as tap:
            node.absent.clear()  # a websocket would be heard of
            assert (await node.asked("/live/events")).query == {"cursor": "1.12"}


async def test_a_line_that_is_no_frame_ends_the_stream_at_once() -> None:
    """As a message does that is none; it is not waited for silence."""
    ears = Ears()
    async with fake_http() as node, client(node, ears) as tap:
        stream = await streaming(node)
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        stream.raw(b"data: {broken\n\n")
        again = await node.asked("/live/events")
        assert again.query == {"cursor": "1.10"}


async def test_a_frame_the_node_refuses_is_answered() -> None:
    ears = Ears()
    async with fake_http() as node, client(node, ears) as tap:
        await streaming(node)
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        wish = asyncio.create_task(tap.do(POST))
        error = {"code": "too_large", "message": "too large", "retry": False}
        (await node.asked("/live/frames")).answer({"error": error}, 413)
        with pytest.raises(Refused, match="too_large"):
            await asyncio.wait_for(wish, SECONDS_MAX)


async def test_where_no_stream_gets_through_either_it_asks_again_and_again() -> None:
    ears = Ears()
    async with fake_http() as node, client(node, ears) as tap:
        node.absent.add("/live/events")
        first = await node.asked("/sync")
        assert first.query == {}
        first.answer({"cursor": "1.10", "posts": {}, "me": {"id": "asha"}})
        waiting = await node.asked("/sync")
        assert waiting.query == {"since": "1.10", "wait": "25"}
        assert (tap.transport, tap.person) == ("poll", "asha")
        waiting.answer(page("1.12", event(11), event(12)))
        assert await ears.until(2) == [11, 12]
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        await node.asked("/sync")
        wish = asyncio.create_task(tap.do(POST))
        command = await node.asked("/commands")
        assert command.value["command"] == POST
        command.answer({"answer": {"post": "p"}, "cursor": "1.13", "repeated": False})
        assert await asyncio.wait_for(wish, SECONDS_MAX) == Done({"post": "p"}, "1.13", False)


@pytest.mark.parametrize("polls", [True, False], ids=["poll", "events"])
async def test_a_command_whose_answer_never_comes_is_sent_again(
    monkeypatch: pytest.MonkeyPatch, polls: bool
) -> None:
    """Signs of life from the stream or the polls say nothing of a request that is lost (I2)."""
    monkeypatch.setattr("tap_client.link_requests.POST_SECONDS_MAX", 0.05)
    async with fake_http() as node, client(node, Ears()) as tap:
        if polls:
            node.absent.add("/live/events")
            (await node.asked("/sync")).answer({"cursor": "1.10"})
            await node.asked("/sync")
        else:
            await streaming(node)
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        wish = asyncio.create_task(tap.do(POST))
        lost = await node.asked("/commands" if polls else "/live/frames")
        if polls:
            assert (await node.asked("/sync")).query == {"since": "1.10", "wait": "0"}
        else:
            assert (await node.asked("/live/events")).query == {"cursor": "1.10"}
        wish.cancel()
        assert tap._session._outbox._pending.keys() == {lost.value["key"]}


@pytest.mark.parametrize(
    ("polls", "status"),
    [(True, 502), (True, 504), (True, 429), (True, 200), (False, 502), (False, 408), (False, 429)],
)
async def test_what_stands_before_the_node_does_not_answer_for_it(polls: bool, status: int) -> None:
    """A proxy while its node restarts, or a hotel's page: the command goes again, with its key (I2)."""
    page_of_a_proxy = "<html>"
    async with fake_http() as node, client(node, Ears()) as tap:
        if polls:
            node.absent.add("/live/events")
            (await node.asked("/sync")).answer({"cursor": "1.10"})
            await node.asked("/sync")
        else:
            await streaming(node)
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        wish = asyncio.create_task(tap.do(POST))
        first = await node.asked("/commands" if polls else "/live/frames")
        first.answer(page_of_a_proxy, status)
        if polls:
            (await node.asked("/sync")).answer(page("1.10"))
            requests = [await node.asked_any(), await node.asked_any()]
            again = next(one for one in requests if one.path == "/commands")
            again.answer({"answer": {"post": "p"}, "cursor": "1.13", "repeated": True})
        else:
            stream = await node.asked("/live/events")
            stream.stream(STREAM, WELCOME | {"resume": "complete"})
            again = await node.asked("/live/frames")
            again.answer({}, 202)
            done = {"t": "done", "key": again.value["key"], "ok": True, "answer": {"post": "p"}}
            stream.say(done | {"cursor": "1.13", "repeated": True})
        assert again.value["key"] == first.value["key"]
        assert await asyncio.wait_for(wish, SECONDS_MAX) == Done({"post": "p"}, "1.13", True)


async def test_a_command_a_proxy_forbids_holds_up_nobody() -> None:
    async with fake_http() as node, client(node, Ears()) as tap:
        node.absent.add("/live/events")
        (await node.asked("/sync")).answer({"cursor": "1.10"})
        await node.asked("/sync")
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        wish = asyncio.create_task(tap.do(POST))
        (await node.asked("/commands")).answer("<html>", 413)
        with pytest.raises(Refused, match="413"):
            await asyncio.wait_for(wish, SECONDS_MAX)


async def test_a_polled_replay_ends_where_the_client_is() -> None:
    ears = Ears()
    async with fake_http() as node, client(node, ears) as tap:
        node.absent.add("/live/events")
        (await node.asked("/sync")).answer({"cursor": "1.10"})
        await node.asked("/sync")
        tap.watch("t:x", since="1.3")
        replay = await node.asked("/sync")
        assert replay.query == {"since": "1.3", "channels": "t:x", "wait": "0"}
        replay.answer(page("1.15", event(5, "t:x"), event(6, "c:a"), event(15, "t:x")))
        news = await node.asked("/sync")
        assert news.query == {"since": "1.10", "channels": "t:x", "wait": "25"}
        news.answer(page("1.15", event(14, "c:a"), event(15, "t:x")))
        assert await ears.until(3) == [5, 14, 15]


async def test_a_replay_a_portal_answered_is_asked_for_again() -> None:
    """A page with status 200 that is none of the node's says nothing about what there is."""
    ears = Ears()
    async with fake_http() as node, client(node, ears) as tap:
        node.absent.add("/live/events")
        (await node.asked("/sync")).answer({"cursor": "1.10"})
        await node.asked("/sync")
        await asyncio.wait_for(tap.live(), SECONDS_MAX)
        tap.watch("t:x", since="1.5")
        replay = await node.asked("/sync")
        assert replay.query["channels"] == "t:x"
        replay.answer("<html>")
        (await node.asked("/sync")).answer(page("1.10"))
        again = await node.asked("/sync")
        assert (again.query["channels"], again.query["since"]) == ("t:x", "1.5")
        again.answer(page("1.10", event(7, "t:x")))
        assert await ears.until(1) == [7]


async def test_a_polled_replay_tells_the_values_that_changed_meanwhile() -> None:
    """As a socket's does (section 6.3): what a thread shows is as of where it is live from."""
    shown: asyncio.Queue[Value] = asyncio.Queue()
    counts = {"t": "value", "of": "post", "id": "r", "position": 9, "value": {"helpful": 2}}
    async with fake_http() as node, Client(node.url, "secret", on_value=shown.put) as tap:
        node.absent.add("/live/events")
        (await node.asked("/sync")).answer({"cursor": "1.10"})
        await node.asked("/sync")
        tap.watch("t:x", since="1.3")
        (await node.asked("/sync")).answer(page("1.10", event(5, "t:x"), values=[counts]))
        value = await asyncio.wait_for(shown.get(), SECONDS_MAX)
        assert (value.id, value.position, value.value) == ("r", 9, {"helpful": 2})


async def test_a_refused_page_ends_the_link_as_a_close_would() -> None:
    async def run(node: FakeHttp) -> None:
        async with client(node, Ears()) as tap:
            (await node.asked("/sync")).answer({}, 401)
            await asyncio.wait_for(tap.ended(), SECONDS_MAX)

    async with fake_http() as node:
        node.absent.add("/live/events")
        with pytest.raises(Refused, match="status 401"):
            await run(node)


async def test_bodies_come_whole_however_they_are_framed() -> None:
    async with fake_http() as node:
        for framing in ("chunked", "length"):
            asking = asyncio.create_task(_get(node.url))
            request = await node.asked("/x")
            if framing == "length":
                request.answer({"a": 1})
            else:
                request.stream({"a": 1}, {"b": 2})
                request.end()
            status, body = await asyncio.wait_for(asking, SECONDS_MAX)
            assert status == 200
            assert b'{"a": 1}' in body


async def test_a_body_cut_off_is_no_answer() -> None:
    async with fake_http() as node:
        asking = asyncio.create_task(_get(node.url))
        request = await node.asked("/x")
        request.stream({"a": 1})
        request.cut()
        with pytest.raises(Unreachable):
            await asyncio.wait_for(asking, SECONDS_MAX)
    with pytest.raises(Unreachable):
        await _get(node.url)


async def _get(url: str) -> tuple[int, bytes]:
    async with exchange(url, "GET", "/api/v1/x", {}) as answer:
        return answer.status, await answer.body()
