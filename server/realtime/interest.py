"""What one connection hears, and from which position on.

``held`` maps each channel to the position after which its events are owed to this connection. Hence one
rule of delivery, whether an event comes live, by catching up or by a replay:

    an event belongs to the connection when one of its channels is held from before its position

and one of replaying: what a channel has already brought on this connection is not repeated, also when
that channel is no longer held (section 6.3).
"""

import re
from collections.abc import Iterable, Sequence

from server.domain import limits
from server.domain.errors import Code
from server.domain.ids import OBJECT_PATTERN, PERSON_PATTERN
from server.realtime.ring import Ready

CHANNEL_PATTERN = re.compile(f"g|[up]:{PERSON_PATTERN.pattern}|[cdt]:{OBJECT_PATTERN.pattern}")
REPLAYS_MAX = 32
"""Watches with ``since`` waiting on one connection; each may name many channels."""

PAST_MAX = 32
"""Changes of what was held that are remembered; of older ones a replay may repeat an event."""

RefusedPair = tuple[str, str]
"""(channel, code)"""


def refusals(names: Iterable[str]) -> tuple[RefusedPair, ...]:
    """Channels that are not allowed, each with its code (section 5.5)."""
    return tuple([(name, str(Code.FORBIDDEN)) for name in names])


def is_channel(text: str) -> bool:
    """Whether this is a channel at all (section 1.3)."""
    return CHANNEL_PATTERN.fullmatch(text) is not None


def presences(channels: Iterable[str]) -> tuple[str, ...]:
    """The people among the channels whose presence is watched."""
    return tuple([name[2:] for name in channels if name.startswith("p:")])


class Replay:
    """A ``watch`` with ``since`` on its way: ``at`` is how far it got."""

    __slots__ = ("at", "channels", "id", "refused", "since")

    def __init__(
        self, id: int, channels: tuple[str, ...], since: int, refused: tuple[RefusedPair, ...]
    ) -> None:
        self.id, self.channels, self.since, self.refused = id, channels, since, refused
        self.at = since

    def without(self, channels: Iterable[str]) -> list[str]:
        """Gives up some of its channels; which ones it had."""
        gone = sorted(frozenset(channels).intersection(self.channels))
        self.channels = tuple([name for name in self.channels if name not in gone])
        return gone


class Interest:
    """``own``: the person's, unasked. ``watched``: what was asked for, replays included; it may be own as
    well, and stays when it is no longer. ``asking``: what the client wants to watch and is being asked
    about; an ``unwatch`` takes it back."""

    __slots__ = (
        "asking",
        "began",
        "held",
        "known_at",
        "own",
        "past",
        "replays",
        "turned_at",
        "watched",
    )

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.own: frozenset[str] = frozenset()
        self.watched: set[str] = set()
        self.asking: set[str] = set()
        self.replays: list[Replay] = []
        self.past: list[tuple[dict[str, int], int]] = []
        """What was held and is no more: channels, and the position up to which they brought events."""
        self.began = 0
        """Where the connection began, or was reset to."""
        self.known_at = 0
        """As of which position this is what the person may hear."""
        self.turned_at = 0
        """What was known before this position is to be asked again."""

    def begin(
        self, own: frozenset[str], allowed: frozenset[str], known_at: int, start: int
    ) -> None:
        """A new connection; everything is owed after ``start``."""
        self.own, self.known_at, self.began = own, known_at, start
        self.watched = set(allowed)
        self.held = dict.fromkeys(sorted(own | allowed), start)

    def revise(
        self, own: frozenset[str], lost: frozenset[str], known_at: int, sent: int
    ) -> list[str]:
        """The person's channels anew, after the event that turned them: what is new is owed from there on.
        Returns the watched channels that were taken away."""
        self.own, self.known_at, start = own, known_at, self.turned_at
        taken = sorted((lost & self.watched) - own)
        self.watched.difference_update(taken)
        for replay in self.replays:
            self.refuse(replay, taken, Code.FORBIDDEN)
        # At the latest from here on: a watch said meanwhile may have begun beyond this position.
        held = {name: min(self.held.get(name, start), start) for name in sorted(own)}
        held |= {name: self.held[name] for name in sorted(self.watched - own) if name in self.held}
        self._remember({name: self.held[name] for name in self.held if name not in held}, sent)
        self.held = held
        return taken

    @property
    def is_stale(self) -> bool:
        return self.known_at < self.turned_at

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
        self.watched.update(wanted)
        return wanted

    def hold(self, channels: Iterable[str], start: int) -> tuple[str, ...]:
        """These are owed after ``start``; those that were not held before."""
        new = tuple([name for name in channels if name not in self.held])
        for name in channels:
            self.held[name] = min(self.held.get(name, start), start)
        return new

    def skip(self, sent: int, start: int) -> None:
        """Nothing between two positions will be sent: everything is owed after the second only."""
        self._remember(self.held, sent)
        self.began = start
        self.held = {name: max(at, start) for name, at in self.held.items()}

    def go_back(self, start: int) -> None:
        """What came after a position counts as not sent. Before where the connection began, that is what
        a resume from there would be owed."""
        self.past = [(held, min(sent, start)) for held, sent in self.past]
        if start < self.began:
            began, own = self.began, self.own
            self.held = {
                name: start if at == began or name in own else at for name, at in self.held.items()
            }
            self.began = start

    def _remember(self, held: dict[str, int], sent: int) -> None:
        if held:
            self.past.append((held, sent))
            del self.past[:-PAST_MAX]

    def forget(self, channels: Iterable[str], sent: int) -> tuple[str, ...]:
        """No longer watched; a person's own channels stay. Those that were held, up to ``sent``."""
        self.asking.difference_update(channels)
        gone = self.watched.intersection(channels)
        self.watched -= gone
        for replay in self.replays:
            self._give_up(replay, gone)
        dropped = {
            name: self.held.pop(name) for name in sorted(gone - self.own) if name in self.held
        }
        self._remember(dropped, sent)
        return tuple(dropped)

    def refuse(self, replay: Replay, channels: Iterable[str], code: Code) -> None:
        """Some channels of a replay will not be heard after all."""
        gone = self._give_up(replay, channels)
        replay.refused += tuple([(name, str(code)) for name in gone])
        self.watched.difference_update([name for name in gone if name not in self.held])

    def _give_up(self, replay: Replay, channels: Iterable[str]) -> list[str]:
        gone = replay.without(channels)
        self._remember(dict.fromkeys(gone, replay.since), replay.at)
        return gone

    # -- which events --------------------------------------------------------------------------------

    def owes(self, entry: Ready) -> bool:
        held, position = self.held, entry.position
        return any(name in held and held[name] < position for name in entry.channels)

    def replayed(self, replay: Replay, entries: Sequence[Ready]) -> tuple[Ready, ...]:
        """What a replay brings that no other channel has brought already."""
        wanted = frozenset(replay.channels)
        return tuple(
            [
                entry
                for entry in entries
                if not wanted.isdisjoint(entry.channels)
                and not self.owes(entry)
                and not self._brought(entry)
            ]
        )

    def _brought(self, entry: Ready) -> bool:
        """Whether a channel that was given up had brought it."""
        return any(
            held.get(name, sent) < entry.position <= sent
            for held, sent in self.past
            for name in entry.channels
        )

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
