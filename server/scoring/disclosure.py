"""What somebody who sees several cells of a table can work out about fewer people than any cell has. Pure.

The attacker knows who belongs to which cell and every figure shown, and adds and subtracts figures as they
like. What they can reach is the row space of the incidence matrix *shown cells × atoms*, an atom being the
people who share all their cells. A table is safe when every combination that is not empty is about ``k``
people at least; that is the least support of a row space, which is searched for exactly. Where the search
would take too long the answer is "exposes": a cell too few is shown, never one too many.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction

Vector = tuple[Fraction, ...]
STEPS_MAX = 2_000
"""Of one search: a second or two. Groups of a company (20 regions, 12 classes) take less than a hundred."""


class _TooLong(Exception):
    pass


def exposes_fewer(shown: Sequence[Collection[str]], k: int) -> bool:
    """Whether figures about these sets of people tell something about fewer than ``k`` of them."""
    signatures = Counter(_signatures(shown).values())
    atoms = sorted(signatures)
    weights = [signatures[atom] for atom in atoms]
    rows = [tuple([Fraction(n in atom) for atom in atoms]) for n in range(len(shown))]
    try:
        return _Search(weights, k).finds(_basis(rows))
    except _TooLong:
        return True


def _signatures(shown: Sequence[Collection[str]]) -> dict[str, tuple[int, ...]]:
    """Person -> the cells they are in."""
    found: dict[str, tuple[int, ...]] = {}
    for n, cell in enumerate(shown):
        for person in cell:
            found[person] = (*found.get(person, ()), n)
    return found


class _Search:
    """Is there a combination whose atoms hold between 1 and k - 1 people?"""

    def __init__(self, weights: Sequence[int], k: int) -> None:
        self._weights, self._k, self._steps = weights, k, 0

    def finds(self, basis: list[Vector]) -> bool:
        light = []
        for atom, weight in enumerate(self._weights):
            if weight >= self._k:
                basis = _vanishing(basis, atom)
            else:
                light.append(atom)
        # The heavy ones first: they end a branch soonest.
        light.sort(key=lambda atom: -self._weights[atom])
        return self._below(basis, light, 0)

    def _below(self, basis: list[Vector], open_: Sequence[int], inside: int) -> bool:
        """``open_``: atoms not decided yet; ``inside``: people in those that may stay."""
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise _TooLong
        if not basis:
            return False
        atom = next((atom for atom in open_ if any(row[atom] for row in basis)), None)
        if atom is None:
            return True
        rest = open_[open_.index(atom) + 1 :]
        weight = inside + self._weights[atom]
        if weight < self._k and self._below(basis, rest, weight):
            return True
        return self._below(_vanishing(basis, atom), rest, inside)


def _basis(rows: Iterable[Vector]) -> list[Vector]:
    """Independent vectors with the same row space."""
    found: list[Vector] = []
    for row in rows:
        for known in found:
            row = _without(row, known, _pivot(known))
        if any(row):
            found.append(row)
    return found


def _vanishing(basis: list[Vector], atom: int) -> list[Vector]:
    """A basis of those combinations that say nothing about an atom."""
    pivot = next((row for row in basis if row[atom]), None)
    if pivot is None:
        return basis
    return [_without(row, pivot, atom) for row in basis if row is not pivot]


def _pivot(row: Vector) -> int:
    return next(n for n, value in enumerate(row) if value)


def _without(row: Vector, pivot: Vector, at: int) -> Vector:
    if not row[at]:
        return row
    times = row[at] / pivot[at]
    return tuple([value - times * other for value, other in zip(row, pivot, strict=True)])
