"""Office hours that overlap, across zones, summer time and the date line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.app.working_hours import shared_minutes

WINTER, SUMMER = (
    int(datetime(2026, month, 15, 12, tzinfo=UTC).timestamp()) * 1000 for month in (1, 7)
)


@pytest.mark.parametrize(
    ("mine", "theirs", "winter", "summer"),
    [
        ("Europe/Berlin", "Europe/Berlin", 480, 480),
        ("Asia/Kolkata", "Europe/Berlin", 210, 270),
        ("Europe/Berlin", "Asia/Kolkata", 210, 270),
        ("Europe/Berlin", "America/New_York", 120, 120),
        ("Asia/Kolkata", "America/Los_Angeles", 0, 0),
        ("Pacific/Auckland", "America/Los_Angeles", 300, 180),
        ("UTC", "Nowhere/Here", None, None),
        ("", "UTC", None, None),
    ],
)
def test_shared_minutes(mine: str, theirs: str, winter: int | None, summer: int | None) -> None:
    assert shared_minutes(WINTER, mine, theirs) == winter
    assert shared_minutes(SUMMER, mine, theirs) == summer
