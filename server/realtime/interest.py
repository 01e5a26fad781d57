"""What one connection hears, and from which position on.

``held`` maps each channel to the position after which its events are owed to this connection. Hence one
rule of delivery, whether an event comes live, by catching up or by a replay:

    an event belongs to the connection when one of its channels is held from before its position

and one of replaying: what such a channel has already brought is not repeated (section 6.3).
"""

import re
from collections.abc import Iterable, Sequence

from server.domain import limits
from server.domain.errors import Code
from server.domain.ids import OBJECT_PATTERN, PERSON_PATTERN
from server.realtime.ring import Ready

CHANNEL_PATTERN = re.compile(f"g|u:{PERSON_PATTERN.pattern}|[cdt]:{OBJECT_PATTERN.pattern}")
REPLAYS_MAX = 32
"""Watches with ``since`` waiting on one connection; each may name many channels."""

RefusedPair = tuple[str, str]
"""(channel, code)"""


def is_channel(text: str) -> bool:
    """Whether this is a channel at all (section 1.3)."""
    return CHANNEL_PATTERN.fullmatch(text) is not None


class Replay:
    """A ``watch`` with ``since`` on its way: ``at`` is how far it got."""

    __slots__ = ("at", "channels", "id", "refused", "since")

    def __init__(
        self, id: int, channels: tuple[str, ...], since: int, refused: tuple[RefusedPair, ...]
    ) -> None:
        self.id, self.channels, self.since, self.refused = id, channels, since, refused
        self.at = since

    def refuse(self, channels: Iterable[str], code: Code) -> None:
        gone = frozenset(channels).intersection(self.channels)
        self.channels = tuple([name for name in self.channels if name not in gone])
        self.refused += tuple([(name, str(code)) for name in sorted(gone)])


class Interest:
    """``watched``: what was asked for beyond the person's own channels, replays included. ``asking``: what
    the client wants to watch and is being asked about; an ``unwatch`` takes it back."""

    __slots__ = ("asking", "held", "known_at", "replays", "watched")

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.watched: set[str] = set()
        self.asking: set[str] = set()
        self.replays: list[Replay] = []
        self.known_at = 0
        """As of which position this is what the person may hear."""

    def begin(
        self, own: frozenset[str], allowed: frozenset[str], known_at: int, start: int
    ) -> None:
        """A new connection; everything is owed after ``start``."""
        self.known_at = known_at
        self.watched = set(allowed - own)
        self.held = dict.fromkeys(sorted(own | allowed), start)

    def revise(
        self, own: frozenset[str], lost: frozenset[str], known_at: int, sent: int
    ) -> list[str]:
        """The person's channels anew, after an event up to which everything was sent. What is new is owed
        from there on. Returns the watched channels that were taken away."""
        self.known_at = known_at
        taken = sorted(lost & self.watched)
        self.watched -= lost | own
        for replay in self.replays:
            replay.refuse(lost - own, Code.FORBIDDEN)
        held = {name: self.held.get(name, sent) for name in sorted(own)}
        held |= {name: self.held[name] for name in sorted(self.watched) if name in self.held}
        self.held = held
        return [name for name in taken if name not in own]

    def ask(self, channels: Iterable[str]) -> tuple[tuple[str, ...], tuple[RefusedPair, ...]]:
        """The channels to be asked about, and those there is no room for."""
        wanted, full = [], []
        for name in channels:
            if self._is_known(name) or self._count() < limits.CHANNELS_PER_CONNECTION_MAX:
                self.asking.add(name)
                wanted.append(name)
            else:
                full.append((name, str(Code.TOO_LARGE)))
        return tuple(wanted), tuple(full)

    def _is_known(self, name: str) -> bool:
        return name in self.asking or name in self.watched or name in self.held

    def _count(self) -> int:
        return len(self.watched) + len(self.asking)

    def admit(self, channels: Iterable[str]) -> tuple[str, ...]:
        """Of the allowed channels those that are still wanted; they are watched now."""
        wanted = tuple([name for name in channels if self._is_known(name)])
        self.asking.difference_update(wanted)
        self.watched.update([name for name in wanted if name not in self.held])
        return wanted

    def hold(self, channels: Iterable[str], start: int) -> tuple[str, ...]:
        """These are owed after ``start``; those that were not held before."""
        new = tuple([name for name in channels if name not in self.held])
        for name in channels:
            self.held[name] = min(self.held.get(name, start), start)
        return new

    def forget(self, channels: Iterable[str]) -> tuple[str, ...]:
        """No longer watched; a person's own channels stay. Those that were held."""
        self.asking.difference_update(channels)
        gone = self.watched.intersection(channels)
        self.watched -= gone
        for replay in self.replays:
            replay.channels = tuple([name for name in replay.channels if name not in gone])
        return tuple([name for name in sorted(gone) if self.held.pop(name, None) is not None])

    # -- which events --------------------------------------------------------------------------------

    def owes(self, entry: Ready) -> bool:
        held, position = self.held, entry.position
        return any(name in held and held[name] < position for name in entry.channels)

    def replayed(self, replay: Replay, entries: Sequence[Ready]) -> tuple[Ready, ...]:
        """What a replay brings that no other channel has brought already."""
        wanted = frozenset(replay.channels)
        return tuple([e for e in entries if not wanted.isdisjoint(e.channels) and not self.owes(e)])

    def owed(self, entries: Sequence[Ready]) -> tuple[tuple[Ready, ...], int | None]:
        """What catching up brings, up to the first event that turns this person, and its position."""
        events: list[Ready] = []
        for entry in entries:
            if not self.owes(entry):
                continue
            events.append(entry)
            if entry.position > self.known_at and any(name in self.held for name in entry.turns):
                return tuple(events), entry.position
        return tuple(events), None
