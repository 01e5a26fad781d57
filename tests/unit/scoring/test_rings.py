"""Which circles are put before people, and that none of them is accused by it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.model import Act
from server.scoring.rings import (
    CREDITS_EACH_MIN,
    PEOPLE_MAX,
    Circle,
    candidates,
    cases,
    circle_of,
    words,
)
from server.scoring.rules import shipped
from tests.unit.scoring.acts import PEOPLE, act, act_sets, gone, ruled
from tests.unit.scoring.ring_world import ledgers_of, watched

BOOK = shipped()
QUARTER = "2026Q1"
ACCUSING = ("ring", "fraud", "cheat", "collu", "abuse", "guilt", "suspic", "manipulat", "fake")


def team(size: int, posts: int) -> list[Act]:
    """Everybody marks every post of every other."""
    names = [f"m{n}" for n in range(size)]
    return [
        act("helpful", giver, f"{author}/{n}", day=20_486 + n, ms=n)
        for author in names
        for n in range(posts)
        for giver in names
        if giver != author
    ]


def outsiders(author: str, count: int) -> list[Act]:
    return [act("solved", f"x{author}{n}", f"{author}/0", day=20_490, ms=n) for n in range(count)]


def circle(acts: list[Act], people: list[str]) -> Circle:
    found = ledgers_of(acts, BOOK)
    lines = [line for name in people for line in found.get(name, ())]
    return circle_of(people, QUARTER, lines, BOOK)


def test_a_set_that_lives_on_itself_is_a_case_with_its_evidence() -> None:
    (found,) = watched(ledgers_of(team(3, 10), BOOK), QUARTER, BOOK)
    assert (found.people, found.share, found.credits) == (("m0", "m1", "m2"), 1000, 60)
    assert found.inside == found.received == 60 * 5_000
    assert [(flow.giver, flow.author, flow.contents, flow.base) for flow in found.flows][:2] == [
        ("m0", "m1", 10, 50_000),
        ("m0", "m2", 10, 50_000),
    ]
    lines = [line for own in ledgers_of(team(3, 10), BOOK).values() for line in own]
    assert 0 < found.counted == sum([line.milli_points for line in lines]) < found.inside // 5


def test_an_expert_team_is_explained_and_not_accused() -> None:
    """They thank each other as much as any ring, and are of use to many others."""
    acts = team(4, 10) + [one for n in range(4) for one in outsiders(f"m{n}", 10)]
    assert watched(ledgers_of(acts, BOOK), QUARTER, BOOK) == []
    found = circle(acts, ["m0", "m1", "m2", "m3"])
    assert not found.is_case
    said = words(found)
    assert "Others had use of their work too (320 points): there is nothing to look into." in said


def test_a_case_says_what_was_seen_and_that_nothing_was_changed() -> None:
    said = words(circle(team(3, 10), ["m0", "m1", "m2"]))
    assert said.startswith("3 people gave each other 100 % of the thanks they got in 2026Q1:")
    assert "A team that works closely together can look like this." in said
    assert "Nothing has been changed" in said
    assert not [word for word in ACCUSING if word in said.lower()]


def test_friends_who_thank_now_and_then_are_no_case() -> None:
    few = circle(team(2, CREDITS_EACH_MIN - 1), ["m0", "m1"])
    assert (few.share, few.is_case) == (1000, False)
    assert words(few).endswith("That is too little to look into.")
    assert circle(team(2, CREDITS_EACH_MIN), ["m0", "m1"]).is_case


def test_just_below_four_fifths_is_no_case() -> None:
    inside = 12 * 2 * 5
    acts = team(2, 12)
    enough = inside // 4 // 8
    acts += outsiders("m0", enough)
    assert circle(acts, ["m0", "m1"]).share > 800
    acts += outsiders("m1", 1)
    assert circle(acts, ["m0", "m1"]).share < 800
    assert not circle(acts, ["m0", "m1"]).is_case


def test_a_chain_of_thanks_without_a_way_back_is_no_circle() -> None:
    chain = {(f"p{n}", f"p{n + 1}"): 50 for n in range(3_000)}
    assert candidates(chain) == []


def test_one_way_round_is_a_circle_too() -> None:
    """Each thanks only the next: nobody sees two people thank each other, and yet all of it stays inside."""
    names = [f"m{n}" for n in range(5)]
    acts = [
        act("helpful", giver, f"{author}/{n}", day=20_486 + n)
        for giver, author in zip(names, [*names[1:], names[0]], strict=True)
        for n in range(30)
    ]
    (found,) = watched(ledgers_of(acts, BOOK), QUARTER, BOOK)
    assert found.people == tuple(names)
    assert found.counted * 4 < found.inside, "each giver saturates"


def test_a_large_set_is_none() -> None:
    names = [f"m{n:02}" for n in range(PEOPLE_MAX + 1)]
    everybody = {(one, other): 3 for one in names for other in names if one != other}
    assert candidates(everybody) == []
    del everybody[names[-1], names[0]]
    kept = {pair: count for pair, count in everybody.items() if names[-1] not in pair}
    assert candidates(kept) == [tuple(names[:-1])]


def test_of_sets_inside_each_other_the_largest_is_the_case() -> None:
    acts = team(3, 30)
    acts += [act("helpful", "m0", f"late/{n}", day=20_490 + n) for n in range(12)]
    acts += [act("helpful", "late", f"m0/{n}", day=20_490 + n) for n in range(12)]
    (found,) = watched(ledgers_of(acts, BOOK), QUARTER, BOOK)
    assert found.people == ("late", "m0", "m1", "m2")


@pytest.mark.parametrize("kind", ["deleted", "hidden"])
def test_what_is_gone_tells_nothing(kind: str) -> None:
    acts = team(2, 20) + [gone(kind, f"m{n}/{post}") for n in range(2) for post in range(20)]
    assert circle(acts, ["m0", "m1"]).received == 0


def test_what_was_decided_is_not_found_again() -> None:
    acts = team(2, 20)
    decided = [
        ruled("ring_reversed", giver=a, author=b, quarter=QUARTER)
        for a, b in (("m0", "m1"), ("m1", "m0"))
    ]
    assert watched(ledgers_of([*acts, *decided], BOOK), QUARTER, BOOK) == []


def test_what_is_held_is_still_seen() -> None:
    acts = [*team(2, 20), ruled("held", giver="m0", author="m1", quarter=QUARTER)]
    assert circle(acts, ["m0", "m1"]).credits == 40


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(acts: list[Act], random: Random) -> None:
    mixed = acts + random.choices(acts, k=len(acts)) if acts else []
    random.shuffle(mixed)
    assert circle(mixed, PEOPLE) == circle(acts, PEOPLE)


_names = st.sampled_from([f"p{n}" for n in range(12)])
_given = st.dictionaries(st.tuples(_names, _names), st.integers(1, 60), max_size=60)


@given(given=_given, random=st.randoms(use_true_random=False))
def test_candidates_ask_for_no_order(given: dict[tuple[str, str], int], random: Random) -> None:
    pairs = list(given.items())
    random.shuffle(pairs)
    assert candidates(dict(pairs)) == candidates(given)


@given(given=_given)
def test_in_each_candidate_everybody_reaches_everybody(given: dict[tuple[str, str], int]) -> None:
    for people in candidates(given):
        ties = {pair for pair, count in given.items() if count >= 3 and set(pair) <= set(people)}
        for start in people:
            reached, new = {start}, [start]
            while new:
                giver = new.pop()
                more = {b for a, b in ties if a == giver} - reached
                reached |= more
                new += more
            assert reached == set(people)


@given(given=_given)
def test_no_pair_that_is_tied_both_ways_is_passed_over(given: dict[tuple[str, str], int]) -> None:
    """Among twelve people every tie both ways lies in some set."""
    found = candidates(given)
    for (giver, author), count in given.items():
        back = given.get((author, giver), 0)
        if giver != author and min(count, back) >= 3:
            assert any(giver in people and author in people for people in found)


@given(acts=act_sets)
def test_cases_never_lie_inside_each_other(acts: list[Act]) -> None:
    found = ledgers_of(acts, BOOK)
    every = [line for own in found.values() for line in own]
    sets = [PEOPLE[:n] for n in range(2, len(PEOPLE) + 1)]
    circles = [circle_of(people, QUARTER, every, BOOK) for people in sets]
    kept = cases(circles)
    assert not [(a, b) for a in kept for b in kept if a is not b and set(a.people) <= set(b.people)]
