"""The oracle sees what it is there to see: each thing it should notice is done to it once."""

from __future__ import annotations

import pytest

from server.domain.ids import LaneKey
from server.domain.wire import WireEvent
from server.federation.frames import Batch
from server.federation.lanes import Held
from tests.simulation.company import Company
from tests.simulation.oracle import Broken, Oracle, check_memory
from tests.unit.federation.lab import EPOCH, batch_of, events_after

KEY = LaneKey("de", EPOCH, "global")
PAIR = LaneKey("de", EPOCH, "pair.de.fr")


def _written(count: int, key: LaneKey = KEY) -> tuple[Oracle, list[WireEvent]]:
    oracle = Oracle()
    events = events_after(key, Held.nothing(key), [b"x%d" % n for n in range(count)])
    for seq, event in enumerate(events, 1):
        oracle.appended(key, seq, event.hash)
    return oracle, events


def test_a_copy_as_it_was_written_is_fine() -> None:
    oracle, events = _written(3)
    oracle.applied("fr", KEY, 0, events)
    assert oracle.applied_events == 3


def test_an_event_lost_in_the_middle_is_seen_though_every_state_agrees() -> None:
    """A post and its deletion: without both, everybody shows the same."""
    oracle, events = _written(4)
    with pytest.raises(Broken, match="I5"):
        oracle.applied("fr", KEY, 0, [events[0], events[3]])


def test_an_event_applied_twice_is_seen() -> None:
    oracle, events = _written(3)
    with pytest.raises(Broken, match="I5"):
        oracle.applied("fr", KEY, 1, [events[0], events[1]])


def test_a_number_given_twice_is_seen() -> None:
    oracle, events = _written(2)
    with pytest.raises(Broken, match="two hashes"):
        oracle.appended(KEY, 2, events[0].hash)


def test_a_hole_is_seen() -> None:
    oracle, events = _written(2)
    with pytest.raises(Broken, match="I5"):
        oracle.appended(KEY, 4, events[0].hash)


def test_an_event_nobody_wrote_is_seen() -> None:
    oracle, events = _written(1)
    with pytest.raises(Broken, match="never written"):
        oracle.applied("fr", KEY, 1, events)


def test_an_outsider_with_a_copy_is_seen() -> None:
    oracle, events = _written(1, PAIR)
    oracle.applied("fr", PAIR, 0, events)
    with pytest.raises(Broken, match="I8"):
        oracle.applied("in", PAIR, 0, events)


def test_a_body_that_is_gone_without_a_wish_is_seen() -> None:
    oracle, events = _written(1)
    gone = [events[0]._replace(salt=None, body=None)]
    with pytest.raises(Broken, match="nobody asked"):
        oracle.applied("fr", KEY, 0, gone)
    oracle.erased.add((KEY, 1))
    oracle.applied("fr", KEY, 0, gone)


def test_a_batch_that_hangs_in_the_air_is_seen() -> None:
    oracle, events = _written(2)
    batch = batch_of(KEY, [b"x1"], Held(1, events[0].hash))
    oracle.sent(batch)
    with pytest.raises(Broken, match="hangs in the air"):
        oracle.sent(Batch(batch.after, b"?" * 32, batch.events, batch.head))


def test_what_everybody_lost_is_seen_though_all_agree() -> None:
    company = Company(4).start()
    company.nodes["de"].write("global", [b"a", b"b"])
    company.run(20_000)
    assert company.settled()
    company.check_end()
    for node in company.nodes.values():
        (key,) = [key for key in node.log.lanes if key.region == "de"]
        del node.log.lanes[key][1:]
    assert not company.missing(), "everybody agrees"
    with pytest.raises(Broken, match="were durable, 1 are left"):
        company.check_end()


def test_memory_that_grows_is_seen() -> None:
    company = Company(4).start().run(20_000)
    link = next(iter(company.nodes["de"].links.values()))
    check_memory(link)
    assert link._flow
    link._flow._intake.bytes_waiting = 1 << 30
    with pytest.raises(Broken, match="I9"):
        check_memory(link)


def test_events_beyond_a_hole_that_are_another_history_are_seen() -> None:
    oracle, events = _written(3)
    oracle.applied_early("fr", KEY, [(3, events[2])])
    assert oracle.durable[KEY] == 3, "its origin has them: nobody relies on what came early"
    with pytest.raises(Broken, match="two hashes"):
        oracle.applied_early("fr", KEY, [(2, events[2])])
    with pytest.raises(Broken, match="never written"):
        oracle.applied_early("fr", KEY, [(4, events[2])])
