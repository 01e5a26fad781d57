"""Where somebody's standing lies among the people of their region, in words and only when asked. Pure.

The upper half is told in three bands; of the lower half nothing is said: there are no lists of the last. A band
is told only where ``k`` people or more are in it: of a small region there is the upper half, or nothing.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.scoring.anonymity import rounded_down

BANDS: Mapping[str, int] = {"top_tenth": 10, "top_quarter": 4, "upper_half": 2}
"""Best first: one in so many of those with any standing."""


class Bands(NamedTuple):
    """``people`` with any standing, rounded down; ``floors``: the standing each told band begins at."""

    people: int
    floors: Mapping[str, int]


def bands(standings: Iterable[int], k: int) -> Bands | None:
    """Of one region on one day; None where not even the upper half holds ``k`` people."""
    ordered = sorted([standing for standing in standings if standing > 0], reverse=True)
    seats = {name: len(ordered) // of for name, of in BANDS.items()}
    floors = {name: ordered[count - 1] for name, count in seats.items() if count >= k}
    return Bands(rounded_down(len(ordered)), floors) if floors else None


def band_of(standing: int, floors: Mapping[str, int]) -> str:
    """The best band reached; empty below all that are told."""
    reached = (name for name in BANDS if name in floors and standing >= floors[name])
    return next(reached, "")
