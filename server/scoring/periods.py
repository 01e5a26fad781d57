"""Fixed periods of views: UTC months (``2026-11``) and quarters (``2026Q4``), never a free range.

What is published about a period is published once, after it has settled; periods of one kind do not overlap.
"""

from datetime import UTC, date, datetime
from functools import lru_cache

from server.scoring.rules import DAY_MS, DAYS_REMEMBERED, day_number, day_of

SETTLE_DAYS = 9
"""A month's questions have a week to be answered, and a link may be cut for a day: then its figures stand."""
_EPOCH = date(1970, 1, 1).toordinal()


def month_of(milliseconds: int) -> str:
    """The UTC month of a moment: ``2026-11``."""
    return _month_of_day(day_of(milliseconds))


@lru_cache(DAYS_REMEMBERED)
def _month_of_day(number: int) -> str:
    day = date.fromordinal(number + _EPOCH)
    return f"{day.year:04}-{day.month:02}"


def months_to(last: str, count: int) -> list[str]:
    """``count`` months up to ``last``, oldest first."""
    end = _index(last)
    return [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(end - count + 1, end + 1)]


def bounds(period: str) -> tuple[int, int]:
    """(first millisecond, first one after) of a month or a quarter. Raises ValueError when it is neither."""
    if "Q" in period:
        year, quarter = period.split("Q")
        if quarter not in ("1", "2", "3", "4"):
            raise ValueError(f"{period}: a year has four quarters")
        first, length = int(year) * 12 + (int(quarter) - 1) * 3, 3
    else:
        first, length = _index(period), 1
    return _start(first), _start(first + length)


def settled(period: str, now: int) -> bool:
    """Whether a period's figures stand, and may be published once."""
    return now >= bounds(period)[1] + SETTLE_DAYS * DAY_MS


def last_settled(now: int) -> str:
    """The newest month whose figures stand."""
    return months_to(month_of(now - SETTLE_DAYS * DAY_MS), 2)[0]


def iso(milliseconds: int) -> str:
    """A moment as people and spreadsheets read it, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _index(month: str) -> int:
    year, number = month.split("-")
    if not 1 <= int(number) <= 12:
        raise ValueError(f"{month}: a year has twelve months")
    return int(year) * 12 + int(number) - 1


def _start(index: int) -> int:
    return day_number(date(index // 12, index % 12 + 1, 1)) * DAY_MS
