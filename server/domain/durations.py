"""How many milliseconds the longer units of time have; all of Tap's times are UTC milliseconds, without leap seconds."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
