"""Which posts, in which order: ids only, a bounded page at a time, the next one found by key.

A *key* is (at, id). Feeds run from new to old, threads from old to new. Over many places a feed takes
the newest few of each place by the index (place, parent, at) and merges; a place that gave all it was
asked for is asked for a whole page. So the cost grows with the number of places, never of posts.
"""

from collections import Counter
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
    func,
    literal,
    literal_column,
    or_,
    select,
)

from server.domain.visibility import READING_ROLES
from server.storage import tables as t
from server.storage.reader import Snapshot


class Key(NamedTuple):
    """Where a page begins: the (at, id) of the last post before it."""

    at: int
    post: str


FEW = 12
"""Of most places less than this is on a page of 50 over many of them."""
NEWEST = Key(2**62, "")
OLDEST = Key(-1, "")

_top = t.posts.alias("top")
_p = t.posts.c
NO_PARENT: ColumnElement[str] = literal_column("''", Text)
"""Written out, not bound: only then may the planner use the partial indexes on tops and replies."""
_AT: BindParameter[int] = bindparam("at")
_POST: BindParameter[str] = bindparam("post")
_LIMIT: BindParameter[int] = bindparam("limit")


def is_hidden(post: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a post of an enclosing query is hidden, by its community's moderators or at home: then its words
    are not for showing."""
    acts, at_home = t.moderations.c, t.hidden_at_home.c
    return or_(
        exists().where(acts.target == post, acts.act == "hide", acts.on_),
        exists().where(at_home.target == post, at_home.on_),
    )


_m, _r = t.communities.c, t.community_roles.c


def may_be_read(person: BindParameter[str]) -> ColumnElement[bool]:
    """Whether somebody may read a community of an enclosing query, as ``visibility`` has it: so that what they may
    not read takes no room on a page. What is shown is visibility's to say all the same."""
    inside = select(_r.community).where(_r.person == person, _r.role.in_(sorted(READING_ROLES)))
    return or_(_m.visibility == "open", _m.community.in_(inside))


def _older(c: Any) -> ColumnElement[bool]:
    # The first part alone would do less well: it is what the index can use.
    return and_(c.at <= _AT, or_(c.at < _AT, c.post < _POST))


def _newer(c: Any) -> ColumnElement[bool]:
    return and_(c.at >= _AT, or_(c.at > _AT, c.post > _POST))


def _merged(
    places: Table, key: str, prefix: str, *conditions: ColumnElement[bool]
) -> Select[tuple[int, str, str]]:
    """The newest tops of threads over the rows of ``places`` whose ``key`` is in the list asked for,
    at most ``each`` of every place."""
    name, c = places.c[key], _top.c
    tops = (
        select(c.post)
        .where(c.place == literal(prefix).concat(name), c.parent == "", _older(c), *conditions)
        .order_by(c.at.desc(), c.post.desc())
        .limit(bindparam("each"))
        .correlate(places)
    )
    return (
        select(_p.at, _p.post, name.label("of"))
        .select_from(places.join(t.posts, _p.post.in_(tops)))
        .where(name.in_(bindparam("ids", expanding=True)))
        .order_by(_p.at.desc(), _p.post.desc())
        .limit(_LIMIT)
    )


_given = t.posts.alias("given")
_IS_GONE = exists().where(
    _given.c.post == t.acceptances.c.answer, or_(_given.c.deleted, _given.c.erased)
)
"""Of an accepted answer; one that has not come yet answers all the same."""
_UNANSWERED = (
    _top.c.kind == "question",
    ~_top.c.deleted,
    ~_top.c.erased,
    ~is_hidden(_top.c.post),
    ~exists().where(
        t.acceptances.c.question == _top.c.post, t.acceptances.c.answer != "", ~_IS_GONE
    ),
)
_IN_COMMUNITIES = _merged(t.communities, "community", "c:")
_QUESTIONS = _merged(t.communities, "community", "c:", *_UNANSWERED)
_IN_CONVERSATIONS = _merged(t.conversations, "conversation", "d:")
_IN_PLACE = (
    select(_p.at, _p.post)
    .where(_p.place == bindparam("place"), _p.parent == NO_PARENT, _p.kind != "", _older(_p))
    .order_by(_p.at.desc(), _p.post.desc())
    .limit(_LIMIT)
)
_BELOW = (
    select(_p.at, _p.post)
    .where(_p.root == bindparam("root"), _p.parent != NO_PARENT, _p.kind != "", _newer(_p))
    .order_by(_p.at, _p.post)
    .limit(_LIMIT)
)
_BY_AUTHOR = (
    select(_p.at, _p.post, _p.place)
    .join(t.communities, _m.community == func.substr(_p.place, 3))
    .where(_p.author == bindparam("author"), _p.place.like("c:%"), ~_p.deleted, ~_p.erased)
    .where(_older(_p), may_be_read(bindparam("reader")))
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
    found = await _over(snapshot, _IN_COMMUNITIES, communities, before, limit)
    found += await _over(snapshot, _IN_CONVERSATIONS, conversations, before, limit)
    return sorted(found, reverse=True)[:limit]


async def unanswered(
    snapshot: Snapshot, communities: Collection[str], before: Key, limit: int
) -> list[Key]:
    """Questions without an accepted answer that stands, newest first."""
    found = await _over(snapshot, _QUESTIONS, communities, before, limit)
    return sorted(found, reverse=True)[:limit]


async def _over(
    snapshot: Snapshot,
    query: Select[tuple[int, str, str]],
    places: Collection[str],
    before: Key,
    limit: int,
) -> list[Key]:
    """A few of every place first; then a whole page of those that gave as many as they might."""
    if not places:
        return []
    asked = before._asdict() | {"limit": limit}
    rows = await snapshot.rows(query, asked | {"ids": sorted(places), "each": min(FEW, limit)})
    given = Counter(row.of for row in rows)
    busy = sorted(place for place, count in given.items() if FEW <= count < limit)
    found = {Key(row.at, row.post) for row in rows}
    if busy:
        more = await snapshot.rows(query, asked | {"ids": busy, "each": limit})
        found.update(Key(row.at, row.post) for row in more)
    return list(found)


async def in_place(snapshot: Snapshot, place: str, before: Key, limit: int) -> list[Key]:
    """Tops of threads in one place, newest first."""
    asked = before._asdict() | {"place": place, "limit": limit}
    return _keys(await snapshot.rows(_IN_PLACE, asked))


async def below(snapshot: Snapshot, root: str, after: Key, limit: int) -> list[Key]:
    """Replies of a thread at any depth, oldest first, without the root."""
    asked = after._asdict() | {"root": root, "limit": limit}
    return _keys(await snapshot.rows(_BELOW, asked))


async def by_author(
    snapshot: Snapshot, author: str, reader: str, before: Key, limit: int
) -> list[tuple[Key, str]]:
    """(key, place) of what a person wrote in communities that the reader may read, newest first: ask visibility about
    the places."""
    asked = before._asdict() | {"author": author, "reader": reader, "limit": limit}
    rows = await snapshot.rows(_BY_AUTHOR, asked)
    return [(Key(row.at, row.post), row.place) for row in rows]


def _keys(rows: Sequence[Any]) -> list[Key]:
    return [Key(row.at, row.post) for row in rows]
