"""Months and quarters in UTC, and when their figures stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.periods import bounds, iso, last_settled, month_of, months_to, settled
from server.scoring.rules import DAY_MS, quarter_of

SOME_DAY = 1_767_225_600_000  # 2026-01-01
moments = st.integers(0, 4_000_000_000_000)


@given(moments)
def test_a_moment_lies_in_its_month_and_its_month_in_its_quarter(moment: int) -> None:
    first, after = bounds(month_of(moment))
    assert first <= moment < after
    opened, closed = bounds(quarter_of(moment))
    assert opened <= first
    assert after <= closed


def test_months_count_over_the_turn_of_a_year() -> None:
    assert months_to("2026-02", 4) == ["2025-11", "2025-12", "2026-01", "2026-02"]


@pytest.mark.parametrize("period", ["2026Q5", "2026-13", "2026-00", "2026", "x"])
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        bounds(period)


def test_a_month_stands_nine_days_after_its_end() -> None:
    end = bounds("2025-12")[1]
    assert end == SOME_DAY
    assert not settled("2025-12", end + 9 * DAY_MS - 1)
    assert settled("2025-12", end + 9 * DAY_MS)
    assert last_settled(end + 9 * DAY_MS - 1) == "2025-11"
    assert last_settled(end + 9 * DAY_MS) == "2025-12"


def test_a_moment_is_written_with_its_zone() -> None:
    assert iso(SOME_DAY + 5) == "2026-01-01T00:00:00.005+00:00"
