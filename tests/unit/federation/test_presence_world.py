"""Regions whose people look at each other, in virtual time: who is asked, who is told, and until when it counts."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain import limits
from server.domain.errors import Code
from server.domain.wire import LaneBatch
from server.federation import frames, handshake, steps
from server.federation.ephemeral import FEATURE, packed
from server.federation.frames import Ephem
from server.federation.handshake import FEATURES
from server.federation.outbox import Rank
from server.federation.steps import State
from tests.unit.federation.lab import Node, World

SECOND = 1000
THREAD = "t:" + "0" * 26
KEPT_MS = limits.PRESENCE_KEPT_SECONDS * SECOND


def company(*regions: str, **options: Any) -> tuple[World, list[Node]]:
    world = World(*(regions or ("de", "fr")), **options).start().run(3_000)
    return world, [world.nodes[region] for region in world.regions]


def look(node: Node, peer: str, *channels: str) -> None:
    node.look(peer, channels)


def noted(node: Node) -> list[tuple[str, object]]:
    """Everything the node sees from now on: (channel, state), in order."""
    seen: list[tuple[str, object]] = []
    perform = node.perform

    def note(peer: str, effect: steps.Effect) -> None:
        if isinstance(effect, steps.Seen):
            seen.extend(effect.states.items())
        perform(peer, effect)

    node.perform = note  # type: ignore[method-assign]
    return seen


def ephems(world: World, sender: str, to: str) -> list[Ephem]:
    return [f for s, r, f in world.sent if (s, r) == (sender, to) and isinstance(f, Ephem)]


def test_whom_people_look_at_is_seen_and_what_becomes_of_them() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online", "p:bob": "away", THREAD: ()})
    look(de, "fr", "p:anna", THREAD)
    world.run(2_500)
    assert de.sees == {"p:anna": "online"}, "of bob nobody asked"
    fr.changes({"p:anna": "offline", "p:bob": "online", THREAD: ("anna",)})
    world.run(1_500)
    assert de.sees[THREAD] == ("anna",)
    assert de.sees["p:anna"] == "online"
    world.run(5_000)
    assert de.sees["p:anna"] == "offline"
    assert not fr.sees


def test_nobody_looks_and_nothing_is_said() -> None:
    world, (_, fr) = company()
    fr.changes({"p:anna": "online"})
    world.run(60_000)
    assert not [frame for _, _, frame in world.sent if isinstance(frame, Ephem)]


def test_i8_who_may_not_hear_is_told_nothing_and_not_that_there_is_anything() -> None:
    world, (de, fr) = company()
    fr.shows = lambda _peer, channel: channel != THREAD
    fr.changes({"p:anna": "online", THREAD: ("anna",)})
    look(de, "fr", "p:anna", THREAD, "p:nobody")
    world.run(3_000)
    fr.changes({"p:anna": "away", THREAD: ("anna", "bob"), "p:nobody": "online"})
    world.run(10_000)
    assert de.sees == {"p:anna": "away"}
    assert not any(frame.typing for frame in ephems(world, "fr", "de"))
    fr.feed("de", steps.Allowed(["p:anna"], {}))
    fr.changes({"p:anna": "online"})
    world.run(10_000)
    assert de.sees == {"p:anna": "away"}, "not any more"


def test_what_nobody_looks_at_any_more_is_not_told() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    de.look("fr", [], ["p:anna"])
    world.run(8_000)
    assert not world.link("fr", "de").looked_at
    said = len(ephems(world, "fr", "de"))
    fr.changes({"p:anna": "away"})
    world.run(10_000)
    assert len(ephems(world, "fr", "de")) == said


# -- until when it counts ----------------------------------------------------------------------------------


def test_after_a_link_died_everybody_there_is_offline_within_35_s() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online", "p:bob": "offline"})
    look(de, "fr", "p:anna", "p:bob")
    world.run(3_000)
    de.sees.pop("p:bob")
    world.part("de", "fr")
    world.run(KEPT_MS - 5_000)
    assert de.sees == {"p:anna": "online"}, "it may come back"
    world.run(10_000)
    assert de.sees == {"p:anna": "offline"}, "of whom was offline anyway nothing is said"


def test_a_region_that_falls_silent_is_offline_within_35_s() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "away"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    world.muted.add(("fr", "de"))
    world.run(35_000)
    assert de.sees == {"p:anna": "offline"}


def test_a_link_that_comes_back_shows_nobody_as_gone_and_those_who_went_meanwhile() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online", "p:bob": "online", "p:cleo": "online"})
    look(de, "fr", "p:anna", "p:bob", "p:cleo")
    world.run(3_000)
    seen = noted(de)
    world.part("de", "fr")
    del fr.present["p:cleo"]  # at home elsewhere by now: nothing is said of them any more
    fr.changes({"p:bob": "away"})
    world.run(5_000)
    world.cuts.clear()
    world.run(60_000)
    assert ("p:anna", "offline") not in seen
    assert de.sees == {"p:anna": "online", "p:bob": "away", "p:cleo": "offline"}


def test_after_a_loss_a_great_many_are_shown_as_gone_by_nobody_s_haste() -> None:
    """Asking anew about so many takes minutes; meanwhile what was so counts, and who went is found out in turn."""
    world, (de, fr) = company()
    everybody = [f"p:person.{n:05}" for n in range(5_000)]
    fr.changes(dict.fromkeys(everybody, "online"))
    look(de, "fr", *everybody)
    world.run(180_000)
    assert set(de.sees) == set(everybody)
    seen = noted(de)
    world.part("de", "fr")
    gone = everybody[7]
    fr.changes({gone: "offline"})
    world.run(5_000)
    world.cuts.clear()
    world.run(180_000)
    assert {channel for channel, state in seen if state == "offline"} == {gone}


def test_each_loss_has_a_time_of_its_own() -> None:
    """A second loss does not keep what was said before the first alive for longer."""
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    world.part("de", "fr")
    lost_at = world.now
    del fr.present["p:anna"]
    world.cuts.clear()
    world.run(20_000)
    world.part("de", "fr")
    world.run(lost_at + KEPT_MS + 5_000 - world.now)
    assert de.sees == {"p:anna": "offline"}


def test_a_link_that_is_given_up_leaves_nobody_behind() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    de.feed("fr", steps.Stopped())
    assert de.sees == {"p:anna": "offline"}


def test_a_region_that_starts_anew_is_asked_anew() -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    fr.crash()
    fr.present = {"p:anna": "away"}
    world.run(2_000)
    fr.start()
    world.run(15_000)
    assert de.sees == {"p:anna": "away"}


# -- other releases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", ["de", "fr"])
def test_who_does_not_name_the_feature_neither_gets_nor_sends_any(
    monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    init = handshake.Handshake.__init__

    def older(self: handshake.Handshake, me: handshake.Identity, *others: Any) -> None:
        init(self, me, *others)
        if me.region == old:
            self._offered = tuple([name for name in FEATURES if name != FEATURE])

    monkeypatch.setattr(handshake.Handshake, "__init__", older)
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(30_000)
    assert not de.sees
    assert not [frame for _, _, frame in world.sent if isinstance(frame, Ephem)]
    conn = next(conn for conn, wire in de.wires.items() if wire.alive)
    de.feed("fr", steps.Received(conn, frames.encode(Ephem(5, b"", (), packed([3])))))
    assert world.states() == {State.LIVE}, "ignored, as it ever was"
    assert not de.sees


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Ephem(9), Code.BAD_VALUE),
        (Ephem(0, packed([limits.LOOKED_AT_MAX])), Code.BAD_VALUE),
        (Ephem(0, bytes(limits.EPHEM_FRAME_BYTES_MAX)), Code.TOO_LARGE),
    ],
)
def test_what_cannot_be_is_refused_and_counted(frame: Ephem, code: Code) -> None:
    world, (de, _) = company()
    conn = next(iter(de.wires))
    de.feed("fr", steps.Received(conn, frames.encode(frame)))
    assert de.reports[-1][1].refusal
    assert de.reports[-1][1].refusal.code is code
    assert world.link("de", "fr").state is not State.LIVE


# -- what goes first ------------------------------------------------------------------------------------------


def test_it_waits_while_fresh_events_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    world, (de, fr) = company()
    fr.changes({"p:anna": "online"})
    look(de, "fr", "p:anna")
    world.run(3_000)
    flow = world.link("fr", "de")._flow
    assert flow
    monkeypatch.setattr(type(flow), "is_pressed", property(lambda _flow: True))
    said = len(ephems(world, "fr", "de"))
    fr.changes({"p:anna": "away"})
    world.run(10_000)
    assert len(ephems(world, "fr", "de")) == said
    fr.changes({"p:anna": "offline"})
    monkeypatch.undo()
    world.run(2_000)
    assert de.sees == {"p:anna": "offline"}
    assert len(ephems(world, "fr", "de")) == said + 1, "one frame, of what is so now"


def test_a_slow_line_holds_one_frame_and_fresh_events_go_before_it() -> None:
    world, (de, fr) = company()
    people = [f"p:n{n}" for n in range(2_000)]
    fr.changes(dict.fromkeys(people, "online"))
    look(de, "fr", *people)
    world.run(60_000)
    world.bytes_per_ms = 1
    wire = next(wire for wire in fr.wires.values() if wire.alive)
    outbox = wire._outboxes[0 if wire.ends[0][0] is fr else 1]
    for turn in range(100):
        if turn % 10 == 0:
            fr.publish("global", b"x" * 3_000)
            fr.changes(dict.fromkeys(people, "away" if turn % 20 else "online"))
        world.run(100)
        assert len(outbox._ranks[Rank.EPHEMERAL]) <= 1
    world.bytes_per_ms = 0
    world.run(30_000)
    assert set(de.sees.values()) == {"away"}
    world.check_converged()


def _lags(monkeypatch: pytest.MonkeyPatch, *, storm: bool) -> list[int]:
    """Milliseconds from commit to commit of 400 events, 100 a second, over 10 Mbit/s and 250 ms there and back."""
    world, (de, fr) = company(seed=5)
    people = [f"p:person.{n}" for n in range(8_000)]
    de.changes(dict.fromkeys(people, "online"))
    with monkeypatch.context() as hurry:
        hurry.setattr(limits, "EPHEM_BYTES_PER_S", 2**30)
        hurry.setattr(limits, "EPHEM_SECONDS_MIN", 0.01)
        look(fr, "de", *people)
        world.run(10_000)
    assert len(fr.sees) == len(people)
    world.latency_ms, world.disk_ms, world.bytes_per_ms = (125, 125), (2, 2), 1_250
    world.run(3_000)
    wrote: list[int] = []
    came: list[int] = []
    apply = fr.log.apply

    def applied(batch: LaneBatch) -> int:
        came.extend([world.now] * len(batch.events))
        return apply(batch)

    monkeypatch.setattr(fr.log, "apply", applied)
    if storm:
        de.changes(dict.fromkeys(people, "offline"))
    for _ in range(400):
        wrote.append(world.now)
        de.publish("global", b"x" * 300)
        world.run(10)
    world.run(15_000)
    assert set(fr.sees.values()) == {"offline" if storm else "online"}
    return sorted(at - then for then, at in zip(wrote, came, strict=True))


def test_a_storm_moves_no_fresh_event_by_more_than_a_frame_takes_on_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm, storm = _lags(monkeypatch, storm=False), _lags(monkeypatch, storm=True)
    frame_ms = limits.EPHEM_FRAME_BYTES_MAX // 1_250 + 1
    assert storm[-1] <= calm[-1] + frame_ms
    assert storm[len(storm) // 2] == calm[len(calm) // 2]


def test_a_world_without_onlookers_is_the_same_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing about presence costs a frame or moves a timer where nobody looks."""

    def traffic() -> list[tuple[str, str, str]]:
        world = World("de", "fr", "in", seed=7).start().run(3_000)
        for _ in range(5):
            for node in world.nodes.values():
                node.publish("global")
            world.run(2_000)
        return [(s, r, frames.NAMES[type(f)]) for s, r, f in world.sent]

    with_it = traffic()
    monkeypatch.setattr(
        handshake, "FEATURES", tuple([name for name in FEATURES if name != FEATURE])
    )
    assert traffic() == with_it
