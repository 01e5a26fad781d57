"""Files: those of posts, where one may be seen, in which lanes one came, and what is not needed any more."""

import json
from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import BindParameter, bindparam, exists, func, or_, select

from server.storage import tables as t
from server.storage.queries.listing import is_hidden, may_be_read
from server.storage.queries.shapes import FileView
from server.storage.reader import Snapshot

PLACES_MAX = 100
"""Of those of a file that its reader may see, how many are asked about; one is enough."""
LOOSE_PER_PAGE = 200

_f, _p, _m, _u = t.media_posts.c, t.posts.c, t.media.c, t.uploads.c
_d = t.conversation_members.c
_READER: BindParameter[str] = bindparam("reader")
_NAME = func.substr(_p.place, 3)
"""Of the place: a company's logo may be in every community, and a greeting in everybody's conversation."""
_SHOWN = ("hash", "type", "size", "name", "width", "height", "alt", "stays")
_OF_POSTS = (
    select(_f.post, *[_f[name] for name in _SHOWN])
    .where(_f.post.in_(bindparam("ids", expanding=True)))
    .order_by(_f.post, _f.rank)
)


_VISIBLE = (
    t.media_posts.join(t.posts, _p.post == _f.post),
    _f.hash == bindparam("hash"),
    _f.stays == bindparam("stays"),
    ~is_hidden(_f.post),
    or_(
        exists().where(_d.person == _READER, _d.conversation == _NAME),
        exists().where(t.communities.c.community == _NAME, may_be_read(_READER)),
    ),
)
_PLACES = (
    select(_p.place, func.max(_f.post).label("post"))
    .select_from(_VISIBLE[0])
    .where(*_VISIBLE[1:])
    .group_by(_p.place)
    .order_by(func.max(_f.post).desc())
    .limit(PLACES_MAX)
)
_ROW = select(_f.type, _f.name, _f.stays, _f.thumbnail, _f.origin).where(
    _f.post == bindparam("post"), _f.hash == bindparam("hash")
)
_HELD = select(_m.type, _m.thumbnail, _m.stays).where(_m.hash == bindparam("hash"))
_CAME_IN = select(_f.origin, _f.lanes).where(_f.hash == bindparam("hash"))
_OWN = select(_u.hash).where(_u.hash == bindparam("hash"), _u.person == bindparam("person"))
_PENDING = select(func.count()).where(
    _u.person == bindparam("person"), ~_u.used, _u.at > bindparam("since")
)
_LOOSE = select(t.media_loose.c.hash).order_by(t.media_loose.c.hash).limit(LOOSE_PER_PAGE)
_KNOWN = select(_m.hash).where(_m.hash.in_(bindparam("hashes", expanding=True)))
_TOTAL = select(func.count(), func.coalesce(func.sum(_m.size), 0))


class Held(NamedTuple):
    """A file whose bytes lie here."""

    type: str
    thumbnail: bytes
    stays: bool


class Told(NamedTuple):
    """A file as a post tells of it."""

    type: str
    name: str
    stays: bool
    thumbnail: bytes
    origin: str


class Came(NamedTuple):
    """In which lanes of which region a file's post came here."""

    origin: str
    lanes: tuple[str, ...]


async def of_posts(snapshot: Snapshot, ids: Collection[str]) -> dict[str, list[FileView]]:
    """By post, in the author's order; only of posts that have any."""
    found: dict[str, list[FileView]] = defaultdict(list)
    for post, *values in await snapshot.rows(_OF_POSTS, {"ids": list(ids)}):
        found[post].append(FileView(**dict(zip(_SHOWN, values, strict=True))))
    return found


async def places(snapshot: Snapshot, hash: str, reader: str, *, stays: bool) -> dict[str, str]:
    """Where somebody may see a file, as ``visibility`` will be asked: place -> its newest post there that is not
    hidden, of those that say it stays in its region, or of the others."""
    rows = await snapshot.rows(_PLACES, {"hash": hash, "reader": reader, "stays": stays})
    return {row.place: row.post for row in rows}


async def told(snapshot: Snapshot, post: str, hash: str) -> Told:
    row = await snapshot.one(_ROW, {"post": post, "hash": hash})
    return Told(row.type, row.name, row.stays, bytes(row.thumbnail), row.origin)


async def held(snapshot: Snapshot, hash: str) -> Held | None:
    row = await snapshot.one(_HELD, {"hash": hash})
    return row and Held(row.type, bytes(row.thumbnail), row.stays)


async def came_in(snapshot: Snapshot, hash: str) -> list[Came]:
    rows = await snapshot.rows(_CAME_IN, {"hash": hash})
    return [Came(row.origin, tuple(json.loads(row.lanes))) for row in rows]


async def is_uploader(snapshot: Snapshot, person: str, hash: str) -> bool:
    return await snapshot.one(_OWN, {"hash": hash, "person": person}) is not None


async def pending(snapshot: Snapshot, person: str, since: int) -> int:
    """How many files somebody uploaded after ``since`` (UTC milliseconds) that no post has."""
    return int((await snapshot.one(_PENDING, {"person": person, "since": since}))[0])


async def loose(snapshot: Snapshot) -> list[str]:
    """A page of files to be looked at."""
    return [row.hash for row in await snapshot.rows(_LOOSE)]


async def unknown(snapshot: Snapshot, hashes: Collection[str]) -> set[str]:
    """Those of the hashes that no row knows: bytes whose commit never came."""
    rows = await snapshot.rows(_KNOWN, {"hashes": list(hashes)})
    return set(hashes) - {row.hash for row in rows}


async def total(snapshot: Snapshot) -> tuple[int, int]:
    """(files, bytes) that lie here."""
    row = await snapshot.one(_TOTAL)
    return int(row[0]), int(row[1])
