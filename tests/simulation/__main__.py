"""python -m tests.simulation: many schedules, on every processor; one JSON object at the end.

    --schedules 10000   how many (``make simulate``)
    --first N           the seed of the first; the others follow (default: TAP_TEST_SEED, or by chance)
    --seed N            plays one, and tells all about it
    --brief             as ``make test`` plays them, half as long
    --wide              never with narrow bounds (``bounds``)
    --sql, --no-sql     every log is a real database, or none, instead of now and then one schedule's
    --kinds cut,trap    only these faults, instead of the seed's choice
    --trap erased:2     every region dies where it comes by that point for the second time; more than once if need be

Says how it stands every ten seconds. A failing seed is printed when it fails, with the command that plays it
again; the run goes on, and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tests.conftest import SEED
from tests.simulation.company import REGIONS
from tests.simulation.crashes import Point
from tests.simulation.faults import FAULTS
from tests.simulation.play import Outcome, attempted, play

TELL_SECONDS = 10


class Summary:
    """Of all schedules so far."""

    def __init__(self, first: int, asked: int) -> None:
        self.first, self.asked = first, asked
        self.failed: list[int] = []
        self.count = self.virtual_ms = 0
        self.totals: Counter[str] = Counter()
        self.topologies: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.died: Counter[Point] = Counter()
        self._began, self._told = time.monotonic(), 0.0

    def add(self, outcome: Outcome | tuple[int, str]) -> None:
        self.count += 1
        if not isinstance(outcome, Outcome):
            seed, words = outcome
            self.failed.append(seed)
            print(words, flush=True)
            return
        self.virtual_ms += outcome.virtual_ms
        self.totals += outcome.totals
        self.topologies[outcome.topology] += 1
        self.faults += outcome.faults
        self.died += outcome.died

    def tell(self) -> None:
        if time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            events = self.totals["events_applied"]
            print(
                f"{self.count:,} of {self.asked:,} schedules from seed {self.first}"
                f" | {events:,} events applied | {sum(self.died.values()):,} deaths at named points"
                f" | {len(self.failed)} failed",
                flush=True,
            )

    def figures(self) -> dict[str, Any]:
        return {
            "regions": len(REGIONS),
            "first_seed": self.first,
            "schedules": self.count,
            "failed_seeds": self.failed,
            "virtual_hours": round(self.virtual_ms / 3_600_000, 1),
            "wall_seconds": round(time.monotonic() - self._began),
            "topologies": dict(sorted(self.topologies.items())),
            **dict(sorted(self.totals.items())),
            "faults": dict(sorted(self.faults.items())),
            "deaths": {point.name.lower(): self.died[point] for point in Point},
        }


def _outcomes(
    seeds: range, processes: int, how: Mapping[str, Any]
) -> Iterator[Outcome | tuple[int, str]]:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(partial(attempted, **how), seeds, chunksize=4)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    words = argparse.ArgumentParser(
        "python -m tests.simulation", description=(__doc__ or "").splitlines()[0]
    )
    words.add_argument("--schedules", type=int, default=300)
    words.add_argument("--first", type=int, default=SEED)
    words.add_argument("--seed", type=int)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--sql", action=argparse.BooleanOptionalAction)
    words.add_argument("--brief", action="store_true")
    words.add_argument("--wide", action="store_true")
    words.add_argument("--kinds", type=_kinds, default=[])
    words.add_argument("--trap", type=_trap, action="append", default=[])
    return words.parse_args(given)


def _kinds(words: str) -> list[str]:
    kinds = words.split(",")
    if unknown := set(kinds) - set(FAULTS):
        raise argparse.ArgumentTypeError(f"no fault is called {', '.join(sorted(unknown))}")
    return kinds


def _trap(words: str) -> tuple[Point, int]:
    name, _, nth = words.partition(":")
    try:
        return Point[name.upper()], int(nth or 1)
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError(f"{words} is no point and number") from None


def how(asked: argparse.Namespace) -> dict[str, Any]:
    """All that ``play`` takes beside a seed."""
    traps = dict(asked.trap)
    return {
        "sql": asked.sql,
        "kinds": asked.kinds,
        "traps": traps,
        "brief": asked.brief,
        "wide": asked.wide,
    }


def main() -> int:
    asked = arguments()
    if asked.seed is not None:
        print(play(asked.seed, **how(asked)))
        return 0
    summary = Summary(asked.first, asked.schedules)
    for outcome in _outcomes(
        range(asked.first, asked.first + asked.schedules), asked.processes, how(asked)
    ):
        summary.add(outcome)
        summary.tell()
    print(json.dumps(summary.figures()))
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
