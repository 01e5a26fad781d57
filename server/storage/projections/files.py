"""The files of posts: there while their post is, in whatever order the two come (I6).

Two of the node's own tables are told in the same commit what follows for the bytes: an upload is in use now,
or a file lost a post. To be told twice, as by a rebuild, changes nothing that is not looked at again.
"""

import json
from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select, update

from server.domain.events import PostPublished, ReplyPublished
from server.storage import tables as t
from server.storage.projections.base import Meta, to_json
from server.storage.sql import Tx, point, statement, upsert

_f = t.media_posts.c
_STANDS = point(t.posts, "deleted", "erased")
_PUT = upsert(t.media_posts)
_LANES = statement(
    select(_f.lanes).where(_f.post == bindparam("post"), _f.origin == bindparam("origin")).limit(1)
)
_SET_LANES = statement(
    update(t.media_posts).where(_f.post == bindparam("p")).values(lanes=bindparam("lanes"))
)
_USED = statement(
    update(t.uploads)
    .where(t.uploads.c.hash == bindparam("h"), t.uploads.c.person == bindparam("p"))
    .values(used=True)
)
_LOOSE = upsert(t.media_loose)
_HASHES = point(t.media_posts, "hash", by=("post",))
_DROP = statement(delete(t.media_posts).where(_f.post == bindparam("post")))


def attached(tx: Tx, event: PostPublished | ReplyPublished, meta: Meta, new: bool) -> None:
    """The first copy of a post brings its files; a later one only says who else may have them, and only
    if it comes from the same origin."""
    if not event.attachments:
        return
    if not new:
        _widen(tx, event.post, meta)
        return
    stands = tx.one(_STANDS, {"post": event.post})
    if stands is None or any(stands):
        return
    for rank, file in enumerate(event.attachments):
        tx.execute(_USED, {"h": file.hash, "p": meta.actor})
        tx.execute(
            _PUT,
            {
                "post": event.post,
                "hash": file.hash,
                "rank": rank,
                "type": file.type,
                "size": file.size,
                "name": file.name,
                "width": file.width,
                "height": file.height,
                "alt": file.alt,
                "stays": file.stays,
                "thumbnail": file.thumbnail,
                "origin": meta.origin,
                "lanes": to_json([meta.lane]),
            },
        )


def _widen(tx: Tx, post: str, meta: Meta) -> None:
    row = tx.one(_LANES, {"post": post, "origin": meta.origin})
    if row is None:
        return
    lanes: Iterable[str] = json.loads(row[0])
    wider = sorted({*lanes, meta.lane})
    tx.execute(_SET_LANES, {"p": post, "lanes": to_json(wider)})


def detached(tx: Tx, post: str) -> None:
    """The post was deleted or erased; the bytes follow once no other post has them (app/media)."""
    for (hash_,) in tx.rows(_HASHES, {"post": post}):
        tx.execute(_LOOSE, {"hash": hash_})
    tx.execute(_DROP, {"post": post})
