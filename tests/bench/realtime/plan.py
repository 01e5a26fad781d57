"""How much is measured, and what a measurement of deliveries gives."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.bench.realtime.load import Published
from tests.bench.realtime.processes import cpu_seconds


class Plan(NamedTuple):
    """``runs`` per figure; ``share`` of the full number of events, seconds and repeats in a run."""

    runs: int
    share: float
    quick: bool

    def of(self, count: int, least: int = 1) -> int:
        return max(least, round(count * self.share))

    def crowd(self, clients: int) -> int:
        """A tenth of a large crowd when it should be quick, never below a thousand; the figure says so."""
        return min(clients, max(1_000, clients // 10)) if self.quick else clients


FULL = Plan(runs=5, share=1.0, quick=False)
"""Five: on some virtual machines a process's CPU clock jumps now and then, and a median of three may meet two jumps."""
QUICK = Plan(runs=1, share=0.3, quick=True)


class Spent:
    """CPU seconds of a server over a block, what it spends idle taken off."""

    def __init__(self, idle_share: float) -> None:
        self.idle_share = idle_share
        self.cpu_seconds = self.wall_seconds = 0.0

    def us_per(self, count: int) -> float:
        return self.cpu_seconds / count * 1e6


@contextmanager
def spending(pid: int, idle_share: float = 0.0) -> Iterator[Spent]:
    spent = Spent(idle_share)
    before, began = cpu_seconds(pid), time.monotonic()
    yield spent
    spent.wall_seconds = time.monotonic() - began
    spent.cpu_seconds = cpu_seconds(pid) - before - idle_share * spent.wall_seconds


def note(what: str, us: float, published: Published) -> None:
    """A line for who watches; figures go to standard output."""
    print(
        f"  {what}: {us:.2f} us/delivery, p50 {published.p50_ms:.1f} p99 {published.p99_ms:.1f} ms, "
        f"{published.deliveries / published.reads:.1f} deliveries/read",
        file=sys.stderr,
        flush=True,
    )
