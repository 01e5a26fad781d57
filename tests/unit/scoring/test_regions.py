"""Boards weigh regions alike: who is among the hundred with the most points, the table of docs/scoring.md 10.3.

The honest people of the world of section 11.1; the circles, who fill any list of raw counts, are left out."""

from __future__ import annotations

from functools import cache
from statistics import mean

from server.scoring.merits import per_region
from server.scoring.rules import shipped
from tests.unit.scoring.ring_world import REGIONS, World, ledgers_of, made, raw, totals
from tests.unit.scoring.written import figures, section

BOOK = shipped()
SEEDS = (1, 2, 3)
TOP = 100
LARGEST = "c0"
SMALLEST = frozenset([f"c{n}" for n in range(len(REGIONS) - 6, len(REGIONS))])
ROWS = ("before any factor", "of ledgers, `unit` by team", "of boards, `unit` by country")


def in_the_top(world: World, points: dict[str, int]) -> tuple[int, int]:
    """Of the hundred with the most points: how many of the largest region, and of the six smallest."""
    top = sorted(points, key=lambda person: (-points[person], person))[:TOP]
    countries = [world.people[person].country for person in top]
    return countries.count(LARGEST), sum([country in SMALLEST for country in countries])


@cache
def measured(seed: int) -> tuple[tuple[int, int], ...]:
    """By row of the page's table."""
    world = made(seed)
    found = ledgers_of(world.honest, BOOK)
    regional = ledgers_of([per_region(one, BOOK) for one in world.honest], BOOK)
    kinds = ({person: raw(found, [person]) for person in found}, totals(found), totals(regional))
    return tuple([in_the_top(world, points) for points in kinds])


def test_the_table_of_the_page() -> None:
    for row, name in enumerate(ROWS):
        seen = [measured(seed)[row] for seed in SEEDS]
        written = figures(section("10.3"), f"| {name} | {{}}, {{}}, {{}} | {{}}, {{}}, {{}} |")
        assert written == [largest for largest, _ in seen] + [small for _, small in seen]


def test_regions_have_the_staff_that_the_page_says() -> None:
    largest, small = figures(
        " ".join(section("10.3").split()),
        "the largest region, which has {} % of the staff, and of the six smallest, which have {} %",
    )
    assert largest * sum(REGIONS) == 100 * REGIONS[0]
    assert small * sum(REGIONS) == 100 * sum(REGIONS[-6:])


def test_the_largest_region_has_no_more_of_the_board_and_the_smallest_no_less() -> None:
    by_row = list(zip(*[measured(seed) for seed in SEEDS], strict=True))
    (largest, small) = zip(*[map(mean, zip(*row, strict=True)) for row in by_row], strict=True)
    assert largest[2] <= min(largest[:2])
    assert small[2] >= max(small[:2])
