"""Breadth of use: not volume, not friends, not one hit."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.influence import Influence, influence
from server.scoring.model import Act
from server.scoring.rules import shipped
from tests.unit.scoring.acts import DAY, LAST_DAY, act, act_sets, gone

BOOK = shipped()


def of_asha(acts: list[Act], day: int = DAY) -> Influence:
    return influence(acts, "asha", BOOK, day)


def used(content: str, people: str, kind: str = "solved", day: int = DAY) -> list[Act]:
    return [
        act(kind, who, f"asha/{content}", unit=f"unit of {who}", country=who.upper(), day=day)
        for who in people
    ]


@pytest.mark.parametrize(
    ("uses", "breadth"),
    [
        ([], 0),
        (["b"], 1),
        (["bcdefgh"], 1),
        (["b", "c", "d", "e"], 1),
        (["bc", "bd", "e"], 2),
        (["bcde", "bcd", "bcd", "b"], 3),
    ],
)
def test_h_contents_of_h_people_each(uses: list[str], breadth: int) -> None:
    acts = [one for n, people in enumerate(uses) for one in used(str(n), people)]
    found = of_asha(acts)
    assert found.breadth == breadth
    assert (found.contents, found.people) == (len(uses), len(set("".join(uses))))
    assert found.countries == tuple(sorted(set("".join(uses).upper())))


def test_ones_own_unit_is_not_the_world() -> None:
    near = act("solved", "ben", "asha/1", unit="tea", country="in", author_unit="tea")
    assert of_asha([near._replace(author_country="in")]).people == 0
    assert of_asha([near._replace(author_country="de")]).people == 1, "the same team abroad is"
    assert of_asha([act("solved", "ben", "asha/1", author_unit="tea")]).people == 1


@pytest.mark.parametrize("kind", ["helpful", "praised", "verified"])
def test_a_mark_is_no_use(kind: str) -> None:
    assert of_asha(used("1", "b", kind)).people == 0


def test_a_mark_hides_no_use() -> None:
    both = [*used("1", "b", "verified"), *used("1", "b", "solved")]
    assert of_asha(both).people == 1


def test_half_a_year_is_what_counts() -> None:
    acts = used("1", "b", day=DAY)
    assert of_asha(acts, DAY + 179).breadth == 1
    assert of_asha(acts, DAY + 180).breadth == 0
    assert of_asha(acts, DAY - 1).breadth == 0


def test_what_was_taken_back_or_hidden_is_used_by_nobody() -> None:
    acts = used("1", "b")
    taken_back = act("solved", "b", "asha/1", rev=2, on=False)
    assert of_asha([*acts, taken_back]).people == 0
    assert of_asha([*acts, gone("hidden", "asha/1")]).people == 0


@given(acts=act_sets, random=st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(acts: list[Act], random: Random) -> None:
    shuffled = acts + random.choices(acts, k=len(acts)) if acts else []
    random.shuffle(shuffled)
    for day in (DAY + 60, LAST_DAY):
        assert of_asha(shuffled, day) == of_asha(acts, day)
