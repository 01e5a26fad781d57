"""Publishing figures about groups of people so that nothing follows about fewer than ``k`` of them. Pure.

A *table* is a fixed list of cells, most wanted first: each cell one group of one grouping (``("all", "")``,
``("region", "de")``, ``("span", "64-127")``), with every member's contribution. There are no free filters: who
asks gets the whole table. ``publish`` shows a cell when

1. it has ``k`` people or more (``too_few``),
2. nobody contributes more than half of it (``one_dominates``),
3. no sum or difference of it and what else is shown, or was shown before of the same period, is about fewer
   than ``k`` people or, for a group less the groups inside it, dominated by one (``would_expose``: the
   complementary suppression).

What is shown is rounded. A period's table is published once and kept; who joins, leaves or opts out changes
the next period's. docs/scoring.md, section "Views", has the definitions and limits.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from server.scoring.disclosure import exposes_fewer

K_MIN = 10
"""No policy may ask for less."""
STEP = 5
"""Figures are rounded to multiples of this, counts of people down."""
Why = Literal["", "too_few", "one_dominates", "would_expose"]


class Name(NamedTuple):
    """Which group of which grouping."""

    grouping: str
    group: str


class Cell(NamedTuple):
    """A group with what each member contributes; 0 for a member who contributes nothing."""

    name: Name
    amounts: Mapping[str, int]

    @property
    def people(self) -> frozenset[str]:
        return frozenset(self.amounts)


class Quartiles(NamedTuple):
    """Never the least and never the most: those are somebody's."""

    q1: int
    median: int
    q3: int


class Shown(NamedTuple):
    """What everybody may know of a cell; all zero and no quartiles unless ``why`` is empty."""

    why: Why
    people: int = 0
    total: int = 0
    quartiles: Quartiles | None = None


def publish(
    table: Sequence[Cell],
    k: int,
    *,
    step: int = STEP,
    before: Iterable[Collection[str]] = (),
) -> dict[Name, Shown]:
    """The table as it may be shown. ``before``: the people of cells already shown of the same period.

    Raises ValueError for a ``k`` below K_MIN."""
    if k < K_MIN:
        raise ValueError(f"k is {k}: nothing is published about fewer than {K_MIN} people")
    shown: list[Cell] = []
    earlier = [frozenset(people) for people in before]
    found: dict[Name, Shown] = {}
    for cell in table:
        why = _why_not(cell, shown, earlier, k)
        if not why:
            shown.append(cell)
        found[cell.name] = Shown(why) if why else _figures(cell, step)
    return found


def is_sound(amounts: Mapping[str, int], k: int) -> bool:
    """Enough people, and nobody's part more than half: with it the others could tell that one's."""
    return len(amounts) >= k and not _dominated(amounts.values())


def quartiles(values: Iterable[int], step: int) -> Quartiles:
    """Of at least four values, between two neighbours in proportion, rounded to ``step``."""
    ordered = sorted(values)
    if len(ordered) < 4:
        raise ValueError("quartiles of fewer than four values are the values")
    return Quartiles(*[rounded(_quantile(ordered, quarter), step) for quarter in (1, 2, 3)])


def rounded(value: int, step: int = STEP) -> int:
    """To the nearest multiple of ``step``; half goes up."""
    return (2 * value + step) // (2 * step) * step


def rounded_down(people: int, step: int = STEP) -> int:
    return people // step * step


def _why_not(cell: Cell, shown: Sequence[Cell], before: Sequence[frozenset[str]], k: int) -> Why:
    if len(cell.amounts) < k:
        return "too_few"
    if _dominated(cell.amounts.values()):
        return "one_dominates"
    together = [*shown, cell]
    if exposes_fewer([*before, *[one.people for one in together]], k):
        return "would_expose"
    return "would_expose" if any(not is_sound(rest, k) for rest in _rests(together)) else ""


def _dominated(amounts: Collection[int]) -> bool:
    sizes = [abs(amount) for amount in amounts]
    return 2 * max(sizes, default=0) > sum(sizes)


def _rests(shown: Sequence[Cell]) -> Iterable[Mapping[str, int]]:
    """Of each group, who is in none of the groups of a grouping that lie inside it."""
    groupings = {cell.name.grouping for cell in shown}
    for outer in shown:
        for grouping in groupings - {outer.name.grouping}:
            inner = [
                cell.people
                for cell in shown
                if cell.name.grouping == grouping and cell.people <= outer.people
            ]
            rest = outer.people.difference(*inner)
            if inner and rest:
                yield {person: outer.amounts[person] for person in rest}


def _figures(cell: Cell, step: int) -> Shown:
    values = cell.amounts.values()
    return Shown(
        "",
        people=rounded_down(len(cell.amounts)),
        total=rounded(sum(values), step),
        quartiles=quartiles(values, step),
    )


def _quantile(ordered: Sequence[int], quarter: int) -> int:
    place, rest = divmod((len(ordered) - 1) * quarter, 4)
    above = ordered[min(place + 1, len(ordered) - 1)]
    return ordered[place] + (above - ordered[place]) * rest // 4
