"""What ``tap tail`` shows: which events are wanted, from where on, and each on one line. Pure.

Texts of people go to a terminal, which obeys escape sequences: nothing but printable characters gets through.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

import click

from server.app.cloudevents import TYPE_PREFIX, CloudEvent
from server.domain.durations import DAY_MS, HOUR_MS, MINUTE_MS

WORDS_CHARS = 60
"""Of a text; the rest of a line of 160 characters says what and where."""
_UNITS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_AGO = re.compile(r"([0-9]{1,6})([smhd])")


class Wanted(NamedTuple):
    """Empty: any. ``types``: without the common beginning, a ``*`` at the end for the rest; ``since``: UTC ms."""

    types: Collection[str] = ()
    place: str = ""
    person: str = ""
    since: int = 0

    def takes(self, event: CloudEvent) -> bool:
        data = event.get("data", {})
        if self.types and not any(_fits(wanted, event["type"]) for wanted in self.types):
            return False
        if self.place and self.place not in (data.get("place"), "c:" + data.get("community", "")):
            return False
        if self.person and not names(event, self.person):
            return False
        return at(event) >= self.since

    def patterns(self) -> list[str]:
        """``types`` as the feed's filter takes them."""
        return [TYPE_PREFIX + wanted.removeprefix(TYPE_PREFIX) for wanted in self.types]


def _fits(wanted: str, kind: str) -> bool:
    wanted, kind = wanted.removeprefix(TYPE_PREFIX), kind.removeprefix(TYPE_PREFIX)
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def names(event: CloudEvent, person: str) -> bool:
    """Whether an event is by or about somebody: its actor, or a value anywhere in its data."""
    return person == event.get("tapactor") or _holds(event.get("data", {}), person)


def _holds(value: object, text: str) -> bool:
    match value:
        case str():
            return value == text
        case dict():
            return any(_holds(inner, text) for inner in value.values())
        case list() | tuple():
            return any(_holds(inner, text) for inner in value)
        case _:
            return False


def at(event: CloudEvent) -> int:
    """When it was written, UTC milliseconds."""
    return round(datetime.fromisoformat(event["time"]).timestamp() * 1000)


def since_of(text: str, now: int) -> int | None:
    """``15m``, ``2h``, ``3d`` ago, or a time as RFC 3339 has it (UTC unless it says otherwise), as UTC milliseconds;
    None for anything else."""
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def line(event: CloudEvent, zone: tzinfo | None = None) -> str:
    """One event for people, in colours that a pipe does not get. ``zone``: None for the machine's own."""
    moment = datetime.fromisoformat(event["time"]).astimezone(zone)
    data = event.get("data", {})
    parts = [
        click.style(f"{moment:%Y-%m-%d %H:%M:%S}", dim=True),
        click.style(event["tapposition"].rjust(7), dim=True),
        click.style(event["type"].removeprefix(TYPE_PREFIX).ljust(22), fg="cyan"),
        click.style(str(event.get("tapactor", "-")).ljust(12), fg="green"),
    ]
    place, subject = data.get("place", ""), event.get("subject", "")
    parts += [printable(str(part)) for part in (subject, place) if part]
    if words := printable(str(data.get("title") or data.get("text") or data.get("name") or "")):
        parts.append(repr_of(words))
    return "  ".join(parts).rstrip()


def repr_of(words: str) -> str:
    short = words if len(words) <= WORDS_CHARS else words[: WORDS_CHARS - 1].rstrip() + "…"
    return f"“{short}”"


def printable(text: str) -> str:
    """On one line, and without anything that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
