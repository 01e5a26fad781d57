"""The mutants are what the code is, and a sample of them, other ones in every run, is caught. All: ``make mutants``."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest

from tests.conftest import SEED
from tests.mutants.every import MUTANTS
from tests.mutants.hunt import ROOT, known_by
from tests.mutants.mutant import Mutant, Stale

SAMPLE = 16
COUNT_MIN = 60
HARMLESS = """
from tests.mutants import hunt
from tests.mutants.mutant import Mutant
hunt.THEN = ()
harmless = Mutant("harmless", "federation/outbox.py", "What waits to be", "What is to be", "none")
(verdict,) = hunt.hunt([harmless], 1)
print(verdict.is_caught, verdict.trouble)
"""


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(MUTANTS) >= COUNT_MIN
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_no_mutant_is_stale(mutant: Mutant) -> None:
    text = mutant.applied_to(ROOT / "server")
    compile(text, mutant.file, "exec")
    assert all((ROOT / test).exists() for test in known_by(mutant))


def test_every_promise_is_in_the_protocol_or_an_invariant() -> None:
    page = (ROOT / "docs/protocol/federation.md").read_text()
    there = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", page, re.MULTILINE))
    for mutant in MUTANTS:
        where, _, promise = mutant.breaks.partition(": ")
        cited = where.split(", ")
        assert promise, mutant.name
        assert {one for one in cited if not one.startswith("I")} <= there, mutant.name


def test_a_stale_mutant_is_told() -> None:
    with pytest.raises(Stale, match="has 0 times"):
        MUTANTS[0]._replace(find="no such text").applied_to(ROOT / "server")


@pytest.mark.timeout(1200)
def test_a_sample_is_caught() -> None:
    names = [mutant.name for mutant in random.Random(SEED).sample(MUTANTS, SAMPLE)]
    # One after the other: other tests have the other cores.
    command = [sys.executable, "-m", "tests.mutants", "--at-once=1", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SAMPLE} of {SAMPLE} mutants were caught" in done.stdout


@pytest.mark.timeout(300)
def test_a_lie_that_nobody_notices_is_told() -> None:
    """A comment is no lie: a hunt that caught it would catch anything."""
    done = subprocess.run(
        [sys.executable, "-c", HARMLESS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False"], done.stdout + done.stderr
