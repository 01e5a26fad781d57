"""Backups put back, copies that run twice: in virtual time (docs/protocol/federation.md 16)."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from server.domain import wire
from server.domain.ids import LaneKey
from server.federation.frames import Batch
from server.federation.recovery import Phase, Recovery
from server.federation.steps import State
from tests.unit.federation.lab import EPOCH, ListLog, Node, World, may_know

LANES = ("control", "global", "group.eu", "pair.de.fr", "pair.de.in")
NOTICED_MS = 5_000
"""After the first common peer."""
WHOLE_MS = 60_000
"""Until a restored node has everything back and writes."""


def _world(seed: int = 1) -> World:
    world = World("de", "fr", "in", seed=seed)
    world.reopens = True
    return world.start().run(3_000)


def _write(node: Node, count: int, text: bytes = b"before") -> None:
    for number in range(count):
        for lane in LANES:
            node.publish(lane, text + b" %d" % number)


def _put_back(node: Node, backup: ListLog, *, noticed: bool = True) -> None:
    """``noticed``: the extent beside the database says so at the start."""
    node.crash()
    node.log = backup
    if noticed:
        backup.open_epoch(node.world.now)
    node.start()


def _numbers(world: World) -> None:
    """I5: whatever was ever put on a wire, no number is bound to two hashes."""
    bound: dict[tuple[LaneKey, int], set[bytes]] = defaultdict(set)
    for _, _, frame in world.sent:
        if isinstance(frame, Batch):
            hash_ = frame.previous
            for seq, event in enumerate(frame.events, frame.after + 1):
                hash_ = wire.chain(hash_, event.header)
                bound[frame.head.key, seq].add(hash_)
    assert all(len(hashes) == 1 for hashes in bound.values())


def _key(lane: str) -> LaneKey:
    return LaneKey("de", EPOCH, lane)


def _forked(world: World, region: str) -> set[str]:
    """Lanes of de's first epoch that a region knows to have two histories."""
    return {key.lane for key in world.nodes[region].forks if key[:2] == ("de", EPOCH)}


@pytest.mark.parametrize("seed", range(8))
def test_goal_9_the_lost_tail_comes_back_whole_whenever_the_node_dies_again(seed: int) -> None:
    chance = random.Random(seed)
    world = _world(seed)
    node = world.nodes["de"]
    _write(node, 3)
    backup = node.log.copy()
    _write(node, chance.randrange(1, 40), b"lost")
    world.nodes["fr"].publish("global", b"of others")
    world.run(3_000)
    whole = {key: events[:] for key, events in node.log.lanes.items()}
    _put_back(node, backup)
    # Writing does not wait for anybody here; and the node dies again at any moment of the recovery.
    for _ in range(chance.randrange(4)):
        _write(node, 1, b"new")
        world.run(chance.randrange(1_500))
        node.crash()
        node.start()
    _write(node, 2, b"newest")
    world.run(WHOLE_MS)
    for key, events in whole.items():
        assert node.log.lanes[key] == events, "what was lost is back, to the last event"
    assert node.log.lanes[LaneKey("de", EPOCH + (1 << 32), "global")]
    world.check_converged()
    _numbers(world)
    assert not any(other.forks for other in world.nodes.values())
    assert world.states() == {State.LIVE}


def test_goal_9_each_tail_comes_from_whoever_has_it() -> None:
    """Nobody else is in a pair lane; and all of it is back long before a minute has passed."""
    world = _world()
    node = world.nodes["de"]
    backup = node.log.copy()
    _write(node, 300)
    world.run(5_000)
    whole = {key: len(events) for key, events in node.log.lanes.items()}
    _put_back(node, backup)
    world.run(NOTICED_MS * 2)
    assert {key: len(node.log.lanes[key]) for key in whole} == whole


def test_the_whole_folder_put_back_is_noticed_by_what_peers_hold() -> None:
    world = _world()
    node = world.nodes["de"]
    backup = node.log.copy()
    _write(node, 5, b"lost")
    world.run(3_000)
    whole = {key: events[:] for key, events in node.log.lanes.items()}
    _put_back(node, backup, noticed=False)
    world.run(NOTICED_MS)
    assert node.log.epoch == EPOCH + (1 << 32)
    world.run(NOTICED_MS)
    for key, events in whole.items():
        assert node.log.lanes[key] == events
    _write(node, 1, b"new")
    world.run(WHOLE_MS)
    world.check_converged()
    _numbers(world)
    assert not node.forks


@pytest.mark.parametrize("seed", range(5))
def test_goal_10_a_copy_that_wrote_on_is_proven_to_all_and_merged_by_nobody(seed: int) -> None:
    world = _world(seed)
    node = world.nodes["de"]
    _write(node, 2)
    world.run(2_000)
    copy = node.log.copy()
    _write(node, 3, b"one branch")
    world.run(2_000)
    kept = {name: world.nodes[name].log.copy().lanes for name in ("fr", "in")}
    world.cuts.update([frozenset(("de", "fr")), frozenset(("de", "in"))])
    _put_back(node, copy, noticed=False)
    _write(node, 4, b"other branch")
    ours = node.log.copy().lanes
    world.run(1_000)
    world.cuts.discard(frozenset(("de", "fr")))
    while world.link("de", "fr").state not in (State.CATCHING_UP, State.LIVE):
        world.run(100)
    world.run(NOTICED_MS)
    assert node.log.epoch == EPOCH + (1 << 32)
    for name in ("fr", "in"):
        assert _forked(world, name), f"{name} knows, by a proof it has checked itself"
    world.cuts.clear()
    world.run(WHOLE_MS)
    for name in ("de", "fr", "in"):
        assert _forked(world, name) == {lane for lane in LANES if may_know(_key(lane), name)}
    # Each keeps the branch it had, of every lane, and gets nothing of the other one.
    for name, lanes in kept.items():
        for lane, events in lanes.items():
            assert world.nodes[name].log.lanes[lane] == events
    for lane, events in ours.items():
        assert node.log.lanes[lane] == events
    # Life goes on in the next epoch, for everybody.
    assert node.log.epoch == EPOCH + (1 << 32)
    _write(node, 2, b"after")
    world.run(3_000)
    for lane in LANES:
        after = LaneKey("de", node.log.epoch, lane)
        for name in ("fr", "in"):
            held = world.nodes[name].log.lanes.get(after, [])
            assert held == (node.log.lanes[after] if may_know(after, name) else [])
    assert world.states() == {State.LIVE}


def test_goal_10_two_histories_of_one_length_are_found_though_nothing_flows() -> None:
    world = _world()
    node = world.nodes["de"]
    copy = node.log.copy()
    _write(node, 3, b"one branch")
    world.run(2_000)
    _put_back(node, copy, noticed=False)
    _write(node, 3, b"other branch")
    world.run(2 * NOTICED_MS)
    for name in ("de", "fr", "in"):
        assert _forked(world, name)
    assert node.log.epoch == EPOCH + (1 << 32)


def test_a_fork_is_remembered_by_whoever_starts_again() -> None:
    """The lab forgets proofs at a restart; peers say them again at the next connection."""
    world = _world()
    node = world.nodes["de"]
    copy = node.log.copy()
    _write(node, 3, b"one branch")
    world.run(2_000)
    _put_back(node, copy, noticed=False)
    _write(node, 5, b"other branch")
    world.run(WHOLE_MS)
    world.nodes["fr"].crash()
    world.nodes["fr"].start()
    world.run(WHOLE_MS)
    assert "global" in _forked(world, "fr")


@pytest.mark.parametrize("seed", range(8))
def test_what_was_decided_meanwhile_is_known_before_anything_is_shown(seed: int) -> None:
    """Erasures while the node was away travel in control; in is out of reach and is heard through fr."""
    world = _world(seed)
    node = world.nodes["de"]
    backup = node.log.copy()
    node.crash()
    world.part("de", "in")
    for _ in range(50):
        world.nodes["in"].publish("control", b"erase")
        world.nodes["fr"].publish("control", b"erase")
        world.nodes["fr"].publish("global", b"x" * 10_000)
    world.run(5_000)
    began = world.now
    _put_back(node, backup)
    recovery = Recovery("de", needed=True)
    while recovery.phase is Phase.HIDDEN:
        world.run(500)
        views = {peer: link.view for peer, link in node.links.items()}
        recovery.observe(world.now, views, node.relay.tips, [])
        assert world.now - began < WHOLE_MS
    for name in ("fr", "in"):
        control = LaneKey(name, EPOCH, "control")
        assert node.log.tip(control) == world.nodes[name].log.tip(control)
