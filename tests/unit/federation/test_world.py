"""Whole scenarios in virtual time: several regions, days of silence, nothing lost."""

from __future__ import annotations

import msgspec
import pytest

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation import frames, steps
from server.federation.forks import verify_fork
from server.federation.frames import Ack, Batch, Fork, Heads, Tip, Want
from server.federation.steps import State
from tests.unit.federation.lab import EPOCH, GROUPS, START, World, roster_of

REGIONS = ("de", "fr", "in")
DAY = 24 * 3600 * 1000


def _world(**settings: object) -> World:
    return World(*REGIONS, **settings).start().run(2_000)  # type: ignore[arg-type]


def test_three_regions_meet_and_live() -> None:
    world = _world()
    assert world.states() == {State.LIVE}
    assert len(world.live_wires()) == 3
    assert world.link("fr", "de").status(world.now).dialled_by == "de"


@pytest.mark.parametrize("seed", range(20))
def test_both_ends_dial_and_one_connection_is_kept(seed: int) -> None:
    world = World(*REGIONS, seed=seed, both_dial=True).start().run(30_000)
    assert world.states() == {State.LIVE}
    assert len(world.live_wires()) == 3
    openers = {
        (a, b): world.link(a, b).status(world.now).dialled_by
        for a in REGIONS
        for b in REGIONS
        if a != b
    }
    assert all(openers[a, b] == openers[b, a] for a, b in openers)


def test_i8_a_pair_lane_is_known_to_its_pair_only() -> None:
    world = _world()
    for _ in range(5):
        world.nodes["de"].publish("pair.de.fr")
        world.nodes["de"].publish("local")
        world.nodes["de"].publish("group.eu")
    world.run(5_000)
    world.check_converged()
    lanes = {key.lane for key in world.nodes["in"].log.lanes}
    assert lanes == set()
    assert {key.lane for key in world.nodes["fr"].log.lanes} == {"pair.de.fr", "group.eu"}


def test_a_day_of_silence_is_the_normal_case() -> None:
    world = World("de", "in").start().run(2_000)
    world.cuts.add(frozenset(("de", "in")))
    world.live_wires()[0].cut()
    for _ in range(20):
        world.run(DAY // 20)
        for _ in range(100):
            world.nodes["de"].publish("global")
    status = world.link("de", "in").status(world.now)
    assert status.lag_events == 2_000
    # The first of them, to the minute.
    assert abs((status.oldest_unacked_ms or 0) - DAY * 19 // 20) < 60_000
    world.cuts.clear()
    world.run(35_000)
    world.check_converged()
    assert world.states() == {State.LIVE}
    assert world.link("de", "in").status(world.now).oldest_unacked_ms is None


def test_nothing_is_sent_twice_over_a_healthy_network() -> None:
    world = _world()
    for _ in range(40):
        world.nodes["de"].publish("global")
        world.run(50)
    world.run(3_000)
    assert sum(len(batch.events) for batch in world.batches("de", "fr")) == 40


def test_a_reconnect_repeats_nothing_that_was_committed() -> None:
    world = _world()
    for _ in range(300):
        world.nodes["de"].publish("global")
    world.run(3_000)
    world.sent.clear()
    for wire in list(world.live_wires()):
        wire.cut()
    world.run(3_000)
    wants = [frame for _, _, frame in world.sent if isinstance(frame, Want)]
    assert {tip.seq for want in wants for tip in want.after} == {300}
    assert not [frame for _, _, frame in world.sent if isinstance(frame, Batch)]


def test_a_long_round_trip_is_filled_by_credit() -> None:
    """One batch per round trip of 250 ms would need 10 s for these; the research's trap number one."""
    world = World("de", "fr", seed=1)
    world.latency_ms = (125, 125)
    world.start().run(2_000)
    for _ in range(40 * limits.BATCH_EVENTS_MAX):
        world.nodes["de"].log.append("global", b"x" * 40, world.now)
    key = LaneKey("de", EPOCH, "global")
    world.nodes["de"].committed({key: world.nodes["de"].log.tip(key).seq})
    world.run(1_500)
    world.check_converged()


def test_a_crash_between_commit_and_acknowledgement_loses_and_repeats_nothing() -> None:
    world = _world()
    world.disk_ms = (3, 3)
    world.nodes["de"].publish("global")
    receiver = world.nodes["fr"]
    while not receiver.log.lanes:
        world.run(1)
    receiver.crash()
    assert not [f for s, _, f in world.sent if s == "fr" and isinstance(f, Ack)]
    receiver.start()
    world.run(30_000)
    world.check_converged()
    assert world.link("de", "fr").status(world.now).lag_events == 0


def test_control_overtakes_a_backlog() -> None:
    world = World("de", "fr", seed=3)
    for _ in range(5_000):
        world.nodes["de"].log.append("global", b"x" * 40, START)
    world.start()
    while not _batches(world):
        world.run(1)
    before = len(_batches(world))
    world.nodes["de"].publish("control")
    world.run(3_000)
    world.check_converged()
    lanes = [batch.head.lane for batch in _batches(world)]
    assert lanes.index("control") <= before + 2, "behind what was ready, before all the rest"
    assert len(lanes) > 15


def _batches(world: World) -> list[Batch]:
    return [frame for _, _, frame in world.sent if isinstance(frame, Batch)]


def test_fresh_events_and_control_pass_a_backlog_on_a_narrow_line() -> None:
    """0.8 Mbit/s, 20,000 events behind in one lane: the others live, and the backlog goes on."""
    world = World("de", "fr", seed=3)
    world.bytes_per_ms = 100
    node = world.nodes["de"]
    for _ in range(20_000):
        node.log.append("global", world.random.randbytes(100), START)
    world.start()
    while not world.batches("de", "fr"):
        world.run(1)
    world.run(2_000)
    for _ in range(10):
        keys = [node.publish(lane) for lane in ("control", "pair.de.fr")]
        world.run(1_000)
        for key in keys:
            assert world.nodes["fr"].log.tip(key).seq == node.log.tip(key).seq
    behind = world.link("fr", "de").status(world.now).behind_events
    assert 0 < behind < 20_000
    assert world.link("fr", "de").status(world.now).rtt_ms is not None
    world.run(90_000)
    world.check_converged()


def test_a_new_epoch_flows_by_itself() -> None:
    """The origin was restored from a backup and writes a new incarnation of its log."""
    world = _world()
    world.nodes["de"].publish("global")
    world.run(2_000)
    node = world.nodes["de"]
    node.crash()
    node.log.epoch = EPOCH + (1 << 32)
    node.start()
    world.run(20_000)
    node.publish("global")
    world.run(2_000)
    world.check_converged()
    assert len(world.nodes["fr"].log.lanes) == 2


def _restored(world: World) -> LaneKey:
    """de published five events and was restored, without a new epoch, from a backup that has three."""
    for _ in range(5):
        world.nodes["de"].publish("global")
    world.run(2_000)
    key = LaneKey("de", EPOCH, "global")
    node = world.nodes["de"]
    node.crash()
    del node.log.lanes[key][3:]
    node.start()
    return key


def test_i5_a_backup_restored_without_a_new_epoch_is_noticed_and_gets_its_tail_back() -> None:
    world = _world()
    key = _restored(world)
    world.run(5_000)
    node = world.nodes["de"]
    assert any(
        "lost events" in (link.status(world.now).last_error or "") for link in node.links.values()
    )
    assert node.log.tip(key).seq == 5
    node.publish("global", b"the same history")
    world.run(2_000)
    world.check_converged()
    assert not node.forks


def test_i5_two_histories_are_merged_by_nobody_and_proven_to_all() -> None:
    world = _world()
    kept = {}
    world.cuts.update([frozenset(("de", "fr")), frozenset(("de", "in"))])
    key = _restored(world)
    for region in ("fr", "in"):
        kept[region] = list(world.nodes[region].log.lanes[key])
    node = world.nodes["de"]
    for _ in range(4):
        node.publish("global", b"another history")
    # Only fr meets the other history; in is told of it by fr, and can check it.
    world.cuts.discard(frozenset(("de", "fr")))
    world.run(40_000)
    for region in ("fr", "in"):
        assert world.nodes[region].log.lanes[key] == kept[region]
        assert world.link(region, "de").status(world.now).forked == (f"de:{EPOCH:x}:global",)
    assert {region for region, other in world.nodes.items() if key in other.forks} == {
        "de",
        "fr",
        "in",
    }
    proof = world.nodes["in"].forks[key]
    assert verify_fork(proof.frame, roster_of("de")) == proof
    assert {(s, r) for s, r, f in world.sent if isinstance(f, Fork)} >= {("fr", "de"), ("fr", "in")}
    # All other lanes go on, both ways.
    world.cuts.clear()
    world.run(31_000)
    node.publish("control")
    world.nodes["fr"].publish("global")
    world.run(2_000)
    assert world.nodes["in"].log.tip(LaneKey("de", EPOCH, "control")).seq == 1
    assert node.log.tip(LaneKey("fr", EPOCH, "global")).seq == 1
    assert world.states() == {State.LIVE}


def test_a_peer_the_other_end_does_not_know_is_refused_until_its_roster_is_mended() -> None:
    rosters = {"fr": roster_of("fr", "in")}
    world = _world(rosters=rosters)
    assert world.link("de", "fr").state is State.REFUSED
    assert world.link("de", "in").state is State.LIVE
    told = [frame for sender, to, frame in world.sent if (sender, to) == ("fr", "de")]
    assert not [frame for frame in told if isinstance(frame, Want | Heads | Batch)]
    world.rosters.clear()
    world.nodes["fr"].crash()
    world.nodes["fr"].start()
    world.run(35_000)
    assert world.states() == {State.LIVE}


def test_i8_a_region_that_left_a_group_is_told_and_sent_nothing_more_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a roster that is adopted at run time: links begin anew, and what they remember is of the groups before."""
    world = _world()
    germany, france = world.nodes["de"], world.nodes["fr"]
    for node in (germany, france):
        node.publish("group.eu")
    world.run(5_000)
    monkeypatch.setitem(GROUPS, "eu", ("de",))  # type: ignore[arg-type]
    for node, peer in ((germany, "fr"), (france, "de")):
        node.feed(peer, steps.Stopped())
    del world.sent[:], germany.reports[:]
    germany.publish("group.eu", b"not for fr any more")
    for node, peer in ((germany, "fr"), (france, "de")):
        node.feed(peer, steps.Started())
    world.run(10_000)
    assert world.states() == {State.LIVE}
    assert not [report for _, report in germany.reports if report.refusal]
    assert not world.batches("de", "fr")
    status = world.link("de", "fr").status(world.now)
    assert (status.lag_events, status.oldest_unacked_ms) == (0, None)
    assert {lane.lane for lane in world.link("de", "fr").lanes(world.now)} == set()


def test_who_has_not_heard_that_it_left_a_group_is_no_sign_of_a_lost_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It still says how far it holds the lane."""
    world = _world()
    germany = world.nodes["de"]
    germany.publish("group.eu")
    world.run(5_000)
    monkeypatch.setitem(GROUPS, "eu", ("de",))  # type: ignore[arg-type]
    told = [f for s, _, f in world.sent if s == "fr" and isinstance(f, Want)][-1]
    want = msgspec.structs.replace(told, after=(Tip("de", EPOCH, "group.eu", 1),), hashes=())
    germany.reports.clear()
    germany.crash()
    germany.start()
    world.run(2_000)
    (conn,) = [
        c for c, w in germany.wires.items() if w.alive and w.other(germany)[0].region == "fr"
    ]
    germany.feed("fr", steps.Received(conn, frames.encode(want)))
    assert not [report for _, report in germany.reports if report.refusal]
