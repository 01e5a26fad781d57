"""Acts for tests: one by hand, or many by Hypothesis in a small world where everything collides."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from server.scoring.model import Act
from server.scoring.rules import DAY_MS, day_number

DAY = day_number(date(2026, 2, 1))
APRIL = day_number(date(2026, 4, 1))
"""A quarter begins, and in some rulebooks (books.py) a second version."""
LAST_DAY = day_number(date(2026, 12, 31))


def act(
    kind: str,
    giver: str,
    content: str,
    *,
    author: str = "",
    rev: int = 1,
    on: bool = True,
    day: int = DAY,
    ms: int = 0,
    unit: str = "",
    country: str = "",
    author_unit: str = "",
    author_country: str = "",
    public: bool = True,
    unscored: str = "",
    topics: tuple[str, ...] = (),
) -> Act:
    """``content`` is ``<author>/<anything>`` unless the author is given."""
    register = f"{kind}:{content}:{giver}"
    return Act(
        id=f"{register}@{rev}",
        register=register,
        rev=rev,
        on=on,
        kind=kind,
        giver=giver,
        author=author or content.split("/")[0],
        content=content,
        at=day * DAY_MS + ms,
        giver_unit=unit,
        giver_country=country,
        author_unit=author_unit,
        author_country=author_country,
        public=public,
        unscored=unscored,
        topics=topics,
    )


def gone(kind: str, content: str, *, rev: int = 1, on: bool = True, day: int = DAY) -> Act:
    """The content was ``deleted`` or ``hidden``."""
    register = f"{kind}:{content}"
    return Act(f"{register}@{rev}", register, rev, on, kind, "", "", content, day * DAY_MS)


def ruled(
    kind: str,
    *,
    giver: str = "",
    author: str = "",
    content: str = "",
    quarter: str = "",
    rev: int = 1,
    on: bool = True,
    day: int = DAY,
) -> Act:
    """Somebody decided about credits: ``held``, ``ring_reversed`` or ``cleared``."""
    register = f"{kind}:{giver}:{author}:{content}:{quarter}"
    at = day * DAY_MS
    name = f"{register}@{rev}"
    return Act(name, register, rev, on, kind, giver, author, content, at, quarter=quarter)


PEOPLE = ["asha", "ben", "chen", "dora", "emil"]
UNITS = {"asha": "tea", "ben": "tea", "chen": "rice", "dora": "", "emil": "rice"}
COUNTRIES = {"asha": "in", "ben": "in", "chen": "cn", "dora": "de", "emil": ""}
TOPICS = {"asha": ("tea", "pots"), "ben": (), "chen": ("rice",), "dora": ("tea",), "emil": ()}
QUARTERS = ["", "2026Q1", "2026Q2"]
KINDS = ["accepted", "verified", "solved", "cited", "praised", "helpful", "idea_shipped"]

_judgements = st.builds(
    lambda kind, giver, author, n, rev, on, day, ms, public, unscored: act(
        kind,
        giver,
        f"{author}/{n}",
        rev=rev,
        on=on,
        day=day,
        ms=ms,
        unit=UNITS[giver],
        country=COUNTRIES[giver],
        author_unit=UNITS[author],
        author_country=COUNTRIES[author],
        public=public,
        unscored=unscored,
        topics=TOPICS[author][:n],
    ),
    kind=st.sampled_from(KINDS),
    giver=st.sampled_from(PEOPLE),
    author=st.sampled_from(PEOPLE),
    n=st.integers(1, 5),
    rev=st.integers(1, 3),
    on=st.sampled_from([True, True, True, False]),
    day=st.integers(DAY, DAY + 150),
    ms=st.sampled_from([0, 0, 1, DAY_MS - 1]),
    public=st.sampled_from([True, True, False]),
    unscored=st.sampled_from(["", "", "", "", "bot"]),
)
_fates = st.builds(
    lambda kind, author, n, rev, on: gone(kind, f"{author}/{n}", rev=rev, on=on),
    kind=st.sampled_from(["deleted", "hidden"]),
    author=st.sampled_from(PEOPLE),
    n=st.integers(1, 5),
    rev=st.integers(1, 2),
    on=st.booleans(),
)
_names = st.sampled_from(["", *PEOPLE])
_rulings = st.builds(
    lambda kind, giver, author, content, quarter, rev, on: ruled(
        kind,
        giver=giver,
        author=author,
        content=content,
        quarter=quarter,
        rev=rev,
        on=on,
    ),
    kind=st.sampled_from(["held", "ring_reversed", "cleared"]),
    giver=_names,
    author=_names,
    content=st.sampled_from(["", "", "", "asha/1", "ben/2"]),
    quarter=st.sampled_from(QUARTERS),
    rev=st.integers(1, 2),
    on=st.booleans(),
)
_mixed = st.lists(
    st.one_of(*[_judgements] * 9, _fates, _rulings), max_size=120, unique_by=lambda one: one.id
)
_pairs = [(giver, author) for giver in PEOPLE for author in PEOPLE if giver != author]


def exchange(counts: list[int], first: int = DAY, thread: str = "") -> list[Act]:
    """Everybody thanks every other for so many contents, one a day: circles close at three each way."""
    return [
        act("helpful", giver, f"{author}/{thread}{n}", day=first + n, unit=UNITS[giver])
        for (giver, author), count in zip(_pairs, counts, strict=True)
        for n in range(count)
    ]


_counts = st.lists(st.integers(0, 5), min_size=len(_pairs), max_size=len(_pairs))
_days = st.sampled_from([DAY, APRIL - 3, APRIL])
_circles = st.builds(exchange, _counts, _days).flatmap(st.permutations)
across = st.builds(
    lambda before, after, first: exchange(before) + exchange(after, first, "later"),
    _counts,
    _counts,
    st.sampled_from([APRIL - 2, APRIL]),
).flatmap(st.permutations)
"""Circles in either of two quarters: those of the second are other circles, and some straddle its first day."""
act_sets = st.one_of(_mixed, _circles, across)
"""Distinct acts in any order: two quarters, five people, toggles, deletions, rulings, bots; or many circles."""
