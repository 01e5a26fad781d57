"""What every test run shares: one printed seed, Hypothesis's profiles, the machine's programs.

TAP_TEST_PROFILE chooses how long Hypothesis looks: ``dev`` (default), ``ci`` (default when CI=true)
or ``long``. TAP_TEST_SEED replays a run: the order of the tests and, but for ``dev``, Hypothesis's
examples follow from it; ``dev`` rather keeps Hypothesis's memory of what failed last. In ``ci`` the seed
follows from the files of ``server`` and ``tests``: the same give the same run, wherever it is.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.support.machine import IN_CI, cannot_run
from tests.support.workers import ByUnit, heaviest_first

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

PROFILE = os.environ.get("TAP_TEST_PROFILE", "ci" if IN_CI else "dev")


def draw() -> int:
    """The seed of a run that was not given one."""
    ask, here = ["git", "rev-parse", "HEAD:server", "HEAD:tests"], Path(__file__).parent
    trees = subprocess.run(ask, cwd=here, capture_output=True, check=False)
    if PROFILE == "ci" and trees.returncode == 0:
        return zlib.crc32(trees.stdout)
    return random.SystemRandom().randrange(2**32)


SEED = int(os.environ.get("TAP_TEST_SEED") or draw())
os.environ["TAP_TEST_SEED"] = str(SEED)
"""The workers of a run, and what tests start, have the run's own."""

# A shared machine stalls for reasons that are not ours: pytest-timeout guards against hanging tests,
# and a test that generates slowly is still a test.
_shared = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _shared, max_examples=50, stateful_step_count=30)
settings.register_profile("ci", _shared, max_examples=200, stateful_step_count=50, database=None)
settings.register_profile(
    "long",
    _shared,
    max_examples=5_000,
    stateful_step_count=200,
    phases=[*Phase],  # Phase.explain included: a long run is for finding out
)
settings.load_profile(PROFILE)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the plugins that roll dice one seed, before they roll."""
    if config.getoption("randomly_seed", None) == "default":
        config.option.randomly_seed = SEED
    if PROFILE != "dev" and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--numprocesses``: whose tests stay together is for us to say (tests/support/workers.py)."""
    config.option.loadscopereorder = False
    return ByUnit(config, log)


def pytest_report_header() -> str:
    return f"tap: profile {PROFILE}, seed {SEED} (again: TAP_TEST_SEED={SEED} TAP_TEST_PROFILE={PROFILE})"


# ---------------------------------------------------------------- what the machine has


@cache
def find_chromium() -> Path | None:
    """The browser of the browser tests: TAP_CHROMIUM, or Debian's."""
    found = shutil.which(os.environ.get("TAP_CHROMIUM") or "chromium")
    return Path(found) if found else None


@cache
def find_postgres() -> Path | None:
    """The folder of PostgreSQL's server programs, newest first."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        homes.insert(0, Path(answer.stdout.strip()))
    return next((home for home in homes if (home / "initdb").exists()), None)


_NEEDS = {
    "browser": (find_chromium, "no chromium on this machine: see deploy/ci/install-chromium.sh"),
    "postgres": (find_postgres, "no PostgreSQL on this machine: see deploy/ci/install-postgres.sh"),
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly: the units of unknown weight, and the tests in each, stay in its order."""
    items[:] = heaviest_first((item.nodeid, item) for item in items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What this machine cannot run is skipped aloud; in CI it fails."""
    for marker, (find, reason) in _NEEDS.items():
        if item.get_closest_marker(marker) and not find():
            cannot_run(reason)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Chromium's program; for tests marked ``browser``."""
    if found := find_chromium():
        return found
    cannot_run(_NEEDS["browser"][1])


@pytest.fixture(scope="session")
def postgres_bin() -> Path:
    """The folder with initdb, pg_ctl and postgres; for tests marked ``postgres``."""
    if found := find_postgres():
        return found
    cannot_run(_NEEDS["postgres"][1])


@pytest.fixture(scope="session")
def postgres(postgres_bin: Path) -> Iterator[Postgres]:
    """The run's own PostgreSQL server; ``new_database`` gives each test a database of its own."""
    from tests.support.postgres import running_postgres  # the driver is an extra

    with running_postgres(postgres_bin) as server:
        yield server


@pytest.fixture(scope="session")
def seed() -> int:
    """The run's seed, printed in its header; for simulations and generators of our own."""
    return SEED
