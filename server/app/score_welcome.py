"""The first useful reply to a newcomer's first post (docs/scoring.md section 1). Pure."""

from collections.abc import Iterable, Mapping

from server.scoring.credits import standing_acts
from server.scoring.model import Act
from server.scoring.rules import DAY_MS, day_of

MARKS = frozenset({"helpful", "solved", "accepted"})
"""Kinds of acts by which a newcomer says that a reply was of use."""
WEEKDAYS_TO_REPLY = 2
_MONDAY_FIRST = 3
"""1970-01-01 was a Thursday, three days after a Monday."""


def in_time(posted: int, replied: int) -> bool:
    """Whether a reply came before the end of the second weekday after the day of the post (UTC)."""
    day, left = day_of(posted), WEEKDAYS_TO_REPLY
    while left:
        day += 1
        left -= (day + _MONDAY_FIRST) % 7 < 5
    return replied < (day + 1) * DAY_MS


def welcome(marks: Iterable[Act], replies: Mapping[str, int]) -> tuple[Act, str] | None:
    """The act of the newcomer's that welcomes a reply, and the id of the mark it comes from.

    ``marks``: all that the newcomer did about replies to their first post; ``replies``: those that came in
    time from others -> when. Of several that were of use the earliest is welcomed."""
    useful = [act for act in standing_acts(marks) if act.kind in MARKS and act.content in replies]
    if not useful:
        return None
    mark = min(useful, key=lambda act: (replies[act.content], act.content, act.at, act.id))
    register = f"welcomed:{mark.content}:{mark.giver}"
    act = mark._replace(id=f"{register}@1", register=register, rev=1, kind="welcomed")
    return act, mark.id
