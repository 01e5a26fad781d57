"""What the views look up: ledgers by page, who gave, where contents stand, and what ``app.views`` drew."""

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, func, or_, select

from server.storage import tables as t
from server.storage.queries.listing import NO_PARENT, is_hidden
from server.storage.reader import Snapshot

_l, _a, _p, _c, _y = (
    t.credits_.c,
    t.score_acts.c,
    t.posts.c,
    t.communities.c,
    t.merits.c,
)
_person: Any = bindparam("person")
_names: Any = bindparam("names", expanding=True)

# -- one's own ledger ----------------------------------------------------------------------------------------

_PAGE = (
    select(_l.act, _l.at, _l.line)
    .where(_l.person == _person, _l.at <= bindparam("at"))
    .where(or_(_l.at < bindparam("at"), _l.act > bindparam("act")))
    .order_by(_l.at.desc(), _l.act)
    .limit(bindparam("limit"))
)
_POINTS = select(_l.act, _l.at, _l.milli_points).where(
    _l.person == _person, _l.at >= bindparam("since"), _l.milli_points > 0
)
_SINCE = select(_l.line).where(_l.person == _person, _l.at >= bindparam("since"))
_IN_QUARTER = select(_l.line).where(
    _l.person == _person, _l.quarter == bindparam("quarter"), _l.milli_points > 0
)
_GAVE = select(_a.giver, _a.data).where(
    _a.author == _person, _a.quarter.in_(bindparam("quarters", expanding=True)), _a.giver != ""
)
_STANDS = (
    select(_p.post, _p.root, _p.place, _c.mode)
    .join(t.communities, _c.community == func.substr(_p.place, 3), isouter=True)
    .where(_p.post.in_(_names))
)
_TOPICS = select(_p.topics).where(_p.post.in_(_names), _p.topics != "[]")
_FOLLOWED = select(t.follows.c.target).where(
    t.follows.c.person == _person, t.follows.c.kind == "topic", t.follows.c.on_
)
_QUESTIONS = select(_p.post, _p.title, _p.place, _p.author, _p.topics, _p.at).where(
    _p.post.in_(_names), ~is_hidden(_p.post)
)


class LedgerKey(NamedTuple):
    """Where a page of a ledger begins: the last line before it. Newest first, then by name."""

    at: int
    act: str


NEWEST = LedgerKey(2**62, "")


class LedgerLine(NamedTuple):
    key: LedgerKey
    line: dict[str, Any]


class Stands(NamedTuple):
    """``community`` and ``mode`` empty for what stands in a conversation."""

    root: str
    community: str
    mode: str


class _Position(msgspec.Struct):
    position: int


_position = msgspec.json.Decoder(_Position).decode
_names_of = msgspec.json.Decoder(tuple[str, ...]).decode


async def ledger(
    snapshot: Snapshot, person: str, before: LedgerKey, limit: int
) -> list[LedgerLine]:
    asked = {"person": person, "at": before.at, "act": before.act, "limit": limit}
    return [
        LedgerLine(LedgerKey(row.at, row.act), msgspec.json.decode(row.line))
        for row in await snapshot.rows(_PAGE, asked)
    ]


async def points(snapshot: Snapshot, person: str, since: int) -> list[Any]:
    """(act, at, milli_points) of every line worth something since a moment."""
    return list(await snapshot.rows(_POINTS, {"person": person, "since": since}))


async def lines_since(snapshot: Snapshot, person: str, since: int) -> list[str]:
    """Lines as stored (JSON)."""
    return [row.line for row in await snapshot.rows(_SINCE, {"person": person, "since": since})]


async def lines_of_quarter(snapshot: Snapshot, person: str, quarter: str) -> list[str]:
    """Those worth something, as stored (JSON)."""
    asked = {"person": person, "quarter": quarter}
    return [row.line for row in await snapshot.rows(_IN_QUARTER, asked)]


async def givers(snapshot: Snapshot, person: str, quarters: Collection[str]) -> dict[int, str]:
    """Position of an act on what the person made, by which its line is named -> who gave."""
    rows = await snapshot.rows(_GAVE, {"person": person, "quarters": sorted(quarters)})
    return {_position(row.data).position: row.giver for row in rows}


async def stands(snapshot: Snapshot, posts: Collection[str]) -> dict[str, Stands]:
    """Where posts stand, and in which mode their community is."""
    if not posts:
        return {}
    rows = await snapshot.rows(_STANDS, {"names": sorted(posts)})
    return {row.post: Stands(row.root, _community(row.place), row.mode or "") for row in rows}


def _community(place: str) -> str:
    kind, _, name = place.partition(":")
    return name if kind == "c" else ""


async def own_topics(snapshot: Snapshot, person: str, roots: Collection[str]) -> set[str]:
    """What a person follows, and what these posts are about."""
    found = {row.target for row in await snapshot.rows(_FOLLOWED, {"person": person})}
    rows = await snapshot.rows(_TOPICS, {"names": sorted(roots)}) if roots else ()
    return found.union(*[_names_of(row.topics) for row in rows])


class Question(NamedTuple):
    post: str
    title: str
    community: str
    author: str
    topics: tuple[str, ...]
    at: int


async def questions(snapshot: Snapshot, posts: Collection[str]) -> dict[str, Question]:
    """Those of the questions that are not hidden."""
    rows = await snapshot.rows(_QUESTIONS, {"names": sorted(posts)}) if posts else ()
    return {
        row.post: Question(
            row.post, row.title, _community(row.place), row.author, _names_of(row.topics), row.at
        )
        for row in rows
    }


# -- what was drawn ------------------------------------------------------------------------------------------

_BOARD = (
    select(_y.person, _y.milli, _y.people)
    .where(_y.period == bindparam("period"), _y.community == bindparam("community"))
    .where(_y.topic == bindparam("topic"), _y.listed)
    .order_by(_y.milli.desc(), _y.person)
    .limit(bindparam("limit"))
)
_NOMINATED = (
    select(
        _y.community,
        _c.name,
        _y.person,
        _y.milli,
        _y.people,
        _y.units,
        _y.countries,
        _y.kinds,
    )
    .join(t.communities, _c.community == _y.community)
    .join(t.persons, t.persons.c.person == _y.person)
    .where(_y.period == bindparam("quarter"), _y.topic == "", _c.mode == "programme")
    # Who takes a list may not read in a private place, nor know of it.
    .where(_c.visibility == "open")
    .where(t.persons.c.home == bindparam("region"), t.persons.c.active)
)
_MONTHS = (
    select(t.leader_months.c.month, t.leader_months.c.members, t.leader_months.c.measures)
    .where(t.leader_months.c.person == _person, t.leader_months.c.month >= bindparam("first"))
    .order_by(t.leader_months.c.month)
)
_f = t.published_figures.c
_FIGURES = select(_f.period, _f.cell, _f.figures).where(
    _f.view == bindparam("view"), _f.period.in_(bindparam("periods", expanding=True))
)


async def board(
    snapshot: Snapshot, period: str, community: str, topic: str, limit: int
) -> list[Any]:
    """(person, milli, people) of those listed, most points first; ties by id, the same every time."""
    asked = {"period": period, "community": community, "topic": topic, "limit": limit}
    return list(await snapshot.rows(_BOARD, asked))


async def nominable(snapshot: Snapshot, quarter: str, region: str) -> list[Any]:
    """Merits of a region's people in open programme communities: (community, name, person, milli, people, units,
    countries, kinds)."""
    return list(await snapshot.rows(_NOMINATED, {"quarter": quarter, "region": region}))


async def leader_months(snapshot: Snapshot, person: str, first: str) -> list[Any]:
    """(month, members, measures) from a month on, oldest first."""
    return list(await snapshot.rows(_MONTHS, {"person": person, "first": first}))


async def figures(
    snapshot: Snapshot, view: str, periods: Collection[str]
) -> dict[str, dict[str, str]]:
    """Period -> cell -> figures (JSON); a period that is not published is missing."""
    found: dict[str, dict[str, str]] = {}
    for row in await snapshot.rows(_FIGURES, {"view": view, "periods": sorted(periods)}):
        found.setdefault(row.period, {})[row.cell] = row.figures
    return found


# -- what followed somebody's replies --------------------------------------------------------------------------

_root = t.posts.alias("root")
_below = t.posts.alias("below")
_REPLIES = (
    select(
        _p.post,
        _p.root,
        _p.at,
        _root.c.title,
        _root.c.text,
        func.coalesce(t.post_counts.c.helpful, 0).label("helpful"),
        func.coalesce(t.acceptances.c.answer, "").label("answer"),
        select(func.count())
        .where(_below.c.root == _p.root, _below.c.parent == _p.post, _below.c.parent != NO_PARENT)
        .scalar_subquery()
        .label("replies"),
    )
    .join(_root, _root.c.post == _p.root)
    .join(t.post_counts, t.post_counts.c.post == _p.post, isouter=True)
    .join(t.acceptances, t.acceptances.c.question == _p.root, isouter=True)
    .where(_p.author == _person, _p.parent != "", ~_p.deleted, ~_p.erased)
    .where(_p.place.in_(bindparam("places", expanding=True)), ~_root.c.deleted, ~_root.c.erased)
    .where(~is_hidden(_root.c.post))
    .order_by(_p.at.desc(), _p.post.desc())
    .limit(bindparam("limit"))
)


async def replies(
    snapshot: Snapshot, person: str, places: Collection[str], limit: int
) -> list[Any]:
    """A person's latest replies in these places: (post, root, at, title, text, helpful, answer, replies)."""
    if not places:
        return []
    asked = {"person": person, "places": sorted(places), "limit": limit}
    return list(await snapshot.rows(_REPLIES, asked))


# -- who took lists of nominees --------------------------------------------------------------------------------

_r = t.recognition_reads.c
_NAMED = (
    select(_r.quarter, _r.at, _r.reader)
    .where(_r.person == _person)
    .order_by(_r.at.desc())
    .limit(bindparam("limit"))
)


async def named(snapshot: Snapshot, person: str, limit: int) -> list[Any]:
    """(quarter, at, reader) of the lists that named a person, newest first."""
    return list(await snapshot.rows(_NAMED, {"person": person, "limit": limit}))
