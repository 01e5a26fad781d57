"""A region that joins, or was away for long, in virtual time (docs/protocol/federation.md 19)."""

from __future__ import annotations

import msgspec
import pytest

from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.frames import Batch, Packed
from server.federation.lanes import Held
from server.federation.packing import unpack
from server.federation.steps import State
from server.federation.trust import sign_head, verify_batch
from tests.simulation.releases import Release, as_released
from tests.unit.federation.lab import (
    EPOCH,
    ListLog,
    Wire,
    World,
    batch_of,
    events_after,
    key_of,
    roster_of,
)

FRESH = 16
HISTORY = 3_000
EVERY = 50
"""One in so many events is about a person or a community."""
GLOBAL = LaneKey("de", EPOCH, "global")
CONTROL = LaneKey("de", EPOCH, "control")
PAIR = LaneKey("de", EPOCH, "pair.de.in")
NARROW = 20
"""Bytes a millisecond: the history takes half a minute."""


def _world(seed: int = 1, *regions: str) -> World:
    """All but ``in`` have a history; the lines are narrow."""
    world = World(*(regions or ("de", "fr", "in")), seed=seed)
    world.fresh = FRESH
    de = world.nodes["de"].log
    for number in range(1, HISTORY + 1):
        kind = "person.registered" if number % EVERY == 0 else "post.published"
        de.append("global", b"%d" % number, world.now, kind)
    for number in range(40):
        de.append("control", b"%d" % number, world.now)
        de.append("pair.de.in", b"%d" % number, world.now)
    for region, node in world.nodes.items():
        if region not in ("de", "in"):
            _hand_over(de, node.log)
        if region != "in":
            node.start()
    world.run(3_000)
    world.bytes_per_ms = NARROW
    return world


def _hand_over(origin: ListLog, to: ListLog) -> None:
    """All its shared lanes."""
    for key in (CONTROL, GLOBAL):
        while page := origin.page(key, to.tip(key).seq):
            batch = frames.decode(page.frame)
            assert isinstance(batch, Batch)
            to.apply(verify_batch(batch, to.tip(key), roster_of("de")))


def _whole(world: World, region: str = "in", key: LaneKey = GLOBAL) -> int:
    return world.nodes[region].log.tip(key).seq


def _holds(world: World, seq: int, key: LaneKey = GLOBAL) -> bool:
    return world.nodes["in"].log.event(key, seq) is not None


def _until(world: World, done: object, ms: int = 120_000) -> int:
    """Runs until it is so; how long that took."""
    began = world.now
    while not done():  # type: ignore[operator]
        assert world.now - began < ms, "it does not come to that"
        world.run(20)
    return world.now - began


def _listed(world: World) -> bool:
    return all(_holds(world, seq) for seq in range(EVERY, HISTORY + 1, EVERY))


@pytest.mark.parametrize("seed", range(4))
def test_a_new_region_is_usable_long_before_it_has_everything(seed: int) -> None:
    world = _world(seed)
    world.nodes["in"].start()
    newest = _until(world, lambda: _holds(world, HISTORY))
    shown = newest + _until(world, lambda: _listed(world) and _whole(world, key=CONTROL) == 40)
    assert _whole(world, key=PAIR) == 40
    behind = HISTORY - FRESH - _whole(world)
    assert behind > HISTORY / 2, "people and communities do not wait for old posts"
    status = world.link("in", "de").status(world.now)
    assert status.state == State.CATCHING_UP
    assert (status.filling_events, status.filled_events) == (HISTORY - FRESH, _whole(world))
    whole = shown + _until(world, lambda: _whole(world) == HISTORY)
    assert whole > 2 * shown
    world.run(5_000)
    world.check_converged()
    assert world.link("in", "de").status(world.now).filling_events == 0
    assert world.states() == {State.LIVE}


def test_what_happens_meanwhile_comes_as_it_happens() -> None:
    world = _world()
    world.nodes["in"].start()
    _until(world, lambda: _holds(world, HISTORY))
    for number in range(1, 6):
        world.nodes["de"].publish("global", b"now")
        took = _until(world, lambda n=number: _holds(world, HISTORY + n))  # type: ignore[misc]
        assert took < 3_000, "a batch is under way before it, no more"
    assert _whole(world) < HISTORY
    _until(world, lambda: _whole(world) == HISTORY + 5)


@pytest.mark.parametrize("seed", range(3))
def test_a_region_that_was_away_for_long_sees_todays_posts_first(seed: int) -> None:
    world = World("de", "fr", seed=seed)
    world.fresh = FRESH
    world.start()
    world.nodes["de"].publish("global")
    world.run(3_000)
    world.part("de", "fr")
    for _ in range(1_000):
        world.nodes["de"].publish("global", b"x" * 100)
    world.run(60_000)
    world.bytes_per_ms = NARROW
    world.cuts.clear()
    log = world.nodes["fr"].log
    _until(world, lambda: log.event(GLOBAL, 1_001) is not None)
    assert log.tip(GLOBAL).seq < 500
    _until(world, lambda: log.tip(GLOBAL).seq == 1_001)


def test_a_short_absence_is_made_up_in_order() -> None:
    """Up to twice what would come first, nothing is gained by it."""
    world = World("de", "fr")
    world.fresh = FRESH
    for _ in range(2 * FRESH):
        world.nodes["de"].log.append("global", b"x", world.now)
    world.start().run(3_000)
    assert _whole(world, "fr") == 2 * FRESH
    assert [b.after for b in world.batches("de", "fr") if b.head.key == GLOBAL] == [0]


@pytest.mark.parametrize("at", range(1, 14))
def test_it_goes_on_after_a_crash_at_any_moment(at: int) -> None:
    """Nothing that was committed early is sent a second time by itself, and all of it is there in the end."""
    world = _world(at)
    world.nodes["in"].start()
    for _ in range(3):
        world.run(at * 137)
        world.nodes["in"].crash()
        world.run(50)
        world.nodes["in"].start()
    if at % 2:
        world.nodes["de"].crash()
        world.run(500)
        world.nodes["de"].start()
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) == HISTORY)
    world.run(40_000)
    world.check_converged()
    assert world.states() == {State.LIVE}


def test_a_reconnect_repeats_nothing_of_the_lead() -> None:
    world = _world(2, "de", "in")
    world.nodes["in"].start()
    _until(world, lambda: _listed(world))
    world.nodes["in"].crash()
    world.run(2_000)
    world.sent.clear()
    world.nodes["in"].start()
    _until(world, lambda: _whole(world) > 1_000)
    afters = [b.after for b in world.batches("de", "in") if b.head.key == GLOBAL]
    assert all(after < HISTORY - FRESH for after in afters), "the lead is held"
    assert afters == sorted(afters), "listed events are held, too"


def test_the_origin_is_away_and_another_region_brings_it() -> None:
    """A relay has heads where the origin signed; nothing early is handed on by who joins."""
    world = _world(3)
    world.nodes["de"].crash()
    world.nodes["in"].start()
    _until(world, lambda: _holds(world, HISTORY))
    assert _whole(world) < HISTORY / 2
    world.nodes["de"].start()
    world.run(3_000)
    world.nodes["de"].publish("global", b"back")
    _until(world, lambda: _holds(world, HISTORY + 1) and _listed(world), 15_000)
    assert _whole(world) < HISTORY, "the origin goes on where the relay could not"
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) == HISTORY + 1)
    world.run(40_000)
    world.check_converged()


def _tamper(world: World, change: object) -> None:
    """Every frame from ``de`` to ``in`` of every connection is changed on its way."""

    def changed(wire: Wire) -> None:
        wire.tamper = change  # type: ignore[assignment]

    for wire in world.live_wires():
        if {node.region for node, _ in wire.ends} == {"de", "in"}:
            changed(wire)


def _opened(world: World) -> None:
    """A connection stands, and nothing was said on it but HELLO."""
    _until(
        world,
        lambda: any(
            {node.region for node, _ in wire.ends} == {"de", "in"} for wire in world.live_wires()
        ),
    )


def test_a_base_that_is_a_lie_is_refused() -> None:
    """The signed head at the end of a batch vouches for the hash it begins at (19.1)."""
    world = _world(4, "de", "in")
    world.nodes["in"].start()
    _opened(world)
    lies = 0

    def lie(data: bytes) -> bytes:
        nonlocal lies
        frame = frames.decode(data)
        batch = unpack(frame)[0] if isinstance(frame, Packed) else frame
        if not isinstance(batch, Batch) or batch.after < HISTORY / 2:
            return data
        lies += 1
        return frames.encode(msgspec.structs.replace(batch, previous=b"\x07" * 32))

    _tamper(world, lie)
    _until(world, lambda: lies)
    assert not world.nodes["in"].log.leads
    _until(
        world,
        lambda: any(
            r.refusal and r.refusal.code == "broken_chain" for _, r in world.nodes["in"].reports
        ),
    )
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) == HISTORY)


@pytest.mark.parametrize("sees", ["the base", "a listed event"])
def test_a_fork_between_what_came_early_and_what_lies_behind_is_proven(sees: str) -> None:
    """The origin signed one history's end and another one's beginning: frozen, alarmed, never joined."""
    world = World("de", "fr", "in")
    world.fresh = FRESH
    bodies = [b"%d" % number for number in range(200)]
    de, india = world.nodes["de"].log, world.nodes["in"].log
    for body in [*bodies, b"one more"]:
        de.append("global", body, world.now)
    other = events_after(GLOBAL, Held.nothing(GLOBAL), [b"another %d" % n for n in range(200)])
    at = Held(180, other[179].hash)
    early = batch_of(GLOBAL, [b"early %d" % number for number in range(20)], at)
    india.apply(verify_batch(early, at, roster_of("de"))._replace(early=True))
    if sees == "a listed event":
        before = Held(40, other[39].hash)
        listed = batch_of(GLOBAL, [b"listed"], before)
        india.apply(verify_batch(listed, before, roster_of("de"))._replace(early=True))
    world.start().run(60_000)
    for node in world.nodes.values():
        assert GLOBAL in node.forks, f"{node.region} has no proof"
    assert india.tip(GLOBAL).seq < 180, "nothing is joined that does not fit"
    assert len(india.early[GLOBAL]) >= 20, "what was shown stays"
    proof = world.nodes["fr"].forks[GLOBAL]
    assert proof.hash != proof.first.hash
    world.nodes["de"].publish("control", b"all else flows")
    world.run(3_000)
    assert india.tip(CONTROL).seq == 1


def test_an_older_peer_sends_everything_from_the_beginning() -> None:
    world = _world(5, "de", "in")
    world.nodes["in"].start()
    _opened(world)
    _tamper(world, lambda data: as_released(data, Release.OLDER))
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) > 0)
    assert not world.nodes["in"].log.leads
    _until(world, lambda: _whole(world) == HISTORY)
    assert world.states() == {State.LIVE}


def test_a_lead_meets_an_older_peer() -> None:
    """Which knows nothing of it: the lane is sent on in order, joined, and acknowledged to its end."""
    world = _world(6, "de", "in")
    world.nodes["in"].start()
    _until(world, lambda: _holds(world, HISTORY))
    world.nodes["in"].crash()
    world.run(2_000)
    world.nodes["in"].start()
    _opened(world)
    _tamper(world, lambda data: as_released(data, Release.OLDER))
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) == HISTORY)
    world.nodes["de"].publish("global", b"then as ever")
    _until(world, lambda: _whole(world) == HISTORY + 1, 5_000)
    world.run(1_000)
    status = world.link("de", "in").status(world.now)
    assert (status.lag_events, status.sending_bytes) == (0, 0)
    assert world.states() == {State.LIVE}


def test_a_newer_receiver_is_never_sent_early_what_it_did_not_ask_for() -> None:
    world = _world(7, "de", "in")
    world.fresh = 0
    world.nodes["in"].start()
    world.bytes_per_ms = 0
    _until(world, lambda: _whole(world) == HISTORY)
    afters = [b.after for b in world.batches("de", "in") if b.head.key == GLOBAL]
    assert afters == sorted(afters)
    assert world.states() == {State.LIVE}


def test_heads_of_the_lab_are_the_origins() -> None:
    """What the worlds above rely on: a lead's first head is by the origin's own key."""
    batch = batch_of(GLOBAL, [b"x"], Held(9, b"h" * 32))
    made = sign_head(GLOBAL, Held(10, batch.head.hash), key_of("de"))
    assert batch.head.signed == made
