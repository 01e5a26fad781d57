"""python -m tests.simulation: many schedules, on every processor; one JSON object at the end.

    --schedules 10000   how many (``make simulate``)
    --first N           the seed of the first; the others follow (default: TAP_TEST_SEED, or by chance)
    --seed N            plays one, and tells all about it
    --brief             with --seed: as ``make test`` plays it, half as long
    --sql               every log is a real database, as now and then one schedule's is anyway

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
from collections.abc import Iterator
from functools import partial
from typing import Any

from server.ops.commands.serve import calm_collector
from tests.conftest import SEED
from tests.simulation.company import REGIONS
from tests.simulation.crashes import Point
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


def _outcomes(seeds: range, processes: int, sql: bool) -> Iterator[Outcome | tuple[int, str]]:
    attempt = partial(attempted, sql=sql or None)
    # Schedules make many objects and few cycles: looking for these takes a tenth of the time otherwise.
    with multiprocessing.get_context("spawn").Pool(processes, calm_collector) as pool:
        yield from pool.imap_unordered(attempt, seeds, chunksize=4)


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--schedules", type=int, default=300)
    words.add_argument("--first", type=int, default=SEED)
    words.add_argument("--seed", type=int)
    words.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    words.add_argument("--sql", action="store_true")
    words.add_argument("--brief", action="store_true")
    asked = words.parse_args()
    if asked.seed is not None:
        print(play(asked.seed, sql=asked.sql or None, brief=asked.brief))
        return 0
    summary = Summary(asked.first, asked.schedules)
    for outcome in _outcomes(
        range(asked.first, asked.first + asked.schedules), asked.processes, asked.sql
    ):
        summary.add(outcome)
        summary.tell()
    print(json.dumps(summary.figures()))
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
