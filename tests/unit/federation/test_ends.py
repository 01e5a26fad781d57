"""A key that ended makes no earlier epoch longer either (docs/protocol/federation.md 17.3, 17.4)."""

from __future__ import annotations

import itertools

import pytest

from server.domain.errors import Code
from server.domain.events import EpochEnd, Event, KeyRetired, LogClosed
from server.domain.ids import EventId, LaneKey
from server.domain.wire import decode_header
from server.federation.steps import State
from server.federation.trust import Roster, heed, key_id, succession
from tests.unit.federation.lab import EPOCH, Node, World, event_after, key_of, public_of, roster_of
from tests.unit.federation.test_keys import (
    many,
    new_key,
    raw,
    refused,
    rejections,
    rotate,
    settled,
    verify,
)

FIRST, SECOND, THIRD = EPOCH, EPOCH + (1 << 32), EPOCH + (2 << 32)
OLD, NEW = key_of("de"), new_key("1")
NAME = key_id(public_of("de"))


def end(epoch: int, seq: int) -> EpochEnd:
    return EpochEnd(epoch=epoch, seq=seq)


def retired(*earlier: EpochEnd) -> KeyRetired:
    return KeyRetired(key_id=NAME, earlier=earlier)


def told(*words: tuple[int, str, int, Event]) -> Roster:
    """A roster that knows both keys of de and heard these, by (epoch, lane, seq)."""
    roster = roster_of("de", "fr")
    roster.learn(succession("de", raw(NEW), OLD))
    for epoch, lane, seq, event in words:
        heed(roster, EventId("de", epoch, lane, seq), event)
    return roster


def reach(roster: Roster, epoch: int, lane: str = "global") -> int | None:
    """The last event of a lane that the old key vouches for; None where it has not ended."""
    key = LaneKey("de", epoch, lane)
    return next((seq for seq in range(60) if not roster.vouches(NAME, key, seq + 1)), None)


def test_a_retired_key_vouches_for_earlier_epochs_up_to_where_they_ended() -> None:
    roster = told((SECOND, "global", 9, retired(end(FIRST, 5))))
    lane = LaneKey("de", FIRST, "global")
    verify(roster, lane, 5, OLD)
    assert refused(verify, roster, lane, 6, OLD) is Code.BAD_SIGNATURE
    verify(roster, lane, 6, NEW)
    assert reach(roster, SECOND) == 9
    assert reach(roster, THIRD) is None, "that is for control to say"


@pytest.mark.parametrize("epoch", [FIRST - 1, FIRST + 1, SECOND - 1])
def test_an_earlier_epoch_that_is_not_named_has_nothing_by_that_key(epoch: int) -> None:
    """Whoever has the key could else begin one that nobody knows."""
    roster = told((SECOND, "global", 9, retired(end(FIRST, 5))))
    assert reach(roster, epoch) == 0
    assert reach(told((FIRST, "global", 9, retired())), FIRST - 1) == 0


def test_an_event_ends_a_key_in_its_own_lane_alone() -> None:
    roster = told((SECOND, "global", 9, retired(end(FIRST, 5))))
    for lane in ("control", "group.eu", "pair.de.fr"):
        for epoch in (FIRST, SECOND, THIRD):
            assert reach(roster, epoch, lane) is None
    heed(roster, EventId("fr", SECOND, "global", 9), retired(end(FIRST, 2)))
    assert reach(roster, FIRST) == 5, "nor for another region"


@pytest.mark.parametrize("epoch", [SECOND, THIRD])
def test_an_event_speaks_for_the_past_alone(epoch: int) -> None:
    said = told((SECOND, "global", 9, retired(end(epoch, 2), end(FIRST, 5))))
    assert (reach(said, SECOND), reach(said, THIRD)) == (9, None)


def test_control_does_not_end_the_epochs_between_those_it_names() -> None:
    """Other lanes of theirs have words of their own, which may not be here yet."""
    roster = told((THIRD, "control", 9, retired(end(FIRST, 5), end(SECOND, 7))))
    assert [reach(roster, epoch, "control") for epoch in (FIRST, SECOND, THIRD)] == [5, 7, 9]
    assert [reach(roster, epoch) for epoch in (FIRST, SECOND, THIRD)] == [None] * 3
    assert reach(roster, THIRD + 1) == 0
    assert roster.has_ended("de", NAME)


def test_an_event_by_an_older_version_ends_no_earlier_epoch() -> None:
    roster = told((SECOND, "global", 9, KeyRetired(key_id=NAME)))
    assert (reach(roster, SECOND), reach(roster, FIRST)) == (9, None)


def test_a_closed_log_is_closed_in_all_its_epochs_for_any_key() -> None:
    roster = told((SECOND, "global", 9, LogClosed(earlier=(end(FIRST, 5),))))
    for key in (OLD, NEW):
        verify(roster, LaneKey("de", FIRST, "global"), 5, key)
        for epoch, seq in ((FIRST, 6), (SECOND, 10), (FIRST + 1, 1)):
            lane = LaneKey("de", epoch, "global")
            assert refused(verify, roster, lane, seq, key) is Code.BAD_SIGNATURE


def test_whatever_order_words_arrive_in_all_agree() -> None:
    """Retired, restored without that and retired again; then restored twice, each time with less."""
    words = [
        (FIRST, "global", 9, KeyRetired(key_id=NAME)),
        (SECOND, "global", 4, retired(end(FIRST, 6))),
        (SECOND, "global", 8, retired(end(FIRST, 8))),
        (THIRD, "global", 3, retired(end(FIRST, 7), end(SECOND, 6))),
        (THIRD, "control", 3, retired()),
    ]
    found = {
        tuple(reach(told(*order), epoch) for epoch in (FIRST, SECOND, SECOND + 1, THIRD, THIRD + 1))
        for order in itertools.permutations(words)
    }
    assert found == {(6, 4, 0, 3, 0)}, "the lowest place counts"


# -- worlds ---------------------------------------------------------------------------------------------


def _tips(node: Node, lane: str) -> tuple[EpochEnd, ...]:
    ours = [
        (key.epoch, len(events))
        for key, events in node.log.lanes.items()
        if key[::2] == ("de", lane)
    ]
    return tuple(end(*tip) for tip in sorted(ours) if tip[0] < node.log.epoch)


def _retire(node: Node) -> None:
    for lane in ("global", "control"):
        node.publish(lane, retired(*_tips(node, lane)))


def _forge(node: Node, key: LaneKey) -> None:
    """One event more, signed with the node's key as it is now."""
    event = event_after(key, node.log.tip(key), b"never written", node.world.now << 16)
    node.log.lanes.setdefault(key, []).append(event)
    node.committed({key: decode_header(event.header).seq})


@pytest.mark.parametrize("epoch", [FIRST, FIRST + 1], ids=["known", "made up"])
def test_a_thief_adds_to_no_earlier_epoch_and_a_relay_brings_what_was_there(epoch: int) -> None:
    world = World("de", "fr", "in", both_dial=True)
    de = world.nodes["de"]
    world.part("de", "fr")
    world.part("in", "fr")
    world.start().run(2_000)
    many(de, "global", 600)
    world.run(3_000)
    de.reopen()
    world.run(3_000)
    many(de, "global", 30)
    rotate(de, NEW)
    _retire(de)
    world.run(5_000)
    world.cuts.discard(frozenset(("in", "fr")))
    world.run(30_000)
    world.check_converged()
    assert rejections(world) == []
    before = {f.head.key_id for f in world.batches("in", "fr") if f.head.key.epoch == FIRST}
    assert before == {NAME}
    # Whoever has the old key now, and a line to somebody.
    de.log.private = OLD
    _forge(de, LaneKey("de", epoch, "global"))
    assert any(r.refusal.code is Code.BAD_SIGNATURE for r in settled(world) if r.refusal)
    world.cuts.clear()
    settled(world)
    held = [node.log.tip(LaneKey("de", epoch, "global")).seq for node in world.nodes.values()]
    assert held[1:] == ([600] * 2 if epoch == FIRST else [0] * 2)


@pytest.mark.parametrize("seed", range(4))
def test_a_tail_the_region_had_lost_stays_where_it_is_and_lines_stay_sound(seed: int) -> None:
    """fr alone got the last events, and was away while the region was put back and ended the key without them."""
    world = World("de", "fr", "in", seed=seed, both_dial=True)
    de, fr = world.nodes["de"], world.nodes["fr"]
    lane = LaneKey("de", FIRST, "global")
    world.start().run(3_000)
    many(de, "global", 300)
    world.run(5_000)
    backup = de.log.copy()
    world.part("de", "in")
    world.part("fr", "in")
    many(de, "global", 300)
    world.run(5_000)
    world.part("de", "fr")
    de.crash()
    de.log = backup
    de.log.open_epoch(world.now)
    de.start()
    rotate(de, NEW)
    _retire(de)
    world.cuts.discard(frozenset(("de", "in")))
    world.run(10_000)
    world.cuts.clear()
    world.run(200_000)
    assert [len(node.log.lanes[lane]) for node in (de, fr, world.nodes["in"])] == [300, 600, 300]
    told_before = len(rejections(world))
    for node in world.nodes.values():
        many(node, "global", 10)
    world.run(200_000)
    newest = {key: len(events) for key, events in de.log.lanes.items() if key != lane}
    assert all(len(n.log.lanes[k]) == c for n in world.nodes.values() for k, c in newest.items())
    assert len(rejections(world)) == told_before
    assert world.states() <= {State.LIVE, State.CATCHING_UP}
