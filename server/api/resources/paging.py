"""What queries say of places in a list: page marks (``<at>.<id>``, as given in ``next`` and taken in
``before`` or ``after``; opaque to clients), cursors, channels."""

from typing import Annotated, NamedTuple

import msgspec

from server.api.services import Services
from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import OBJECT_PATTERN, Cursor
from server.storage.queries.listing import Key
from server.storage.reader import Snapshot

Mark = Annotated[str, msgspec.Meta(max_length=48)]
Channels = Annotated[str, msgspec.Meta(max_length=32 * limits.CHANNELS_PER_CONNECTION_MAX)]
"""Names of channels, separated by commas."""


class PageOf(NamedTuple):
    """A page's ids and the mark of the next one; None on the last."""

    ids: tuple[str, ...]
    next: str | None


def key_of(mark: str, none: Key, field: str) -> Key:
    """Raises Refused(bad_value) for what is no mark of ours."""
    if not mark:
        return none
    at, _, post = mark.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) < 17 and OBJECT_PATTERN.fullmatch(post)):
        raise Refused(Code.BAD_VALUE, "this is no page mark: take the one in `next`", field)
    return Key(int(at), post)


def page_of(keys: list[Key], limit: int) -> PageOf:
    """Of ``limit`` + 1 keys asked for: the page, and whether more follow."""
    shown = keys[:limit]
    more = f"{shown[-1].at}.{shown[-1].post}" if len(keys) > limit else None
    return PageOf(tuple([key.post for key in shown]), more)


def cursor_of(text: str, field: str) -> Cursor:
    """Raises Refused(bad_cursor)."""
    try:
        return Cursor.parse(text)
    except ValueError:
        raise Refused(Code.BAD_CURSOR, "this is no cursor of this node", field) from None


def channels_of(text: str) -> list[str]:
    """Raises Refused(bad_value) for more of them than a connection may watch."""
    channels = [name for name in text.split(",") if name]
    if len(channels) > limits.CHANNELS_PER_CONNECTION_MAX:
        raise Refused(
            Code.BAD_VALUE, f"at most {limits.CHANNELS_PER_CONNECTION_MAX} channels", "channels"
        )
    return channels


async def as_of(services: Services, snapshot: Snapshot) -> str:
    """The cursor from which events add to what this transaction reads.

    A commit is seen in the database a moment before it is announced: then the cursor is the one before
    it, and what comes twice is folded once."""
    position = min(await snapshot.position(), services.tap.position)
    return str(Cursor(services.tap.epoch, position))
