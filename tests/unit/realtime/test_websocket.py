"""Real sockets against a real node: what a client sees, and what a hostile one gets."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from tap_client import Client, Event
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from server.app.auth import Auth, Identity
from server.domain import limits
from server.domain.decide import Decided, Draft
from server.domain.errors import Code, Refusal
from server.domain.events import PersonHandedOver, PersonTakenOver
from server.domain.ids import Cursor
from server.realtime import frames, gateway, measures
from server.realtime.buckets import Buckets
from server.realtime.connection import CLOSING_SECONDS_MAX, RECHECK_PINGS, Connection
from server.realtime.frames import DEFLATE_LEVEL, Encoding, Form
from server.realtime.handshake import networks
from server.realtime.outlet import NOWHERE
from server.realtime.ring import Ring
from server.realtime.states import CloseCode
from server.realtime.websocket import PATH
from server.storage.event_log import Record
from server.storage.queries.values import load_values
from server.storage.reader import Reader
from tests.support.node import START, Entropy, ForeignLog, TestNode
from tests.unit.realtime.live import EVENTS, SECONDS_MAX, LiveNode, Secrets, Speaker, live_node
from tests.unit.realtime.wire import messages

BOTH = pytest.mark.parametrize("encoding", list(Encoding), ids=lambda e: e.subprotocol)


@pytest_asyncio.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveNode]:
    async with live_node(tmp_path) as node:
        yield node


async def tea(live: LiveNode) -> str:
    """A community of asha and bob."""
    place = await live.node.community("asha")
    await live.node.do("bob", "membership.set", community=place[2:], joined=True)
    return place


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# -- the ordinary course ---------------------------------------------------------------------------------------


@BOTH
async def test_a_client_comes_follows_and_acts(live: LiveNode, encoding: Encoding) -> None:
    place = await tea(live)
    async with live.device(encoding) as device:
        welcome = await device.hello()
        assert welcome["resume"] == "fresh"
        assert welcome["person"] == "asha"
        assert set(welcome["channels"]) == {"g", "u:asha", place}
        assert Cursor.parse(welcome["cursor"]) == (live.node.tap.epoch, live.node.tap.position)
        await device.hear("mark")
        post = await live.node.post("bob", place, "héllo")
        event = await device.hear()
        assert (event["type"], event["by"], event["body"]["text"]) == (
            "post.published",
            "bob",
            "héllo",
        )
        command = {"do": "reaction.set", "target": post, "reaction": "helpful", "on": True}
        await device.say(t="do", key="my-first-key", command=command)
        done = await device.hear("done")
        assert (done["ok"], done["repeated"]) == (True, False)
        await device.say(t="do", key="my-first-key", command=command)
        again = await device.hear("done")
        assert again == done | {"repeated": True}
        live.pass_time(1)
        value = await device.hear("value")
        assert (value["of"], value["id"], value["value"]["helpful"]) == ("post", post, 1)
        await device.say(t="ping")
        assert (await device.hear("pong"))["server_time"] == live.node.clock.now


@BOTH
async def test_a_resume_brings_what_was_missed(live: LiveNode, encoding: Encoding) -> None:
    place = await tea(live)
    async with live.device(encoding) as device:
        await device.live()
        await live.node.post("bob", place, "seen")
        seen = await device.hear("event")
    await live.node.post("bob", place, "missed")
    here = str(Cursor(live.node.tap.epoch, seen["position"]))
    async with live.device(encoding) as device:
        welcome, *missed, _ = await device.live(cursor=here)
        assert welcome["resume"] == "complete"
        assert [event["body"]["text"] for event in missed] == ["missed"]


async def test_a_resume_beyond_the_ring_is_paged_from_the_log(live: LiveNode) -> None:
    place = await tea(live)
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    sent = [await live.node.post("bob", place, f"{n}") for n in range(5)]
    live.gateway.hub.ring = Ring(live.node.tap.position)
    async with live.device() as device:
        welcome, *missed, _ = await device.live(cursor=cursor)
        assert welcome["resume"] == "paged"
        assert [event["body"]["post"] for event in missed] == sent


async def test_a_restarted_node_serves_those_who_come_back_from_memory(live: LiveNode) -> None:
    """What was committed before the start is in the ring as well (I3)."""
    place = await tea(live)
    for n in range(limits.SYNC_PAGE_EVENTS):  # more than one page to take back
        await live.node.post("bob", place, f"{n}")
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    sent = [await live.node.post("bob", place, f"{n}") for n in range(30)]
    async with live.restarted() as again, again.device() as device:
        welcome, *missed, _ = await device.live(cursor=cursor)
        assert welcome["resume"] == "complete"
        assert [event["body"]["post"] for event in missed if event["t"] == "event"] == sent


async def test_a_return_within_the_ring_reads_no_database(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await tea(live)
    async with live.device() as device:
        welcome = await device.hello(channels=[place])
    missed = await live.node.post("bob", place, "missed")
    # Whatever else is due is loaded now, so that nothing but the return itself could read.
    async with live.device() as other:
        await other.live("bob", cursor=welcome["cursor"])
    asha = await live.secrets.identify("asha")
    assert isinstance(asha, Identity)
    live.secrets.known["asha"] = asha
    reads: list[str] = []
    real = Reader.snapshot

    def counted(reader: Reader) -> Any:
        reads.append("snapshot")
        return real(reader)

    monkeypatch.setattr(Reader, "snapshot", counted)
    async with live.device() as device:
        _, event, _ = await device.live(cursor=welcome["cursor"], channels=[place])
        assert event["body"]["post"] == missed
    assert reads == []


async def test_a_cursor_of_another_epoch_is_reset(live: LiveNode) -> None:
    async with live.device() as device:
        welcome, mark = await device.live(cursor=str(Cursor(5, 1)))
        assert (welcome["resume"], welcome["reason"]) == ("reset", "unknown_epoch")
        assert welcome["cursor"] == mark["cursor"]


async def test_a_thread_is_replayed_and_then_live(live: LiveNode) -> None:
    place = await live.node.community("bob")
    question = await live.node.post("bob", place, "why?", "question", title="Why?")
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    await live.node.reply("bob", question, "early")
    async with live.device() as device:
        await device.live()
        thread = "t:" + question
        await device.say(t="watch", id=7, channels=[thread, "t:nope"], since=cursor)
        assert (await device.hear())["body"]["text"] == "early"
        watching = await device.hear("watching")
        assert watching == {
            "t": "watching",
            "id": 7,
            "channels": [thread],
            "refused": [{"channel": "t:nope", "code": "bad_value"}],
        }
        await live.node.reply("bob", question, "late")
        assert (await device.hear("event"))["body"]["text"] == "late"
        await device.say(t="unwatch", channels=[thread])
        await device.say(t="ping")
        await device.hear("pong")
        await live.node.reply("bob", question, "unheard")
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"


async def test_joining_and_leaving_change_what_is_heard(live: LiveNode) -> None:
    place = await live.node.community("bob")
    async with live.device() as device:
        await device.live()
        await live.node.post("bob", place, "before")
        await live.node.do("asha", "membership.set", community=place[2:], joined=True)
        assert (await device.hear("event"))["type"] == "membership.changed"
        await device.hear("mark")
        await live.node.post("bob", place, "inside")
        assert (await device.hear("event"))["body"]["text"] == "inside"
        await live.node.do("asha", "membership.set", community=place[2:], joined=False)
        assert (await device.hear("event"))["type"] == "membership.changed"
        await device.hear("mark")
        await live.node.post("bob", place, "after")
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"


async def test_a_mention_from_a_place_one_was_put_out_of_is_not_replayed(live: LiveNode) -> None:
    """I12: it was on the person's own channel when they could still read the place."""
    vault = await live.node.community("bob", visibility="private")
    await live.node.do(
        "bob", "community.set_role", community=vault[2:], person="asha", role="member"
    )
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    await live.node.post("bob", vault, "psst @asha", mentions=["asha"])
    await live.node.do("bob", "community.set_role", community=vault[2:], person="asha", role="none")
    async with live.device() as device:
        heard = await device.live(cursor=cursor)
        assert [frame["type"] for frame in heard if frame["t"] == "event"] == [
            "community.role_changed"
        ]


async def test_what_names_one_in_a_place_one_cannot_read_is_not_told_live_either(
    live: LiveNode,
) -> None:
    """I12: Asha was put out, and then her answer is accepted there and her post cited from there; what names her in
    an open place she has not joined does come."""
    vault = await live.node.community("bob", visibility="private")
    role = {"community": vault[2:], "person": "asha"}
    await live.node.do("bob", "community.set_role", **role, role="member")
    question = await live.node.post("bob", vault, "why?", "question", title="Why?")
    answer = await live.node.reply("asha", question, "because")
    await live.node.do("bob", "community.set_role", **role, role="none")
    open_ = await live.node.community("bob")
    hers = await live.node.post("asha", open_, "leaves")
    async with live.device() as device:
        await device.live()
        await live.node.do("bob", "answer.accept", question=question, answer=answer)
        await live.node.post("bob", vault, "see there", cites=[hers])
        await live.node.post("bob", open_, "hello @asha", mentions=["asha"])
        event = await device.hear("event")
        assert (event["type"], event["body"]["text"]) == ("post.published", "hello @asha")
        await live.node.post("bob", open_, "see here", cites=[hers])
        assert (await device.hear("event"))["type"] == "citation.changed"


async def test_an_impact_reaches_its_person_alone(live: LiveNode) -> None:
    async with live.device() as asha, live.device() as bob:
        await asha.live()
        await bob.live("bob")
        live.gateway.push_value("impact", "asha", 3, {"total": 5000, "line": None}, ("u:asha",))
        assert (await asha.hear())["value"] == {"total": 5000, "line": None}
        await bob.say(t="ping")
        assert (await bob.hear())["t"] == "pong"


async def test_counters_missed_while_away_come_with_the_resume(live: LiveNode) -> None:
    """I4: the client had a later event, and was gone before the counter was sent."""
    place = await tea(live)
    post = await live.node.post("asha", place)
    # Somebody is there all the time: a value nobody hears would not be loaded.
    async with live.device(Encoding.MSGPACK) as other:
        await other.live("bob")
        async with live.device() as device:
            await device.live()
            await live.node.do("bob", "reaction.set", target=post, reaction="helpful", on=True)
            await live.node.post("bob", place, "later")
            last = await device.hear("event")
        live.pass_time(1)
        await other.hear("value")
    cursor = str(Cursor(live.node.tap.epoch, last["position"]))
    async with live.device() as device:
        heard = await device.live(cursor=cursor)
        value = next(frame for frame in heard if frame["t"] == "value")
        assert (value["id"], value["value"]["helpful"]) == (post, 1)


async def test_colleagues_see_who_is_there_and_who_is_typing(live: LiveNode) -> None:
    place = await tea(live)
    post = await live.node.post("asha", place)
    thread, before = "t:" + post, live.node.tap.position
    async with live.device() as asha:
        await asha.live(channels=[thread])
        await asha.say(t="watch", id=7, channels=["p:bob", "p:nobody"])
        assert (await asha.hear("watching"))["refused"] == [
            {"channel": "p:nobody", "code": "forbidden"}
        ]
        assert (await asha.hear())["value"] == {"state": "offline"}
        async with live.device(Encoding.MSGPACK) as bob:
            await bob.live("bob", channels=[thread])
            live.pass_time(0.5)
            assert (await asha.hear())["value"] == {"state": "online"}
            await bob.say(t="typing", channel=thread)
            await bob.say(t="ping")
            await bob.hear("pong")
            live.pass_time(0.5)
            typing = {"t": "typing", "channel": thread, "people": ["bob"]}
            assert await asha.hear() == await bob.hear() == typing
            await bob.say(t="background")
            await bob.say(t="ping")
            await bob.hear("pong")
            live.pass_time(0.5)
            assert (await asha.hear())["value"] == {"state": "away"}
        await until(lambda: len(live.gateway._connections) == 1)
        live.pass_time(5.5)
        assert await asha.hear() == typing | {"people": []}
        live.pass_time(5)
        assert (await asha.hear())["value"] == {"state": "offline"}
    assert live.node.tap.position == before, "nothing of it is stored"


async def test_a_node_may_be_set_up_to_know_nobodys_presence(tmp_path: Path) -> None:
    async with live_node(tmp_path, presence=False) as live, live.device() as device:
        await device.say(t="hello", token="asha", channels=["p:bob"])
        assert (await device.hear("watching"))["refused"] == [
            {"channel": "p:bob", "code": "forbidden"}
        ]
        await device.hear("mark")
        await device.say(t="watch", id=7, channels=["p:bob"])
        assert (await device.hear())["refused"] == [{"channel": "p:bob", "code": "forbidden"}]
        assert live.gateway.present.presence is None


# -- permessage-deflate (section 3.3, RFC 7692) --------------------------------------------------------------


async def agreed(live: LiveNode, *offers: ClientPerMessageDeflateFactory) -> str:
    """The node's answer to offers, in the order they are made."""
    async with live.device(extensions=offers or None) as device:
        response = device.socket.response
        assert response is not None
        (connection,) = live.gateway._connections
        assert (connection.form is Form.JSON_DEFLATE) is bool(device.socket.protocol.extensions)
        found = response.headers.get("Sec-WebSocket-Extensions", "")
    await until(lambda: not live.gateway._connections)
    return found


async def test_deflating_is_agreed_on_without_context_takeover(live: LiveNode) -> None:
    """What browsers and the Python client offer, and what else may be."""
    yes = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    offer = ClientPerMessageDeflateFactory
    assert await agreed(live, offer()) == yes
    assert await agreed(live, offer(True, True, None, None)) == yes
    assert (
        await agreed(live, offer(client_max_window_bits=10)) == yes + "; client_max_window_bits=10"
    )
    assert (
        await agreed(live, offer(server_max_window_bits=15)) == yes + "; server_max_window_bits=15"
    )
    assert await agreed(live) == ""


async def test_the_python_client_deflates(live: LiveNode) -> None:
    place = await tea(live)
    heard: asyncio.Queue[Event] = asyncio.Queue()
    async with Client(f"http://127.0.0.1:{live.port}", "asha", on_event=heard.put_nowait):
        await until(lambda: live.gateway.hub.hears((place,)))
        (connection,) = live.gateway._connections
        assert connection.form is Form.MSGPACK_DEFLATE
        await live.node.post("bob", place, "Because it steeps. " * 100)
        async with asyncio.timeout(SECONDS_MAX):
            assert (await heard.get()).body["text"] == "Because it steeps. " * 100


async def test_who_has_a_smaller_window_goes_on_undeflated(live: LiveNode) -> None:
    yes = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    small = ClientPerMessageDeflateFactory(server_max_window_bits=14)
    assert await agreed(live, small) == ""
    assert await agreed(live, small, ClientPerMessageDeflateFactory()) == yes


@BOTH
async def test_all_readers_share_what_was_deflated_once(
    live: LiveNode, encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await tea(live)
    ours: list[int] = []
    deflate = zlib.compressobj

    def counted(*how: int, **more: int) -> Any:
        ours.extend(how[:1])  # the client's library names its arguments
        return deflate(*how, **more)

    monkeypatch.setattr(zlib, "compressobj", counted)
    options = {"compression": "deflate"}
    async with (
        live.device(encoding, **options) as asha,
        live.device(encoding, **options) as bob,
        live.device(encoding) as plain,
    ):
        await asha.live()
        await bob.live("bob")
        await plain.live()
        ours.clear()
        text = "Because it steeps. " * 100
        await live.node.post("bob", place, text)
        heard = [await device.hear("event") for device in (asha, bob, plain)]
        assert [event["body"]["text"] for event in heard] == [text] * 3
        assert ours == [DEFLATE_LEVEL]


async def test_what_a_client_deflates_is_understood(live: LiveNode) -> None:
    place = await tea(live)
    async with live.device(compression="deflate") as device:
        await device.live()
        for n in range(3):
            command = {
                "do": "post.publish",
                "place": place,
                "kind": "update",
                "text": f"{n}" * 3_000,
            }
            await device.say(t="do", key=f"the-key-{n}", command=command)
            assert (await device.hear("done"))["ok"] is True
        (connection,) = live.gateway._connections
        assert connection._wire is None, "nothing is kept between messages"


@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_bomb_is_not_inflated(live: LiveNode, pieces: int) -> None:
    before = metric("tap_limits_hit_total", limit="CLIENT_FRAME_BYTES_MAX")
    async with live.device(compression="deflate") as device:
        await device.live()
        await device.socket.send(["x" * (50_000_000 // pieces)] * pieces)
        assert (await device.end())[0] == 1009
    await until(lambda: metric("tap_limits_hit_total", limit="CLIENT_FRAME_BYTES_MAX") > before)


# -- hostile and unlucky clients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "bad_encoding"),
        (b'{"t":"ping"}', "bad_encoding"),
        ('{"t":"ping","x":' + "[" * 50_000 + "]" * 50_000 + "}", "bad_encoding"),
    ],
)
async def test_what_is_no_frame_ends_the_connection(
    live: LiveNode, message: str | bytes, code: str
) -> None:
    async with live.device() as device:
        await device.live()
        await device.socket.send(message)
        assert (await device.hear())["error"]["code"] == code
        assert await device.end() == (CloseCode.BAD_FRAME, code)


async def test_bad_utf_8_ends_the_connection(live: LiveNode) -> None:
    """RFC 6455 8.1; in a binary message it is for the decoder to see (test_frames)."""
    before = metric("tap_websocket_closed_total", code="1007")
    async with live.device() as device:
        await device.live()
        await device.socket.send(b'{"t":"ping","x":"\xff"}', text=True)
        assert (await device.end())[0] == 1007
    await until(lambda: metric("tap_websocket_closed_total", code="1007") > before)


async def test_an_unknown_frame_is_answered_and_nothing_more(live: LiveNode) -> None:
    async with live.device() as device:
        await device.live()
        await device.say(t="sing")
        assert (await device.hear())["error"]["code"] == "unknown_kind"
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"


async def test_a_frame_that_is_too_large_is_told_so(live: LiveNode) -> None:
    before = metric("tap_limits_hit_total", limit="CLIENT_FRAME_BYTES_MAX")
    async with live.device() as device:
        await device.live()
        await device.socket.send("x" * (limits.CLIENT_FRAME_BYTES_MAX + 1))
        assert (await device.end())[0] == 1009
    await until(lambda: metric("tap_limits_hit_total", limit="CLIENT_FRAME_BYTES_MAX") > before)


async def test_a_message_may_come_in_pieces_but_not_too_many_bytes(live: LiveNode) -> None:
    async with live.device() as device:
        await device.live()
        await device.socket.send(['{"t":', '"pi', 'ng"}'])
        assert (await device.hear())["t"] == "pong"
        await device.socket.send(["x" * 100_000] * 3)
        assert (await device.end())[0] == 1009


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"subprotocols": None}, CloseCode.NO_SUBPROTOCOL),
        ({"subprotocols": ["chat"]}, CloseCode.NO_SUBPROTOCOL),
        (
            {
                "additional_headers": {"Cookie": "tap_session=asha"},
                "origin": "https://evil.example",
            },
            CloseCode.BAD_ORIGIN,
        ),
        ({"additional_headers": {"Cookie": "tap_session=asha"}}, CloseCode.BAD_ORIGIN),
    ],
)
async def test_a_handshake_we_cannot_accept_says_why(
    live: LiveNode, options: dict[str, Any], code: int
) -> None:
    async with live.device(**options) as device:
        assert (await device.end())[0] == code


async def test_an_address_that_knocks_too_often_is_told_before_the_upgrade(
    live: LiveNode,
) -> None:
    before = metric("tap_handshakes_total", outcome="rate_limited")
    hit = metric("tap_limits_hit_total", limit="HANDSHAKES_PER_10_S")
    live.gateway._addresses = Buckets(limits.HANDSHAKES_PER_10_S, 1)
    live.gateway._proxies = networks(["127.0.0.1"])
    for office in ("203.0.113.7", "203.0.113.8"):
        behind = {"additional_headers": {"X-Forwarded-For": office}}
        async with live.device(**behind) as device:
            await device.live()
            with pytest.raises(InvalidStatus) as refused:
                async with live.device(**behind):
                    pass
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert metric("tap_handshakes_total", outcome="rate_limited") == before + 2
    assert metric("tap_limits_hit_total", limit="HANDSHAKES_PER_10_S") == hit + 2


async def test_the_cookie_of_our_own_page_is_enough(live: LiveNode) -> None:
    options = {
        "additional_headers": {"Cookie": "tap_session=asha"},
        "origin": f"http://127.0.0.1:{live.port}",
    }
    async with live.device(**options) as device:
        await device.say(t="hello")
        assert (await device.hear())["person"] == "asha"


async def test_a_bearer_token_is_enough(live: LiveNode) -> None:
    headers = {"Authorization": "Bearer bob"}
    async with live.device(additional_headers=headers, origin="https://any.example") as device:
        await device.say(t="hello")
        assert (await device.hear())["person"] == "bob"


@pytest.mark.parametrize("hello", [{}, {"token": "nobody"}])
async def test_who_is_not_known_is_sent_away(live: LiveNode, hello: dict[str, str]) -> None:
    async with live.device() as device:
        await device.say(t="hello", **hello)
        bye = await device.hear()
        assert (bye["t"], bye["code"]) == ("bye", CloseCode.UNAUTHENTICATED)
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


async def test_silence_instead_of_hello_ends_in_time(live: LiveNode) -> None:
    async with live.device() as device:
        live.pass_time(limits.UNAUTHENTICATED_SECONDS_MAX - 1)
        assert len(live.gateway.wheel) == 1
        live.pass_time(1)
        assert (await device.end())[0] == CloseCode.HELLO_TIMEOUT


async def test_who_does_not_close_is_cut_off(live: LiveNode) -> None:
    raw = await raw_client(live)
    live.pass_time(limits.UNAUTHENTICATED_SECONDS_MAX)
    await until(lambda: b"no hello" in raw.received)
    live.pass_time(CLOSING_SECONDS_MAX + 1)
    await until(lambda: raw.ended)


async def test_a_person_has_a_bounded_number_of_connections(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_PER_PERSON_MAX", 1)
    async with live.device() as first:
        await first.live()
        async with live.device() as second:
            await second.say(t="hello", token="asha")
            assert (await second.end())[0] == CloseCode.TOO_MANY_CONNECTIONS
    await until(lambda: not live.gateway._people)
    async with live.device() as third:
        await third.live()


async def test_whoever_is_signed_out_loses_their_sockets(live: LiveNode) -> None:
    async with live.device() as asha, live.device() as bob:
        await asha.live()
        await bob.live("bob")
        live.secrets.revoked.add("asha")
        live.gateway.recheck("asha")
        live.gateway.recheck("bob")
        assert (await asha.end())[0] == CloseCode.UNAUTHENTICATED
        await bob.say(t="ping")
        assert (await bob.hear())["t"] == "pong"


async def test_revoked_secrets_lose_their_sockets_at_once(tmp_path: Path) -> None:
    """Within two seconds, says section 3.4: here before any time has passed."""
    async with live_node(tmp_path, auth=real_auth) as live:
        auth: Any = live.gateway._auth
        auth.on_revoked(live.gateway.recheck)
        phone, laptop = [await auth.issue("asha", "device") for _ in range(2)]
        async with live.device() as first, live.device() as second:
            await first.live(phone.secret)
            await second.live(laptop.secret)
            before = live.steady.now
            assert await auth.revoke("asha", phone.session)
            assert await first.end() == (CloseCode.UNAUTHENTICATED, "signed out")
            await second.say(t="ping")
            assert (await second.hear())["t"] == "pong"
            await auth.revoke_all("asha")
            assert await second.end() == (CloseCode.UNAUTHENTICATED, "signed out")
            assert live.steady.now == before


async def test_who_moved_is_told_so(tmp_path: Path) -> None:
    """While they are on their way their socket reads; once they are at home elsewhere it ends."""
    async with live_node(tmp_path, auth=real_auth) as live:
        auth: Any = live.gateway._auth
        auth.on_revoked(live.gateway.recheck)
        phone, abroad = await auth.issue("asha", "device"), ForeignLog("de")
        async with live.device() as device:
            await device.live(phone.secret)
            handed = PersonHandedOver(person="asha", to="de", rev=1)
            drafts = [Draft("global", "", handed, ())]
            await live.node.handler.append(lambda facts, context: Decided(drafts, {}))
            assert (await device.hear())["type"] == "person.handed_over"
            taken = PersonTakenOver(person="asha", previous="in", rev=2)
            await live.node.handler.apply(abroad.batch(START, ("", taken)))
            assert (await device.end()) == (CloseCode.UNAUTHENTICATED, "moved")


def real_auth(node: TestNode) -> Auth:
    return Auth(
        region=node.region,
        reader=node.reader,
        handler=node.handler,
        tap=node.tap,
        authenticators={},
        now=node.clock,
        entropy=Entropy("secrets"),
    )


async def test_a_revocation_while_a_secret_is_looked_up_is_not_missed(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    identify = live.secrets.identify

    async def slowly(secret: str) -> Any:
        found = await identify(secret)
        if not live.secrets.revoked:
            live.secrets.revoked.add("asha")
            live.gateway.recheck("asha")
        return found

    monkeypatch.setattr(live.secrets, "identify", slowly)
    async with live.device() as device:
        await device.say(t="hello", token="asha")
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


async def test_a_token_is_renewed_on_the_open_connection(live: LiveNode) -> None:
    ends = live.node.clock.now + 90_000
    live.secrets.expires["asha"] = ends
    async with live.device() as device:
        assert (await device.hello())["expires_at"] == ends
        await device.hear("mark")
        live.pass_time(30.5)
        assert await device.hear("expiring") == {"t": "expiring", "expires_at": ends}
        await device.say(t="token", token="bob")
        assert (await device.hear("error"))["error"]["code"] == "forbidden"
        await device.say(t="token", token="nobody")
        assert (await device.hear("error"))["error"]["code"] == "unauthenticated"
        live.secrets.expires["asha.2"] = ends + 90_000
        await device.say(t="token", token="asha.2")
        assert await device.hear() == {"t": "renewed", "expires_at": ends + 90_000}
        live.secrets.revoked.add("asha")
        live.gateway.recheck("asha")  # of the old secret: no longer what counts
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"
        live.secrets.revoked.add("asha.2")
        live.gateway.recheck("asha")
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


async def test_who_does_not_renew_has_a_grace_and_then_goes(live: LiveNode) -> None:
    live.secrets.expires["asha"] = live.node.clock.now + 20_000
    async with live.device() as device:
        await device.live()
        assert (await device.hear())["t"] == "expiring"
        (connection,) = live.gateway._connections
        live.pass_time(21)
        live.gateway.recheck("asha")
        await until(lambda: connection._heard)
        await device.say(t="ping")
        assert (await device.hear("pong"))["t"] == "pong"
        live.pass_time(24.5)
        assert await device.end() == (CloseCode.UNAUTHENTICATED, "expired")


async def test_a_lost_permission_unsubscribes_without_waiting_for_time(live: LiveNode) -> None:
    """Within two seconds, says section 6.5: here before any time has passed (I12)."""
    vault = await live.node.community("bob", visibility="private")
    role = {"community": vault[2:], "person": "asha"}
    await live.node.do("bob", "community.set_role", **role, role="member")
    post = await live.node.post("bob", vault, "psst")
    async with live.device() as device:
        await device.live(channels=["t:" + post])
        before = live.steady.now
        await live.node.do("bob", "community.set_role", **role, role="none")
        taken = await device.hear("watching")
        assert taken["refused"] == [{"channel": "t:" + post, "code": "forbidden"}]
        await device.hear("mark")
        await live.node.reply("bob", post, "unheard")
        await device.say(t="ping")
        assert (await device.hear())["t"] == "pong"
        assert live.steady.now == before


async def test_a_deactivated_person_loses_their_sockets(live: LiveNode) -> None:
    await live.node.register("boss", "region_admin")
    async with live.device() as device:
        await device.live()
        await live.node.do("boss", "person.set_status", person="asha", active=False)
        assert (await device.hear("event"))["type"] == "person.status_changed"
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


async def test_our_own_failure_says_come_back(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Secrets):
        async def identify(self, secret: str) -> Any:
            raise OSError("the disk is on fire")

    # The gateway's alone: HTTP, which lets a stream in, still finds everybody.
    monkeypatch.setattr(live.gateway, "_auth", Broken(live.node.reader, live.node.clock))
    async with live.device() as device:
        await device.say(t="hello", token="asha")
        bye = await device.hear()
        assert (bye["code"], bye["retry_ms"] > 0) == (CloseCode.UNAVAILABLE, True)
    assert "a session's request failed" in caplog.text


async def test_one_connection_that_fails_costs_nobody_else_anything(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = await tea(live)
    async with live.device() as broken, live.device() as sound:
        await broken.live()
        await sound.live()
        first, whole = next(iter(live.gateway._connections)), Connection.write

        def write(self: Connection, data: bytes) -> None:
            if self is first:
                raise RuntimeError("the handler is closed")
            whole(self, data)

        monkeypatch.setattr(Connection, "write", write)
        first.direct = NOWHERE
        posts = [await live.node.post("bob", place, text) for text in ("one", "two")]
        for post in posts:
            assert (await sound.hear("event"))["body"]["post"] == post
        await until(lambda: first not in live.gateway._connections)
    assert "a connection failed" in caplog.text


async def test_an_event_that_cannot_be_told_costs_itself_alone(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = await tea(live)
    before = metric("tap_live_failures_total", **{"class": "frame"})
    made, bad = frames.event, live.node.tap.position + 1

    def event(record: Record, form: Form, epoch: int) -> bytes:
        if record.position == bad:
            raise ValueError("this one has no frame")
        return made(record, form, epoch)

    async with live.device() as device:
        *_, mark = await device.live()
        monkeypatch.setattr(frames, "event", event)
        await live.node.post("bob", place, "cannot be told")
        told = await live.node.post("bob", place, "can be told")
        assert (await device.hear("event"))["body"]["post"] == told
    async with live.device() as device:
        await device.say(t="hello", token="asha", cursor=mark["cursor"])
        assert (await device.hear("event"))["body"]["post"] == told, "nor does who comes back"
    assert metric("tap_live_failures_total", **{"class": "frame"}) == before + 1
    assert "this one has no frame" in caplog.text


# -- slow readers ------------------------------------------------------------------------------------------------


_MARK = b'{"t":"mark"'


class Raw(asyncio.Protocol):
    """A client below websockets' level: it reads only when told to."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.received = bytearray()
        self.marks = 0
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        seen = max(0, len(self.received) - len(_MARK) + 1)
        self.received += data
        self.marks += self.received.count(_MARK, seen)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True

    def hello(self) -> None:
        """Signs in as asha; over an event stream the request has done so."""
        if self.form is Form.JSON:
            self.say(b'{"t":"hello","token":"asha"}')

    def say(self, text: bytes) -> None:
        """One masked text frame, its mask all zeros."""
        head = struct.pack("!BBH", 0x81, 0x80 | 126, len(text))
        self.transport.write(head + bytes(4) + text)


_REQUESTS = {
    Form.JSON: f"GET {PATH} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: tap.v1.json\r\n\r\n",
    Form.EVENT_STREAM: f"GET {EVENTS} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer asha\r\n\r\n",
}


async def raw_client(live: LiveNode, receive_bytes: int = 0) -> Raw:
    """Connected, with the handshake done; ``receive_bytes``: of the kernel's buffer."""
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", live.port))
    _, raw = await asyncio.get_running_loop().create_connection(partial(Raw, live.form), sock=sock)
    raw.transport.write(_REQUESTS[live.form].encode())
    await until(lambda: b"\r\n\r\n" in raw.received)
    raw.received.clear()
    return raw


async def until(condition: Any) -> None:
    """Waits for something the loop will bring about."""
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110  the node's own state has no event to wait on
            await asyncio.sleep(0.001)


async def flood(live: LiveNode, place: str, posts: int) -> list[str]:
    """Long posts: more than any buffer on the way holds."""
    text = "x" * 30_000
    many = [live.node.post("bob", place, text, title=str(n)) for n in range(posts)]
    return list(await asyncio.gather(*many))


async def test_a_reader_that_stops_costs_no_memory_and_misses_nothing(live: LiveNode) -> None:
    """I3, I9"""
    place = await tea(live)
    raw = await raw_client(live, receive_bytes=16_384)
    raw.hello()
    await until(lambda: raw.marks)
    (connection,) = live.gateway._connections
    raw.transport.pause_reading()
    async with live.device() as witness:
        await witness.live("bob")
        sent = await flood(live, place, 200)
        for _ in sent:
            await witness.hear("event")
        assert connection.session.state == "behind"
        waiting = connection._transport.get_write_buffer_size()
        assert waiting < 3 * limits.WRITE_BUFFER_BYTES_MAX
    raw.transport.resume_reading()
    await until(lambda: raw.marks == 2)
    events = [frame for frame in messages(bytes(raw.received), live.form) if frame["t"] == "event"]
    assert sorted(event["body"]["post"] for event in events) == sorted(sent)
    assert sorted(event["position"] for event in events) == [e["position"] for e in events]
    raw.transport.abort()


async def test_what_the_live_layer_does_is_measured(live: LiveNode) -> None:
    """Lag, crowds, late timers, conflation and what waits for slow readers; what is not measured nowhere
    else."""
    names = {
        "tap_live_lag_seconds_count": {},
        "tap_fan_out_connections_sum": {},
        "tap_live_timer_late_seconds_count": {},
        "tap_live_conflated_total": {"class": "value"},
    }
    place = await tea(live)
    post = await live.node.post("asha", place)
    async with live.device() as asha, live.device() as bob:
        await asha.live()
        await bob.live("bob")
        live.pass_time(0.5)
        before = {name: metric(name, **labels) for name, labels in names.items()}
        for on in (True, False):
            await live.node.do("bob", "reaction.set", target=post, reaction="helpful", on=on)
        await live.node.post("bob", place)
        await asha.hear("event")
        await until(lambda: not live.gateway.measures._published)
        live.gateway._timer.cancel()
        live.gateway._timed()
        after = {name: metric(name, **labels) for name, labels in names.items()}
    assert {name: after[name] - before[name] for name in names} == {
        "tap_live_lag_seconds_count": 3,
        "tap_fan_out_connections_sum": 1 + 1 + 2,  # bob's reactions are shown to bob alone
        "tap_live_timer_late_seconds_count": 1,
        "tap_live_conflated_total": 1,
    }


async def test_what_waits_for_slow_readers_is_measured(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "BUFFERS_MEASURED_MAX", 1)
    place = await tea(live)
    raw = await raw_client(live, receive_bytes=16_384)
    raw.say(b'{"t":"hello","token":"asha"}')
    await until(lambda: raw.marks)
    (connection,) = live.gateway._connections
    raw.transport.pause_reading()
    await flood(live, place, 200)
    await until(lambda: connection in live.gateway.measures.slow)
    live.gateway.tick()
    assert metric("tap_websocket_buffered_bytes") > limits.WRITE_BUFFER_BYTES_MAX
    raw.transport.abort()
    await until(lambda: not live.gateway.measures.slow)
    live.gateway.tick()
    assert metric("tap_websocket_buffered_bytes") == 0


async def test_a_reader_that_takes_nothing_is_given_up(live: LiveNode) -> None:
    place = await tea(live)
    raw = await raw_client(live, receive_bytes=16_384)
    raw.hello()
    await until(lambda: raw.marks)
    (connection,) = live.gateway._connections
    raw.transport.pause_reading()
    await flood(live, place, 200)
    await until(lambda: connection.session.state == "behind")
    live.pass_time(limits.STALLED_SECONDS_MAX + 1)
    await until(lambda: not live.gateway._connections)
    raw.transport.abort()


FIRST_PING_SECONDS = 0.75 * limits.PING_SECONDS
"""Half way between 12.5 and 25 s: the test's chance is 0.5."""
PONG_SECONDS = limits.PONG_SECONDS_MAX + 0.5
"""With what the slots of the wheel add."""


async def pinged(live: LiveNode) -> Raw:
    """A client that says hello, and then nothing: its first ping has just come."""
    raw = await raw_client(live)
    raw.hello()
    await until(lambda: raw.marks)
    live.pass_time(FIRST_PING_SECONDS - 1)
    assert not raw.received.endswith(b"\x89\x00")
    live.pass_time(1.5)
    await until(lambda: raw.received.endswith(b"\x89\x00"))
    return raw


async def test_who_does_not_answer_a_ping_is_gone_ten_seconds_later(live: LiveNode) -> None:
    before = metric("tap_limits_hit_total", limit="PONG_SECONDS_MAX")
    raw = await pinged(live)
    live.pass_time(limits.PONG_SECONDS_MAX - 1)
    assert live.gateway._connections
    live.pass_time(1.5)
    await until(lambda: raw.ended)
    assert metric("tap_limits_hit_total", limit="PONG_SECONDS_MAX") == before + 1


async def test_any_byte_counts_as_an_answer_and_the_dead_are_gone_within_35_seconds(
    live: LiveNode,
) -> None:
    raw = await pinged(live)
    (connection,) = live.gateway._connections
    raw.transport.write(b"\x81")  # not even a frame
    await until(lambda: connection._heard)
    for _ in range(2 * limits.PING_SECONDS - 1):
        live.pass_time(0.5)
    assert live.gateway._connections
    for _ in range(2 * limits.PONG_SECONDS_MAX + 1):
        live.pass_time(0.5)
    await until(lambda: raw.ended)


async def test_nobody_is_judged_right_after_our_own_stall(live: LiveNode) -> None:
    raw = await pinged(live)
    live.steady.now += int(PONG_SECONDS * 1000)
    live.gateway._expected -= 2 * limits.VALUE_SECONDS_MIN  # the timer comes a second late
    live.gateway._timer.cancel()
    live.gateway._timed()
    assert live.gateway._connections, "what it said meanwhile is still unread"
    raw.transport.write(b"\x81")
    (connection,) = live.gateway._connections
    await until(lambda: connection._heard)
    live.pass_time(0.5)
    assert live.gateway._connections
    raw.transport.abort()


async def test_who_took_what_waited_is_alive(live: LiveNode) -> None:
    """A paused connection is not read from, so its silence says nothing."""
    raw = await pinged(live)
    (connection,) = live.gateway._connections
    connection.pause_writing()
    live.pass_time(limits.PONG_SECONDS_MAX + 1)
    connection.resume_writing()
    live.pass_time(limits.STALLED_SECONDS_MAX)
    assert live.gateway._connections
    raw.transport.abort()


async def test_who_answers_pings_stays_and_is_marked_and_rechecked(live: LiveNode) -> None:
    async with live.device() as device:
        await device.live()
        (connection,) = live.gateway._connections
        await live.node.community("bob", visibility="private")
        for n in range(RECHECK_PINGS):
            live.pass_time(limits.PING_SECONDS)
            if n == 0:
                here = str(Cursor(live.node.tap.epoch, live.node.tap.position))
                assert await device.hear() == {"t": "mark", "cursor": here}
            await until(lambda: connection._heard)
            live.pass_time(limits.PONG_SECONDS_MAX)
        live.secrets.revoked.add("asha")
        for _ in range(RECHECK_PINGS):
            await until(lambda: connection._heard or connection._closing)
            live.pass_time(limits.PONG_SECONDS_MAX)
            live.pass_time(limits.PING_SECONDS)
        assert (await device.end())[0] == CloseCode.UNAUTHENTICATED


# -- restored ----------------------------------------------------------------------------------------------------------


async def test_a_restored_node_lets_nobody_in_before_it_knows_what_was_erased(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metric("tap_handshakes_total", outcome="recovering")
    refusal = Refusal(Code.RECOVERING, "this node was restored; try again shortly")
    with monkeypatch.context() as patch:
        patch.setattr(live.gateway, "hidden", lambda: refusal)
        with pytest.raises(InvalidStatus) as refused:
            async with live.device():
                pass
    assert refused.value.response.status_code == 503
    assert refused.value.response.body == b"This node was restored; try again shortly.\n"
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert metric("tap_handshakes_total", outcome="recovering") == before + 1
    async with live.device() as device:
        await device.live()


# -- stopping --------------------------------------------------------------------------------------------------------


async def test_a_stopping_node_says_when_to_come_back(live: LiveNode) -> None:
    async with live.device() as device:
        await device.live()
        closing = asyncio.ensure_future(live.gateway.close())
        bye = await device.hear()
        assert (bye["t"], bye["code"], bye["reason"]) == ("bye", 1001, "stopping")
        assert bye["retry_ms"] >= 500
        assert (await device.end())[0] == 1001
        await closing
    with pytest.raises(InvalidStatus) as refused:
        async with live.device():
            pass
    assert refused.value.response.status_code == 503
    assert "Retry-After" in refused.value.response.headers


async def test_a_stopping_node_closes_at_a_bounded_rate_and_serves_whose_turn_has_not_come(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "CLOSES_PER_SLICE", 1)
    place = await tea(live)
    pauses: asyncio.Queue[float] = asyncio.Queue()
    go_on = asyncio.Event()

    async def pause(seconds: float) -> None:
        await pauses.put(seconds)
        await go_on.wait()

    monkeypatch.setattr(live.gateway, "_pause", pause)
    async with live.device() as first, live.device() as second:
        await first.live()
        await second.live("bob")
        closing = asyncio.ensure_future(live.gateway.close())
        assert await pauses.get() == 1 / gateway.CLOSES_PER_SECOND
        assert (await first.end())[0] == 1001
        command = {"do": "post.publish", "place": place, "kind": "update", "text": "still"}
        await second.say(t="do", key="my-last-key", command=command)
        assert (await second.hear("done"))["ok"]
        go_on.set()
        assert (await second.hear("bye"))["retry_ms"] >= gateway.RETRY_MS_MIN
        assert (await second.end())[0] == 1001
        await closing


async def test_a_stopping_node_never_waits_longer_than_it_may(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "DRAIN_SECONDS_MAX", 0)
    raw = await raw_client(live)
    await live.gateway.close()
    await until(lambda: raw.ended)


@pytest.mark.parametrize(("clients", "seconds"), [(100, 0.05), (10_000, 5), (100_000, 15)])
async def test_however_many_there_are_all_are_told_in_time(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch, clients: int, seconds: float
) -> None:
    told = 0

    class Told:
        def feed(self, what: Any) -> None:
            nonlocal told
            told += 1

    waited = 0.0

    async def pause(some: float) -> None:
        nonlocal waited
        waited += some

    monkeypatch.setattr(live.gateway, "_pause", pause)
    monkeypatch.setattr(live.gateway, "_connections", {Told(): None for _ in range(clients)})
    await live.gateway._drain()
    monkeypatch.undo()
    assert told == clients
    assert waited == pytest.approx(seconds * (1 - gateway.CLOSES_PER_SLICE / clients))


async def test_a_connection_is_freed_without_the_collector(live: LiveNode) -> None:
    """A node's collector hardly runs: whoever went must not be held by a cycle."""

    def held() -> int:
        return sum(issubclass(type(one), Connection) for one in gc.get_objects())

    await tea(live)
    gc.collect()  # what earlier tests left in cycles is not this node's
    before = held()
    gc.disable()
    try:
        for _ in range(5):
            async with live.device() as device:
                await device.live()
                assert held() > before
        await until(lambda: held() == before)
    finally:
        gc.enable()


async def test_every_connection_leaves_nothing_behind(live: LiveNode) -> None:
    before = metric("tap_websocket_connections", encoding="tap.v1.json")
    for _ in range(3):
        async with live.device() as device:
            await device.live()
    await until(lambda: not live.gateway._connections)
    assert len(live.gateway.wheel) == 0
    assert not live.gateway._people
    assert not live.gateway.hub._channels
    assert metric("tap_websocket_connections", encoding="tap.v1.json") == before


# -- all at once -------------------------------------------------------------------------------------------------------


class Wanderer:
    """A client that loses its connection at random moments and resumes from its cursor."""

    def __init__(self, live: LiveNode, encoding: Encoding) -> None:
        self.live, self.encoding = live, encoding
        self.cursor = ""
        self.heard: list[str] = []
        self.verdicts: list[str] = []

    async def connect(self, until_heard: int) -> None:
        """Stays until it has heard so many posts in all."""
        async with self.live.device(self.encoding) as device:
            more = {"cursor": self.cursor} if self.cursor else {}
            welcome = await device.hello(**more)
            self.verdicts.append(welcome["resume"])
            self.cursor = welcome["cursor"]
            while len(self.heard) < until_heard:
                await self._hear(device)
            device.cut()

    async def _hear(self, device: Speaker) -> None:
        frame = await device.hear()
        if frame["t"] == "mark":
            self.cursor = frame["cursor"]
        elif frame["t"] == "event":
            self.heard.append(frame["body"]["post"])
            self.cursor = str(Cursor(self.live.node.tap.epoch, frame["position"]))


async def test_nothing_is_lost_or_repeated_over_many_drops(live: LiveNode) -> None:
    """I3, on real sockets, with a ring too small for those who stay away."""
    place = await tea(live)
    live.gateway.hub.ring = Ring(live.node.tap.position, events_max=20)
    wanderers = [Wanderer(live, encoding) for encoding in Encoding for _ in range(4)]
    sent: list[str] = []

    async def publish() -> None:
        while len(sent) < 160:
            sent.extend(await asyncio.gather(*[live.node.post("bob", place) for _ in range(8)]))

    async def wander(number: int, wanderer: Wanderer) -> None:
        await wanderer.connect(0)
        for stop in range(number + 1, 160, 9 + 7 * number):
            await wanderer.connect(stop)
        await wanderer.connect(160)

    async with asyncio.timeout(3 * SECONDS_MAX), asyncio.TaskGroup() as group:
        for number, wanderer in enumerate(wanderers):
            group.create_task(wander(number, wanderer))
        await until(lambda: all(wanderer.cursor for wanderer in wanderers))
        group.create_task(publish())
    for wanderer in wanderers:
        assert wanderer.heard == wanderers[0].heard
        assert sorted(wanderer.heard) == sorted(sent)
    assert {"fresh", "complete"} <= {one for w in wanderers for one in w.verdicts}


async def test_the_event_that_turns_somebody_comes_before_what_follows_it(live: LiveNode) -> None:
    """I3: also when what they may hear from then on is remembered already, as another device asked first."""
    place = await tea(live)
    async with live.device() as phone:
        await phone.live("bob")
        live.gateway._fanning = iter(
            ()
        )  # a large audience is being written to: what comes now waits
        await live.node.do("bob", "membership.set", community=place[2:], joined=False)
        await live.node.do("asha", "profile.change", name="Asha D.")
        await live.gateway._look_up({"bob"})
        live.gateway._fanning = None
        live.gateway._fan_out()
        heard = [await phone.hear() for _ in range(3)]
        assert [one.get("type", one["t"]) for one in heard] == [
            "membership.changed",
            "person.profile_changed",
            "mark",
        ]


async def test_a_cursor_the_fan_out_has_not_reached_is_no_cursor_ahead(live: LiveNode) -> None:
    """I3: a first load and a thread are as of the log, which a large audience is told of a little later."""
    place = await tea(live)
    async with live.device() as device:
        await device.live("asha")
    asha = await live.secrets.identify("asha")
    assert isinstance(asha, Identity)
    live.secrets.known["asha"] = asha
    live.gateway._fanning = iter(())
    await live.node.post("bob", place, "in the first load")
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    async with live.device() as device:
        await device.say(t="hello", token="asha", cursor=cursor)
        await device.say(t="ping")
        await device.hear("pong")
        live.gateway._fanning = None
        live.gateway._fan_out()
        welcome = await device.hear("welcome")
        assert (welcome["resume"], welcome["cursor"]) == ("complete", cursor)
        assert (await device.hear())["t"] == "mark"


async def test_a_thread_fetched_before_the_fan_out_is_followed_without_a_gap(
    live: LiveNode,
) -> None:
    place = await live.node.community("bob")
    question = await live.node.post("bob", place, "why?", "question", title="Why?")
    async with live.device() as device:
        await device.live()
        live.gateway._fanning = iter(())
        await live.node.reply("bob", question, "in the thread that was fetched")
        cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
        await device.say(t="watch", id=7, channels=["t:" + question], since=cursor)
        await device.say(t="ping")
        await device.hear("pong")
        await live.node.reply("bob", question, "after")
        live.gateway._fanning = None
        live.gateway._fan_out()
        assert (await device.hear())["body"]["text"] == "after"
        watching = await device.hear()
        assert (watching["channels"], watching["refused"]) == (["t:" + question], [])


async def test_a_page_in_hand_says_nothing_of_what_is_erased_meanwhile(
    live: LiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await tea(live)
    cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
    post = await live.node.post("bob", place, "regretted")
    live.gateway.hub.ring = Ring(live.node.tap.position)
    read = live.node.tap.channel_page

    async def erased_after(*asked: Any) -> Any:
        monkeypatch.setattr(live.node.tap, "channel_page", read)
        found = await read(*asked)
        await live.node.do("bob", "content.erase", scope="post", target=post)
        return found

    monkeypatch.setattr(live.node.tap, "channel_page", erased_after)
    async with live.device() as device:
        heard = await device.live(cursor=cursor)
    assert [one["type"] for one in heard if one["t"] == "event"] == ["erasure.requested"]


async def test_values_on_their_way_are_not_told_to_who_may_not_hear_them_any_more(
    tmp_path: Path,
) -> None:
    """I12"""
    may_go = asyncio.Event()

    async def load(reader: Reader, keys: Collection[Any]) -> tuple[int, dict[Any, Any]]:
        found = await load_values(reader, keys)
        await may_go.wait()
        return found

    async with live_node(tmp_path, load_values=load) as live:
        place = await tea(live)
        post = await live.node.post("bob", place, "hello")
        cursor = str(Cursor(live.node.tap.epoch, live.node.tap.position))
        await live.node.do("asha", "reaction.set", target=post, reaction="helpful", on=True)
        live.pass_time(1)
        async with live.device() as device:
            await device.live("bob", cursor=cursor)
            await live.node.do("bob", "membership.set", community=place[2:], joined=False)
            await device.hear("mark")
            may_go.set()
            await device.say(t="ping")
            assert (await device.hear())["t"] == "pong"
