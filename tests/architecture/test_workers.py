"""How tests are divided among workers: what shares something stays together, and the heavy begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workers import APART, SECONDS, TOGETHER, heaviest_first, unit_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("unit", [*SECONDS, *TOGETHER, *APART])
def test_what_is_told_apart_is_there(unit: str) -> None:
    assert (ROOT / unit).exists()


def test_weights_are_of_units() -> None:
    assert [name for name in SECONDS if unit_of(f"{name}::a") != name and name not in APART] == []
    assert list(SECONDS.values()) == sorted(SECONDS.values(), reverse=True)


def test_a_folder_or_a_file_stays_whole_and_the_heaviest_begins() -> None:
    order = [
        "tests/unit/api/test_x.py::a",
        "tests/contract/test_log.py::a",
        "tests/browser/test_live.py::a[1::2]",
        "tests/unit/api/test_x.py::b",
        "tests/contract/test_views.py::a",
        "tests/browser/test_pages.py::a",
    ]
    ordered = heaviest_first((name, name) for name in order)
    assert [unit_of(name) for name in ordered] == [
        *["tests/browser"] * 2,
        *["tests/contract"] * 2,
        *["tests/unit/api/test_x.py"] * 2,
    ]
    assert sorted(ordered) == sorted(order)


def test_tests_of_a_file_that_shares_nothing_are_divided() -> None:
    part = "tests/simulation/test_schedules.py::test_nothing_is_lost_doubled_or_leaked[0]"
    other = part.replace("[0]", "[1]")
    small = "tests/unit/api/test_x.py::a"
    assert unit_of(part) != unit_of(other)
    assert heaviest_first((name, name) for name in (small, part, other)) == [part, other, small]
