"""Versions apart: what a node does not know it keeps, passes on, and folds once it was upgraded (section 12)."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.errors import Code
from server.domain.events import Event
from server.federation import handshake, relay
from server.federation.frames import Batch
from server.federation.steps import State
from server.ops import listener
from server.storage import event_log, log_writer
from server.storage.digest import shared_digests_at
from server.storage.rebuild import rebuild
from tests.support.shapes import FEW
from tests.unit.federation.lab import START, Node, World, roster_of
from tests.unit.federation.nodes import region_of

pytestmark = pytest.mark.usefixtures("limit")


def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that apply others' events know no posts; who writes one does not read it from the wire."""
    known = event_log.decode_known

    def older(name: str, body: bytes) -> Event | None:
        return None if name.startswith("post.") else known(name, body)

    for module in (event_log, log_writer):
        monkeypatch.setattr(module, "decode_known", older)


async def test_unknown_events_are_stored_relayed_and_folded_after_the_upgrade(
    tmp_path: Path, socks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """de writes what fr and in do not know; in has it from fr, for it cannot reach de."""
    monkeypatch.setattr(relay, "GRACE_MS", 0)
    nowhere = listener.bind("127.0.0.1", 0)
    urls = {}
    with contextlib.closing(nowhere), monkeypatch.context() as before:
        _older(before)
        without = {"in": nowhere, **{name: socks[name] for name in ("de", "fr")}}
        async with (
            region_of(tmp_path, "de", without) as de,
            region_of(tmp_path, "fr", socks) as fr,
            region_of(tmp_path, "in", socks) as india,
        ):
            await fr.links.reached("in", State.LIVE)
            await de.node.register("anna")
            place = await de.node.community("anna")
            for number in range(3):
                await de.node.post("anna", place, f"post {number}")
            await india.holds(*de.own())
            for region in (de, fr, india):
                urls[region.node.region] = region.node.url
                async with region.node.reader.snapshot() as snapshot:
                    lane = await event_log.lane_page(snapshot, de.own()[0], 0)
                    assert len(lane) == de.own()[1]
    assert shared_digests_at(urls["in"]) != shared_digests_at(urls["de"])
    # Upgraded: what was kept is folded (at the start, as `tap rebuild` does it).
    for region in ("fr", "in"):
        report = rebuild(urls[region], check=False)
        assert "posts" in report.different
        assert shared_digests_at(urls[region]) == shared_digests_at(urls["de"])
        assert rebuild(urls[region], check=True).different == ()


@pytest.mark.parametrize("old", [("de",), ("fr",), ("de", "in"), ("fr", "in")])
def test_who_knows_no_packed_batches_gets_plain_ones(
    monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...]
) -> None:
    """Section 12: only what both ends name is used; the old and the new mix in any order."""
    init = handshake.Handshake.__init__

    def older(self: handshake.Handshake, me: handshake.Identity, *others: Any) -> None:
        init(self, me, *others)
        self._offered = () if me.region in old else handshake.FEATURES

    monkeypatch.setattr(handshake.Handshake, "__init__", older)
    world = World("de", "fr", "in").start().run(3_000)
    for region in ("de", "fr", "in"):
        for _ in range(300):
            world.nodes[region].log.append("global", b"x" * 100, world.now)
    for node in world.nodes.values():
        node.committed({key: tip.seq for key, tip in node.log.tips().items()})
    world.run(10_000)
    world.check_converged()
    assert world.packed == {
        (a, b) for a in world.nodes for b in world.nodes if a != b and not {a, b} & set(old)
    }
    assert all(isinstance(frame, Batch) for frame in world.batches(old[0], "fr"))


# -- three releases side by side ------------------------------------------------------------------------


class Release(NamedTuple):
    """What a node of one release speaks: the present one, and two that came before it or will come after it."""

    versions: tuple[int, int]
    features: tuple[str, ...]


RELEASES = (
    Release((1, 1), ()),
    Release((1, 2), handshake.FEATURES),
    Release((1, 3), (*handshake.FEATURES, "tomorrow")),
)
TWENTY = tuple(f"r{number:02}" for number in range(20))


@contextlib.contextmanager
def _of_their_time() -> Iterator[dict[str, Release]]:
    """Which release each region runs; a connection goes by the one of the moment it began."""
    running: dict[str, Release] = {}
    init = handshake.Handshake.__init__

    def of_its_time(self: handshake.Handshake, me: handshake.Identity, *others: Any) -> None:
        init(self, me, *others)
        self._versions, self._offered = running[me.region]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handshake.Handshake, "__init__", of_its_time)
        yield running


@pytest.fixture
def releases() -> Iterator[dict[str, Release]]:
    with _of_their_time() as running:
        yield running


def _busy(world: World, regions: int = 3) -> None:
    """Some of them write."""
    for node in world.random.sample([*world.nodes.values()], regions):
        if node.alive:
            node.publish("global", f"{node.region} {world.now}".encode())


def _upgrade(world: World, releases: dict[str, Release], region: str, to: Release) -> None:
    """Stop, another release, start; the others work meanwhile."""
    node = world.nodes[region]
    node.crash()
    _busy(world)
    world.run(1_000)
    releases[region] = to
    node.start()


def _down_ms(world: World, node: Node) -> int:
    """How long it takes from here until all of a node's links stand, both ways."""
    since = world.now
    while world.now - since < 30_000:
        ways = [(node.region, peer) for peer in node.peers]
        if all(world.link(a, b).view.proven and world.link(b, a).view.proven for a, b in ways):
            break
        world.run(100)
    return world.now - since


def _roll(
    releases: dict[str, Release], order: Sequence[str], skipping: Set[str], seed: int
) -> None:
    """From the release before last to the next one, some skipping the one between; no link is down for more
    than 5 s beyond its restart (research: goal 15)."""
    releases |= dict.fromkeys(order, RELEASES[0])
    world = World(*sorted(order), seed=seed).start().run(4_000)
    assert world.states() == {State.LIVE}
    for region in order:
        _upgrade(world, releases, region, RELEASES[2 if region in skipping else 1])
        assert _down_ms(world, world.nodes[region]) <= 5_000
    for region in order:
        if region not in skipping:
            releases[region] = RELEASES[2]
    _busy(world)
    world.run(15_000)
    world.check_converged()
    assert world.states() == {State.LIVE}
    assert not [r for n in world.nodes.values() for _, r in n.reports if r.refusal]


def test_twenty_regions_are_upgraded_one_after_the_other_without_loss(
    releases: dict[str, Release],
) -> None:
    chance = random.Random(20)
    order = chance.sample(TWENTY, len(TWENTY))
    _roll(releases, order, set(chance.sample(TWENTY, 7)), seed=20)


@FEW
@given(
    order=st.permutations(TWENTY[:5]),
    skipping=st.sets(st.sampled_from(TWENTY[:5])),
    seed=st.integers(0, 999),
)
def test_any_order_and_any_mixture_of_three_releases_will_do(
    order: list[str], skipping: set[str], seed: int
) -> None:
    with _of_their_time() as releases:
        _roll(releases, order, skipping, seed)


@FEW
@given(
    ranges=st.lists(st.sampled_from([(1, 1), (1, 2), (1, 3), (2, 3)]), min_size=3, max_size=3),
    seed=st.integers(0, 999),
)
def test_too_far_apart_loses_nothing_and_catches_up_after_the_upgrade(
    ranges: list[tuple[int, int]], seed: int
) -> None:
    """Whoever shares no version gets nothing directly; the log waits."""
    with _of_their_time() as releases:
        for region, versions in zip(("de", "fr", "in"), ranges, strict=True):
            releases[region] = Release(versions, ())
        world = World("de", "fr", "in", seed=seed).start().run(3_000)
        for _ in range(3):
            _busy(world)
            world.run(2_000)
        world.check_copies()
        for region in ("de", "fr", "in"):
            _upgrade(world, releases, region, RELEASES[2])
        world.run(60_000)
        world.check_converged()
        assert world.states() == {State.LIVE}


def test_the_roster_s_lowest_version_turns_older_ones_away() -> None:
    world = World("de", "fr", rosters={"de": roster_of("de", "fr")})
    world.rosters["de"].version_min = 2
    world.start().run(3_000)
    assert world.now > START
    assert world.link("fr", "de").state is not State.LIVE
    codes = {r.refusal.code for _, r in world.nodes["de"].reports if r.refusal}
    assert codes == {Code.UNSUPPORTED_VERSION}
    world.rosters["de"].version_min = 1
    world.run(60_000)
    assert world.states() == {State.LIVE}
