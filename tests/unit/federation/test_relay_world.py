"""Relay in virtual time: an origin out of reach is asked of whoever holds more (section 9.5)."""

from __future__ import annotations

import pytest

from server.domain.ids import LaneKey
from server.federation.frames import Heads, Want
from server.federation.steps import State
from tests.unit.federation.lab import EPOCH, START, World

REGIONS = ("de", "fr", "in")
GLOBAL = LaneKey("de", EPOCH, "global")
SWITCH_MS = 5_000
"""An origin that is out of reach is continued from elsewhere within this."""


def _world(*regions: str, **settings: object) -> World:
    return World(*(regions or REGIONS), **settings).start().run(3_000)  # type: ignore[arg-type]


def _held(world: World, region: str, key: LaneKey = GLOBAL) -> int:
    return world.nodes[region].log.tip(key).seq


def _carried(world: World, to: str, key: LaneKey = GLOBAL) -> list[int]:
    """The numbers of every event of a lane that was put on a wire to a region."""
    return [
        seq
        for _, receiver, frame in world.sent
        if receiver == to and hasattr(frame, "head") and frame.head.key == key
        for seq in range(frame.after + 1, frame.head.seq + 1)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_third_region_continues_within_seconds(seed: int) -> None:
    world = _world(seed=seed)
    world.nodes["de"].publish("global")
    world.run(1_000)
    world.part("de", "in")
    world.run(200)
    for number in range(2, 12):
        world.nodes["de"].publish("global")
        world.run(SWITCH_MS if number == 2 else 400)
        assert _held(world, "in") == number
    assert sorted(_carried(world, "in")) == list(range(1, 12)), "each event once"


@pytest.mark.parametrize("seed", range(5))
def test_a_line_that_died_one_way_is_noticed_by_what_others_hold(seed: int) -> None:
    """Nobody is told, and the last PING may be fresh: far below the 25 s of a silent peer."""
    world = _world(seed=seed)
    world.nodes["de"].publish("global")
    world.run(1_000)
    world.muted.add(("de", "in"))
    world.nodes["de"].publish("global")
    world.run(SWITCH_MS)
    assert _held(world, "in") == 2
    world.muted.clear()
    world.run(90_000)
    world.check_converged()
    assert world.states() == {State.LIVE}


def test_the_origin_itself_is_asked_again_when_it_is_back() -> None:
    world = _world()
    world.part("de", "in")
    world.nodes["de"].publish("global")
    world.run(10_000)
    assert _held(world, "in") == 1
    world.cuts.clear()
    world.run(35_000)
    assert world.link("in", "de").state is State.LIVE
    world.sent.clear()
    world.nodes["de"].publish("global")
    world.run(3_000)
    assert _held(world, "in") == 2
    assert len(world.batches("de", "in")) == 1
    assert not world.batches("fr", "in")


def test_a_short_cut_asks_nobody_else() -> None:
    world = _world()
    world.nodes["de"].publish("global")
    world.run(3_000)
    world.sent.clear()
    for wire in list(world.live_wires()):
        if {node.region for node, _ in wire.ends} == {"de", "in"}:
            wire.cut()
    world.nodes["de"].publish("global")
    world.run(10_000)
    assert _held(world, "in") == 2
    assert not [f for _, _, f in world.sent if isinstance(f, Want) and len(f.origins) > 1]


def test_nothing_is_repeated_beyond_what_was_under_way_when_links_flap() -> None:
    world = _world(seed=4)
    for number in range(60):
        if number % 12 == 3:
            world.part("de", "in")
        if number % 12 == 9:
            world.cuts.clear()
        for _ in range(5):
            world.nodes["de"].publish("global")
        world.run(700)
    world.run(40_000)
    world.check_converged()
    numbers = _carried(world, "in")
    assert set(numbers) == set(range(1, 301))
    # Ten changes between the two ways; at each at most what two of them had under way.
    assert len(numbers) - 300 <= 10 * 10


def test_a_day_without_the_direct_link_is_like_any() -> None:
    world = _world()
    world.part("de", "in")
    world.run(200)
    for _ in range(6_000):
        world.nodes["de"].log.append("global", b"x" * 40, START)
    world.nodes["de"].committed({GLOBAL: 6_000})
    world.run(12_000)
    assert _held(world, "in") == 6_000
    assert len(_carried(world, "in")) == 6_000


def test_i8_a_relay_serves_only_lanes_both_belong_to() -> None:
    """in is in no group and in no pair of the others: fr knows nothing it may say to in."""
    world = _world()
    world.part("de", "fr")
    for lane in ("group.eu", "pair.de.fr", "pair.de.in", "global"):
        world.nodes["de"].publish(lane)
    world.run(20_000)
    assert {key.lane for key in world.nodes["fr"].log.lanes} == {"global"}
    told = [f for s, r, f in world.sent if "in" in (s, r) and isinstance(f, Heads)]
    assert {tip.lane for frame in told for tip in frame.tips} <= {"global", "pair.de.in"}
    world.cuts.clear()
    world.run(40_000)
    world.check_converged()


def test_i8_who_is_asked_for_an_origin_is_not_told_of_lanes_it_is_not_in() -> None:
    """in holds a pair lane of de's when it begins to ask fr for de's events; the lab checks every WANT."""
    world = _world()
    world.nodes["de"].publish("pair.de.in")
    world.run(1_000)
    world.part("de", "in")
    world.nodes["de"].publish("global")
    world.run(SWITCH_MS)
    (asked,) = [
        frame
        for sender, to, frame in world.sent
        if (sender, to) == ("in", "fr") and isinstance(frame, Want) and "de" in frame.origins
    ]
    assert not [tip for tip in asked.after if tip.region == "de"]
    assert _held(world, "in") == 1


def test_regions_in_a_line_reach_each_other() -> None:
    """Five regions, of which only neighbours have a link: every hop asks the one before it."""
    names = ("ca", "de", "fr", "in", "jp")
    world = World(*names, seed=7)
    world.cuts = {frozenset((a, b)) for i, a in enumerate(names) for b in names[i + 2 :]}
    world.start().run(3_000)
    for region in (*names, *names):
        world.nodes[region].publish("global")
        world.run(1_000)
    world.run(30_000)
    world.check_converged()
    for node in world.nodes.values():
        for other in names:
            carried = _carried(world, node.region, LaneKey(other, EPOCH, "global"))
            assert len(carried) == (0 if other == node.region else 2), "no loops, no repeats"
    # At the tip the line is live: two hops and no asking anew.
    world.nodes["ca"].publish("global")
    world.run(5 * 120 + 5 * 5 * 5)
    assert _held(world, "jp", LaneKey("ca", EPOCH, "global")) == 3


def test_a_relay_that_goes_away_is_replaced_at_once() -> None:
    world = _world("de", "fr", "in", "jp", seed=3)
    world.part("de", "in")
    world.nodes["de"].publish("global")
    world.run(8_000)
    relays = {
        r for (s, r, f) in world.sent if s == "in" and isinstance(f, Want) and "de" in f.origins
    }
    (relay,) = relays - {"de"}
    world.part(relay, "in")
    world.nodes["de"].publish("global")
    world.run(SWITCH_MS)
    assert _held(world, "in") == 2


def test_lanes_of_an_older_epoch_and_a_lost_tail_come_back_from_whoever_has_them() -> None:
    """de lost its disk, opened a new epoch, and its old one is with its peers."""
    world = _world()
    for _ in range(700):
        world.nodes["de"].publish("global")
    world.run(3_000)
    node = world.nodes["de"]
    original = list(node.log.lanes[GLOBAL])
    node.crash()
    del node.log.lanes[GLOBAL][100:]
    node.log.epoch = EPOCH + (1 << 32)
    node.start()
    node.publish("control", b"a new epoch")
    world.run(40_000)
    assert node.log.lanes[GLOBAL] == original
    world.check_converged()
    assert sorted(_carried(world, "de")) == list(range(101, 701)), "from one peer, once"


def test_asymmetric_lines_and_slow_disks_change_nothing() -> None:
    world = World(*REGIONS, seed=11)
    world.latencies = {("de", "in"): (5, 20), ("in", "de"): (900, 1_500), ("fr", "in"): (400, 700)}
    world.disk_ms = (0, 400)
    world.start()
    for number in range(40):
        for region in REGIONS:
            world.nodes[region].publish("global")
        if number == 20:
            world.part("de", "in")
        world.run(500)
    world.run(20_000)
    world.check_converged()
