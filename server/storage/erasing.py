"""Destroying bodies in the log, inside the writer's transaction (docs/protocol/federation.md 15).

Header and hash of an event stay, so chains verify; salt and body become null, so that not even a short
text can be guessed back. What was destroyed leaves the indexes, too, as if it had come without a body.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, delete, null, or_, select, update

from server.domain import wire
from server.domain.erasure import post_told_by, words_of
from server.domain.events import ErasureRequested, Event, decode_known
from server.domain.ids import thread_channel
from server.domain.visibility import channels
from server.domain.wire import Header
from server.storage import tables as t
from server.storage.residue import needles
from server.storage.sql import Tx, statement, upsert

_EVENT = (t.events.c.position, t.events.c.header, t.events.c.body)
_ON_THREAD = statement(
    select(*_EVENT)
    .join(t.event_channels, t.event_channels.c.position == t.events.c.position)
    .where(t.event_channels.c.channel == bindparam("channel"))
    .where(or_(t.events.c.type == "post.published", t.events.c.type == "reply.published"))
)
_HELD = statement(
    select(*_EVENT)
    .join(t.bodies, t.bodies.c.position == t.events.c.position)
    .where(t.bodies.c.post == bindparam("post"))
)
_DESTROY = statement(
    update(t.events).where(t.events.c.position == bindparam("at")).values(salt=null(), body=null())
)
_UNLIST = statement(
    delete(t.event_channels).where(
        t.event_channels.c.channel == bindparam("channel"),
        t.event_channels.c.position == bindparam("position"),
    )
)
_FORGET = statement(delete(t.bodies).where(t.bodies.c.post == bindparam("post")))
_COUNTED = upsert(t.erasing)
_SEEN_TO = statement(delete(t.erasing).where(t.erasing.c.request == bindparam("request")))


class Destroyed(NamedTuple):
    request: str
    positions: tuple[int, ...]
    """Of the events whose bodies are gone."""
    needles: tuple[bytes, ...]
    """Pieces of the words that are gone, to look for what is left of them; never written anywhere."""


def destroy(tx: Tx, event: ErasureRequested, position: int) -> Destroyed:
    """Everything the log holds about the event's posts; counted once for the receipt."""
    done = bodies_gone(tx, event)
    tx.execute(
        _COUNTED, {"request": event.request, "position": position, "bodies": len(done.positions)}
    )
    return done


def seen_to(tx: Tx, requests: Iterable[str]) -> None:
    """Nothing of these is left beside the tables either, and the region's receipt says so."""
    tx.many(_SEEN_TO, [{"request": request} for request in requests])


def bodies_gone(tx: Tx, event: ErasureRequested) -> Destroyed:
    positions: list[int] = []
    pieces: list[bytes] = []
    for position, header, held in _held(tx, event):
        for channel in channels(held, header.actor):
            tx.execute(_UNLIST, {"channel": channel, "position": position})
        tx.execute(_DESTROY, {"at": position})
        positions.append(position)
        pieces += needles(words_of(held))
    for post in event.posts:
        tx.execute(_FORGET, {"post": post.post})
    return Destroyed(event.request, tuple(positions), tuple(pieces))


def _held(tx: Tx, event: ErasureRequested) -> list[tuple[int, Header, Event]]:
    """The events that hold words of the posts, each once; a thread is read once for all of its posts."""
    posts = {post.post for post in event.posts}
    rows = [row for post in posts for row in tx.rows(_HELD, {"post": post})]
    for root in {post.root for post in event.posts}:
        rows += tx.rows(_ON_THREAD, {"channel": thread_channel(root)})
    found = []
    for position, raw, body in rows:
        header = wire.decode_header(bytes(raw))
        held = None if body is None else decode_known(header.type, bytes(body))
        if held is not None and post_told_by(held) in posts:
            found.append((position, header, held))
    return found
