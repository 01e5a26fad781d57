"""A few schedules with much in them, for code that may be wrong on purpose (tests/mutants)."""

from __future__ import annotations

import pytest

from tests.simulation.play import play


@pytest.mark.parametrize("seed", range(1, 9))
def test_schedules_of_all_kinds_hold(seed: int) -> None:
    play(seed)


def test_a_schedule_on_databases_holds() -> None:
    play(1, sql=True)
