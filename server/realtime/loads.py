"""What sessions wait for, as inputs for them: who may hear what, pages of the log, values.

Each answer comes from one read transaction and says which position it is as of; visibility decides
(I12), in ``app.sync``, for sockets and HTTP alike.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol

from server.app.auth import Identity
from server.app.sync import seen_by, watchable
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.realtime import effects as fx
from server.realtime.interest import presences
from server.realtime.ring import Part, Ready, bounded, doubtful
from server.realtime.values import Key
from server.storage.queries import values
from server.storage.reader import Reader, Snapshot

LoadInterests = Callable[[Snapshot, str], Awaitable[Collection[str]]]
"""A person's own channels; empty when there is no such active person."""
LoadValues = Callable[[Reader, Collection[Any]], Awaitable[tuple[int, dict[Any, Any]]]]
"""(position, values by key) as of one moment; keys that do not exist are left out."""
GONE = Refusal(Code.UNAUTHENTICATED, "nobody of this name is active here")


class Auth(Protocol):
    """Who a secret belongs to: a session cookie's value and a device token alike."""

    async def identify(self, secret: str) -> Identity | Refusal: ...


async def _watchable(
    snapshot: Snapshot, person: str, channels: Sequence[str], presence: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """(may be watched, refused with a code); ``presence``: whether this node knows who is there."""
    hidden = () if presence else tuple([name for name in channels if presences((name,))])
    asked = [name for name in channels if name not in hidden]
    allowed, refused = await watchable(snapshot, person, asked)
    pairs = [(one.channel, str(one.code)) for one in refused]
    return allowed, (*pairs, *[(name, str(Code.FORBIDDEN)) for name in hidden])


async def interests(
    reader: Reader, load: LoadInterests, effect: fx.LoadInterests, presence: bool
) -> fx.Interests:
    async with reader.snapshot() as snapshot:
        position = await snapshot.position()
        own = frozenset(await load(snapshot, effect.person))
        asked = effect.asked
        allowed: Collection[str] = ()
        if asked:
            allowed, _ = await _watchable(snapshot, effect.person, sorted(asked), presence)
    refusal = None if own else GONE
    return fx.Interests(effect.ticket, position, own, asked, frozenset(allowed), refusal)


async def authorized(reader: Reader, effect: fx.Authorize, presence: bool) -> fx.Authorized:
    async with reader.snapshot() as snapshot:
        position = await snapshot.position()
        allowed, refused = await _watchable(snapshot, effect.person, effect.channels, presence)
    return fx.Authorized(effect.id, effect.since, position, allowed, effect.refused + refused)


async def page(tap: Tap, channels: Sequence[str], after: int, upto: int) -> Part:
    """From the log, when the ring has forgotten some of it."""
    limit = limits.SYNC_PAGE_EVENTS
    records = await tap.channel_page(channels, after, upto, limit)
    end = records[-1].position if len(records) >= limit else upto
    return bounded([Ready(record) for record in records], end)


async def readable(
    reader: Reader, person: str, channels: Sequence[str], entries: Sequence[Ready]
) -> tuple[Ready, ...]:
    """Without events of places the person may no longer read (``ring.doubtful``)."""
    if not doubtful(entries, channels):
        return tuple(entries)
    async with reader.snapshot() as snapshot:
        seen = await seen_by(snapshot, person, channels, [entry.record for entry in entries])
    kept = frozenset([record.position for record in seen])
    return tuple([entry for entry in entries if entry.position in kept])


async def changed(reader: Reader, channels: Sequence[str], after: int, upto: int) -> list[Key]:
    """Every value on the channels that changed after a position, from the tables."""
    found: dict[Key, None] = {}
    limit = limits.SYNC_PAGE_EVENTS
    while True:
        async with reader.snapshot() as snapshot:
            some = await values.changed_since(snapshot, channels, after, upto, limit)
        found |= dict.fromkeys([(one.of, one.id) for one in some])
        # A page may end inside the changes of one position: that position is asked for again.
        if len(some) < limit or some[-1].position - 1 <= after:
            return list(found)
        after = some[-1].position - 1
