"""Who is there and who types, over one connection and both ways (docs/protocol/federation.md 22).

Nothing of it is queued: what waits is *that* somebody changed, and a frame is made of what is so when it is made. At
most one frame is on its way out at a time, and within a budget of bytes. Pure; ``now`` in milliseconds.
"""

from collections.abc import Iterable, Mapping, Set
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Literal, NamedTuple, get_args

from server.domain import limits
from server.domain.errors import Code, Refused
from server.federation.frames import Ephem, Looked, TypingThere
from server.federation.pauses import SECOND

FEATURE = "present"
"""What HELLO names; nobody else is sent EPHEM, and of nobody else it is read."""
Presence = Literal["online", "away", "offline"]
Shown = Presence | tuple[str, ...]
"""What is so of a channel: the state of a person, or who types in a place."""
PRESENCES: tuple[Presence, ...] = get_args(Presence)
FURTHER = 255
"""What a byte of 0 stands for among gaps."""
FRAME_BYTES_MIN = 256
"""Less than this is not worth a frame: the budget is saved up."""
NUMBER_BYTES, ENVELOPE_BYTES = 6, 600
"""On the wire, at most; the second is for what every frame has, and the zeros among gaps."""


def is_person(channel: str) -> bool:
    return channel.startswith("p:")


def packed(numbers: Iterable[int]) -> bytes:
    """Numbers as the gaps between them in rising order, a byte each (the first one's from -1); 0: 255 further."""
    found, last = bytearray(), -1
    for number in sorted(numbers):
        zeros, gap = divmod(number - last - 1, FURTHER)
        found += bytes(zeros)
        found.append(gap + 1)
        last = number
    return bytes(found)


def unpacked(gaps: bytes) -> list[int]:
    """Raises Refused for a number that cannot be one."""
    found, at = [], -1
    for gap in gaps:
        at += gap or FURTHER
        if gap:
            found.append(at)
    if at >= limits.LOOKED_AT_MAX:
        raise Refused(Code.BAD_VALUE, f"there is no number {at}")
    return found


class Said(NamedTuple):
    """What a frame held, for measurements."""

    presence: int
    typing: int
    looks: int


class Looking:
    """What this end asks for, people before places and what somebody began to look at last before all else.
    ``wanted``: what is looked at here when the connection begins.

    ``in``: whether a channel is still to be asked about."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._numbers: dict[str, int] = {}
        self._channels: dict[int, tuple[str, int]] = {}
        """By number: what goes by it, and in which of our frames that was said."""
        self._free: list[int] = []
        self._people: dict[str, None] = {}
        self._places: dict[str, None] = {}
        """Not said yet."""
        self._left: dict[str, None] = {}
        """Looked at no more, and the peer does not know."""
        self.frames = 0
        """EPHEM sent."""
        self._to_say(wanted)

    def __contains__(self, channel: object) -> bool:
        return channel in self._people or channel in self._places

    @property
    def is_quick(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._people or self._places)

    @property
    def is_slow(self) -> bool:
        return bool(self._left)

    def look(self, channels: Iterable[str]) -> None:
        """What was left and not yet said so is said first: so the peer tells anew what is so."""
        self._to_say([n for n in channels if n not in self._numbers or n in self._left])

    def _to_say(self, channels: Iterable[str]) -> None:
        for channel in channels:
            (self._people if is_person(channel) else self._places)[channel] = None

    def leave(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self._people.pop(channel, None)
            self._places.pop(channel, None)
            if channel in self._numbers:
                self._left[channel] = None

    def drop(self, count: int) -> list[int]:
        """The next numbers to be given back; they may be used again at once."""
        gone = list(islice(self._left, count))
        numbers = []
        for channel in gone:
            del self._left[channel]
            number = self._numbers.pop(channel)
            del self._channels[number]
            heappush(self._free, number)
            numbers.append(number)
        return numbers

    def next(self, bytes_max: int) -> list[Looked]:
        """What to ask for next; it counts as said in frame ``frames + 1``."""
        found, size = [], 0
        waiting = chain(reversed(self._people), reversed(self._places))
        for channel in list(islice(waiting, max(0, bytes_max) // (NUMBER_BYTES + 3))):
            if channel in self._numbers:  # still to be dropped
                continue
            size += NUMBER_BYTES + len(channel)
            number = self._number() if size <= bytes_max else None
            if number is None:
                break
            del (self._people if is_person(channel) else self._places)[channel]
            self._numbers[channel], self._channels[number] = number, (channel, self.frames + 1)
            found.append(Looked(number, channel))
        return found

    def _number(self) -> int | None:
        """The lowest that is free, so that gaps stay small."""
        if self._free:
            return heappop(self._free)
        return len(self._channels) if len(self._channels) < limits.LOOKED_AT_MAX else None

    def named(self, number: int, read: int) -> str | None:
        """What a number of a frame meant; None if we look at it no more, or did when it was written."""
        channel, since = self._channels.get(number, ("", 0))
        return channel if since <= read and channel not in self._left else None


class Showing:
    """What the peer asks for. ``conflated``: changes that go together with a later one, not counted yet."""

    def __init__(self) -> None:
        self._channels: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._values: dict[str, Shown] = {}
        """What is so now, of those channels of which the peer may hear."""
        self._fresh: dict[str, None] = {}
        """Nothing was said of yet."""
        self._changed: dict[str, None] = {}
        self._typing: dict[str, None] = {}
        self.frames = 0
        """EPHEM read."""
        self.conflated = 0

    @property
    def channels(self) -> Set[str]:
        """What the peer looks at."""
        return self._numbers.keys()

    def take_conflated(self) -> int:
        count, self.conflated = self.conflated, 0
        return count

    @property
    def is_quick(self) -> bool:
        return bool(self._fresh or self._typing)

    @property
    def is_slow(self) -> bool:
        return bool(self._changed)

    def asked(self, frame: Ephem) -> tuple[str, ...]:
        """Takes what a frame says of what the peer looks at; the channels that are new."""
        self.frames += 1
        for number in unpacked(frame.drop):
            self._forget(number)
        for number, channel in [(one.number, one.channel) for one in frame.look]:
            self._forget(number)
            if channel in self._numbers:
                self._forget(self._numbers[channel])
            self._channels[number], self._numbers[channel] = channel, number
        return tuple([one.channel for one in frame.look if one.channel in self._numbers])

    def _forget(self, number: int) -> None:
        if channel := self._channels.pop(number, ""):
            del self._numbers[channel]
            self.hide((channel,))

    def hide(self, channels: Iterable[str]) -> None:
        """Of these the peer may not hear, or looks at them no more."""
        for channel in channels:
            for known in (self._values, self._fresh, self._changed, self._typing):
                known.pop(channel, None)

    def show(self, values: Mapping[str, Shown]) -> None:
        """Of these the peer may hear, and this is so."""
        self.changed(values)
        for channel, value in values.items():
            if channel in self._numbers and channel not in self._values:
                self._values[channel] = value
                (self._fresh if isinstance(value, str) else self._typing)[channel] = None

    def changed(self, values: Mapping[str, Shown]) -> None:
        for channel, value in values.items():
            if channel not in self._values or (
                value == self._values[channel] and isinstance(value, str)
            ):
                continue
            self._values[channel] = value
            waits = self._changed if isinstance(value, str) else self._typing
            self.conflated += channel in waits or channel in self._fresh
            if channel not in self._fresh:
                waits[channel] = None

    def states(self, count: int, *, changed: bool) -> dict[Presence, list[int]]:
        """Of so many people at most, those asked for last first; ``changed``: also those who changed meanwhile."""
        found: dict[Presence, list[int]] = {state: [] for state in PRESENCES}
        for waits in (self._fresh, self._changed) if changed else (self._fresh,):
            for channel in list(islice(waits, count)):
                del waits[channel]
                count -= 1
                value = self._values[channel]
                assert isinstance(value, str)
                found[value].append(self._numbers[channel])
        return found

    def typing(self, bytes_max: int) -> tuple[TypingThere, ...]:
        found = []
        for channel in list(self._typing):
            names = self._values[channel]
            assert isinstance(names, tuple)
            bytes_max -= NUMBER_BYTES + sum([len(name) + 2 for name in names])
            if bytes_max < 0:
                break
            del self._typing[channel]
            if names:
                found.append(TypingThere(self._numbers[channel], names))
        return tuple(found)


class Budget:
    """Bytes that may be said: so many a second, and a frame's worth saved up."""

    def __init__(self, now: int) -> None:
        self._bytes = float(limits.EPHEM_FRAME_BYTES_MAX)
        self._at = now

    def left(self, now: int) -> int:
        gained = max(0, now - self._at) * limits.EPHEM_BYTES_PER_S / SECOND
        self._bytes = min(self._bytes + gained, limits.EPHEM_FRAME_BYTES_MAX)
        self._at = now
        return int(self._bytes)

    def take(self, size: int) -> None:
        self._bytes -= size


class Ephemeral:
    """Both ways of one connection. ``wanted``: what is looked at here at its beginning."""

    def __init__(self, wanted: Iterable[str], now: int) -> None:
        self.looking, self.showing = Looking(wanted), Showing()
        self._budget = Budget(now)
        self._quick_at = now
        self._slow_at: int | None = None
        self._is_said = True
        """Whether the frame before was written."""

    def heard(self, frame: Ephem) -> tuple[dict[str, Presence], dict[str, tuple[str, ...]]]:
        """What a frame says of people and of places here looked at. Raises Refused(bad_value)."""
        looking = self.looking
        if frame.read > looking.frames:
            raise Refused(Code.BAD_VALUE, f"EPHEM {frame.read} was never sent")
        states: dict[str, Presence] = {}
        told = (frame.online, frame.away, frame.offline)
        for state, gaps in zip(PRESENCES, told, strict=True):
            named = [looking.named(number, frame.read) for number in unpacked(gaps)]
            states |= {name: state for name in named if name and is_person(name)}
        typed = [(looking.named(one.number, frame.read), one.people) for one in frame.typing]
        return states, {name: people for name, people in typed if name and not is_person(name)}

    def due_at(self, now: int, jitter: float) -> int | None:
        """When the next frame is to be made; None while there is nothing to say, or one waits to be written."""
        looking, showing = self.looking, self.showing
        low, high = limits.PRESENCE_SECONDS_MIN * SECOND, limits.PRESENCE_SECONDS_MAX * SECOND
        if not looking.is_slow and not showing.is_slow:
            self._slow_at = None
        elif self._slow_at is None:
            self._slow_at = now + int(low + jitter * (high - low))
        else:
            self._slow_at = min(self._slow_at, now + high)  # the clock may have been set back
        self._quick_at = min(self._quick_at, now + int(limits.EPHEM_SECONDS_MIN * SECOND))
        if not self._is_said:
            return None
        if looking.is_quick or showing.is_quick:
            return self._quick_at
        return None if self._slow_at is None else max(self._quick_at, self._slow_at)

    def later(self, now: int) -> None:
        """Something more urgent takes the line: look again in a while."""
        self._quick_at = now + int(limits.EPHEM_SECONDS_MIN * SECOND)

    def next(self, now: int) -> tuple[Ephem, Said] | None:
        """The frame to send now, of what is so now; None where the budget is spent or nothing is to be said."""
        self.later(now)
        left = self._budget.left(now) - ENVELOPE_BYTES
        if left < FRAME_BYTES_MIN:
            return None
        looking, showing = self.looking, self.showing
        slow = self._slow_at is not None and self._slow_at <= now
        # Each may have half of what is left, the last one all of it: so none can starve another.
        typing = showing.typing(left // 2)
        left -= sum([NUMBER_BYTES + sum([len(name) + 2 for name in one.people]) for one in typing])
        drop = looking.drop(left // 4) if slow or looking.is_quick else []
        look = looking.next(
            (left - len(drop)) // 2 if showing.is_quick or slow else left - len(drop)
        )
        left -= len(drop) + sum([NUMBER_BYTES + len(one.channel) for one in look])
        states = showing.states(max(0, left), changed=slow)
        told = sum(map(len, states.values()))
        if not (typing or drop or look or told):
            return None
        online, away, offline = [packed(states[state]) for state in PRESENCES]
        frame = Ephem(showing.frames, packed(drop), tuple(look), online, away, offline, typing)
        looking.frames += 1
        return frame, Said(told, len(typing), len(look))

    def sent(self, size: int) -> None:
        """The frame has so many bytes, and was handed over to be written."""
        self._budget.take(size)
        self._is_said = False

    def written(self) -> None:
        self._is_said = True
