"""How a run is divided among workers (pytest-xdist): what stays together, and what is begun first.

A *unit* goes to one worker whole, in its order: a file, so that what its tests share is made once; a folder whose
files share what is dear; or a test where a file shares nothing and takes long. Units of known weight are begun first,
the heaviest foremost, so that a run ends with small ones and no worker waits long for the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "tests/browser": "two regions and one Chromium",
    "tests/contract": "PostgreSQL's server",
}
"""Folder -> what its tests share."""

APART = {"tests/simulation/test_schedules.py": "each test plays schedules of its own"}
"""File -> why its tests are units by themselves: shared by all workers, none waits for another."""

SECONDS = {
    "tests/browser": 240,
    "tests/e2e/test_demo.py": 100,
    "tests/e2e/test_crowd_survives.py": 100,
    "tests/e2e/test_chaos.py": 90,
    "tests/stateful/test_link_network.py": 80,
    "tests/mutants/test_mutants.py": 80,
    "tests/contract": 60,
    "tests/e2e/test_kill_writer.py": 40,
    "tests/e2e/test_joining.py": 40,
    "tests/e2e/test_erasure.py": 40,
    "tests/e2e/test_transports.py": 40,
    "tests/unit/ops/test_lost_disk.py": 40,
    "tests/e2e/test_webhooks.py": 30,
    "tests/unit/ops/test_bootstrap.py": 30,
    "tests/unit/ops/test_serve.py": 30,
    "tests/e2e/test_archive.py": 30,
    "tests/e2e/test_live.py": 30,
    "tests/e2e/test_media.py": 20,
    "tests/e2e/test_moving.py": 20,
    "tests/e2e/test_streams.py": 20,
    "tests/unit/app/test_publishing.py": 20,
    "tests/unit/app/test_score_audit.py": 20,
    "tests/unit/app/test_sync_fold.py": 20,
    "tests/simulation/test_schedules.py": 10,
}
"""Unit -> what it takes on two quiet cores, roughly, from ten on; of a file whose tests are apart, what one takes."""

T = TypeVar("T")


def unit_of(nodeid: str) -> str:
    """The file of a test, or its folder if that stays together; the test itself where they need not."""
    path = nodeid.partition("::")[0]
    if path in APART:
        return nodeid
    folder = path.rpartition("/")[0]
    return folder if folder in TOGETHER else path


def heaviest_first(tests: Iterable[tuple[str, T]]) -> list[T]:
    """Of pairs (node id, test): the tests, units unbroken; those of unknown weight stay in their order."""
    units: dict[str, list[T]] = {}
    for nodeid, test in tests:
        units.setdefault(unit_of(nodeid), []).append(test)
    ordered = sorted(units, key=lambda unit: -SECONDS.get(unit.partition("::")[0], 0))
    return [test for unit in ordered for test in units[unit]]


class ByUnit(LoadScopeScheduling):
    """Hands out units in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
