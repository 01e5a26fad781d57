"""The rules of who knows and whose work is used: the tables ``[expertise]`` and ``[influence]`` of a rules file.

A file without one of them says nothing of it: then nobody is named as knowing anything, or nothing as a use.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

ONE = 1 << 32
"""1.0 in fixed point."""


class Expertise(NamedTuple):
    """How a record of answers on a topic is read (``scoring.experts``)."""

    half_life_days: int
    decay: tuple[int, ...]
    """2**(-d / half_life_days) for the days of one half-life."""
    prior_answers: int
    """So many answers of middling quality everybody begins with."""
    other_topics: tuple[int, int]
    """What an answer on another topic counts."""
    answers: int
    """An expert has answered so often on the topic ..."""
    askers: int
    """... so many people ..."""
    units: int
    """... of so many units."""


class Influence(NamedTuple):
    """What counts as a use of somebody's work, and for how long (``scoring.influence``)."""

    days: int
    uses: tuple[str, ...]
    """Kinds of acts."""


NO_USES = Influence(0, ())


def expertise(raw: Mapping[str, Any]) -> Expertise | None:
    """Raises ValueError (or what a wrong shape raises) when the table is not sound."""
    if "expertise" not in raw:
        return None
    plain = dict(raw["expertise"])
    over, under = plain.pop("other_topics")
    decay = tuple(raw["tables"]["expertise_decay"])
    found = Expertise(decay=decay, other_topics=(over, under), **plain)
    least = min(found.prior_answers, found.answers, found.askers, found.units, under)
    if least < 1 or not 0 <= over <= under:
        raise ValueError("expertise: a number is outside its bounds")
    if len(decay) != found.half_life_days or not all(0 < entry <= ONE for entry in decay):
        raise ValueError("expertise: its table of decay does not fit")
    return found


def influence(raw: Mapping[str, Any], kinds: Mapping[str, object]) -> Influence:
    """``kinds``: of acts. Raises ValueError likewise."""
    if "influence" not in raw:
        return NO_USES
    found = Influence(raw["influence"]["days"], tuple(raw["influence"]["uses"]))
    if found.days < 1 or not kinds.keys() >= set(found.uses):
        raise ValueError("influence: no days, or a use that is no act")
    return found
