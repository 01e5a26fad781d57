"""Posts and replies, their edits and deletion.

A row may begin as a placeholder (empty ``kind``) when an edit or a deletion arrives before its post,
as can happen after a person moved between regions; the post then fills in what it alone knows.
Revisions hold every version of an edited post; a post never edited has none.
"""

from typing import Any

from sqlalchemy import bindparam, delete, update

from server.domain.events import (
    PostDeleted,
    PostEdited,
    PostPublished,
    ReplyPublished,
)
from server.storage import tables as t
from server.storage.projections import counts, files, polls
from server.storage.projections.base import Fold, Meta, to_json
from server.storage.projections.people import source_json
from server.storage.sql import Tx, point, statement, upsert

_ROW = point(t.posts, "kind", "rev", "deleted", "title", "text", "erased", "at")
_INSERT = upsert(t.posts)
BIRTH = ("kind", "place", "root", "parent", "author", "at", "lang", "detail", "source")
BODY = ("title", "text", "topics", "mentions", "rev", "edited_at")


def _set(*names: str) -> Any:
    return statement(
        update(t.posts)
        .where(t.posts.c.post == bindparam("p"))
        .values({name: bindparam(name) for name in (*names, "local_position")})
    )


_SET_BIRTH = _set(*BIRTH)
_SET_BODY = _set(*BODY)
_SET_REV = _set("rev")
_SET_DELETED = _set(*BODY, "deleted", "detail")
_REVISION = upsert(t.post_revisions)
_NO_REVISIONS = statement(
    delete(t.post_revisions).where(t.post_revisions.c.post == bindparam("post"))
)
_TOPIC = upsert(t.post_topics)
_NO_TOPICS = statement(delete(t.post_topics).where(t.post_topics.c.post == bindparam("post")))

BLANK: dict[str, Any] = {"title": "", "text": "", "topics": "[]", "mentions": "[]"}
PARTS = ("poll", "paper", "praise", "announcement")


def published(tx: Tx, event: PostPublished, meta: Meta) -> bool:
    birth = {
        "kind": event.kind,
        "place": event.place,
        "root": event.post,
        "parent": "",
        "author": meta.actor,
        "at": event.at,
        "lang": event.lang,
        "detail": _detail(event),
        "source": source_json(event.source),
    }
    new, _ = _publish(tx, event, birth, event.title, event.topics, meta)
    if event.poll is not None:
        polls.opened(tx, event, meta)
    files.attached(tx, event, meta, new)
    return new


def replied(tx: Tx, event: ReplyPublished, meta: Meta) -> bool:
    birth = {
        "kind": event.kind,
        "place": event.place,
        "root": event.root,
        "parent": event.parent,
        "author": meta.actor,
        "at": event.at,
        "lang": event.lang,
        "detail": None,
        "source": source_json(event.source),
    }
    new, gone = _publish(tx, event, birth, "", (), meta)
    if new:
        # A reply deleted before it was published here counts for nothing in any order.
        counts.add(tx, event.root, event.root, event.place, meta.position, replies=0 if gone else 1)
    files.attached(tx, event, meta, new)
    return new


def _publish(
    tx: Tx,
    event: PostPublished | ReplyPublished,
    birth: dict[str, Any],
    title: str,
    topics: tuple[str, ...],
    meta: Meta,
) -> tuple[bool, bool]:
    """(whether it is news, whether it had been deleted before it came)."""
    body = {
        "title": title,
        "text": event.text,
        "topics": to_json(topics) if topics else "[]",
        "mentions": to_json(event.mentions) if event.mentions else "[]",
        "rev": 1,
        "edited_at": 0,
    }
    fresh = {"post": event.post, "deleted": False, "erased": False}
    if tx.execute(_INSERT, birth | body | fresh | {"local_position": meta.position}):
        _put_topics(tx, event.post, topics)
        return True, False
    row = tx.one(_ROW, {"post": event.post})
    assert row is not None
    kind, rev, deleted, *_ = row
    if kind:
        return False, False
    if deleted:
        birth["detail"] = None
    tx.execute(_SET_BIRTH, birth | {"p": event.post, "local_position": meta.position})
    if rev == 0:
        tx.execute(_SET_REV, {"p": event.post, "rev": 1, "local_position": meta.position})
    if rev > 1 and not deleted:
        _put_revision(tx, event.post, 1, title, event.text, "", event.at)
    return True, bool(deleted)


def edited(tx: Tx, event: PostEdited, meta: Meta) -> bool:
    row = tx.one(_ROW, {"post": event.post})
    body = {
        "title": event.title,
        "text": event.text,
        "topics": to_json(event.topics),
        "mentions": to_json(event.mentions),
        "rev": event.rev,
        "edited_at": event.at,
    }
    if row is None:
        _placeholder(tx, event.post, meta)
        row = ("", 0, False, "", "", False, 0)
    kind, rev, deleted, title, text, erased, at = row
    if deleted or erased:
        return False
    _put_revision(tx, event.post, event.rev, event.title, event.text, event.reason, event.at)
    if kind and rev == 1:
        _put_revision(tx, event.post, 1, title, text, "", at)
    if rev >= event.rev:
        return False
    tx.execute(_SET_BODY, body | {"p": event.post, "local_position": meta.position})
    tx.execute(_NO_TOPICS, {"post": event.post})
    _put_topics(tx, event.post, event.topics)
    return True


def deleted(tx: Tx, event: PostDeleted, meta: Meta) -> bool:
    row = tx.one(_ROW, {"post": event.post})
    if row is None:
        _placeholder(tx, event.post, meta)
        row = ("", 0, False, "", "", False, 0)
    kind, rev, was_deleted, _, _, erased, _ = row
    if was_deleted:
        return _deleted_anew(tx, event, rev, meta)
    rev = max(rev, event.rev) if erased else event.rev
    blank = BLANK | {"rev": rev, "edited_at": 0, "deleted": True, "detail": None}
    tx.execute(_SET_DELETED, blank | {"p": event.post, "local_position": meta.position})
    clear_texts(tx, event.post)
    if event.post != event.root:
        known = 1 if kind else 0
        counts.add(tx, event.root, event.root, event.place, meta.position, replies=-known)
    return True


def _deleted_anew(tx: Tx, event: PostDeleted, rev: int, meta: Meta) -> bool:
    """Deleted, lost with a log that was restored, and deleted once more: the higher number stays, as of all that
    takes a post away."""
    if rev >= event.rev:
        return False
    tx.execute(_SET_REV, {"p": event.post, "rev": event.rev, "local_position": meta.position})
    return True


def clear_texts(tx: Tx, post: str) -> None:
    """Earlier versions, topics and files of a post that is gone."""
    tx.execute(_NO_REVISIONS, {"post": post})
    tx.execute(_NO_TOPICS, {"post": post})
    files.detached(tx, post)


def _placeholder(tx: Tx, post: str, meta: Meta) -> None:
    empty: dict[str, Any] = dict.fromkeys(BIRTH, "")
    empty |= BLANK | {"at": 0, "detail": None, "rev": 0, "edited_at": 0}
    empty |= {"post": post, "deleted": False, "erased": False, "local_position": meta.position}
    tx.execute(_INSERT, empty)


def _detail(event: PostPublished) -> str | None:
    parts = {name: part for name in PARTS if (part := getattr(event, name)) is not None}
    return to_json(parts) if parts else None


def _put_topics(tx: Tx, post: str, topics: tuple[str, ...]) -> None:
    for topic in topics:
        tx.execute(_TOPIC, {"topic": topic, "post": post})


def _put_revision(tx: Tx, post: str, rev: int, title: str, text: str, reason: str, at: int) -> None:
    values = {"post": post, "rev": rev, "title": title, "text": text, "reason": reason, "at": at}
    tx.execute(_REVISION, values)


FOLDS: dict[type, Fold] = {
    PostPublished: published,
    ReplyPublished: replied,
    PostEdited: edited,
    PostDeleted: deleted,
}
