"""Links over real websockets on loopback: real logs, real writer, and everything an intruder may try."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
from msgspec.structs import replace
from prometheus_client import REGISTRY
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from server import __version__
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import LaneKey
from server.federation import frames, gauges, links, reception, relay, steps
from server.federation.connection import SUBPROTOCOL
from server.federation.dialled import PATH, PeerAddress
from server.federation.forks import ForkProof, verify_fork
from server.federation.frames import Fault, Hello, Ping
from server.federation.handshake import Handshake, Identity
from server.federation.lanes import Held
from server.federation.steps import State
from server.federation.trust import verify_batch
from server.ops import listener
from server.storage import event_log
from tests.support.node import open_test_node
from tests.unit.federation.lab import EPOCH, batch_of, key_of, roster_of
from tests.unit.federation.nodes import SECONDS_MAX, Region, links_of, live, now, region_of, served

pytestmark = pytest.mark.usefixtures("limit")


# ---------------------------------------------------------------- regions that agree


async def test_two_regions_exchange_their_logs_over_loopback(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
    ):
        await live(de, fr)
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
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks) as india,
    ):
        await live(de, fr, india)
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
        gauges.measure(de.links.status(), now())
        silent = REGISTRY.get_sample_value("tap_peer_silent_seconds", {"peer": "fr"})
        assert silent is not None
        assert silent < SECONDS_MAX
        assert REGISTRY.get_sample_value("tap_peer_protocol_version", {"peer": "fr"}) == 1


async def test_i8_what_is_for_two_regions_is_not_on_the_third(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks) as india,
    ):
        await live(de, fr, india)
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
    async with region_of(tmp_path, "de", socks) as de:
        async with open_test_node(tmp_path, "fr") as node:
            first = links_of(node, ports)
            async with served(first, socks["fr"]):
                await first.reached("de", State.LIVE)
        await de.links.reached("fr", State.BACKING_OFF)
        await de.node.register("anna")
        place = await de.node.community("anna")
        for number in range(300):
            await de.node.post("anna", place, f"post {number}")
        socks["fr"] = listener.bind("127.0.0.1", ports["fr"])
        async with region_of(tmp_path, "fr", socks) as fr:
            await fr.holds(*de.own())
            await de.links.reached("fr", State.LIVE)
            assert fr.status("de").events_in >= 300


async def test_who_stops_says_so(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with region_of(tmp_path, "de", socks) as de:
        async with region_of(tmp_path, "fr", socks) as fr:
            await live(de, fr)
        await de.links.reached("fr", State.BACKING_OFF)
        assert "stopping" in (de.status("fr").last_error or "")


async def test_a_peer_with_another_key_is_refused(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    async with (
        region_of(tmp_path, "de", socks, private=key_of("mallory")) as de,
        region_of(tmp_path, "fr", socks) as fr,
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
        f"ws://127.0.0.1:{port}{PATH}",
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
    async with region_of(tmp_path, "de", socks) as de:
        yield de


def _opening(region: str, key: str) -> tuple[Handshake, bytes]:
    end = Handshake(Identity(region, 7, key_of(key)), "de", roster_of("de"), "dial", os.urandom(32))
    return end, frames.encode(end.opening(now()))


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
    # The bytes are other ones in every process, and tests are known by their names.
    ids=["no encoding", "no such kind", "text", "no opening", "no peer", "too long"],
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
        last = end.receive(answer, now())
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
    monkeypatch.setattr(reception, "STRANGERS_MAX", 1)
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
    async with open_test_node(tmp_path, "de") as node, region_of(tmp_path, "fr", socks) as fr:
        failing = _FailingOnce(node.reader, "snapshot")
        between = links_of(node, ports, reader=failing)
        async with served(between, socks["de"]):
            await between.reached("fr", State.LIVE)
            assert failing.failed
            await fr.links.reached("de", State.LIVE)


async def test_a_page_that_cannot_be_read_is_tried_again(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with open_test_node(tmp_path, "de") as node, region_of(tmp_path, "fr", socks) as fr:
        between = links_of(node, ports)
        failing = between._desk.pages = _FailingOnce(between._desk.pages, "page")  # type: ignore[assignment]
        async with served(between, socks["de"]):
            await fr.holds(*Region(node, between, 0).own("control"))
            assert failing.failed


async def test_a_writer_that_fails_is_tried_again(tmp_path: Path, socks: dict[str, Any]) -> None:
    socks.pop("in").close()
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    async with open_test_node(tmp_path, "de") as node, region_of(tmp_path, "fr", socks) as fr:
        failing = _FailingOnce(node.handler, "apply")
        between = links_of(node, ports, handler=failing)
        async with served(between, socks["de"]):
            de = Region(node, between, ports["de"])
            await de.holds(*fr.own("control"))
            assert failing.failed
            assert "internal" in (de.status("fr").last_error or "")


async def test_a_link_that_fails_harms_no_other(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "RENEW_SECONDS", 0)
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks) as india,
    ):
        await live(de, fr, india)
        broken = de.links._peers["fr"].link

        def step(*_: object) -> list[steps.Effect]:
            raise AssertionError("our own mistake")

        monkeypatch.setattr(broken, "step", step)
        await de.node.register("anna")
        await india.holds(*de.own())
        assert de.links._peers["fr"].link is not broken
        await fr.holds(*de.own())


async def test_who_calls_does_not_end_the_pause_of_a_link_that_failed(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause and the link's own times go by one timer; and what is under way for the old one ends in the pause."""
    peer = region.links._peers["fr"]

    def step(*_: object) -> list[steps.Effect]:
        raise AssertionError("our own mistake")

    monkeypatch.setattr(peer.link, "step", step)
    region.links._feed(peer, steps.TimerFired())
    pause = peer.timer
    assert pause is not None
    async with _intruder(region.port) as connection:
        await connection.send(_opening("fr", "fr")[1])
        assert await _end(connection) == ("", steps.GOING_AWAY)
    assert peer.timer is pause
    assert not pause.cancelled()


async def test_peers_at_the_tip_share_one_read(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks) as india,
    ):
        await live(de, fr, india)
        await fr.holds(*de.own("control"))
        await india.holds(*de.own("control"))
        reads, page = [], de.links._desk.pages.page

        async def counted(key: LaneKey, after: int, *more: Any) -> Any:
            reads.append((key, after))
            return await page(key, after, *more)

        monkeypatch.setattr(de.links._desk.pages, "page", counted)
        await de.node.register("anna")
        await fr.holds(*de.own())
        await india.holds(*de.own())
        assert reads == [(de.own()[0], 0)]


async def test_commits_close_together_go_as_one_batch(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is told at once, those right after it together."""
    monkeypatch.setattr(limits, "BATCH_SECONDS_MIN", 0.2)
    socks.pop("in").close()
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
    ):
        await live(de, fr)
        await de.node.register("anna")
        place = await de.node.community("anna")
        told, feed = [], de.links._feed

        def counted(peer: Any, given: steps.Input) -> None:
            told.append(given)
            feed(peer, given)

        monkeypatch.setattr(de.links, "_feed", counted)
        for number in range(10):
            await de.node.post("anna", place, f"post {number}")
        await fr.holds(*de.own())
        assert 0 < sum(isinstance(given, steps.Committed) for given in told) < 10


async def test_one_commit_in_two_lanes_reaches_both_audiences(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    """A conversation of three regions: one copy in each pair lane, and nothing happens after it."""
    async with (
        region_of(tmp_path, "de", socks) as de,
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks) as india,
    ):
        await live(de, fr, india)
        await de.node.register("anna")
        for region, person in ((fr, "luc"), (india, "ravi")):
            await region.node.register(person)
            await de.holds(*region.own())
        await de.node.do("anna", "conversation.start", members=["luc", "ravi"])
        for region in (fr, india):
            key, seq = de.own(f"pair.de.{region.node.region}")
            assert seq == 1
            await region.holds(key, seq)


# ---------------------------------------------------------------- relay and forks


async def test_a_region_without_a_direct_link_is_served_by_a_third(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "GRACE_MS", 0)
    nowhere = listener.bind("127.0.0.1", 0)
    with contextlib.closing(nowhere):
        without = {"in": nowhere, **{name: socks[name] for name in ("de", "fr")}}
        async with (
            region_of(tmp_path, "de", without) as de,
            region_of(tmp_path, "fr", socks) as fr,
            region_of(tmp_path, "in", socks) as india,
        ):
            await de.links.reached("fr", State.LIVE)
            await fr.links.reached("in", State.LIVE)
            await de.node.register("anna")
            place = await de.node.community("anna")
            for number in range(5):
                await de.node.post("anna", place, f"post {number}")
            await india.holds(*de.own())
            await india.node.register("ravi")
            await de.holds(*india.own())
            assert india.status("de").state != State.LIVE
            async with de.node.reader.snapshot() as ours, india.node.reader.snapshot() as theirs:
                key, _ = de.own()
                assert await event_log.lane_page(theirs, key, 0) == await event_log.lane_page(
                    ours, key, 0
                )


async def test_a_node_put_back_unnoticed_learns_it_from_its_own_signature(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    """The lost events come back, and are not mixed with what is written: another epoch is due (16.2)."""
    socks.pop("in").close()
    port, home = socks["fr"].getsockname()[1], tmp_path / "fr"
    home.mkdir()
    async with region_of(tmp_path, "de", socks) as de:
        for words in ("before", "after"):
            async with region_of(home, "fr", socks) as fr:
                fr.node.clock.advance(len(words) * 1000)
                if words == "before":
                    await fr.node.register("luc")
                    place = await fr.node.community("luc")
                for number in range(3):
                    await fr.node.post("luc", place, key=f"{words} {number} key")
                key, tip = fr.own()
                await de.holds(key, tip)
            if words == "before":
                shutil.copytree(home, tmp_path / "backup")
            socks["fr"] = listener.bind("127.0.0.1", port)
        shutil.rmtree(home)
        shutil.move(tmp_path / "backup", home)
        async with region_of(home, "fr", socks) as fr:
            await fr.node.handler.doubted.wait()
            assert f"event {tip} of our lane global" in fr.node.handler.doubt
            assert fr.own()[1] == tip - 3
            fr.node.clock.advance(60_000)
            refused = await fr.node.try_do("luc", "community.create", "too late a key", name="x")
            assert isinstance(refused, Refusal)
            assert not fr.status("de").forked


async def test_a_proven_fork_is_told_to_every_region(tmp_path: Path, socks: dict[str, Any]) -> None:
    proofs: list[ForkProof] = []
    told = {region: asyncio.Event() for region in ("de", "in")}

    def on_fork(proof: ForkProof) -> None:
        proofs.append(proof)
        told["in"].set()

    key = LaneKey("de", EPOCH, "global")
    one, two = (
        verify_batch(batch_of(key, [b"\x80" * n]), Held.nothing(key), roster_of("de"))
        for n in (1, 2)
    )
    async with (
        region_of(tmp_path, "fr", socks) as fr,
        region_of(tmp_path, "in", socks, on_fork=on_fork) as india,
    ):
        await live(fr, india)
        await fr.node.handler.apply(one)
        fr.links._perform(fr.links._peers["de"], steps.ProveFork(two))
        await told["in"].wait()
        assert verify_fork(proofs[0].frame, roster_of("de")) == proofs[0]
        assert proofs[0].key == key
        for region in (fr, india):
            assert region.status("de").forked == (f"de:{EPOCH:x}:global",)
        # The origin itself, once it is there.
        async with region_of(tmp_path, "de", socks, on_fork=lambda proof: told["de"].set()):
            await told["de"].wait()


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
    gauges.measure(region.links.status(), now())
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
    from server.federation.steps import close_code

    for code in Code:
        assert 4000 <= close_code(code) <= 4999
        assert Refusal(code, "").status == close_code(code) - 4000


# ---------------------------------------------------------------- a region that joins (section 19)


async def test_a_region_that_joins_has_the_newest_first_and_claims_no_more_than_is_whole(
    tmp_path: Path, socks: dict[str, Any]
) -> None:
    fresh, count = 16, 600
    async with region_of(tmp_path, "de", socks, fresh=fresh) as de:
        await de.node.register("anna")
        place = await de.node.community("anna")
        for start in range(0, count, 100):
            await asyncio.gather(
                *(de.node.post("anna", place, f"{start + number}") for number in range(100))
            )
        key, tip = de.own()
        async with region_of(tmp_path, "fr", socks, fresh=fresh) as fr:
            claimed: list[int] = []

            def committed(records: Any) -> None:
                seen = fr.links.seen[1].get(key, 0)
                if seen > fr.node.handler.lane_tip(key):
                    claimed.append(seen)

            fr.node.tap.subscribe(committed)
            async with region_of(tmp_path, "in", socks, fresh=fresh) as india:
                await fr.holds(key, tip)
                await india.holds(key, tip)
                await live(de, fr, india)
            records = await fr.node.tap.read(0, 2_000)
            numbers = [record.id.seq for record in records if record.id[:3] == key]
            assert not claimed, "others are told of what is whole, and of nothing else"
        assert sorted(numbers) == list(range(1, tip + 1)), "each once"
        newest = numbers.index(tip)
        assert set(numbers[: newest + 1]) >= set(range(tip - fresh + 1, tip + 1))
        assert newest < tip / 2, "long before the rest"
        assert max(numbers.index(1), numbers.index(2)) < numbers.index(tip // 2), "who and where"
