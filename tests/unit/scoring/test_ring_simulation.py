"""2,000 honest people and circles of 2, 5, 8 and 15 beside them: what the factors leave of whose thanks.

The figures of docs/scoring.md section 11.1, in one quarter, with the rules in force. What the circles gave each
other is never taken away by itself: it is damped, and each line says by what.
"""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from server.scoring.credits import credits_of
from server.scoring.explain import line_map
from server.scoring.model import Act, Line
from server.scoring.rings import words
from server.scoring.rules import shipped
from tests.unit.scoring.acts import ruled
from tests.unit.scoring.ring_world import (
    QUARTER,
    RINGS,
    World,
    ledgers_of,
    made,
    percentile,
    raw,
    totals,
    watched,
)

BOOK = shipped()
SPREADS = ("team", "teams", "countries")
SEED = 1
PEOPLE, ACTS = 2_000, range(27_000, 31_000)
RING_SHARE_MAX = 150
"""Thousandths of the honest 99th percentile that a ring of 15 ends at, at most, on the average."""
KEPT_MIN = 850
"""Thousandths of honest credit that the factors leave."""


@cache
def world(spread: str) -> World:
    return made(SEED, spread=spread)


@cache
def ledgers(spread: str) -> dict[str, list[Line]]:
    return ledgers_of(world(spread).acts, BOOK)


def test_the_world_is_the_one_that_was_meant() -> None:
    assert len(world("teams").others()) == PEOPLE
    assert len(world("teams").honest) in ACTS
    assert [len(world("teams").ring(size)) for size in RINGS] == list(RINGS)


@pytest.mark.parametrize("spread", SPREADS)
def test_no_ring_comes_near_the_best_honest_people(spread: str) -> None:
    here, found = world(spread), totals(ledgers(spread))
    best = percentile([found.get(name, 0) for name in here.others()], 99)
    for size in RINGS:
        mean = sum([found[name] for name in here.ring(size)]) // size
        assert mean * 1000 // best <= RING_SHARE_MAX, f"a ring of {size} in {spread}"


@pytest.mark.parametrize("spread", SPREADS)
def test_honest_people_keep_their_credit(spread: str) -> None:
    here, found = world(spread), ledgers(spread)
    counted = totals(found)
    kept = sum([counted.get(name, 0) for name in here.others()])
    assert kept * 1000 // raw(found, here.others()) >= KEPT_MIN


def test_nothing_is_removed_silently() -> None:
    """A line for each credit, and each one that is worth less than its act says why."""
    found = [line for own in ledgers("teams").values() for line in own]
    assert {line.act for line in found} == {
        credit.act for credit in credits_of(world("teams").acts, BOOK)
    }
    assert all(line.status == "counted" for line in found)
    for line in found:
        shown = line_map(line, BOOK)
        if shown["milli_points"] < shown["base"] * 1000:
            assert shown["factors"]
            assert all(factor["reason"] for factor in shown["factors"])


@pytest.mark.parametrize("spread", SPREADS)
def test_just_the_rings_are_put_before_people(spread: str) -> None:
    found = watched(ledgers(spread), QUARTER, BOOK)
    assert [circle.people for circle in found] == [
        tuple(sorted(world(spread).ring(size))) for size in reversed(RINGS)
    ]
    for circle in found:
        assert f"{len(circle.people)} people" in words(circle)


def test_who_thanks_outsiders_to_hide_is_found_all_the_same() -> None:
    """Each of a ring and a colleague outside mark three of each other's posts: that ties the ring to half the
    company, but by weaker thanks than its own."""
    here, random = world("teams"), Random(SEED)
    outside = random.sample(here.others(), 60)
    posts: dict[str, list[Act]] = {}
    for act in here.honest:
        posts.setdefault(act.author, []).append(act)
    extra = []
    for n, name in enumerate(outside):
        friend = here.ring(15)[n % 15]
        for k in range(3):
            extra.append(_helpful(friend, f"{name}/more{k}", name, here.thanks[0]))
            extra.append(_helpful(name, f"{friend}/daily{k}", friend, here.thanks[0]))
    found = watched(ledgers_of([*here.acts, *extra], BOOK), QUARTER, BOOK)
    assert tuple(sorted(here.ring(15))) in [circle.people for circle in found]


def _helpful(giver: str, content: str, author: str, like: Act) -> Act:
    register = f"helpful:{content}:{giver}"
    return like._replace(
        id=f"{register}@1",
        register=register,
        kind="helpful",
        giver=giver,
        author=author,
        content=content,
    )


def test_what_people_reverse_stays_as_lines_and_touches_nobody_else() -> None:
    here, before = world("teams"), ledgers("teams")
    decided = [
        ruled("ring_reversed", giver=giver, author=author, quarter=QUARTER)
        for size in RINGS
        for giver in here.ring(size)
        for author in here.ring(size)
        if giver != author
    ]
    after = ledgers_of([*here.acts, *decided], BOOK)
    assert {line.act for own in after.values() for line in own} == {
        line.act for own in before.values() for line in own
    }
    for size in RINGS:
        for name in here.ring(size):
            inside = [line for line in after[name] if line.giver in here.ring(size)]
            assert all((line.status, line.milli_points) == ("reversed", 0) for line in inside)
            assert all(line_map(line, BOOK)["status_text"] for line in inside)
    honest = [name for name in here.others() if name in before]
    assert [after[name] for name in honest] == [before[name] for name in honest]
    undone = [one._replace(id=f"{one.register}@2", rev=2, on=False) for one in decided]
    assert ledgers_of([*here.acts, *decided, *undone], BOOK) == before
