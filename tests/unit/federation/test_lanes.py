"""Who may receive a lane, vectors, and whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.ids import LaneKey
from server.domain.wire import genesis
from server.federation.frames import Tip
from server.federation.lanes import Held, from_vector, next_turn, vector
from tests.unit.federation.lab import EPOCH, may_know, reach_of

REGIONS = ("de", "fr", "in")
LANES = ("control", "global", "local", "group.eu", "pair.de.fr", "pair.de.in", "pair.fr.in")


WRITTEN = [
    (origin, lane)
    for origin in REGIONS
    for lane in LANES
    if not lane.startswith("pair.") or origin in lane.split(".")
]


@pytest.mark.parametrize(("origin", "lane"), WRITTEN)
@pytest.mark.parametrize("region", REGIONS)
def test_i8_a_lane_reaches_its_audience_and_nobody_else(
    origin: str, lane: str, region: str
) -> None:
    key = LaneKey(origin, EPOCH, lane)
    assert reach_of(*REGIONS).may_receive(key, region) == may_know(key, region)


@pytest.mark.parametrize("lane", ["group.unknown", "group.", "pair.", "local"])
def test_i8_what_is_not_configured_stays_at_home(lane: str) -> None:
    reach = reach_of(*REGIONS)
    assert [r for r in REGIONS if reach.may_receive(LaneKey("de", EPOCH, lane), r)] == ["de"]


def test_i8_a_region_outside_the_roster_receives_nothing_open() -> None:
    assert not reach_of(*REGIONS).may_receive(LaneKey("de", EPOCH, "global"), "xx")


def test_a_lane_begins_at_its_genesis_hash() -> None:
    key = LaneKey("de", EPOCH, "global")
    assert Held.nothing(key)[:2] == (0, genesis("de", EPOCH, "global"))


keys = st.builds(LaneKey, st.sampled_from(REGIONS), st.integers(1, 3), st.sampled_from(LANES))


@given(st.dictionaries(keys, st.integers(0, 100)))
def test_a_vector_survives_the_trip(tips: dict[LaneKey, int]) -> None:
    assert from_vector(vector(tips)) == tips
    assert vector(tips) == vector(dict(reversed(tips.items())))


def test_a_lane_named_twice_counts_as_less() -> None:
    tip = Tip("de", 7, "global", 5)
    assert from_vector([tip, Tip("de", 7, "global", 3), tip]) == {tip.key: 3}


@given(st.sets(keys, min_size=1))
def test_control_overtakes_and_the_others_take_turns(ready: set[LaneKey]) -> None:
    control = {key for key in ready if key.lane == "control"}
    turn = next_turn(ready, None)
    assert turn in (control or ready)
    if not control:
        seen, last = [], None
        for _ in ready:
            last = next_turn(ready, last)
            seen.append(last)
        assert sorted(seen) == sorted(ready)


def test_nobody_ready_nobody_served() -> None:
    assert next_turn([], None) is None
