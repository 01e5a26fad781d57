"""Standing by topic: what somebody's contributions to a topic are worth today (docs/scoring.md section 4)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from server.scoring.rules import Rules
from server.scoring.score import standing

NO_PARENTS: Mapping[str, str] = {}


class OnTopics(Protocol):
    """What standing by topic needs of a line: of a ``model.Line``, or of a shorter one."""

    @property
    def at(self) -> int: ...
    @property
    def milli_points(self) -> int: ...
    @property
    def topics(self) -> tuple[str, ...]: ...


def topic_standing(
    lines: Iterable[OnTopics], rules: Rules, day: int, parents: Mapping[str, str] = NO_PARENTS
) -> dict[str, int]:
    """Topic -> milli-points of standing on a day. ``parents``: topic -> the topic above it.

    A line is split equally among its topics, each share cut to whole milli-points; a share counts for
    its topic and for every one above. Topics to which nothing counted are left out."""
    shares: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in lines:
        share = _share(line)
        if share:
            for topic in line.topics:
                for named in lineage(topic, parents):
                    shares[named].append((line.at, share))
    return {topic: standing(found, rules, day) for topic, found in sorted(shares.items())}


def _share(line: OnTopics) -> int:
    count = len(line.topics)
    if not count:
        return 0
    return line.milli_points // count if line.milli_points >= 0 else -(-line.milli_points // count)


def lineage(topic: str, parents: Mapping[str, str]) -> Iterator[str]:
    """The topic and all above it, nearest first; a tree that bites its tail ends where it began."""
    seen: set[str] = set()
    while topic and topic not in seen:
        seen.add(topic)
        yield topic
        topic = parents.get(topic, "")
