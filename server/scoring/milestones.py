"""How people built what they have: when they first did what, and how long it takes most. Pure.

Nobody is measured by this: it shows newcomers real paths, of people who agreed to show theirs, and medians
instead of heroes.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.scoring.rules import DAY_MS

STARTED = "started"
"""The first post or reply of any kind: the day the others are counted from."""
MILESTONES = ("question", "answer", "accepted", "paper", "abroad")
"""First question, answer, accepted answer, paper, and first use by somebody of another region: in the
order in which they are told."""


class Milestone(NamedTuple):
    name: str
    at: int
    """UTC milliseconds."""
    content: str
    """The post it is about."""


class Median(NamedTuple):
    name: str
    days: int
    """From the start to the milestone, whole days."""
    people: int
    """Of so many."""


def firsts(facts: Iterable[Milestone]) -> list[Milestone]:
    """The first of each name, in the order of time; of two at one time the one of the lesser content."""
    first: dict[str, Milestone] = {}
    for fact in sorted(facts, key=lambda one: (one.at, one.content)):
        first.setdefault(fact.name, fact)
    return list(first.values())


def medians(paths: Iterable[Mapping[str, int]], k: int) -> list[Median]:
    """``paths``: by person, milestone -> when, with ``started``. A milestone that fewer than ``k`` people
    reached is left out, so that nobody's path can be told from it. Of an even number the lower middle."""
    waits: dict[str, list[int]] = {name: [] for name in MILESTONES}
    for path in paths:
        for name in waits.keys() & path.keys():
            waits[name].append(max(0, path[name] - path[STARTED]) // DAY_MS)
    return [
        Median(name, sorted(days)[(len(days) - 1) // 2], len(days))
        for name, days in waits.items()
        if len(days) >= max(1, k)
    ]
