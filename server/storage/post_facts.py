"""What the log says about posts: those that rules speak of, and in which lanes they lie."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select

from server.domain.erasure import post_told_by
from server.domain.events import PollSpec, decode_known
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
_HOLDING = select(t.lanes.c.region, t.lanes.c.lane, t.events.c.type, t.events.c.body).join(
    t.events, t.events.c.lane_id == t.lanes.c.id
)
_ON_THREAD = statement(
    _HOLDING.join(t.event_channels, t.event_channels.c.position == t.events.c.position)
    .where(t.event_channels.c.channel == bindparam("thread"))
    .where(or_(t.events.c.type == "post.published", t.events.c.type == "reply.published"))
)
_BESIDE_IT = statement(
    select(t.lanes.c.region, t.lanes.c.lane)
    .join(t.events, t.events.c.lane_id == t.lanes.c.id)
    .join(t.bodies, t.bodies.c.position == t.events.c.position)
    .where(t.bodies.c.post == bindparam("post"))
    .distinct()
)


def load(tx: Tx, post: str) -> PostFact | None:
    row = tx.one(_POST, {"post": post})
    return None if row is None else post_of(row)


def of_author(tx: Tx, author: str, limit: int) -> list[PostFact]:
    return [post_of(row) for row in tx.rows(_POSTS_OF, {"author": author, "limit": limit})]


def lanes(tx: Tx, root: str, names: Collection[str]) -> dict[str, set[tuple[str, str]]]:
    """By post of a thread: (region, lane) of every event that holds words of it. The thread is read once for all."""
    found: dict[str, set[tuple[str, str]]] = {
        post: set(tx.rows(_BESIDE_IT, {"post": post})) for post in names
    }
    for region, lane, type_, body in tx.rows(_ON_THREAD, {"thread": thread_channel(root)}):
        post = post_told_by(decode_known(type_, bytes(body))) if body is not None else ""
        if post in found:
            found[post].add((region, lane))
    return found


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
