"""Server-sent events: the same delivery as over a websocket, and what is their own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.domain import limits
from server.domain.ids import Cursor
from server.ops import guarded_http
from server.realtime.connection import CLOSING_SECONDS_MAX, RECHECK_PINGS
from server.realtime.frames import Form
from server.realtime.states import CloseCode
from server.realtime.streams import CLIENT, EventStream
from tests.support.machine import program
from tests.unit.realtime.live import (
    EVENTS,
    FRAMES,
    SECONDS_MAX,
    LiveNode,
    StreamDevice,
    answer_on,
    ask,
    live_node,
)

# -- the same tests as over a websocket: they run here with this module's ``live`` ------------------------
from tests.unit.realtime.test_websocket import (  # noqa: F401
    metric,
    raw_client,
    tea,
    test_a_client_comes_follows_and_acts,
    test_a_cursor_of_another_epoch_is_reset,
    test_a_deactivated_person_loses_their_sockets,
    test_a_mention_from_a_place_one_was_put_out_of_is_not_replayed,
    test_a_person_has_a_bounded_number_of_connections,
    test_a_reader_that_stops_costs_no_memory_and_misses_nothing,
    test_a_reader_that_takes_nothing_is_given_up,
    test_a_resume_beyond_the_ring_is_paged_from_the_log,
    test_a_resume_brings_what_was_missed,
    test_a_thread_is_replayed_and_then_live,
    test_an_impact_reaches_its_person_alone,
    test_counters_missed_while_away_come_with_the_resume,
    test_joining_and_leaving_change_what_is_heard,
    test_nothing_is_lost_or_repeated_over_many_drops,
    test_what_names_one_in_a_place_one_cannot_read_is_not_told_live_either,
    test_whoever_is_signed_out_loses_their_sockets,
    until,
)


@pytest_asyncio.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveNode]:
    async with live_node(tmp_path, Form.EVENT_STREAM) as node:
        yield node


@asynccontextmanager
async def stream(live: LiveNode) -> AsyncIterator[StreamDevice]:
    async with live.device() as device:
        yield device


def connection_of(live: LiveNode) -> EventStream:
    (found,) = live.gateway._connections
    assert isinstance(found, EventStream)
    return found


async def refusal(live: LiveNode, *request: Any, **headers: str) -> tuple[int, str]:
    answer = await ask(live.port, *request, **headers)
    return answer.status, (await answer.json())["error"]["code"]


# -- the request -------------------------------------------------------------------------------------------


async def test_the_head_is_that_of_an_endless_answer(live: LiveNode) -> None:
    answer = await ask(live.port, "GET", EVENTS, "asha")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not {"content-length", "transfer-encoding"} & set(answer.headers)
    answer.writer.close()


async def test_no_task_belongs_to_a_stream(live: LiveNode) -> None:
    before = len(asyncio.all_tasks())
    async with stream(live) as one, stream(live) as two:
        await one.live()
        await two.live("bob")
        await until(lambda: len(asyncio.all_tasks()) == before)


async def test_a_head_alone_is_answered_and_nothing_opened(live: LiveNode) -> None:
    answer = await ask(live.port, "HEAD", EVENTS, "asha")
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await answer.reader.read() == b""
    answer.writer.close()
    assert not live.gateway._connections


async def test_http_1_0_is_understood(live: LiveNode) -> None:
    """nginx speaks it to a node unless told otherwise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(f"GET {EVENTS} HTTP/1.0\r\nAuthorization: Bearer asha\r\n\r\n".encode())
    answer = await answer_on(reader, writer)
    assert answer.status == 200
    assert "transfer-encoding" not in answer.headers
    assert (await reader.readline()).startswith(b'data: {"t":"stream"')
    writer.close()


async def marked(reader: asyncio.StreamReader) -> None:
    """The stream is live, and everything up to here was read."""
    async with asyncio.timeout(SECONDS_MAX):
        while (
            not (await reader.readuntil(b"\n\n")).partition(b"data: ")[2].startswith(b'{"t":"mark"')
        ):
            pass


async def test_a_request_behind_others_waits_for_its_turn(live: LiveNode) -> None:
    """Pipelined (RFC 9112 9.3.2): answers come in order, and what follows the stream is not answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    head = "Host: here\r\nAuthorization: Bearer asha\r\n\r\n"
    asked = ["/api/v1/node", "/api/v1/me", EVENTS, "/api/v1/me"]
    writer.write("".join(f"GET {path} HTTP/1.1\r\n{head}" for path in asked).encode())
    first = await answer_on(reader, writer)
    await reader.readexactly(int(first.headers["content-length"]))
    second = await answer_on(reader, writer)
    await reader.readexactly(int(second.headers["content-length"]))
    third = await answer_on(reader, writer)
    assert third.headers["content-type"].startswith("text/event-stream")
    await marked(reader)
    assert len(live.gateway._connections) == 1
    writer.close()
    await until(lambda: not live.gateway._connections)


async def test_the_end_is_heard_though_more_was_asked(live: LiveNode) -> None:
    """For what came behind a request reading stops; an end is noticed by reading."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    head = "HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer asha\r\n\r\n"
    writer.write(f"GET {EVENTS} {head}GET /api/v1/me {head}".encode())
    assert (await answer_on(reader, writer)).status == 200
    await marked(reader)
    writer.close()
    await until(lambda: not live.gateway._connections)


@pytest.mark.parametrize(
    ("target", "person", "answer"),
    [
        (EVENTS, "", (401, "unauthenticated")),
        (EVENTS, "nobody", (401, "unauthenticated")),
        (EVENTS + "?since=1.1", "asha", (422, "bad_value")),
        (EVENTS + "?cursor=" + "1" * 41, "asha", (422, "bad_value")),
        (EVENTS + "?channels=" + ",".join("abcd" * 300), "asha", (422, "bad_value")),
    ],
)
async def test_what_cannot_be_served_is_an_ordinary_answer(
    live: LiveNode, target: str, person: str, answer: tuple[int, str]
) -> None:
    assert await refusal(live, "GET", target, person) == answer
    assert not live.gateway._connections


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
async def test_another_sites_page_cannot_use_the_cookie(
    live: LiveNode, headers: dict[str, str]
) -> None:
    cookie = {"Cookie": "tap_session=asha"}
    assert await refusal(live, "GET", EVENTS, **cookie, **headers) == (403, "bad_origin")
    target = f"{FRAMES}?stream=x"
    body = b'{"t":"ping"}'
    found = await refusal(live, "POST", target, "", body, **cookie, **headers)
    assert found == (403, "bad_origin")


async def test_the_cookie_of_our_own_page_is_enough_for_a_stream(live: LiveNode) -> None:
    """EventSource sends the cookie and, to its own site, no Origin."""
    answer = await ask(
        live.port, "GET", EVENTS, Cookie="tap_session=asha", Sec_Fetch_Site="same-origin"
    )
    assert answer.status == 200
    answer.writer.close()


# -- places --------------------------------------------------------------------------------------------------


async def test_a_browser_resumes_by_the_last_id_it_saw(live: LiveNode) -> None:
    place = await tea(live)
    async with stream(live) as device:
        await device.live()
        await live.node.post("bob", place, "seen")
        await device.hear("event")
        last = device.source.last_id
    await live.node.post("bob", place, "missed")
    async with stream(live) as device:
        # A browser asks for the address it was given at first, whose cursor is old by now.
        old = str(Cursor(live.node.tap.epoch, 1))
        welcome, *missed, _ = await device.live(cursor=old, Last_Event_ID=last)
        assert (welcome["resume"], welcome["cursor"]) == ("complete", last)
        assert [event["body"]["text"] for event in missed] == ["missed"]


async def test_a_last_id_that_is_no_cursor_is_reset(live: LiveNode) -> None:
    async with stream(live) as device:
        welcome = await device.hello(Last_Event_ID="1; drop table")
        assert (welcome["resume"], welcome["reason"]) == ("reset", "bad_cursor")


async def test_a_replay_does_not_take_the_reader_back(live: LiveNode) -> None:
    """A browser remembers the last id, not the highest, and replayed events are old ones (section 6.3)."""
    place = await live.node.community("bob")
    question = await live.node.post("bob", place, "why?", "question", title="Why?")
    early = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    await live.node.reply("bob", question, "because")
    await live.node.post("bob", place, "later, elsewhere")
    async with stream(live) as device:
        await device.live()
        here = device.source.last_id
        await device.say(t="watch", id=7, channels=["t:" + question], since=early)
        await device.hear("watching")
        assert device.source.last_id == here


async def test_named_channels_are_heard(live: LiveNode) -> None:
    place = await live.node.community("bob")
    question = await live.node.post("bob", place, "why?", "question", title="Why?")
    async with stream(live) as device:
        welcome = await device.hello(channels=["t:" + question, "nonsense"])
        assert "t:" + question in welcome["channels"]
        await live.node.reply("bob", question, "because")
        assert (await device.hear("event"))["body"]["text"] == "because"


# -- what the client says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"{", (400, "bad_encoding")),
        (b'{"t":"ping","x":"\xff"}', (400, "bad_encoding")),
        (b"[]", (400, "bad_frame")),
        (b'{"t":"sing"}', (400, "unknown_kind")),
        (b'{"t":"watch","id":"one","channels":[]}', (422, "bad_value")),
        (b"x" * (limits.CLIENT_FRAME_BYTES_MAX + 1), (413, "too_large")),
    ],
)
async def test_what_is_no_frame_is_refused_and_the_stream_stays(
    live: LiveNode, body: bytes, answer: tuple[int, str]
) -> None:
    async with stream(live) as device:
        await device.live()
        target = f"{FRAMES}?stream={device.stream}"
        assert await refusal(live, "POST", target, "asha", body) == answer
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"


async def test_only_its_own_person_speaks_for_a_stream(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        target, ping = f"{FRAMES}?stream={device.stream}", b'{"t":"ping"}'
        assert await refusal(live, "POST", target, "bob", ping) == (403, "forbidden")
        assert await refusal(live, "POST", target, "", ping) == (401, "unauthenticated")
        assert await refusal(live, "POST", f"{FRAMES}?stream=x", "asha", ping) == (404, "not_found")
        assert await refusal(live, "POST", FRAMES, "asha", ping) == (422, "bad_value")
    await until(lambda: not live.gateway._connections)
    assert await refusal(live, "POST", target, "asha", ping) == (404, "not_found")


async def test_a_frame_out_of_place_is_told_on_the_stream(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        target, hello = f"{FRAMES}?stream={device.stream}", b'{"t":"hello"}'
        assert await (await ask(live.port, "POST", target, "asha", hello)).json() == {"ok": True}
        assert (await device.hear("error"))["error"]["code"] == "bad_frame"


async def test_who_does_not_read_cannot_ask_for_more(live: LiveNode) -> None:
    """House rule 3."""
    raw = await raw_client(live, receive_bytes=16_384)
    await until(lambda: raw.marks)
    connection = connection_of(live)
    connection._paused = True
    target = f"{FRAMES}?stream={connection.name}"
    assert await refusal(live, "POST", target, "asha", b'{"t":"ping"}') == (429, "rate_limited")
    connection._paused = False
    raw.transport.abort()


async def test_what_is_said_on_the_connection_itself_ends_it(live: LiveNode) -> None:
    raw = await raw_client(live)
    await until(lambda: raw.marks)
    raw.transport.write(b"GET / HTTP/1.1\r\n\r\n")
    await until(lambda: raw.ended)
    assert b'"code":"bad_frame"' in raw.received
    assert b'{"t":"bye","code":4400' in raw.received


# -- time and ends -------------------------------------------------------------------------------------------


async def test_a_silent_stream_is_kept_alive_marked_and_rechecked(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        live.pass_time(limits.PING_SECONDS)
        await live.node.community("bob", visibility="private")
        for _ in range(2):
            live.pass_time(limits.PING_SECONDS)
        here = str(Cursor(live.node.tap.epoch, live.node.tap.position))
        assert await device.hear() == {"t": "mark", "cursor": here}
        await device.say(t="ping")
        await device.hear("pong")
        assert device.source.comments
        live.secrets.revoked.add("asha")
        for _ in range(2 * RECHECK_PINGS):  # a comment, and the time in which others have to answer
            live.pass_time(limits.PING_SECONDS)
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this kernel cannot")
async def test_the_kernel_gives_up_on_who_vanished(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        sock = connection_of(live)._transport.get_extra_info("socket")
        given = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert given == limits.PING_SECONDS * 1000


async def test_who_does_not_take_the_end_is_cut_off(live: LiveNode) -> None:
    raw = await raw_client(live, receive_bytes=16_384)
    await until(lambda: raw.marks)
    raw.transport.pause_reading()
    connection = connection_of(live)
    connection.write(b":" + b"x" * 8_000_000 + b"\n\n")
    live.secrets.revoked.add("asha")
    live.gateway.recheck("asha")
    await until(lambda: connection._closing)
    live.pass_time(CLOSING_SECONDS_MAX + 1)
    await until(lambda: not live.gateway._connections)
    raw.transport.abort()


async def test_a_stopping_node_says_when_to_come_back(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        closing = asyncio.ensure_future(live.gateway.close())
        bye = await device.hear("bye")
        assert (bye["code"], bye["reason"]) == (1001, "stopping")
        assert device.source.retry_ms == bye["retry_ms"] >= 500
        assert await device.end() == (0, "")
        await closing
    assert await refusal(live, "GET", EVENTS, "asha") == (503, "stopping")


async def test_whoever_was_let_in_as_the_node_stopped_is_told(live: LiveNode) -> None:
    """Between the decision and the head lies time."""
    opened = EventStream.connection_made

    def late(self: EventStream, transport: Any) -> None:
        live.gateway.stopping = True
        opened(self, transport)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventStream, "connection_made", late)
        answer = await ask(live.port, "GET", EVENTS, "asha")
        async with asyncio.timeout(SECONDS_MAX):
            rest = await answer.reader.read()
        answer.writer.close()
    assert b'"code":1001' in rest


async def test_every_stream_leaves_nothing_behind(live: LiveNode) -> None:
    before = metric("tap_websocket_connections", encoding=CLIENT)
    for _ in range(3):
        async with stream(live) as device:
            await device.live()
            assert metric("tap_websocket_connections", encoding=CLIENT) == before + 1
        await until(lambda: not live.gateway._connections)
    assert len(live.gateway.wheel) == 0
    assert not live.gateway._people
    assert not live.gateway.hub._channels
    assert metric("tap_websocket_connections", encoding=CLIENT) == before


async def test_our_own_failure_says_come_back(
    live: LiveNode, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is known, and then the session cannot be served."""
    identify = live.secrets.identify

    async def broken(secret: str) -> Any:
        raise OSError("the disk is on fire")

    async def once(secret: str) -> Any:
        live.secrets.identify = broken  # type: ignore[method-assign]
        return await identify(secret)

    live.secrets.identify = once  # type: ignore[method-assign]
    async with stream(live) as device:
        await device.say(t="hello", token="asha")
        bye = await device.hear("bye")
        assert (bye["code"], bye["retry_ms"] > 0) == (CloseCode.UNAVAILABLE, True)
    assert "a session's request failed" in caplog.text


async def test_one_address_opens_so_many_and_not_more(live: LiveNode) -> None:
    def none(peer: str, forwarded: object) -> bool:
        assert peer == "127.0.0.1"
        return False

    live.gateway.admits = none  # type: ignore[method-assign]
    assert await refusal(live, "GET", EVENTS, "asha") == (429, "rate_limited")


async def test_credentials_are_renewed_by_a_frame(live: LiveNode) -> None:
    async with stream(live) as device:
        await device.live()
        await device.say(t="token", token="asha.newer")
        assert (await device.hear("renewed"))["expires_at"]
        assert connection_of(live).secret == "asha.newer"
        await device.say(t="token", token="bob")
        assert (await device.hear("error"))["error"]["code"] == "forbidden"


async def test_a_stream_in_the_background_keeps_its_place(live: LiveNode) -> None:
    place = await tea(live)
    async with stream(live) as device:
        await device.live()
        await device.say(t="background")
        await live.node.post("bob", place, "missed")
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"
        await device.say(t="foreground")
        assert (await device.hear("event"))["body"]["text"] == "missed"
        await device.hear("mark")


async def test_who_hangs_up_before_the_head_opens_nothing(live: LiveNode) -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()
    identify = live.secrets.identify

    async def slow(secret: str) -> Any:
        asked.set()
        await hung_up.wait()
        return await identify(secret)

    live.secrets.identify = slow  # type: ignore[method-assign]
    _, writer = await asyncio.open_connection("127.0.0.1", live.port)
    head = f"GET {EVENTS} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer asha\r\n\r\n"
    writer.write(head.encode())
    await asked.wait()
    writer.transport.abort()
    live.secrets.identify = identify  # type: ignore[method-assign]
    assert await refusal(live, "GET", "/api/v1/me", "nobody") == (401, "unauthenticated")
    hung_up.set()
    assert await refusal(live, "GET", "/api/v1/me", "nobody") == (401, "unauthenticated")
    assert not live.gateway._connections


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("HEADER_SECONDS_MAX", f"GET {EVENTS} HTTP/1.1\r\nAuthorization: Bearer as"),
        (
            "BODY_SECONDS_MAX",
            f"POST {FRAMES}?stream=x HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer asha\r\n"
            'Content-Length: 12\r\n\r\n{"t":',
        ),
    ],
)
async def test_a_request_that_never_ends_is_let_go(
    live: LiveNode, limit: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded_http, limit, 0.05)
    before = metric("tap_limits_hit_total", limit=limit)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.port)
    writer.write(sent.encode())
    async with asyncio.timeout(SECONDS_MAX):
        assert await reader.read() == b""
    writer.close()
    assert metric("tap_limits_hit_total", limit=limit) == before + 1


# -- a client nobody here wrote --------------------------------------------------------------------------------


@asynccontextmanager
async def curl(live: LiveNode, target: str, *options: str) -> AsyncIterator[asyncio.StreamReader]:
    """curl's output; it is ended with the block."""
    command = ["--no-buffer", "--silent", "--show-error", "-H", "Authorization: Bearer asha"]
    address = f"http://127.0.0.1:{live.port}{target}"
    process = await asyncio.create_subprocess_exec(
        program("curl"), *command, *options, address, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def line_with(output: asyncio.StreamReader, text: str) -> str:
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            line = (await output.readline()).decode()
            assert line, f"the output ended before {text}"
            if text in line:
                return line


async def test_curl_follows_speaks_and_resumes(live: LiveNode) -> None:
    place = await tea(live)
    async with curl(live, EVENTS) as output:
        name = json.loads((await line_with(output, '"t":"stream"')).removeprefix("data: "))["id"]
        await line_with(output, '"t":"mark"')
        await live.node.post("bob", place, "seen")
        last = (await line_with(output, "id: ")).removeprefix("id: ").strip()
        assert '"seen"' in await line_with(output, '"t":"event"')
        async with curl(live, f"{FRAMES}?stream={name}", "--data", '{"t":"ping"}') as said:
            assert await said.read() == b'{"ok":true}'
        await line_with(output, '"t":"pong"')
    await live.node.post("bob", place, "missed")
    async with curl(live, EVENTS, "-H", f"Last-Event-ID: {last}") as output:
        assert '"resume":"complete"' in await line_with(output, '"t":"welcome"')
        assert '"missed"' in await line_with(output, '"t":"event"')
        closing = asyncio.ensure_future(live.gateway.close())
        await line_with(output, '"t":"bye"')
        async with asyncio.timeout(SECONDS_MAX):
            assert await output.read() == b"\n"
        await closing


async def test_curl_polls_long(live: LiveNode) -> None:
    place = await tea(live)
    here = Cursor(live.node.tap.epoch, live.node.tap.position)
    async with curl(live, f"/api/v1/sync?since={here}&wait=25") as output:
        await until(lambda: live.news._waiters)
        await live.node.post("bob", place, "news")
        async with asyncio.timeout(SECONDS_MAX):
            page = json.loads(await output.read())
    assert [event["body"]["text"] for event in page["events"]] == ["news"]
    async with curl(live, f"/api/v1/sync?since={page['cursor']}&wait=25"):
        await until(lambda: live.news._waiters)
    await until(lambda: not live.news._waiters)
