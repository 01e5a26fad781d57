"""Which cells of a table are shown, why others are not, and how figures are rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.anonymity import (
    Cell,
    Name,
    Quartiles,
    Shown,
    publish,
    quartiles,
    rounded,
    rounded_down,
)


def cell(grouping: str, group: str, *people: str, amount: int = 10) -> Cell:
    return Cell(Name(grouping, group), dict.fromkeys(people, amount))


def crowd(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(count)]


def whys(table: list[Cell], k: int = 10) -> dict[str, str]:
    return {name.group: shown.why for name, shown in publish(table, k).items()}


def test_a_group_of_nine_is_too_few_and_one_of_ten_is_shown() -> None:
    assert whys([cell("team", "a", *crowd("a", 9)), cell("team", "b", *crowd("b", 10))]) == {
        "a": "too_few",
        "b": "",
    }


def test_nobody_asks_for_fewer_than_ten() -> None:
    with pytest.raises(ValueError, match="fewer than 10"):
        publish([], 9)


def test_a_group_of_which_one_is_more_than_half_is_not_shown() -> None:
    half = {"big": 100} | {f"p{n}": 10 for n in range(10)}
    assert whys([Cell(Name("team", "half"), half)]) == {"half": ""}
    assert whys([Cell(Name("team", "more"), half | {"big": 101})]) == {"more": "one_dominates"}


def test_the_last_group_that_would_give_away_a_small_one_is_held_back() -> None:
    few, many, more = crowd("f", 5), crowd("m", 30), crowd("n", 20)
    table = [
        cell("all", "all", *few, *many, *more),
        cell("region", "few", *few),
        cell("region", "many", *many),
        cell("region", "more", *more),
    ]
    assert whys(table) == {"all": "", "few": "too_few", "many": "", "more": "would_expose"}


def test_two_small_groups_hide_each_other_only_when_they_are_ten_together() -> None:
    many = crowd("m", 30)
    for sizes, last in (((5, 5), ""), ((5, 4), "would_expose")):
        one, other = crowd("x", sizes[0]), crowd("y", sizes[1])
        table = [
            cell("all", "all", *many, *one, *other),
            cell("region", "x", *one),
            cell("region", "y", *other),
            cell("region", "many", *many),
        ]
        assert whys(table)["many"] == last


def test_a_rest_that_is_mostly_one_persons_is_not_left_over() -> None:
    many = crowd("m", 30)
    rest = {f"r{n}": 1 for n in range(12)} | {"big": 50}
    everybody = dict.fromkeys(many, 10) | rest
    table = [Cell(Name("all", "all"), everybody), cell("region", "many", *many)]
    assert whys(table) == {"all": "", "many": "would_expose"}


def test_a_group_and_nearly_the_same_group_of_another_grouping() -> None:
    people = crowd("p", 40)
    table = [cell("region", "de", *people), cell("language", "german", *people[:35])]
    assert whys(table) == {"de": "", "german": "would_expose"}


def test_what_was_shown_before_counts() -> None:
    people = crowd("p", 20)
    table = [cell("team", "a", *people)]
    assert publish(table, 10, before=[people])[Name("team", "a")].why == ""
    assert publish(table, 10, before=[people[:19]])[Name("team", "a")].why == "would_expose"
    assert publish(table, 10, before=[people[:10]])[Name("team", "a")].why == ""


def test_figures_are_rounded_and_a_hidden_cell_has_none() -> None:
    found = publish([Cell(Name("team", "a"), {f"p{n}": n for n in range(13)})], 10)
    assert found == {Name("team", "a"): Shown("", 10, 80, Quartiles(5, 5, 10))}
    assert publish([cell("team", "a", "x")], 10) == {Name("team", "a"): Shown("too_few")}


@given(st.lists(st.integers(0, 10_000), min_size=4, max_size=40), st.sampled_from([1, 5, 60]))
def test_quartiles_lie_in_order_between_least_and_most(values: list[int], step: int) -> None:
    found = quartiles(values, step)
    assert found.q1 <= found.median <= found.q3
    assert min(values) - step < found.q1
    assert found.q3 < max(values) + step
    assert all(one % step == 0 for one in found)


def test_quartiles_of_three_are_refused() -> None:
    with pytest.raises(ValueError, match="four"):
        quartiles([1, 2, 3], 1)


@given(st.integers(-1_000, 1_000), st.integers(1, 60))
def test_rounding_moves_by_half_a_step_at_most(value: int, step: int) -> None:
    assert abs(rounded(value, step) - value) * 2 <= step
    assert 0 <= value - rounded_down(value, step) < step
