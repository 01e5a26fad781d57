"""The daily cap, where rules have one: per receiver and UTC day the capped kinds sum to min(sum, cap).

The sum of a set knows no order, so no total depends on what came first. What is over is taken from the
day's last credits in canonical order, each with a step that says so: the lines still add up to the total.
"""

from collections import defaultdict
from collections.abc import Sequence

from server.scoring.credits import COUNTED
from server.scoring.model import Factor, Line
from server.scoring.rules import ONE, Cap, Rulebook, day_of


def has_cap(rulebook: Rulebook) -> bool:
    """Whether any version ties the lines of a day to each other."""
    return any(rules.cap for rules in rulebook.versions)


def capped(lines: Sequence[Line], rulebook: Rulebook) -> list[Line]:
    """One person's lines of whole days, in canonical order, with what a day's cap takes off."""
    days: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        days[day_of(line.at)].append(number)
    found = list(lines)
    for day, numbers in days.items():
        cap = rulebook.on(day).cap
        if cap is not None:
            _cap(found, [n for n in numbers if _is_capped(found[n], cap)], cap)
    return found


def _is_capped(line: Line, cap: Cap) -> bool:
    return line.status == COUNTED and line.kind not in cap.exempt


def _cap(lines: list[Line], numbers: Sequence[int], cap: Cap) -> None:
    over = sum([lines[n].milli_points for n in numbers]) - cap.points * 1000
    for n in reversed(numbers):
        milli = lines[n].milli_points
        if over <= 0:
            return
        if milli > 0:
            lines[n] = _cut(lines[n], milli - min(over, milli))
            over -= min(over, milli)


def _cut(line: Line, left: int) -> Line:
    """The step's multiplier is rounded up, so that it gives exactly what is left."""
    fixed = -(-left * ONE // line.milli_points)
    step = Factor("cap", 0, fixed, left)
    return line._replace(factors=(*line.factors, step), milli_points=left)
