"""How long two people are at work at the same time: from nine to five, each by their own clock. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.scoring.working_time import CLOSES, OPENS

MINUTE = timedelta(minutes=1)


def shared_minutes(now: int, mine: str, theirs: str) -> int | None:
    """Of my working day at ``now`` (UTC milliseconds), how much is theirs too; None for no known time zone."""
    try:
        here, there = ZoneInfo(mine), ZoneInfo(theirs)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    today = datetime.fromtimestamp(now / 1000, here).date()
    my_begin, my_end = _hours(today, here)
    shared = timedelta()
    for days in (-1, 0, 1):
        # Across the date line my day meets their day before or after.
        begin, end = _hours(today + timedelta(days=days), there)
        shared += max(timedelta(), min(end, my_end) - max(begin, my_begin))
    return shared // MINUTE


def _hours(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin, end = (datetime.combine(day, at, zone).astimezone(UTC) for at in (OPENS, CLOSES))
    return begin, end
