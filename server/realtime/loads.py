"""What sessions wait for, as inputs for them: who may hear what, pages of the log, values.

Each answer comes from one read transaction and says which position it is as of; visibility decides
(I12), in ``app.sync``, for sockets and HTTP alike.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from server.app.auth import Along, Identity
from server.app.sync import Asked, Interests, seen_by
from server.app.tap import Tap
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.facts import PersonFact
from server.realtime import effects as fx
from server.realtime.interest import refusals
from server.realtime.permits import Permit, Permits, interned
from server.realtime.ring import Part, Ready, bounded, doubtful
from server.realtime.values import Key
from server.storage.async_facts import People
from server.storage.queries import values
from server.storage.reader import Reader, Snapshot


class LoadInterests(Protocol):
    """What each of the people may hear; ``known``: exactly these people, where they were read already."""

    async def __call__(
        self, snapshot: Snapshot, asked: Collection[Asked], known: People | None = None, /
    ) -> Mapping[Asked, Interests]: ...


LoadValues = Callable[[Reader, Collection[Any]], Awaitable[tuple[int, dict[Any, Any]]]]
"""(position, values by key) as of one moment; keys that do not exist are left out."""
T = TypeVar("T")
INTERNAL = Refusal(Code.INTERNAL, "the node could not do this; try again")
GONE = Refusal(Code.UNAUTHENTICATED, "nobody of this name is active here")


class Auth(Protocol):
    """Who a secret belongs to: a session cookie's value and a device token alike."""

    async def identify(self, secret: str) -> Identity | Refusal: ...

    def remembered(self, secret: str) -> Identity | Refusal | None:
        """The same without waiting; None when it would have to."""
        ...

    async def look_up(
        self, secrets: Collection[str], along: Along[T]
    ) -> tuple[dict[str, Identity | Refusal], T]:
        """Several at once, and what else is read of these people in the same turn."""
        ...


def holder(found: Identity | Refusal) -> tuple[PersonFact | Refusal, int]:
    """Whose a secret is, and until when. A service that may not know names hears nothing here."""
    if isinstance(found, Identity) and not found.may_act():
        return Refusal(Code.FORBIDDEN, "this token reads the event feed, and imports"), 0
    return (found, 0) if isinstance(found, Refusal) else (found.who, found.expires_at)


async def interests(
    reader: Reader, load: LoadInterests, asked: Collection[Asked]
) -> dict[Asked, Permit]:
    """What people may hear, all as of one position."""
    return await reader.load(partial(_permits, load, asked))


async def _permits(
    load: LoadInterests,
    asked: Collection[Asked],
    snapshot: Snapshot,
    known: People | None = None,
) -> dict[Asked, Permit]:
    position = await snapshot.position()
    found = await load(snapshot, asked, known)
    return {
        key: Permit(position, interned(one.own), interned(one.allowed))
        for key, one in found.items()
    }


async def newcomers(
    auth: Auth, load: LoadInterests, permits: Permits, secrets: Collection[str]
) -> dict[str, Identity | Refusal]:
    """Whose these secrets are. What they may hear will be asked next: it is remembered already."""
    none: frozenset[str] = frozenset()

    async def along(snapshot: Snapshot, people: People) -> dict[Asked, Permit]:
        new = {name: who for name, who in people.items() if permits.find(name, none) is None}
        asked = [(name, none) for name in new]
        return await _permits(load, asked, snapshot, new) if asked else {}

    found, loaded = await auth.look_up(secrets, along)
    for (person, _), permit in loaded.items():
        permits.keep(person, permit.position, permit.own, permit.allowed)
    return found


def greeted(effect: fx.LoadInterests, permit: Permit) -> fx.Interests:
    """``permit`` as the answer to a session that asks what its person may hear."""
    return fx.Interests(
        effect.ticket,
        permit.position,
        permit.own,
        effect.asked,
        effect.asked & (permit.own | permit.allowed),
        None if permit.own else GONE,
    )


def authorized(effect: fx.Authorize, permit: Permit) -> fx.Authorized:
    """``permit`` as the answer to a session that asks about some channels."""
    may = permit.own | permit.allowed
    allowed = tuple([name for name in effect.channels if name in may])
    refused = refusals([name for name in effect.channels if name not in may])
    return fx.Authorized(
        effect.id, effect.since, permit.position, allowed, effect.refused + refused
    )


async def page(tap: Tap, channels: Sequence[str], after: int, upto: int) -> Part:
    """From the log, when the ring has forgotten some of it."""
    limit = limits.SYNC_PAGE_EVENTS
    records = await tap.channel_page(channels, after, upto, limit)
    end = records[-1].position if len(records) >= limit else upto
    return bounded([Ready(record, tap.epoch) for record in records], end)


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
        if len(some) < limit:
            return list(found)
        after = some[-1].position
