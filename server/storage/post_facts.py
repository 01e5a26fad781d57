"""What the log says about posts: those that rules speak of, and in which lanes they lie."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, union

from server.domain.events import PollSpec
from server.domain.facts import PostFact
from server.domain.ids import thread_channel
from server.storage import tables as t
from server.storage.sql import Tx, statement

_o = t.posts.c
POST_COLUMNS = (
    _o.post,
    _o.kind,
    _o.place,
    _o.root,
    _o.parent,
    _o.author,
    _o.rev,
    _o.deleted,
    _o.source,
    _o.detail,
    _o.at,
    _o.erased,
)
_POST = statement(select(*POST_COLUMNS).where(_o.post == bindparam("post")))
_POSTS_OF = statement(
    select(*POST_COLUMNS)
    .where(_o.author == bindparam("author"), _o.kind != "", ~_o.erased)
    .order_by(_o.at, _o.post)
    .limit(bindparam("limit"))
)
_LANES_AT = select(t.lanes.c.region, t.lanes.c.lane).join(
    t.events, t.events.c.lane_id == t.lanes.c.id
)
_LANES_OF = statement(
    union(
        _LANES_AT.join(t.event_channels, t.event_channels.c.position == t.events.c.position).where(
            t.event_channels.c.channel == bindparam("thread")
        ),
        _LANES_AT.join(t.bodies, t.bodies.c.position == t.events.c.position).where(
            t.bodies.c.post == bindparam("post")
        ),
    )
)


def load(tx: Tx, post: str) -> PostFact | None:
    row = tx.one(_POST, {"post": post})
    return None if row is None else post_of(row)


def of_author(tx: Tx, author: str, limit: int) -> list[PostFact]:
    return [post_of(row) for row in tx.rows(_POSTS_OF, {"author": author, "limit": limit})]


def lanes(tx: Tx, post: str, root: str) -> list[tuple[str, str]]:
    """(region, lane) of every event about it, or that holds words of it."""
    asked = {"post": post, "thread": thread_channel(root)}
    return [(region, lane) for region, lane in tx.rows(_LANES_OF, asked)]


def post_of(row: Sequence[Any]) -> PostFact:
    """From a row of POST_COLUMNS."""
    post, kind, place, root, parent, author, rev, deleted, source, detail, at, erased = row
    return PostFact(
        post=post,
        kind=kind,
        place=place,
        root=root,
        parent=parent,
        author=author,
        rev=rev,
        deleted=bool(deleted),
        imported=bool(source),
        poll=poll_of(detail) if kind == "poll" else None,
        announcement=kind == "announcement" and asks_acknowledgement(detail),
        at=at,
        erased=bool(erased),
    )


def poll_of(detail: str | None) -> PollSpec | None:
    """The poll of a post's ``detail`` column."""
    found = json.loads(detail or "{}").get("poll")
    return msgspec.convert(found, PollSpec) if found else None


def asks_acknowledgement(detail: str | None) -> bool:
    return bool((json.loads(detail or "{}").get("announcement") or {}).get("acknowledge"))
