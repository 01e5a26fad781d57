"""What goes into scoring and what comes out: frozen tuples of integers, strings and flags.

Times are UTC milliseconds, days are whole UTC days since 1970-01-01, points are integer thousandths.
"""

from typing import NamedTuple


class Act(NamedTuple):
    """One fact about a content: somebody's judgement of it, or that it was deleted or hidden.

    ``register`` is the switch the act sets and ``rev`` its writer's count of changes: the act with the
    highest ``rev`` speaks for the register, and one that is not ``on`` takes the judgement back. A register
    is about one content. An act carries all that scoring needs, as it was when the act happened."""

    id: str
    register: str
    rev: int
    on: bool
    kind: str
    giver: str
    author: str
    """Who receives the credit: the content's author, for praise the person praised."""
    content: str
    at: int
    giver_unit: str = ""
    giver_country: str = ""
    author_unit: str = ""
    author_country: str = ""
    public: bool = True
    """It travels in the lane every region holds, so that anyone may audit it by replay."""
    unscored: str = ""
    """Why it never scores (``imported``, ``bot``, ``announcement``); empty for an ordinary act."""


class Factor(NamedTuple):
    """One step from base to result."""

    name: str
    """``pair``, ``unit``, ``mutual`` or ``border``."""
    ordinal: int
    """Which one of its series this is (2nd credit of this giver, 3rd giver of this unit); else 0."""
    fixed: int
    """The multiplier in 32-bit fixed point."""
    milli: int
    """Milli-points after this step."""


class Line(NamedTuple):
    """One credit of a ledger, with every step that led to it. Lines never decay."""

    act: str
    """Id of the earliest act behind it, so the line keeps its name when a stronger act follows."""
    person: str
    at: int
    kind: str
    """The strongest act's kind: what the line is for."""
    content: str
    giver: str
    abroad: bool
    """Giver and author were in different countries."""
    base: int
    """Points before any factor."""
    factors: tuple[Factor, ...]
    milli_points: int
    quarter: str
    rules: str
    status: str
    """``counted``, or why it does not count: ``lapsed`` (deleted by its author), ``reversed`` (hidden)."""


class Ledger(NamedTuple):
    """A person's account on a day: total = sum of the lines, standing = the decayed sum."""

    person: str
    day: int
    rules: str
    total: int
    standing: int
    level: int
    lines: tuple[Line, ...]
