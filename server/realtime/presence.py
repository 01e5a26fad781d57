"""Who is typing where, and who is there: told to whoever looks, at a bounded rate, and kept nowhere.

Plain data with ``now`` in milliseconds of a clock that never jumps. Nothing here survives a restart,
reaches the log, or is sent later to a reader who was away: the present is all there is.
"""

from collections.abc import Callable
from itertools import islice
from typing import Literal

from server.domain import limits
from server.domain.ids import presence_channel
from server.realtime.frames import Value

TYPING_KEPT_MS = 6_000
"""After somebody's last word; clients repeat it every 3 s, so one may be lost."""
TYPING_EVERY_MS = 1_000
"""One list a second for each channel: faster than anybody reads it."""
TYPING_CHANNELS_MAX = 10_000
"""Places somebody types in at once (I9): a third of the company. More are not shown."""
GRACE_MS = 10_000
"""A reconnect takes less, and must not flicker."""
PRESENCES_PER_FLUSH = 256
"""A region that comes back changes everybody's state at once; the rest waits half a second."""

State = Literal["online", "away", "offline"]


class _Place:
    """Who types there, and until when that counts."""

    __slots__ = ("is_dirty", "told_at", "until")

    def __init__(self) -> None:
        self.until: dict[str, int] = {}
        self.told_at = -TYPING_EVERY_MS
        self.is_dirty = False

    def forget_old(self, now: int) -> None:
        old = [person for person, at in self.until.items() if at <= now]
        for person in old:
            del self.until[person]
            self.is_dirty = True


class Typing:
    """Lists of names by channel. ``conflated``: words that were not told on their own."""

    of = "typing"

    def __init__(self) -> None:
        self.conflated = 0
        self._places: dict[str, _Place] = {}

    def said(self, channel: str, person: str, now: int) -> None:
        """Somebody types there. Who is one too many is not shown, until another stops."""
        place = self._places.get(channel)
        if place is None:
            if len(self._places) >= TYPING_CHANNELS_MAX:
                return
            place = self._places[channel] = _Place()
        if person in place.until or len(place.until) < limits.TYPING_NAMES_MAX:
            self.conflated += place.is_dirty
            place.until[person] = now + TYPING_KEPT_MS
            place.is_dirty = True

    def due(self, now: int) -> list[tuple[str, tuple[str, ...]]]:
        """Channel and complete list, of each that is to be told now. Told again while somebody types, so
        that who missed the end may forget by themselves; an empty list ends it."""
        told = []
        for channel, place in list(self._places.items()):
            place.forget_old(now)
            if place.is_dirty and now - place.told_at >= TYPING_EVERY_MS:
                place.told_at, place.is_dirty = now, False
                told.append((channel, tuple(place.until)))
                if not place.until:
                    del self._places[channel]
        return told

    def names(self, channel: str) -> tuple[str, ...]:
        """Who types there, as far as was told last."""
        place = self._places.get(channel)
        return tuple(place.until) if place else ()


class Presence:
    """Connections of people by state, and what other regions say of theirs. ``heard``: whether anybody live looks
    at a channel; of whom nobody looks at, no change is noted. ``moved_here``: told of each change of somebody
    connected here. ``conflated``: changes that were not told on their own."""

    of = "presence"

    def __init__(
        self,
        heard: Callable[[tuple[str]], bool],
        moved_here: Callable[[str], None] = lambda person: None,
    ) -> None:
        self.conflated = 0
        self._heard, self._moved_here = heard, moved_here
        self._here: dict[str, dict[State, int]] = {}
        self._gone: dict[str, tuple[int, State]] = {}
        """Who has no connection left: when that counts, and as what they are shown until then."""
        self._abroad: dict[str, State] = {}
        """Of people who are looked at here and connect elsewhere: what was said of them last."""
        self._dirty: dict[str, None] = {}
        self._position = 0
        """How many changes were told: what orders the values of one connection."""

    def moved(self, person: str, before: State, after: State, now: int) -> None:
        """One connection of a person went from one state to another."""
        was = self.state(person)
        here = self._here.setdefault(person, {"online": 0, "away": 0})
        if before != "offline":
            here[before] -= 1
        if after != "offline":
            here[after] += 1
        self._gone.pop(person, None)
        if not any(here.values()):
            del self._here[person]
            self._gone[person] = (now + GRACE_MS, was)
        if self.state(person) != was:
            self.note(person)
            self._moved_here(person)

    def seen(self, person: str, state: State) -> None:
        """Another region says so of somebody."""
        if self._abroad.get(person) != state:
            self._abroad[person] = state
            self.note(person)

    def forget(self, person: str) -> None:
        """What another region says of them is not asked any more."""
        self._abroad.pop(person, None)

    def has_word(self, person: str) -> bool:
        """Whether another region has said anything of them."""
        return person in self._abroad

    def state(self, person: str) -> State:
        here = self._here.get(person)
        if here is not None:
            return "online" if here["online"] else "away"
        if person in self._gone:
            return self._gone[person][1]
        return self._abroad.get(person, "offline")

    def value(self, person: str) -> Value:
        """Their present state."""
        state = {"state": self.state(person)}
        return Value(of=self.of, id=person, position=self._position, value=state)

    def due(self, now: int) -> list[Value]:
        """The changes to be told now, each person's latest."""
        self._forget_gone(now)
        told = []
        for person in list(islice(self._dirty, PRESENCES_PER_FLUSH)):
            del self._dirty[person]
            self._position += 1
            told.append(self.value(person))
        return told

    def _forget_gone(self, now: int) -> None:
        while self._gone:
            person = next(iter(self._gone))  # in the order in which they went
            if self._gone[person][0] > now:
                return
            del self._gone[person]
            self.note(person)
            self._moved_here(person)

    def note(self, person: str) -> None:
        """Whoever looks is to be told what is so."""
        if self._heard((presence_channel(person),)):
            self.conflated += person in self._dirty
            self._dirty[person] = None
