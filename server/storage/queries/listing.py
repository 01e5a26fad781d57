"""Which posts, in which order: ids only, a bounded page at a time, the next one found by key.

A *key* is (at, id). Feeds run from new to old, threads from old to new. Over many places a feed takes
the newest few of each place by the index (place, parent, at) and merges: its cost grows with the
number of places, never with the number of posts.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    literal,
    literal_column,
    or_,
    select,
)

from server.storage import tables as t
from server.storage.reader import Snapshot


class Key(NamedTuple):
    """Where a page begins: the (at, id) of the last post before it."""

    at: int
    post: str


NEWEST = Key(2**62, "")
OLDEST = Key(-1, "")

_top = t.posts.alias("top")
_p = t.posts.c
_NONE: ColumnElement[str] = literal_column("''", Text)
"""Written out, not bound: only then may the planner use the partial indexes on tops and replies."""
_AT: BindParameter[int] = bindparam("at")
_POST: BindParameter[str] = bindparam("post")
_LIMIT: BindParameter[int] = bindparam("limit")


def _older(c: Any) -> ColumnElement[bool]:
    # The first part alone would do less well: it is what the index can use.
    return and_(c.at <= _AT, or_(c.at < _AT, c.post < _POST))


def _newer(c: Any) -> ColumnElement[bool]:
    return and_(c.at >= _AT, or_(c.at > _AT, c.post > _POST))


def _tops_of(place: ColumnElement[str], *conditions: ColumnElement[bool]) -> Select[tuple[str]]:
    c = _top.c
    return (
        select(c.post)
        .where(c.place == place, c.parent == _NONE, c.kind != "", _older(c), *conditions)
        .order_by(c.at.desc(), c.post.desc())
        .limit(_LIMIT)
    )


def _merged(
    places: Table, key: str, prefix: str, *conditions: ColumnElement[bool]
) -> Select[tuple[int, str]]:
    """The newest tops of threads over the rows of ``places`` whose ``key`` is in the list asked for."""
    name = places.c[key]
    tops = _tops_of(literal(prefix).concat(name), *conditions).correlate(places)
    return (
        select(_p.at, _p.post)
        .select_from(places.join(t.posts, _p.post.in_(tops)))
        .where(name.in_(bindparam("ids", expanding=True)))
        .order_by(_p.at.desc(), _p.post.desc())
        .limit(_LIMIT)
    )


_UNANSWERED = (
    _top.c.kind == "question",
    ~_top.c.deleted,
    ~_top.c.erased,
    ~exists().where(t.acceptances.c.question == _top.c.post, t.acceptances.c.answer != ""),
)
_IN_COMMUNITIES = _merged(t.communities, "community", "c:")
_QUESTIONS = _merged(t.communities, "community", "c:", *_UNANSWERED)
_IN_CONVERSATIONS = _merged(t.conversations, "conversation", "d:")
_IN_PLACE = (
    select(_p.at, _p.post)
    .where(_p.place == bindparam("place"), _p.parent == _NONE, _p.kind != "", _older(_p))
    .order_by(_p.at.desc(), _p.post.desc())
    .limit(_LIMIT)
)
_BELOW = (
    select(_p.at, _p.post)
    .where(_p.root == bindparam("root"), _p.parent != _NONE, _p.kind != "", _newer(_p))
    .order_by(_p.at, _p.post)
    .limit(_LIMIT)
)
_BY_AUTHOR = (
    select(_p.at, _p.post, _p.place)
    .where(_p.author == bindparam("author"), _p.place.like("c:%"), ~_p.deleted, ~_p.erased)
    .where(_older(_p))
    .order_by(_p.at.desc(), _p.post.desc())
    .limit(_LIMIT)
)


async def newest(
    snapshot: Snapshot,
    communities: Collection[str],
    conversations: Collection[str],
    before: Key,
    limit: int,
) -> list[Key]:
    """Tops of threads in these places, newest first."""
    asked = before._asdict() | {"limit": limit}
    found: list[Key] = []
    if communities:
        found += _keys(await snapshot.rows(_IN_COMMUNITIES, asked | {"ids": sorted(communities)}))
    if conversations:
        ids = {"ids": sorted(conversations)}
        found += _keys(await snapshot.rows(_IN_CONVERSATIONS, asked | ids))
    return sorted(found, reverse=True)[:limit]


async def unanswered(
    snapshot: Snapshot, communities: Collection[str], before: Key, limit: int
) -> list[Key]:
    """Questions without an accepted answer, newest first."""
    if not communities:
        return []
    asked = before._asdict() | {"limit": limit, "ids": sorted(communities)}
    return _keys(await snapshot.rows(_QUESTIONS, asked))


async def in_place(snapshot: Snapshot, place: str, before: Key, limit: int) -> list[Key]:
    """Tops of threads in one place, newest first."""
    asked = before._asdict() | {"place": place, "limit": limit}
    return _keys(await snapshot.rows(_IN_PLACE, asked))


async def below(snapshot: Snapshot, root: str, after: Key, limit: int) -> list[Key]:
    """Replies of a thread at any depth, oldest first, without the root."""
    asked = after._asdict() | {"root": root, "limit": limit}
    return _keys(await snapshot.rows(_BELOW, asked))


async def by_author(
    snapshot: Snapshot, author: str, before: Key, limit: int
) -> list[tuple[Key, str]]:
    """(key, place) of what a person wrote in communities, newest first: ask visibility about the places."""
    asked = before._asdict() | {"author": author, "limit": limit}
    rows = await snapshot.rows(_BY_AUTHOR, asked)
    return [(Key(row.at, row.post), row.place) for row in rows]


def _keys(rows: Sequence[Any]) -> list[Key]:
    return [Key(row.at, row.post) for row in rows]
