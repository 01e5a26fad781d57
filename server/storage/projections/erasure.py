"""Erasure and its receipts (docs/protocol/federation.md 15).

An erased post keeps its place in the tree and nothing else. All of what is kept stands in the request, so
that the tables are the same whether the bodies came before it, after it, or never (I6).
"""

import json
from typing import Any

from sqlalchemy import bindparam, delete, update

from server.domain.events import ErasedPost, ErasureCompleted, ErasureRequested
from server.storage import tables as t
from server.storage.projections import counts, polls
from server.storage.projections.base import Fold, Meta, to_json
from server.storage.projections.content import BLANK, clear_texts
from server.storage.sql import Tx, point, statement, upsert

_REQUEST = upsert(t.erasures)
_LANES = point(t.erasures, "lanes")
_SET_LANES = statement(
    update(t.erasures)
    .where(t.erasures.c.request == bindparam("r"))
    .values(lanes=bindparam("lanes"))
)
_RECEIPT = upsert(t.erasure_receipts, ("bodies", "at"), newer="at")
_ROW = point(t.posts, "kind", "rev", "deleted", "erased")
_PUT = upsert(t.posts, [c.name for c in t.posts.c if c.name not in ("post", "deleted")])
_REPORTS = [
    statement(delete(table).where(table.c.target == bindparam("post")))
    for table in (t.flags, t.flag_resolutions)
]


def requested(tx: Tx, event: ErasureRequested, meta: Meta) -> bool:
    """A further copy, in another lane, is only remembered: the receipt goes there, too."""
    values = {
        "request": event.request,
        "scope": event.scope,
        "target": event.target,
        "reason": event.reason,
        "origin": meta.origin,
        "person": meta.actor,
        "posts": len(event.posts),
        "at": meta.at,
        "lanes": to_json([meta.lane]),
    }
    if not tx.execute(_REQUEST, values):
        _add_lane(tx, event.request, meta.lane)
        return False
    for post in event.posts:
        _erase(tx, post, meta)
    return True


def _add_lane(tx: Tx, request: str, lane: str) -> None:
    row = tx.one(_LANES, {"request": request})
    assert row is not None
    lanes = json.loads(row[0])
    if lane not in lanes:
        tx.execute(_SET_LANES, {"r": request, "lanes": to_json([*lanes, lane])})


def _erase(tx: Tx, post: ErasedPost, meta: Meta) -> None:
    kind, rev, deleted, erased = tx.one(_ROW, {"post": post.post}) or ("", 0, False, False)
    values: dict[str, Any] = {
        name: getattr(post, name)
        for name in ("post", "kind", "place", "root", "parent", "author", "at")
    }
    values |= BLANK | {"lang": "", "detail": None, "source": "", "edited_at": 0}
    values |= {"rev": max(rev, post.rev) if erased or deleted else post.rev, "erased": True}
    tx.execute(_PUT, values | {"deleted": deleted, "local_position": meta.position})
    clear_texts(tx, post.post)
    for forget in _REPORTS:
        tx.execute(forget, {"post": post.post})
    if post.kind == "poll":
        polls.erased(tx, post, meta)
    if post.post != post.root:
        # It is shown as erased, so it counts, also where it never came.
        unknown = int(not kind and not deleted)
        counts.add(tx, post.root, post.root, post.place, meta.position, replies=unknown)


def completed(tx: Tx, event: ErasureCompleted, meta: Meta) -> bool:
    """Of two by one region the later: in between its database was put back, and held the words again."""
    values = {"request": event.request, "region": event.region, "bodies": event.bodies}
    return tx.execute(_RECEIPT, values | {"at": meta.at}) > 0


FOLDS: dict[type, Fold] = {ErasureRequested: requested, ErasureCompleted: completed}
