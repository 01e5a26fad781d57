"""Waiting is counted in the working hours of whoever waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.working_time import working_ms

HOUR = 3_600_000
KOLKATA, BERLIN = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin")


def ms(text: str, zone: ZoneInfo) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("asked", "answered", "hours"),
    [
        ("2026-03-02 10:00", "2026-03-02 12:00", 2),
        ("2026-03-02 16:00", "2026-03-03 10:00", 2),
        ("2026-03-06 18:00", "2026-03-09 09:30", 0.5),  # Friday evening to Monday morning
        ("2026-03-07 10:00", "2026-03-08 20:00", 0),  # a weekend
        ("2026-03-02 00:00", "2026-03-07 00:00", 40),
        ("2026-03-02 12:00", "2026-03-02 11:00", 0),
        ("2026-03-27 16:00", "2026-03-30 10:00", 2),  # Berlin's clocks went forward between
    ],
)
@pytest.mark.parametrize("zone", [KOLKATA, BERLIN])
def test_nights_and_weekends_are_no_waiting(
    zone: ZoneInfo, asked: str, answered: str, hours: float
) -> None:
    assert working_ms(ms(asked, zone), ms(answered, zone), zone) == hours * HOUR


@given(
    st.integers(1_700_000_000_000, 1_800_000_000_000),
    st.integers(0, 40 * 24 * HOUR),
    st.integers(-11, 11),
)
def test_shifting_every_clock_changes_nothing(start: int, wait: int, hours: int) -> None:
    there = timezone(timedelta(hours=hours))
    shifted = start - hours * HOUR
    assert working_ms(shifted, shifted + wait, there) == working_ms(start, start + wait, UTC)


@given(
    st.integers(1_700_000_000_000, 1_800_000_000_000),
    st.lists(st.integers(0, 10 * 24 * HOUR), min_size=2, max_size=2),
)
def test_two_waits_in_a_row_are_one(start: int, waits: list[int]) -> None:
    middle, end = start + waits[0], start + sum(waits)
    parts = working_ms(start, middle, KOLKATA) + working_ms(middle, end, KOLKATA)
    assert parts == working_ms(start, end, KOLKATA)


def test_nobody_waits_for_ever() -> None:
    year = 365 * 24 * HOUR
    assert working_ms(0, year, UTC) <= 60 * 8 * HOUR
