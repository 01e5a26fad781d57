"""Twenty regions, three hundred schedules, every fault, what people do, and every point a process may die at.

More and longer ones: ``make simulate``. Seeds that once failed are played at the end, with what they found.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from tests.conftest import SEED
from tests.simulation.__main__ import arguments
from tests.simulation.__main__ import how as ways
from tests.simulation.company import JOINS_ALL_EVERY, REGIONS, Company
from tests.simulation.crashes import Point
from tests.simulation.faults import FAULTS
from tests.simulation.lives import LIVES, plan
from tests.simulation.oracle import Broken
from tests.simulation.play import ACTIVE_MS, command, play

SCHEDULES, PER_TEST = 300, 15
FIRST = SEED * 1_000
"""Other schedules in every run."""
LIVELY = (26, 31, 32, 41, 576)
"""Short schedules in which, taken together, all comes about that people and operators try."""
EFFECTS = (
    "polls_asked",
    "ballots",
    "polls_closed",
    "regions_late",
    "handovers",
    "takeovers",
    "keys_announced",
    "keys_ended",
    "batches_forged",
)


@pytest.mark.parametrize("part", range(SCHEDULES // PER_TEST))
def test_nothing_is_lost_doubled_or_leaked(part: int) -> None:
    start = FIRST + part * PER_TEST
    for seed in range(start, start + PER_TEST):
        play(seed, brief=True)


def test_a_seed_plays_the_same_schedule_twice() -> None:
    assert play(5) == play(5)
    assert play(5, sql=True) == play(5, sql=True)


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_fault_does_something_and_heals(kind: str) -> None:
    assert play(len(kind), kinds=[kind]).faults[kind]


def test_everything_people_do_comes_to_something() -> None:
    """Not that it is planned or tried: it is written, counted, taken over, ended."""
    came: Counter[str] = Counter()
    for seed in LIVELY:
        came += play(seed, brief=True).totals
    assert not [effect for effect in EFFECTS if came[effect] == 0]


def test_every_act_of_people_is_planned_somewhere() -> None:
    planned = {act for seed in range(40) for _, act in plan(seed, ACTIVE_MS[0])}
    assert planned == set(LIVES)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"brief": True, "wide": True},
        {"sql": True},
        {"sql": False, "kinds": ["restore", "cut"]},
        {"brief": True, "kinds": ["trap"], "traps": {Point.ERASED: 2, Point.MID_BATCH: 1}},
    ],
    ids=str,
)
def test_the_command_of_a_failure_plays_just_that(how: dict[str, Any]) -> None:
    asked = arguments(shlex.split(command(5, **how))[3:])
    nothing = {"sql": None, "kinds": [], "traps": {}, "brief": False, "wide": False}
    assert (asked.seed, ways(asked)) == (5, nothing | how)


def test_a_failure_says_how_to_play_it_again() -> None:
    """Such as a fault that does not exist."""
    traps = {Point.ERASED: 2}
    with pytest.raises(Broken, match="--seed 5 --brief --no-sql --kinds none --trap erased:2\\)"):
        play(5, sql=False, kinds=["none"], traps=traps, brief=True)


def test_a_region_that_joins_catches_up_with_all_twenty_origins_at_once() -> None:
    """From each the newest come first: at least the last few of every one of twenty backlogs."""
    assert Company(JOINS_ALL_EVERY + 3).joins_all
    totals = play(JOINS_ALL_EVERY + 3, brief=True).totals
    assert totals["events_applied_early"] >= len(REGIONS) * 4


LEADING_TO: Mapping[Point, Sequence[str]] = {
    Point.EPOCH_MARKED: ["restore"],
    Point.RECOVERING: ["restore"],
    Point.ERASED: ["erase"],
    Point.EARLY: ["isolate"],
    Point.JOINED: ["isolate"],
}
"""Points no node comes by unless something happened to it."""


ONCE = {Point.POLL_STOPPED, Point.HANDED_OVER, Point.RELEASED, Point.KEY_ANNOUNCED}
"""Points a region comes by once in a schedule, or hardly more often."""


@pytest.mark.parametrize(
    ("point", "nth"), [(point, n) for point in Point for n in (1, 2) if n == 1 or point not in ONCE]
)
def test_every_named_point_is_died_at(point: Point, nth: int) -> None:
    """By as many regions of a company as come by."""
    kinds = LEADING_TO.get(point, ["reset"])
    assert any(play(seed, kinds=kinds, traps={point: nth}).died[point] for seed in range(80, 130))


class Found(NamedTuple):
    seed: int
    what: str
    how: Mapping[str, Any] = {}
    """As ``play`` takes it."""


FOUND = (
    Found(
        8,
        "WANT told a relay of lanes it is not in; and a forked pair lane whose histories grew equally long",
    ),
    Found(70, "two histories of one length, which no vector tells apart until one grows"),
    Found(1113, "both directions of a line were lost, and neither end's close arrived"),
    Found(1681, "a changed bit made a HEAD name a lane that does not exist"),
    Found(100312, "a lane told of before its fork was known kept its link from being live"),
    Found(100020, "connections were cut in the moment everything had arrived"),
    Found(
        700003,
        "a restored region never said its secret sub-tally again",
        {"brief": True, "kinds": ["restore"]},
    ),
    Found(
        1000777,
        "a region set back to the older release refuses a new key until the log tells of it",
    ),
    Found(
        592, "a schedule ended the key in use, to which a restore had gone back", {"brief": True}
    ),
    Found(1010213, "a proof of a fork went out before the keys that it was signed by"),
    Found(
        30001412,
        "a poll's author moved away from a home whose clock was an hour behind: nobody could end it in time",
    ),
    Found(
        1426025916277,
        "sent back before the old home had heard of the takeover, somebody was released there again and again",
        {"brief": True},
    ),
    Found(30002339, "a frame was damaged where only the laboratory's older release reads it"),
    Found(
        90001458,
        "what an origin lost with its disk, and had not sent before its newest, was waited for",
        {"wide": False},
    ),
    Found(
        101007136,
        "what somebody on the move had written came last, and meant nothing that woke the new home's list",
        {"wide": False},
    ),
    Found(
        2786920187249,
        "a restored home released somebody with a number above that of the handover, again and again",
        {"brief": True},
    ),
)


@pytest.mark.parametrize("found", FOUND, ids=lambda found: str(found.seed))
def test_what_once_failed_holds(found: Found) -> None:
    """With the bounds it was found with: narrow ones came later."""
    play(found.seed, **{"wide": True, **found.how})
