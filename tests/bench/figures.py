"""The shape of a figure and the way to repeat a measurement."""

import json
import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple

RUNS = 3


class Figure(NamedTuple):
    name: str
    value: float
    unit: str
    goal: str
    """The bound in words, e.g. ``>= 4000``."""
    holds: bool | None
    """None: no goal, the figure is there for comparison."""
    floor_or_peer: dict[str, float]
    runs: list[float]


def emit(figure: Figure) -> None:
    rounded = figure._replace(
        value=_short(figure.value),
        runs=[_short(run) for run in figure.runs],
        floor_or_peer={name: _short(value) for name, value in figure.floor_or_peer.items()},
    )
    print(json.dumps(rounded._asdict()), flush=True)


def _short(value: float) -> float:
    return round(value, 2) if value < 100 else round(value)


def at_least(
    name: str, unit: str, goal: float, runs: list[float], beside: dict[str, float] | None = None
) -> Figure:
    value = statistics.median(runs)
    return Figure(name, value, unit, f">= {goal:g}", value >= goal, beside or {}, runs)


def at_most(
    name: str, unit: str, goal: float, runs: list[float], beside: dict[str, float] | None = None
) -> Figure:
    value = statistics.median(runs)
    return Figure(name, value, unit, f"<= {goal:g}", value <= goal, beside or {}, runs)


def compare(name: str, unit: str, runs: list[float], beside: dict[str, float]) -> Figure:
    return Figure(name, statistics.median(runs), unit, "", None, beside, runs)


def repeat(measure: Callable[[], float], runs: int = RUNS) -> list[float]:
    found = []
    for run in range(runs):
        found.append(measure())
        print(f"  run {run + 1} of {runs}: {found[-1]:.1f}", file=sys.stderr)
    return found
