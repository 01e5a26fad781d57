"""People in overlapping groups, for tests of what may be published about them; and an attacker."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from hypothesis import strategies as st

from server.scoring.anonymity import Cell, Name, Shown

Crowd = Mapping[str, tuple[str, str, int]]
"""Person -> region, span, amount."""


def table(crowd: Crowd) -> list[Cell]:
    """Everybody, by region, by span: groupings that overlap."""
    regions = sorted({region for region, _, _ in crowd.values()})
    spans = sorted({span for _, span, _ in crowd.values()})
    return [
        _cell(Name("all", ""), crowd, lambda _: True),
        *[_cell(Name("region", r), crowd, lambda who, r=r: who[0] == r) for r in regions],
        *[_cell(Name("span", s), crowd, lambda who, s=s: who[1] == s) for s in spans],
    ]


def _cell(name: Name, crowd: Crowd, holds: object) -> Cell:
    assert callable(holds)
    return Cell(name, {person: who[2] for person, who in crowd.items() if holds(who)})


def people_shown(cells: Sequence[Cell], found: Mapping[Name, Shown]) -> list[frozenset[str]]:
    return [cell.people for cell in cells if not found[cell.name].why]


@st.composite
def crowds(draw: st.DrawFn) -> dict[str, tuple[str, str, int]]:
    """Up to twelve atoms of one to fourteen people, so that small rests lie everywhere."""
    found: dict[str, tuple[str, str, int]] = {}
    for region in "abcd"[: draw(st.integers(1, 4))]:
        for span in "xyz"[: draw(st.integers(1, 3))]:
            for n in range(draw(st.sampled_from([0, 0, 1, 2, 5, 9, 10, 14]))):
                amount = draw(st.sampled_from([0, 1, 3, 3, 4, 40]))
                found[f"{region}{span}{n}"] = (region, span, amount)
    return found


def smallest_exposed(shown: Sequence[Collection[str]], below: int) -> int | None:
    """The least number of people about whom the figures say something, of those below a bound.

    Solved the long way, unlike ``disclosure``: for each set of atoms with few enough people, is there a
    combination of what is shown that is about these atoms alone?"""
    where: dict[str, tuple[bool, ...]] = {}
    for person in set().union(*shown) if shown else set():
        where[person] = tuple([person in cell for cell in shown])
    atoms = sorted(set(where.values()))
    sizes = [sum(1 for signature in where.values() if signature == atom) for atom in atoms]
    found = [
        sum(sizes[n] for n in some)
        for count in range(1, len(atoms) + 1)
        for some in combinations(range(len(atoms)), count)
        if sum(sizes[n] for n in some) < below and _reaches(atoms, some)
    ]
    return min(found, default=None)


def _reaches(atoms: Sequence[tuple[bool, ...]], some: Collection[int]) -> bool:
    """Leaving out these atoms' equations makes cells dependent which were not."""
    rest = [atom for n, atom in enumerate(atoms) if n not in some]
    return rank(rest) < rank(atoms)


def rank(rows: Sequence[Sequence[int]]) -> int:
    """Of a matrix, exactly."""
    left = [[Fraction(value) for value in row] for row in rows]
    found = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        found += 1
        left.remove(pivot)
        for row in left:
            times = row[column] / pivot[column]
            row[:] = [value - times * other for value, other in zip(row, pivot, strict=True)]
    return found
