"""Circles whose thanks mostly stay among themselves: what people look at, never what a node decides. Pure.

docs/scoring.md section 11. Two steps for whoever holds the acts, both of a quarter alone and order-free:

1. ``candidates``: from who credited whom how often to the small sets worth a look
2. ``circle_of``: from the ledger lines of such a set to what came from inside and what the factors left of it

Not every circle is a case: whoever is of use to others as well is none, however often they thank each other.
``words`` says which it is, in words that accuse nobody.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from server.scoring.model import Line
from server.scoring.rules import Rulebook

PEOPLE_MAX = 15
"""Larger sets are departments: there a factor for each pair does what can be done."""
SHARE_MIN = 800
"""Thousandths of what a set got that came from inside: below that, others had use of their work as well."""
CREDITS_EACH_MIN = 12
"""From inside the set, for each of its people: about one a week. With less there is nothing to decide about."""
STRENGTHS = (3, 6, 12, 24, 48)
"""Contents credited in the quarter from which on somebody is tied to another, one after the other: a few
thanks to outsiders must not hide a set in a larger one. The least is where the factor ``mutual`` begins."""

Given = Mapping[tuple[str, str], int]
"""(giver, author) -> how many of the author's contents the giver credited in the quarter."""


class Flow(NamedTuple):
    """What one gave another in the quarter: contents, milli-points before any factor, and after all."""

    giver: str
    author: str
    contents: int
    base: int
    counted: int


class Circle(NamedTuple):
    """A small set of people with what they got. ``inside`` and ``received``: milli-points before any factor."""

    quarter: str
    people: tuple[str, ...]
    inside: int
    received: int
    flows: tuple[Flow, ...]
    """From inside alone, by giver and author."""

    @property
    def share(self) -> int:
        """Thousandths of what they got that came from themselves."""
        return self.inside * 1000 // self.received if self.received else 0

    @property
    def counted(self) -> int:
        """What the factors left of ``inside``, in milli-points."""
        return sum([flow.counted for flow in self.flows])

    @property
    def credits(self) -> int:
        return sum([flow.contents for flow in self.flows])

    @property
    def is_case(self) -> bool:
        """Whether a person should look at it."""
        enough = self.credits >= CREDITS_EACH_MIN * len(self.people)
        return enough and self.share >= SHARE_MIN


# -- sets worth a look -----------------------------------------------------------------------------------


def candidates(given: Given) -> list[tuple[str, ...]]:
    """Sets of 2 to ``PEOPLE_MAX`` in which everybody reaches everybody by such thanks, larger sets first."""
    found: set[tuple[str, ...]] = set()
    for strength in STRENGTHS:
        ties: dict[str, list[str]] = defaultdict(list)
        for (giver, author), contents in given.items():
            if contents >= strength and giver != author:
                ties[giver].append(author)
        found |= {people for people in _connected(ties) if 2 <= len(people) <= PEOPLE_MAX}
    return sorted(found, key=lambda people: (-len(people), people))


def _connected(ties: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """The strongly connected sets (Tarjan, SIAM J. Comput. 1972), without recursion: 30,000 people may be a chain."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    for root in ties:
        if root in number:
            continue
        path = [(root, iter(ties[root]))]
        while path:
            person, others = path[-1]
            if person not in number:
                number[person] = low[person] = len(number)
                stack.append(person)
                waiting.add(person)
            for other in others:
                if other not in number:
                    path.append((other, iter(ties.get(other, ()))))
                    break
                if other in waiting:
                    low[person] = min(low[person], number[other])
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    low[before] = min(low[before], low[person])
                if low[person] == number[person]:
                    start = stack.index(person)
                    yield tuple(sorted(stack[start:]))
                    waiting -= set(stack[start:])
                    del stack[start:]


# -- one set ---------------------------------------------------------------------------------------------


def circle_of(
    people: Iterable[str], quarter: str, lines: Iterable[Line], rulebook: Rulebook
) -> Circle:
    """``lines``: all ledger lines of these people, of any quarters.

    What was deleted, hidden or taken away already counts on neither side; nor does closing one's own question."""
    members = frozenset(people)
    flows: dict[tuple[str, str], tuple[int, int, int]] = {}
    inside = received = 0
    for line in lines:
        if line.quarter != quarter or line.person not in members or not _tells(line, rulebook):
            continue
        base = line.base * 1000
        received += base
        if line.giver in members:
            inside += base
            contents, before, after = flows.get((line.giver, line.person), (0, 0, 0))
            flow = (contents + 1, before + base, after + line.milli_points)
            flows[line.giver, line.person] = flow
    told = tuple([Flow(*pair, *flows[pair]) for pair in sorted(flows)])
    return Circle(quarter, tuple(sorted(members)), inside, received, told)


def _tells(line: Line, rulebook: Rulebook) -> bool:
    return line.status in ("counted", "held") and not rulebook.judgements.get(line.kind, False)


def cases(circles: Iterable[Circle]) -> list[Circle]:
    """Those that people should look at, the largest of sets inside each other."""
    found: list[Circle] = []
    for circle in sorted(circles, key=lambda one: (-len(one.people), one.people)):
        inside_another = any(set(circle.people) <= set(known.people) for known in found)
        if circle.is_case and not inside_another:
            found.append(circle)
    return found


# -- in words --------------------------------------------------------------------------------------------


def words(circle: Circle) -> str:
    """What a circle is, said so that it may be read by those it is about."""
    many = len(circle.people)
    seen = (
        f"{many} people gave each other {_percent(circle)} of the thanks they got in {circle.quarter}: "
        f"{circle.credits} credits of {circle.inside // 1000} points, of which {circle.counted // 1000} count "
        "after damping."
    )
    if circle.is_case:
        return (
            f"{seen} A team that works closely together can look like this. Nothing has been changed: "
            "somebody who is not one of them looks at it, and says what they found."
        )
    if circle.share < SHARE_MIN:
        outside = (circle.received - circle.inside) // 1000
        return f"{seen} Others had use of their work too ({outside} points): there is nothing to look into."
    return f"{seen} That is too little to look into."


def _percent(circle: Circle) -> str:
    return f"{circle.share // 10} %"
