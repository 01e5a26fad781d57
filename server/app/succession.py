"""What a region's own log says of its keys and of its end (docs/protocol/federation.md 17.2 to 17.4).

Nobody but the node and its operator causes these events; each is safe to repeat after a crash.
"""

from collections.abc import Sequence

from server.app.handle import Handler
from server.domain import limits
from server.domain.decide import Context, Decided, Draft
from server.domain.durations import DAY_MS
from server.domain.errors import Refusal
from server.domain.events import EpochEnd, Event, KeyRetired, KeyRotated, LogClosed, RosterChanged
from server.domain.facts import Facts
from server.domain.ids import EventId
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
    """Ends the earlier keys whose successors are old enough at ``now``, in each lane that does not say so yet; their ids.

    Nothing while a restored log gets back what it lost: its lanes would be said to end too early."""
    if handler.holding:
        return []
    own = [r for r in await about_company(reader) if r.id.region == handler.region]
    due = [
        key_id(record.event.before)
        for record in own
        if isinstance(record.event, KeyRotated) and now - record.at >= OVERLAP_MS
    ]
    ends = await _earlier(handler, reader)
    retired = []
    for key in dict.fromkeys(due):
        if key == key_in_use:
            continue
        said = [r.id for r in own if isinstance(r.event, KeyRetired) and _ends_all(r.event, key)]
        events = [
            (lane, KeyRetired(key_id=key, earlier=earlier))
            for lane, earlier in ends.items()
            if not _is_said(said, lane)
        ]
        if not events:
            continue
        if await _append(handler, events):
            break
        retired.append(key)
    return retired


def _ends_all(event: KeyRetired, key: str) -> bool:
    """An earlier version did not end the lanes of earlier epochs."""
    return event.key_id == key and event.earlier is not None


def _is_said(said: Sequence[EventId], lane: str) -> bool:
    """Whether the key has ended in all epochs of the lane: ``control`` ends the later ones."""
    over = [id.epoch for id in said if id.lane == CONTROL]
    return bool(over) and any(id.lane == lane and id.epoch >= min(over) for id in said)


async def close_log(handler: Handler, reader: Reader, reason: str) -> Refusal | None:
    """The last event of every lane; ``control`` last, from where on nothing can be written.

    Refused while a restored log gets back what it lost: nobody could bring that any more."""
    if handler.holding:
        return handler.holding
    ends = await _earlier(handler, reader)
    events = [(lane, LogClosed(reason=reason, earlier=earlier)) for lane, earlier in ends.items()]
    return await _append(handler, events)


async def _earlier(handler: Handler, reader: Reader) -> dict[str, tuple[EpochEnd, ...]]:
    """Our lanes that others may have, of any epoch, ``control`` last; and where each ended in earlier ones, as far as we
    hold it. No lane tells of another (I8): where it was not yet, it is not named."""
    async with reader.snapshot() as snapshot:
        tips = await event_log.lane_tips(snapshot)
    ends: dict[str, list[EpochEnd]] = {CONTROL: []}
    for key, tip in sorted(tips.items()):
        if key.region == handler.region and key.lane != LOCAL:
            named = ends.setdefault(key.lane, [])
            if key.epoch < handler.epoch:
                seq = tip.lead.seq if tip.lead else tip.seq
                named.append(EpochEnd(epoch=key.epoch, seq=seq))
    return {
        lane: tuple(ends[lane]) for lane in sorted(ends, key=lambda lane: (lane == CONTROL, lane))
    }


async def _append(handler: Handler, events: Sequence[tuple[str, Event]]) -> Refusal | None:
    """All or none."""

    def decide(_facts: Facts, _context: Context) -> Decided:
        return Decided([Draft(lane, "", event, ()) for lane, event in events], {})

    outcome = await handler.append(decide)
    return outcome if isinstance(outcome, Refusal) else None
