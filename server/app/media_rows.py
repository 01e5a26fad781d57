"""What the writer does to the rows of files (``media``, ``uploads``, ``media_loose``), within its transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, exists, insert, or_, select

from server.storage import tables as t
from server.storage.sql import Tx, statement, upsert

_m, _u, _f = t.media.c, t.uploads.c, t.media_posts.c
_PUT_MEDIA = upsert(t.media)
_PUT_KEPT = upsert(
    t.media,
    {
        **{name: lambda _, new: new for name in ("type", "width", "height", "thumbnail")},
        "stays": lambda old, new: or_(old, new),
    },
)
_PUT_UPLOAD = upsert(t.uploads, ["used", "at"])
_HAS_POST = statement(select(_f.post).where(_f.hash == bindparam("hash")).limit(1))
_STAYS = statement(
    select(_f.stays).where(_f.hash == bindparam("hash")).order_by(_f.stays.desc()).limit(1)
)
_EXPIRED = statement(
    insert(t.media_loose).from_select(
        ["hash"],
        select(_u.hash)
        .where(_u.at <= bindparam("since"), _u.hash.not_in(select(t.media_loose.c.hash)))
        .distinct(),
    )
)
_FORGET_UPLOADS = statement(delete(t.uploads).where(_u.at <= bindparam("since")))
_DROP = statement(
    delete(t.media).where(
        _m.hash == bindparam("hash"),
        ~exists().where(_f.hash == bindparam("hash")),
        ~exists().where(_u.hash == bindparam("hash"), ~_u.used),
    )
)
_IS_HELD = statement(select(_m.hash).where(_m.hash == bindparam("hash")))
_NO_UPLOAD = statement(delete(t.uploads).where(_u.hash == bindparam("hash")))
_SETTLED = statement(delete(t.media_loose).where(t.media_loose.c.hash == bindparam("hash")))


class Upload(NamedTuple):
    """A file whose bytes are here. ``size`` in bytes; ``width`` and ``height`` in pixels, 0 of what is no picture."""

    hash: str
    type: str
    size: int
    width: int
    height: int


def put(tx: Tx, file: Upload, at: int) -> None:
    """The bytes of a file from elsewhere lie here from ``at`` on (UTC milliseconds)."""
    tx.execute(_PUT_MEDIA, file._asdict() | {"thumbnail": b"", "stays": False, "at": at})


def put_kept(tx: Tx, file: Upload, at: int, *, thumbnail: bytes, stays: bool) -> None:
    """The same of one that was looked at here, which tells more of it, also where the bytes lay here before.
    ``stays``: they may not leave the region, from now on."""
    tx.execute(_PUT_KEPT, file._asdict() | {"thumbnail": thumbnail, "stays": stays, "at": at})


def adopt(tx: Tx, file: Upload, at: int, *, thumbnail: bytes, stays: bool) -> bool:
    """As ``put_kept``, if any post that stands has the file; where one says that it stays, it does."""
    told = tx.one(_STAYS, {"hash": file.hash})
    if told is not None:
        put_kept(tx, file, at, thumbnail=thumbnail, stays=stays or bool(told[0]))
    return told is not None


def put_upload(tx: Tx, hash: str, person: str, at: int) -> None:
    """Somebody may attach a file that they sent ``at`` (UTC milliseconds)."""
    tx.execute(_PUT_UPLOAD, {"hash": hash, "person": person, "used": False, "at": at})


def has_post(tx: Tx, hash: str) -> bool:
    """Whether any post that stands has the file."""
    return tx.one(_HAS_POST, {"hash": hash}) is not None


def is_held(tx: Tx, hash: str) -> bool:
    """Whether the bytes lie here."""
    return tx.one(_IS_HELD, {"hash": hash}) is not None


def expire(tx: Tx, since: int) -> None:
    """Uploads of before ``since`` (UTC milliseconds) are forgotten, and their files to be looked at."""
    tx.execute(_EXPIRED, {"since": since})
    tx.execute(_FORGET_UPLOADS, {"since": since})


def let_go(tx: Tx, hashes: Sequence[str]) -> list[str]:
    """Those of the files whose bytes may go: nothing needs them, or nothing ever knew them."""
    gone = []
    for hash_ in hashes:
        tx.execute(_DROP, {"hash": hash_})
        if not is_held(tx, hash_):
            tx.execute(_NO_UPLOAD, {"hash": hash_})
            gone.append(hash_)
    return gone


def settle(tx: Tx, hashes: Sequence[str]) -> None:
    """Nothing is owed for these files any more: the bytes are gone, or something needs them."""
    for hash_ in hashes:
        tx.execute(_SETTLED, {"hash": hash_})
