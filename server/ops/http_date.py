"""Moments in headers of HTTP (RFC 9110, 5.6.7)."""

from datetime import UTC
from email.utils import parsedate_to_datetime


def seconds_of(value: str) -> float | None:
    """Seconds since 1970 of any of the three forms a date may have; None where it is no date. The oldest form, which
    a reader has to take too, names no zone: it is UTC, whatever the machine's own clock shows."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
