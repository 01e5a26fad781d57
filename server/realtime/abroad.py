"""People of other regions whom people here look at, and the other way round (docs/protocol/federation.md 22).

What is so here is ``presence``'s to know; the links carry it. This is what lies between: which channels anybody
hears, which region has to be asked about each, and which regions may be told. Only people's homes are kept, for one
reason: nobody may be taken for being offline whose region was not asked.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol

from server.domain.events import (
    CommunityChanged,
    ConversationChanged,
    PersonHandedOver,
    PersonRegistered,
    PersonTakenOver,
)
from server.domain.ids import presence_channel
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from server.realtime.workers import Job
from server.storage.event_log import Record

LEFT_MS = 10_000
"""A channel that nobody hears any more is asked about so long: who reconnects or falls behind is soon back."""
CHANGES_PER_TURN = 2_000
"""Told to twenty links in 5 ms; the rest waits half a second."""

Shown = State | tuple[str, ...]
"""The state of a person, or who types in a place."""


class Links(Protocol):
    """``federation.onlookers.Onlookers``."""

    def look(self, region: str, wanted: Collection[str], left: Collection[str]) -> None: ...
    def allow(self, region: str, asked: Collection[str], shown: Mapping[str, Shown]) -> None: ...
    def changed(self, shown: Mapping[str, Shown]) -> None: ...
    def looks_at(self, channel: str) -> bool: ...
    def every_look(self) -> Mapping[str, frozenset[str]]: ...


class Places(Protocol):
    """Reads, as of now."""

    async def homes(self, people: Collection[str] | None) -> Mapping[str, str]:
        """Where these are at home, or all; of who is between two, the old one."""

    async def audiences(self, channels: Collection[str]) -> Mapping[str, frozenset[str]]:
        """The other regions that may hear who types in these places, as far as they exist."""


class Abroad:
    """``tells``: whether other regions are told who of this one is there."""

    def __init__(self, region: str, links: Links, places: Places, *, tells: bool = True) -> None:
        self._region, self._links, self._places, self._tells = region, links, places, tells
        self._homes: dict[str, str] = {}
        self._asked: dict[str, frozenset[str]] = {}
        """Channels heard here, and which regions were asked about each."""
        self._left: dict[str, int] = {}
        """Of these those nobody hears any more, and since when; the oldest first."""
        self._changed: dict[str, None] = {}
        """People here whose state changed, and somebody elsewhere looks."""
        self._typing = Typing()
        """Of people here alone: what others tell is not passed on."""
        self._rehomed: set[str] = set()
        """Who may have another home than is known here."""
        self._replaced = False
        """Whether places may be for other regions than they were."""

    def attach(
        self,
        hub: Hub,
        presence: Presence | None,
        shown: Typing,
        job: Job,
        steady: Callable[[], int],
    ) -> None:
        """``presence`` and ``shown``: what people here see; ``steady``: milliseconds."""
        self._hub, self._presence, self._shown = hub, presence, shown
        self._job, self._steady = job, steady
        hub.turned = set()

    async def begin(self) -> None:
        """After ``attach``, when what is committed from now on is told here."""
        self._homes = {**await self._places.homes(None), **self._homes}

    # -- what happens here -----------------------------------------------------------------------------

    def is_here(self, person: str) -> bool:
        """Whether they are at home here, so that whoever has no connection is offline."""
        return self._homes.get(person) == self._region

    def moved(self, person: str) -> None:
        """Somebody's state changed."""
        if self._links.looks_at(presence_channel(person)):
            self._changed[person] = None

    def typed(self, channel: str, person: str, now: int) -> None:
        if self._links.looks_at(channel):
            self._typing.said(channel, person, now)

    def committed(self, records: Sequence[Record]) -> None:
        """Who moved, and which places are for other regions than before."""
        for record in records:
            match record.event:
                case PersonRegistered(person=person):
                    self._rehomed.add(person)
                case PersonHandedOver(person=person) | PersonTakenOver(person=person):
                    self._rehomed.add(person)
                    self._replaced = True
                case ConversationChanged() | CommunityChanged():
                    self._replaced = True

    async def _rehome(self, people: Collection[str]) -> None:
        before = {person: self._homes.get(person) for person in people}
        self._homes.update(await self._places.homes(people))
        moved = [presence_channel(p) for p, home in before.items() if self._homes.get(p) != home]
        if presence := self._presence:
            for person in [name[2:] for name in moved]:
                presence.forget(person)
                if self.is_here(person):  # who looked before that was known was told nothing
                    presence.note(person)
        self._ask({name: self._of_person(name) for name in moved if self._hub.hears((name,))})
        for region, looks in self._links.every_look().items():
            self._allow(region, looks & set(moved))

    async def _replace(self) -> None:
        """All places anew: whom they are for decides who is asked, and who is told."""
        await self._look_at_places([name for name in self._asked if name[:2] != "p:"])
        for region, looks in self._links.every_look().items():
            await self._allow_places(region, [name for name in looks if name[:2] != "p:"])

    # -- each turn ---------------------------------------------------------------------------------------

    def tell(self, now: int) -> None:
        """What became of it since the last turn, to the links."""
        turned, self._hub.turned = self._hub.turned or (), set()
        self._look(turned, now)
        self._look_again()
        shown: dict[str, Shown] = {}
        for person in list(islice(self._changed, CHANGES_PER_TURN)):
            del self._changed[person]
            if self._presence and self.is_here(person):
                shown[presence_channel(person)] = self._presence.state(person)
        shown.update(self._typing.due(now))
        if shown:
            self._links.changed(shown)

    def _look(self, turned: Iterable[str], now: int) -> None:
        people: dict[str, frozenset[str]] = {}
        places: list[str] = []
        for channel in turned:
            self._left.pop(channel, None)
            if not self._hub.hears((channel,)):
                if channel in self._asked:
                    self._left[channel] = now
                continue
            if channel in self._asked:
                continue
            if channel[:2] == "p:":
                people[channel] = self._of_person(channel)
            elif channel[:2] == "t:" or (channel[:2] == "d:" and self._tells and self._presence):
                # All members that are connected hear a conversation: asking tells that somebody is.
                places.append(channel)
        self._ask(people)
        if places:
            self._job(lambda: self._look_at_places(places), lambda: None)
        self._leave(now)

    def _look_again(self) -> None:
        if self._rehomed:
            people, self._rehomed = self._rehomed, set()
            self._job(lambda: self._rehome(people), lambda: None)
        if self._replaced:
            self._replaced = False
            self._job(self._replace, lambda: None)

    def _of_person(self, channel: str) -> frozenset[str]:
        """Whom to ask about a person."""
        home = self._homes.get(channel[2:], self._region)
        return frozenset({home}) - {self._region}

    async def _look_at_places(self, channels: Collection[str]) -> None:
        found = await self._places.audiences(channels)
        heard = [name for name in channels if self._hub.hears((name,))]
        self._ask({name: found.get(name, frozenset()) for name in heard})

    def _ask(self, channels: Mapping[str, frozenset[str]]) -> None:
        """About each of these channels those regions are to be asked, and no others."""
        wanted: dict[str, list[str]] = {}
        left: dict[str, list[str]] = {}
        for channel, regions in channels.items():
            before = self._asked.get(channel, frozenset())
            for region in regions - before:
                wanted.setdefault(region, []).append(channel)
            for region in before - regions:
                left.setdefault(region, []).append(channel)
            if regions:
                self._asked[channel] = regions
            else:
                self._asked.pop(channel, None)
        for region in sorted({*wanted, *left}):
            self._links.look(region, wanted.get(region, ()), left.get(region, ()))

    def _leave(self, now: int) -> None:
        gone = []
        for channel, since in self._left.items():
            if now - since < LEFT_MS:
                break
            gone.append(channel)
        for channel in gone:
            del self._left[channel]
            if self._presence and channel[:2] == "p:":
                self._presence.forget(channel[2:])
        self._ask(dict.fromkeys(gone, frozenset()))

    # -- what the links say ------------------------------------------------------------------------------

    def looked_at(self, region: str, channels: Collection[str]) -> None:
        """A region's people look at these; answered by ``Links.allow``."""
        self._allow(region, channels)
        places = [name for name in channels if name[:2] != "p:"]
        if places:
            self._job(lambda: self._allow_places(region, places), lambda: None)

    def _allow(self, region: str, channels: Iterable[str]) -> None:
        people = [name for name in channels if name[:2] == "p:"]
        shown: dict[str, Shown] = {}
        if self._presence and self._tells:
            here = [name for name in people if self._homes.get(name[2:]) == self._region]
            shown = {name: self._presence.state(name[2:]) for name in here}
        if people:
            self._links.allow(region, people, shown)

    async def _allow_places(self, region: str, channels: Collection[str]) -> None:
        found = await self._places.audiences(channels)
        shown: dict[str, Shown] = {
            name: self._typing.names(name) for name, who in found.items() if region in who
        }
        self._links.allow(region, channels, shown)

    def seen(
        self, region: str, states: Mapping[str, State], typing: Mapping[str, tuple[str, ...]]
    ) -> None:
        """What a region says of its own people; of others it has nothing to say."""
        now = self._steady()
        for channel, state in states.items():
            if self._presence and self._homes.get(channel[2:]) == region and channel in self._asked:
                self._presence.seen(channel[2:], state)
        for channel, people in typing.items():
            for person in people:
                if self._homes.get(person) == region and channel in self._asked:
                    self._shown.said(channel, person, now)
