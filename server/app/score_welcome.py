"""The first useful reply to a newcomer's first post (docs/scoring.md section 1). Pure."""

from collections.abc import Iterable, Mapping

from server.scoring.credits import standing_acts
from server.scoring.model import Act

MARKS = frozenset({"helpful", "solved", "accepted"})
"""Kinds of acts by which a newcomer says that a reply was of use."""
HOURS_TO_REPLY = 96
"""Two working days, whenever and wherever somebody posts: each hour of the day comes four times in them, and at
most two of the four lie on a weekend. A span, since midnights and weekdays are not the same everywhere."""
HOUR_MS = 3_600_000


def in_time(posted: int, replied: int) -> bool:
    """Whether a reply came soon enough after the post (both UTC milliseconds) to welcome who wrote it."""
    return replied - posted <= HOURS_TO_REPLY * HOUR_MS


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
