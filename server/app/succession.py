"""What a region's own log says of its keys and of its end (docs/protocol/federation.md 17.2 to 17.4).

Nobody but the node and its operator causes these events; each is safe to repeat after a crash.
"""

from collections.abc import Sequence

from server.app.handle import Handler
from server.domain import limits
from server.domain.decide import Context, Decided, Draft
from server.domain.durations import DAY_MS
from server.domain.errors import Refusal
from server.domain.events import Event, KeyRetired, KeyRotated, LogClosed, RosterChanged
from server.domain.facts import Facts
from server.domain.visibility import CONTROL, LOCAL
from server.domain.wire import key_id
from server.storage import event_log
from server.storage.event_log import Record
from server.storage.reader import Reader

OVERLAP_MS = limits.KEY_OVERLAP_DAYS * DAY_MS


async def about_company(reader: Reader) -> list[Record]:
    """What all regions said of keys, the roster and their end, in commit order."""
    async with reader.snapshot() as snapshot:
        return await event_log.about_company(snapshot)


async def announce(handler: Handler, reader: Reader, event: KeyRotated) -> Refusal | None:
    """A region's next key, once."""
    own = [r.event for r in await about_company(reader) if r.id.region == handler.region]
    if any(isinstance(said, KeyRotated) and said.key == event.key for said in own):
        return None
    return await _append(handler, [(CONTROL, event)])


async def publish(handler: Handler, version: int, document: str) -> Refusal | None:
    """The roster this node goes by, for whoever has an older one."""
    return await _append(handler, [(CONTROL, RosterChanged(version=version, document=document))])


async def retire(handler: Handler, reader: Reader, key_in_use: str, now: int) -> list[str]:
    """Ends the earlier keys whose successors are old enough at ``now``; their ids."""
    own = [r for r in await about_company(reader) if r.id.region == handler.region]
    ended = {record.event.key_id for record in own if isinstance(record.event, KeyRetired)}
    due = [
        key_id(record.event.before)
        for record in own
        if isinstance(record.event, KeyRotated) and now - record.at >= OVERLAP_MS
    ]
    retired = []
    for key in dict.fromkeys(due):
        if key in ended or key == key_in_use:
            continue
        event = KeyRetired(key_id=key)
        if await _append(handler, [(lane, event) for lane in await _lanes(handler, reader)]):
            break
        retired.append(key)
    return retired


async def close_log(handler: Handler, reader: Reader, reason: str) -> Refusal | None:
    """The last event of every lane; ``control`` last, from where on nothing can be written."""
    event = LogClosed(reason=reason)
    return await _append(handler, [(lane, event) for lane in await _lanes(handler, reader)])


async def _lanes(handler: Handler, reader: Reader) -> list[str]:
    """Our lanes that others may have, ``control`` last."""
    async with reader.snapshot() as snapshot:
        tips = await event_log.lane_tips(snapshot)
    mine = {key.lane for key in tips if key[:2] == (handler.region, handler.epoch)}
    return [*sorted(mine - {CONTROL, LOCAL}), CONTROL]


async def _append(handler: Handler, events: Sequence[tuple[str, Event]]) -> Refusal | None:
    """All or none."""

    def decide(_facts: Facts, _context: Context) -> Decided:
        return Decided([Draft(lane, "", event, ()) for lane, event in events], {})

    outcome = await handler.append(decide)
    return outcome if isinstance(outcome, Refusal) else None
