"""What goes into scoring and what comes out: frozen tuples of integers, strings and flags.

Times are UTC milliseconds, days are whole UTC days since 1970-01-01, points are integer thousandths.
"""

from typing import NamedTuple


class Act(NamedTuple):
    """One fact: a *judgement* of somebody's content, or a *ruling* on judgements (deleted, hidden, held ...).

    ``register`` is the switch the act sets and ``rev`` its writer's count of changes: the act with the
    highest ``rev`` speaks for the register, and one that is not ``on`` takes the act back. A register
    is about one content. An act carries all that scoring needs, as it was when the act happened.

    A ruling names a giver, an author, a content, or some of these; what it leaves empty may be anything."""

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
    topics: tuple[str, ...] = ()
    """Topics of the content; for a reply those of its root."""
    quarter: str = ""
    """Of a ruling alone: the only quarter whose credits it is about; empty for all."""


class Factor(NamedTuple):
    """One step from base to result."""

    name: str
    """``pair``, ``unit``, ``mutual``, ``border`` or ``cap``."""
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
    """``counted``, or why it does not count: ``held`` (somebody looks into it), ``lapsed`` (deleted by its
    author), ``reversed`` (hidden, or found to be a ring)."""
    topics: tuple[str, ...] = ()
    ruling: str = ""
    """The kind of the ruling behind a status other than ``counted``: its sentence stands in the rules."""


class Ledger(NamedTuple):
    """A person's account on a day: total = sum of the lines, standing = the decayed sum."""

    person: str
    day: int
    rules: str
    total: int
    standing: int
    level: int
    lines: tuple[Line, ...]
