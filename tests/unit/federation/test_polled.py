"""Polled connections: the same links where no websocket gets through, and what strangers may try."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.domain import limits
from server.federation import frames, peers, polled, polling
from server.federation.connection import Gone
from server.federation.dialled import POLLED_PATH, PeerAddress
from server.federation.frames import Fault, Hello
from server.federation.handshake import Handshake, Identity
from server.federation.peers import FUTILE_MAX, Peer
from server.federation.polled import PolledSocket, joined, parted
from server.federation.steps import State
from tests.unit.federation.lab import key_of, roster_of
from tests.unit.federation.nodes import Region, live, now, region_of

pytestmark = pytest.mark.usefixtures("limit")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way from the first failed upgrade to polling is one of back-offs, tested elsewhere."""
    monkeypatch.setattr(peers, "FUTILE_MAX", 1)
    monkeypatch.setattr(limits, "BACKOFF_SECONDS_MAX", 0.3)


async def test_two_regions_exchange_their_logs_though_no_websocket_gets_through(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    async with (
        region_of(tmp_path, "fr", socks, websockets=False) as fr,
        region_of(tmp_path, "de", socks, websockets=False) as de,
    ):
        await live(de, fr)
        for region, person in ((de, "anna"), (fr, "luc")):
            await region.node.register(person)
            place = await region.node.community(person, "Tea")
            for number in range(40):
                await region.node.post(person, place, f"post {number}")
        for here, there in ((de, fr), (fr, de)):
            for lane in ("global", "control"):
                await there.holds(*here.own(lane))


async def test_who_stops_says_so_over_polls_too(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with region_of(tmp_path, "de", socks) as de:
        async with region_of(tmp_path, "fr", socks, websockets=False) as fr:
            await live(de, fr)
        await de.links.reached("fr", State.BACKING_OFF)
        assert "stopping" in (de.status("fr").last_error or "")


async def test_a_dialling_end_that_stops_is_noticed(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with region_of(tmp_path, "fr", socks, websockets=False) as fr:
        async with region_of(tmp_path, "de", socks) as de:
            await live(de, fr)
        await fr.links.reached("de", State.IDLE)


async def test_the_websocket_is_tried_again_after_a_while(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    socks.pop("in").close()
    monkeypatch.setattr(polling, "POLLED_SECONDS_MAX", 0)
    async with (
        region_of(tmp_path, "fr", socks, websockets=False),
        region_of(tmp_path, "de", socks) as de,
    ):
        while de.status("fr").last_error != "trying a websocket again":
            await de.links.reached("fr", State.BACKING_OFF)
            await de.links.reached("fr", State.DIALING)


def test_polling_comes_after_websockets_that_came_to_nothing() -> None:
    peer = Peer(PeerAddress("fr", "http://fr", (), True), None)  # type: ignore[arg-type]
    peers.FUTILE_MAX = FUTILE_MAX
    for _ in range(FUTILE_MAX - 1):
        peer.websocket_tried(futile=True)
    assert not peer.polls
    peer.websocket_tried(futile=True)
    assert peer.polls
    peer.poll_tried()
    assert not peer.polls, "a websocket in between"
    peer.websocket_tried(futile=True)
    assert peer.polls
    peer.websocket_tried(futile=False)
    assert not peer.polls


def test_addresses_become_those_of_polls() -> None:
    for url, polled_url in (
        ("https://tap.fr.example.com/", "https://tap.fr.example.com/federation/v1/polled"),
        ("ws://127.0.0.1:8420", "http://127.0.0.1:8420/federation/v1/polled"),
    ):
        assert PeerAddress("fr", url, (), True).polled_url == polled_url


async def test_a_proxy_that_compresses_where_it_may_changes_nothing() -> None:
    """Answers are read as they are on the line."""

    async def proxied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for body in (b"0" * 2 * polled.NAME_BYTES, joined([b"a message" * 100])):
            request = (await reader.readuntil(b"\r\n\r\n")).lower()
            packs = b"gzip" in request
            body = gzip.compress(body) if packs else body
            head = b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n"
            head += b"content-encoding: gzip\r\n\r\n" if packs else b"\r\n"
            status = 201 if request.startswith(b"post /federation/v1/polled ") else 200
            writer.write(head % (status, len(body)) + body)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(proxied, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with polling.connect(f"http://127.0.0.1:{port}{POLLED_PATH}", None) as socket:
            assert await socket.receive() == b"a message" * 100


# ---------------------------------------------------------------- strangers


@pytest.fixture
async def region(tmp_path: Path, socks: dict[str, Any]) -> AsyncIterator[Region]:
    """de, whose peers fr and in never answer."""
    async with region_of(tmp_path, "de", socks) as de:
        yield de


@pytest.fixture
async def client(region: Region) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://127.0.0.1:{region.port}{POLLED_PATH}"
    async with httpx.AsyncClient(base_url=base, trust_env=False) as made:
        yield made


async def _open(client: httpx.AsyncClient) -> str:
    opened = await client.post("")
    assert opened.status_code == 201
    assert len(opened.text) == 2 * polled.NAME_BYTES
    return opened.text


async def _say(client: httpx.AsyncClient, name: str, *messages: bytes) -> int:
    return (await client.post(f"/{name}/say", content=joined(messages))).status_code


async def _hear(client: httpx.AsyncClient, name: str) -> list[frames.Frame]:
    answer = await client.post(f"/{name}/hear")
    assert answer.status_code == 200
    return [frames.decode(message) for message in parted(answer.content)]


async def test_a_polled_stranger_is_told_why_and_then_it_is_over(client: httpx.AsyncClient) -> None:
    name = await _open(client)
    assert await _say(client, name, b"\xc1") == 204
    (fault,) = await _hear(client, name)
    assert isinstance(fault, Fault)
    assert fault.code == "bad_encoding"
    closed = await client.post(f"/{name}/hear")
    assert (closed.status_code, closed.text) == (410, "4400 bad_encoding")
    assert await _say(client, name, b"more") == 410


async def test_a_polled_pretender_does_not_get_past_the_proof(
    region: Region, client: httpx.AsyncClient
) -> None:
    end = Handshake(Identity("fr", 7, key_of("mallory")), "de", roster_of("de"), "dial", b"n" * 32)
    name = await _open(client)
    await _say(client, name, frames.encode(end.opening(now())))
    (answer,) = await _hear(client, name)
    assert isinstance(answer, Hello)
    last = end.receive(answer, now())
    assert last
    await _say(client, name, frames.encode(last))
    (fault,) = await _hear(client, name)
    assert isinstance(fault, Fault)
    assert fault.code == "bad_signature"
    assert (await client.post(f"/{name}/hear")).text == "4403 bad_signature"
    assert region.status("fr").state != State.CATCHING_UP


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\x00\x00\x00\x09short", 400),
        (b"\xff\xff\xff\xff", 400),
        (bytes(polled.BODY_BYTES_MAX + 1), 413),
    ],
)
async def test_malformed_requests_are_declined(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    name = await _open(client)
    assert (await client.post(f"/{name}/say", content=body)).status_code == status


async def test_what_does_not_exist_is_said(client: httpx.AsyncClient) -> None:
    name = await _open(client)
    assert (await client.post(f"/{'0' * 32}/hear")).status_code == 410
    assert (await client.get(f"/{name}/hear")).status_code == 404
    assert (await client.post(f"/{name}/shout")).status_code == 404
    assert (await client.delete(f"/{name}")).status_code == 204
    assert (await client.post(f"/{name}/hear")).status_code == 410


async def test_i9_polled_connections_are_few(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polled, "POLLED_MAX", 1)
    await _open(client)
    assert (await client.post("")).status_code == 503


async def test_a_node_that_does_not_run_opens_nothing(
    region: Region, client: httpx.AsyncClient
) -> None:
    await region.links.close()
    assert (await client.post("")).status_code == 410


# ---------------------------------------------------------------- the socket


def test_messages_survive_being_joined() -> None:
    for messages in ([], [b""], [b"a", b"", b"bcd" * 1000]):
        assert parted(joined(messages)) == messages
    for short in (b"\x00", b"\x00\x00\x00\x01", b"\x00\x00\x00\x05abcd"):
        with pytest.raises(ValueError, match="cut short"):
            parted(short)


async def test_hearing_waits_for_something_and_ends_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    socket = PolledSocket()
    monkeypatch.setattr(limits, "LONG_POLL_SECONDS_MAX", 0.01)
    assert await socket.hear() == []
    monkeypatch.setattr(limits, "LONG_POLL_SECONDS_MAX", 25)
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(socket.hear())
        await socket.send(b"one", b"two")
    assert hearing.result() == [b"one", b"two"]


async def test_i9_who_does_not_hear_holds_the_sender_back() -> None:
    socket = PolledSocket()
    await socket.send(b"one")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await socket.send(b"two")
    assert await socket.hear() == [b"one"]


async def test_a_socket_that_is_left_ends_everybody_s_waiting() -> None:
    socket = PolledSocket()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(_gone(act)) for act in (socket.receive, socket.hear)]
        await socket.leave("the line was cut")
    assert [task.result() for task in waiting] == ["the line was cut"] * 2
    for act in (lambda: socket.send(b"x"), lambda: socket.say([b"x"])):
        assert await _gone(act) == "the line was cut"


async def _gone(act: Any) -> str:
    with pytest.raises(Gone) as gone:
        await act()
    return str(gone.value)


async def test_who_does_not_ask_any_more_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polled, "CLOSE_SECONDS_MAX", 0.01)
    socket = PolledSocket()
    await socket.close(1001, "stopping")
    assert await _gone(socket.hear) == "1001 stopping"
