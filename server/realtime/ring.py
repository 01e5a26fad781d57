"""The newest events, by channel, with their ready frames: what a resume is served from.

A channel's ring is the newest of its events, as references to shared ``Ready`` entries. Two bounds hold
it: events per channel, and bytes over all channels; the oldest go first. The answer of ``since`` is
exact: the complete list, or None because something of it was trimmed (I3).
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from server.domain import limits
from server.domain.events import (
    CommunityChanged,
    CommunityRoleChanged,
    ConversationChanged,
    ConversationStarted,
    Event,
    MembershipChanged,
    PersonStatusChanged,
)
from server.domain.visibility import place_in_doubt
from server.realtime import frames
from server.realtime.forms import Forms
from server.realtime.frames import Form
from server.storage.event_log import Record

ENTRY_BYTES = 1_792
"""A record's fields and every form's fixed parts, measured with a margin."""
COPIES_PER_BODY = 8
"""The body as stored, as decoded and in a frame of each form: measured without the event stream's, which is one
more, 5.4 for Latin text, 7.0 for other."""
FRAME_BYTES = 256
"""A frame's fixed part: ids, type, names of channels."""
THREADS = "t:"
"""Among ``turns``: everybody who watches any thread."""


class Ready(Forms):
    """One committed event, and whom it turns. ``epoch``: of the log it is in here."""

    __slots__ = ("_epoch", "record", "rings", "size", "turns")

    def __init__(self, record: Record, epoch: int) -> None:
        super().__init__()
        self.record, self._epoch = record, epoch
        self.size = ENTRY_BYTES + COPIES_PER_BODY * len(record.body)
        """An upper estimate in bytes, counted from the start."""
        self.rings = 0
        self.turns = () if record.event is None else turns(record.event)

    @property
    def position(self) -> int:
        return self.record.position

    @property
    def channels(self) -> tuple[str, ...]:
        return self.record.channels

    def _made(self, form: Form) -> bytes:
        return frames.event(self.record, form, self._epoch)


def turns(event: Event) -> tuple[str, ...]:
    """The channels whose readers may hear more or less than before, from this event on.

    Nothing is decided here: they are only asked again (house rule 5)."""
    match event:
        case MembershipChanged(person=person) | CommunityRoleChanged(person=person):
            return ("u:" + person,)
        case PersonStatusChanged(person=person):
            return ("u:" + person,)
        case ConversationStarted(members=members):
            return tuple(["u:" + member.person for member in members])
        case ConversationChanged(conversation=name, members=members):
            return ("d:" + name, *["u:" + member.person for member in members])
        case CommunityChanged(community=name, settings=settings) if settings.visibility != "open":
            return ("c:" + name, THREADS)
        case _:
            return ()


def doubtful(entries: Iterable[Ready], channels: Collection[str]) -> frozenset[str]:
    """Places of these events which the reader's channels do not answer for: they name the reader.

    Whoever was mentioned could read the place then; whoever is told must be able to (I12)."""
    mine = frozenset(channels)
    places = [place_in_doubt(entry.record.event, entry.channels, mine) for entry in entries]
    return frozenset(filter(None, places))


def narrows(entry: Ready) -> bool:
    """Whether this may take channels from people who do not hear the event itself."""
    return THREADS in entry.turns


PAGE_BYTES_MAX = limits.WRITE_BUFFER_BYTES_MAX
"""One page fills a connection's write buffer at most once."""


class Part(NamedTuple):
    """What lies after a cursor, in order, each event once; complete up to ``upto``."""

    entries: tuple[Ready, ...]
    upto: int


class Ring:
    """``start``: the position after which everything is in here, until it is trimmed."""

    def __init__(
        self,
        start: int,
        events_max: int = limits.RING_EVENTS_PER_CHANNEL,
        bytes_max: int = limits.RING_BYTES_MAX,
    ) -> None:
        self.bytes = 0
        self._events_max, self._bytes_max = events_max, bytes_max
        self._order: OrderedDict[int, Ready] = OrderedDict()
        self._channels: dict[str, deque[Ready]] = {}
        self._floor = start
        """Up to here any channel may lack events."""
        self._floors: dict[str, int] = {}
        """The same for channels that overflowed on their own; only while they have entries."""

    def add(self, entry: Ready) -> None:
        """Positions must rise."""
        if not entry.channels:
            return
        self._order[entry.position] = entry
        self.bytes += entry.size
        for channel in entry.channels:
            ring = self._channels.setdefault(channel, deque())
            ring.append(entry)
            entry.rings += 1
            if len(ring) > self._events_max:
                self._floors[channel] = ring[0].position
                self._drop(ring.popleft())
        while self.bytes > self._bytes_max and self._order:
            self._trim()

    def forget(self, positions: Collection[int]) -> None:
        """Erased events leave every ring, as they left the log's index: readers are owed them no more."""
        for position in positions:
            entry = self._order.get(position)
            if entry is None:
                continue
            for channel in entry.channels:
                ring = self._channels.get(channel)
                if ring and entry in ring:
                    ring.remove(entry)
                    self._drop(entry)
                    if not ring:
                        del self._channels[channel]
                        self._floor = max(self._floor, self._floors.pop(channel, 0))

    def _drop(self, entry: Ready) -> None:
        entry.rings -= 1
        if not entry.rings:
            del self._order[entry.position]
            self.bytes -= entry.size

    def _trim(self) -> None:
        """The oldest entry leaves every ring it is still in: there it is the oldest, too."""
        position, oldest = next(iter(self._order.items()))
        self._floor = position
        for channel in oldest.channels:
            ring = self._channels.get(channel)
            if ring and ring[0] is oldest:
                self._drop(ring.popleft())
                if not ring:
                    del self._channels[channel]
                    self._floors.pop(channel, None)

    def covers(self, channels: Iterable[str], after: int) -> bool:
        """Whether nothing after a position was trimmed from any of the channels."""
        floors = self._floors
        return after >= self._floor and all(
            after >= floors[name] for name in channels if name in floors
        )

    def since(
        self,
        channels: Iterable[str],
        after: int,
        upto: int,
        events_max: int = limits.SYNC_PAGE_EVENTS,
        bytes_max: int = PAGE_BYTES_MAX,
    ) -> Part | None:
        """Events with after < position <= upto, the oldest of them if there are more than the bounds
        allow (always at least one); None when some were trimmed. Costs what is owed, not what is held."""
        if after >= upto:  # as with every newcomer
            return Part((), upto)
        channels = tuple(channels)
        if not self.covers(channels, after):
            return None
        found: dict[int, Ready] = {}
        for channel in channels:
            for entry in reversed(self._channels.get(channel, ())):
                if entry.position <= after:
                    break
                found[entry.position] = entry
        return bounded(
            [found[at] for at in sorted(found) if at <= upto], upto, events_max, bytes_max
        )


def bounded(
    entries: Sequence[Ready],
    upto: int,
    events_max: int = limits.SYNC_PAGE_EVENTS,
    bytes_max: int = PAGE_BYTES_MAX,
) -> Part:
    """The first entries within the bounds, at least one if there is any; ``upto`` is lowered to match."""
    size = 0
    for count, entry in enumerate(entries):
        size += FRAME_BYTES + len(entry.record.body)
        if count and (count >= events_max or size > bytes_max):
            return Part(tuple(entries[:count]), entries[count - 1].position)
    return Part(tuple(entries), upto)
