"""Differencing attacks: somebody with every figure ever shown learns nothing about fewer than ten people.

The attacker of ``crowds`` solves the linear system of all shown cells exactly and by a way of its own; it is
held against what is published at once, again after somebody joined or left, and over periods.
"""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from server.scoring.anonymity import publish
from server.scoring.disclosure import exposes_fewer
from tests.unit.scoring.crowds import crowds, people_shown, smallest_exposed, table

K = 10


def test_the_attacker_finds_what_is_there_to_find() -> None:
    """Totals less shown cells, overlapping groupings, and longer ways round."""
    a, b, c = (frozenset(f"{name}{n}" for n in range(12)) for name in "abc")
    one = frozenset(["x"])
    assert smallest_exposed([a | one, a], K) == 1
    assert smallest_exposed([a, b, a | b | one], K) == 1
    assert smallest_exposed([a | b, b | c, a | c | one], K) is None
    assert smallest_exposed([a | b, b | c | one, a | c, c], K) == 1
    assert smallest_exposed([a, b, c], K) is None


@settings(max_examples=150)
@given(crowds())
def test_the_search_agrees_with_the_long_way(crowd: dict[str, tuple[str, str, int]]) -> None:
    cells = [cell.people for cell in table(crowd)]
    for count in range(len(cells) + 1):
        assert exposes_fewer(cells[:count], K) == (smallest_exposed(cells[:count], K) is not None)


@given(crowds())
def test_no_difference_of_shown_cells_is_about_fewer_than_ten(
    crowd: dict[str, tuple[str, str, int]],
) -> None:
    cells = table(crowd)
    shown = people_shown(cells, publish(cells, K))
    assert all(len(people) >= K for people in shown)
    assert smallest_exposed(shown, K) is None


@given(crowds(), st.data())
def test_who_joins_leaves_or_opts_out_is_not_told_by_the_difference(
    crowd: dict[str, tuple[str, str, int]], data: st.DataObject
) -> None:
    """Were a period published anew after a change, what was shown before is taken into account."""
    before = table(crowd)
    first = people_shown(before, publish(before, K))
    changed = dict(crowd) | {"new": ("a", "x", 3)}
    for person in data.draw(st.sets(st.sampled_from(sorted(changed)), max_size=3)):
        del changed[person]
    after = table(changed)
    second = people_shown(after, publish(after, K, before=first))
    assert smallest_exposed([*first, *second], K) is None


@given(crowds(), st.data())
def test_no_rest_of_a_shown_group_is_mostly_one_persons(
    crowd: dict[str, tuple[str, str, int]], data: st.DataObject
) -> None:
    cells = table(crowd)
    found = publish(cells, K)
    shown = [cell for cell in cells if not found[cell.name].why]
    for cell in shown:
        for grouping in {other.name.grouping for other in shown} - {cell.name.grouping}:
            inner = [
                other.people
                for other in shown
                if other.name.grouping == grouping and other.people <= cell.people
            ]
            rest = [cell.amounts[person] for person in cell.people.difference(*inner)]
            if inner and rest:
                assert len(rest) >= K
                assert 2 * max(rest) <= sum(rest)


@given(crowds(), crowds())
def test_successive_periods_are_as_safe_as_each(
    crowd: dict[str, tuple[str, str, int]], later: dict[str, tuple[str, str, int]]
) -> None:
    """A person's figures of two periods are two unknowns: no period is part of another one shown."""
    unknowns = []
    for period, people in (("m1", crowd), ("m2", later)):
        cells = table(people)
        unknowns += [
            frozenset(f"{period}/{person}" for person in shown)
            for shown in people_shown(cells, publish(cells, K))
        ]
    assert smallest_exposed(unknowns, K) is None


def test_counting_every_world_that_fits_leaves_a_hidden_group_open() -> None:
    """The interval attack: of all whole numbers that fit what is shown, no hidden count is the only one."""
    sizes = {("a", "x"): 14, ("a", "y"): 4, ("b", "x"): 3, ("b", "y"): 15}
    crowd = {
        f"{region}{span}{n}": (region, span, 1)
        for (region, span), count in sizes.items()
        for n in range(count)
    }
    cells = table(crowd)
    found = publish(cells, K)
    assert [found[cell.name].why for cell in cells] == ["", "", "", "would_expose", "would_expose"]
    atoms = sorted(sizes)
    told = [
        ([n for n, (region, span) in enumerate(atoms) if group in ("", region, span)], shown.people)
        for (_, group), shown in found.items()
        if not shown.why
    ]
    worlds = [
        world
        for world in product(range(25), repeat=len(atoms))
        if all(sum(world[n] for n in among) // 5 * 5 == people for among, people in told)
    ]
    assert tuple(sizes[atom] for atom in atoms) in worlds
    for n in range(len(atoms)):
        assert {world[n] for world in worlds} >= set(range(16)), atoms[n]
