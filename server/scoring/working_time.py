"""How long somebody waited, in working time of where they are: Monday to Friday, nine to five. Pure.

A reply on Monday morning to a question of Friday evening came at once, wherever the two live; shifting every
clock changes nothing. Holidays are not known and count as days.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo

OPENS, CLOSES = time(9), time(17)
"""Nobody is asked for their hours, and nobody is watched for them: office hours stand for all."""
DAYS_MAX = 60
"""Who was answered after two months was not waiting any more; it bounds the work of one question."""
_SATURDAY = 5


def working_ms(start: int, end: int, zone: tzinfo) -> int:
    """Working milliseconds between two moments (UTC milliseconds) in a time zone; 0 when ``end`` is first."""
    day = datetime.fromtimestamp(start / 1000, zone).date()
    last = datetime.fromtimestamp(end / 1000, zone).date()
    total = 0
    for _ in range(DAYS_MAX):
        if day > last:
            break
        if day.weekday() < _SATURDAY:
            opens = _utc(datetime.combine(day, OPENS, zone))
            closes = _utc(datetime.combine(day, CLOSES, zone))
            total += max(0, min(end, closes) - max(start, opens))
        day += timedelta(days=1)
    return total


def _utc(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * 1000
