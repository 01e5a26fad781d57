"""Links over real websockets on loopback: real logs, real writer, and everything an intruder may try."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
from msgspec.structs import replace
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from server import __version__
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import LaneKey
from server.federation import frames, gauges, links, steps
from server.federation.connection import SUBPROTOCOL
from server.federation.frames import Fault, Hello, Ping
from server.federation.handshake import Handshake, Identity
from server.federation.links import Links, PeerAddress
from server.federation.steps import State
from server.ops import listener
from server.storage import event_log
from tests.support.node import TestNode, open_test_node
from tests.unit.federation.lab import key_of, public_of, roster_of

GROUPS: Mapping[str, tuple[str, ...]] = {"eu": ("de", "fr")}
SECONDS_MAX = 20
"""Everything here takes milliseconds; this only ends a test that hangs."""


def _now() -> int:
    return time.time_ns() // 1_000_000


class Region:
    """A node, its links and the port they answer on."""

    def __init__(self, node: TestNode, between: Links, port: int) -> None:
        self.node, self.links, self.port = node, between, port

    async def holds(self, key: LaneKey, seq: int) -> None:
        """Returns once a lane's copy here reaches ``seq``."""
        while self.node.handler.lane_tip(key) < seq:
            await self.node.tap.moved(self.node.tap.position)

    def own(self, lane: str = "global") -> tuple[LaneKey, int]:
        key = LaneKey(self.node.region, self.node.handler.epoch, lane)
        return key, self.node.handler.lane_tip(key)

    def status(self, peer: str) -> links.LinkStatus:
        return next(status for status in self.links.status() if status.region == peer)


def _links(node: TestNode, ports: dict[str, int], **changed: Any) -> Links:
    others = [region for region in ports if region != node.region]
    settings: dict[str, Any] = {
        "region": node.region,
        "epoch": node.handler.epoch,
        "peers": [
            PeerAddress(
                other, f"http://127.0.0.1:{ports[other]}", (public_of(other),), node.region < other
            )
            for other in others
        ],
        "groups": GROUPS,
        "private": key_of(node.region),
        "reader": node.reader,
        "handler": node.handler,
        "tap": node.tap,
        "clock": _now,
        "entropy": os.urandom,
    }
    return Links(**(settings | changed))


@contextlib.asynccontextmanager
async def _served(between: Links, sock: Any) -> AsyncIterator[None]:
    """The links running, and their endpoint behind Starlette under uvicorn."""
    app = Starlette(routes=[WebSocketRoute(links.PATH, between.endpoint)])
    http = listener.server(
        app,
        {links.PATH: listener.asgi_websocket},
        ws_max_size=limits.PEER_FRAME_BYTES_MAX,
        ws_ping_interval=None,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(http.serve(sockets=[sock]))
        tasks.create_task(between.run())
        await http.ready.wait()
        try:
            yield
        finally:
            await between.close()
            http.should_exit = True


@contextlib.asynccontextmanager
async def _region(
    folder: Path, name: str, socks: dict[str, Any], **changed: Any
) -> AsyncIterator[Region]:
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    groups = {name: frozenset(members) for name, members in GROUPS.items()}
    async with open_test_node(folder, name, groups=groups) as node:
        between = _links(node, ports, **changed)
        async with _served(between, socks[name]):
            yield Region(node, between, ports[name])


@pytest.fixture
def socks() -> Any:
    found = {region: listener.bind("127.0.0.1", 0) for region in ("de", "fr", "in")}
    yield found
    for sock in found.values():
        sock.close()


@pytest.fixture
async def limit() -> AsyncIterator[None]:
    async with asyncio.timeout(SECONDS_MAX):
        yield


pytestmark = pytest.mark.usefixtures("limit")


async def _live(*regions: Region) -> None:
    for a in regions:
        for b in regions:
            if a is not b:
                await a.links.reached(b.node.region, State.LIVE)


# ---------------------------------------------------------------- regions that agree


async def test_two_regions_exchange_their_logs_over_loopback(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
    ):
        await _live(de, fr)
        for region, person in ((de, "anna"), (fr, "luc")):
            await region.node.register(person)
            place = await region.node.community(person, "Tea")
            for number in range(20):
                await region.node.post(person, place, f"post {number}")
        for here, there in ((de, fr), (fr, de)):
            for lane in ("global", "control"):
                await there.holds(*here.own(lane))
        async with de.node.reader.snapshot() as ours, fr.node.reader.snapshot() as theirs:
            key, _ = de.own()
            original = await event_log.lane_page(ours, key, 0)
            assert await event_log.lane_page(theirs, key, 0) == original
        status = de.status("fr")
        assert (status.state, status.dialled_by) == (State.LIVE, "de")
        assert status.events_out >= 20
        assert status.events_in >= 20


async def test_an_operator_sees_each_peer_and_its_lanes(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
        _region(tmp_path, "in", socks) as india,
    ):
        await _live(de, fr, india)
        await de.node.register("anna")
        near = await de.node.community("anna", "Tea", audience="group.eu")
        await de.node.post("anna", near)
        for there in (fr, india):
            await there.holds(*de.own())
        await fr.holds(*de.own("group.eu"))
        known = {
            peer: {lane.lane: lane for lane in lanes} for peer, lanes in de.links.lanes().items()
        }
        assert known["fr"].keys() == {"control", "global", "group.eu"}
        assert known["in"].keys() == {"control", "global"}, "nothing of a lane it may not have"
        status = de.status("fr")
        assert (status.version, status.software) == (1, __version__)
        assert status.silent_ms is not None
        assert status.credit_bytes == limits.CREDIT_BYTES
        assert status.certificate_until is None, "without TLS there is none"
        gauges.measure(de.links.status(), _now())
        silent = REGISTRY.get_sample_value("tap_peer_silent_seconds", {"peer": "fr"})
        assert silent is not None
        assert silent < SECONDS_MAX
        assert REGISTRY.get_sample_value("tap_peer_protocol_version", {"peer": "fr"}) == 1


async def test_i8_what_is_for_two_regions_is_not_on_the_third(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
        _region(tmp_path, "in", socks) as india,
    ):
        await _live(de, fr, india)
        await de.node.register("anna")
        for audience in ("local", "group.eu", "global"):
            place = await de.node.community("anna", f"Tea {audience}", audience=audience)
            await de.node.post("anna", place)
        await fr.holds(*de.own("group.eu"))
        await fr.holds(*de.own("global"))
        await india.holds(*de.own("global"))
        async with india.node.reader.snapshot() as snapshot:
            lanes = {key.lane for key in await event_log.lane_tips(snapshot)}
        assert "group.eu" not in lanes
        assert fr.node.handler.lane_tip(de.own("local")[0]) == 0


async def test_a_region_that_was_away_catches_up(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with _region(tmp_path, "de", socks) as de:
        async with open_test_node(tmp_path, "fr") as node:
            first = _links(node, ports)
            async with _served(first, socks["fr"]):
                await first.reached("de", State.LIVE)
        await de.links.reached("fr", State.BACKING_OFF)
        await de.node.register("anna")
        place = await de.node.community("anna")
        for number in range(300):
            await de.node.post("anna", place, f"post {number}")
        socks["fr"] = listener.bind("127.0.0.1", ports["fr"])
        async with _region(tmp_path, "fr", socks) as fr:
            await fr.holds(*de.own())
            await de.links.reached("fr", State.LIVE)
            assert fr.status("de").events_in >= 300


async def test_who_stops_says_so(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with _region(tmp_path, "de", socks) as de:
        async with _region(tmp_path, "fr", socks) as fr:
            await _live(de, fr)
        await de.links.reached("fr", State.BACKING_OFF)
        assert "stopping" in (de.status("fr").last_error or "")


async def test_a_peer_with_another_key_is_refused(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with (
        _region(tmp_path, "de", socks, private=key_of("mallory")) as de,
        _region(tmp_path, "fr", socks) as fr,
    ):
        await de.links.reached("fr", State.REFUSED)
        assert "bad_signature" in (de.status("fr").last_error or "")
        assert fr.status("de").state == State.IDLE


# ---------------------------------------------------------------- intruders


@contextlib.asynccontextmanager
async def _intruder(
    port: int, subprotocol: str = SUBPROTOCOL
) -> AsyncIterator[websockets.asyncio.client.ClientConnection]:
    async with websockets.asyncio.client.connect(
        f"ws://127.0.0.1:{port}{links.PATH}",
        subprotocols=[Subprotocol(subprotocol)],
        compression=None,
        proxy=None,
    ) as connection:
        yield connection


async def _end(connection: websockets.asyncio.client.ClientConnection) -> tuple[str, int]:
    """The ERROR's code, if there was one, and the close code."""
    code = ""
    with contextlib.suppress(ConnectionClosed):
        while True:
            frame = frames.decode(await connection.recv(decode=False))
            code = frame.code if isinstance(frame, Fault) else code
    return code, connection.close_code or 0


@pytest.fixture
async def region(tmp_path: Path, socks: dict[str, Any]) -> AsyncIterator[Region]:
    """de, whose peers fr and in never answer."""
    async with _region(tmp_path, "de", socks) as de:
        yield de


def _opening(region: str, key: str) -> tuple[Handshake, bytes]:
    end = Handshake(Identity(region, 7, key_of(key)), "de", roster_of("de"), "dial", os.urandom(32))
    return end, frames.encode(end.opening(_now()))


@pytest.mark.parametrize(
    ("first", "code", "close"),
    [
        (b"\xc1", "bad_encoding", 4400),
        (b"\x91\x63", "unknown_kind", 4400),
        ("a text message", "bad_frame", 4400),
        (frames.encode(Ping(5)), "bad_frame", 4400),
        (_opening("xx", "xx")[1], "unknown_peer", 4403),
        (b"\x00" * (limits.PEER_FRAME_BYTES_MAX + 1), "", 1009),
    ],
)
async def test_a_stranger_is_turned_away(
    region: Region, first: bytes | str, code: str, close: int
) -> None:
    async with _intruder(region.port) as connection:
        await connection.send(first)
        assert await _end(connection) == (code, close)


async def test_a_pretender_does_not_get_past_the_proof(region: Region) -> None:
    end, opening = _opening("fr", "mallory")
    async with _intruder(region.port) as connection:
        await connection.send(opening)
        answer = frames.decode(await connection.recv(decode=False))
        assert isinstance(answer, Hello)
        last = end.receive(answer, _now())
        assert last
        await connection.send(frames.encode(last))
        assert await _end(connection) == ("bad_signature", 4403)
    assert region.status("fr").state != State.CATCHING_UP


async def test_a_hello_for_another_region_is_refused(region: Region) -> None:
    _, opening = _opening("fr", "fr")
    hello = frames.decode(opening)
    assert isinstance(hello, Hello)
    async with _intruder(region.port) as connection:
        await connection.send(frames.encode(replace(hello, to="in")))
        assert await _end(connection) == ("unknown_peer", 4403)


async def test_another_subprotocol_is_told_which_one_is_spoken(region: Region) -> None:
    async with _intruder(region.port, "tap.v1.json") as connection:
        assert await _end(connection) == ("", 4406)
        assert SUBPROTOCOL in (connection.close_reason or "")


async def test_i9_strangers_are_few(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "STRANGERS_MAX", 1)
    async with _intruder(region.port) as silent, _intruder(region.port) as connection:
        # The first one is counted once its handshake went through on the other side.
        await silent.ping()
        assert await _end(connection) == ("overloaded", 4503)


# ---------------------------------------------------------------- our own trouble


class _FailingOnce:
    """A reader or writer whose first use fails."""

    def __init__(self, inner: Any, name: str) -> None:
        self._inner, self._name, self.failed = inner, name, False

    def __getattr__(self, name: str) -> Any:
        if name == self._name and not self.failed:
            self.failed = True
            raise OSError("the disk is on fire")
        return getattr(self._inner, name)


async def test_a_log_that_cannot_be_read_is_tried_again(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with open_test_node(tmp_path, "de") as node, _region(tmp_path, "fr", socks) as fr:
        failing = _FailingOnce(node.reader, "snapshot")
        between = _links(node, ports, reader=failing)
        async with _served(between, socks["de"]):
            await between.reached("fr", State.LIVE)
            assert failing.failed
            await fr.links.reached("de", State.LIVE)


async def test_a_page_that_cannot_be_read_is_tried_again(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with open_test_node(tmp_path, "de") as node, _region(tmp_path, "fr", socks) as fr:
        between = _links(node, ports)
        failing = between._pages = _FailingOnce(between._pages, "page")  # type: ignore[assignment]
        async with _served(between, socks["de"]):
            await fr.holds(*Region(node, between, 0).own("control"))
            assert failing.failed


async def test_a_writer_that_fails_is_tried_again(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with open_test_node(tmp_path, "de") as node, _region(tmp_path, "fr", socks) as fr:
        failing = _FailingOnce(node.handler, "apply")
        between = _links(node, ports, handler=failing)
        async with _served(between, socks["de"]):
            de = Region(node, between, ports["de"])
            await de.holds(*fr.own("control"))
            assert failing.failed
            assert "internal" in (de.status("fr").last_error or "")


async def test_a_link_that_fails_harms_no_other(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "RENEW_SECONDS", 0)
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
        _region(tmp_path, "in", socks) as india,
    ):
        await _live(de, fr, india)
        broken = de.links._peers["fr"].link

        def step(*_: object) -> list[steps.Effect]:
            raise AssertionError("our own mistake")

        monkeypatch.setattr(broken, "step", step)
        await de.node.register("anna")
        await india.holds(*de.own())
        assert de.links._peers["fr"].link is not broken
        await fr.holds(*de.own())


async def test_peers_at_the_tip_share_one_read(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
        _region(tmp_path, "in", socks) as india,
    ):
        await _live(de, fr, india)
        await fr.holds(*de.own("control"))
        await india.holds(*de.own("control"))
        reads, page = [], de.links._pages.page

        async def counted(key: LaneKey, after: int) -> Any:
            reads.append((key, after))
            return await page(key, after)

        monkeypatch.setattr(de.links._pages, "page", counted)
        await de.node.register("anna")
        await fr.holds(*de.own())
        await india.holds(*de.own())
        assert reads == [(de.own()[0], 0)]


async def test_one_commit_in_two_lanes_reaches_both_audiences(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    """A conversation of three regions: one copy in each pair lane, and nothing happens after it."""
    async with (
        _region(tmp_path, "de", socks) as de,
        _region(tmp_path, "fr", socks) as fr,
        _region(tmp_path, "in", socks) as india,
    ):
        await _live(de, fr, india)
        await de.node.register("anna")
        for region, person in ((fr, "luc"), (india, "ravi")):
            await region.node.register(person)
            await de.holds(*region.own())
        await de.node.do("anna", "conversation.start", members=["luc", "ravi"])
        for region in (fr, india):
            key, seq = de.own(f"pair.de.{region.node.region}")
            assert seq == 1
            await region.holds(key, seq)


# ---------------------------------------------------------------- what operators see


async def test_refusals_and_traffic_are_counted(region: Region) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    before = value("tap_federation_rejected_total", peer="unknown", code="unknown_peer")
    async with _intruder(region.port) as connection:
        await connection.send(_opening("xx", "xx")[1])
        await _end(connection)
    after = value("tap_federation_rejected_total", peer="unknown", code="unknown_peer")
    assert after == before + 1
    assert value("tap_peer_up", peer="fr") == 0
    assert value("tap_peer_connects_total", peer="fr", outcome="dialled") >= 1


def test_addresses_become_websocket_addresses() -> None:
    for url, uri in (
        ("https://tap.fr.example.com/", "wss://tap.fr.example.com/federation/v1"),
        ("http://127.0.0.1:8420", "ws://127.0.0.1:8420/federation/v1"),
        ("wss://tap.fr.example.com:444", "wss://tap.fr.example.com:444/federation/v1"),
    ):
        assert PeerAddress("fr", url, (), True).uri == uri


def test_every_code_of_a_refusal_is_a_close_code_of_websockets() -> None:
    from server.federation.link import close_code

    for code in Code:
        assert 4000 <= close_code(code) <= 4999
        assert Refusal(code, "").status == close_code(code) - 4000
