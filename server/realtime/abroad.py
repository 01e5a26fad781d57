"""People of other regions whom people here look at, and the other way round (docs/protocol/federation.md 22).

What is so here is ``presence``'s to know; the links carry it. This is what lies between: which channels anybody
hears, which region has to be asked about each, and which regions may be told. Only people's homes are kept, for one
reason: nobody may be taken for being offline whose region was not asked.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol

from server.domain.events import (
    CommunityCreated,
    ConversationChanged,
    ConversationStarted,
    PersonHandedOver,
    PersonRegistered,
    PersonTakenOver,
    PostPublished,
)
from server.domain.ids import presence_channel, thread_channel
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from server.realtime.workers import Job
from server.storage.event_log import Record

LEFT_MS = 10_000
"""A channel that nobody hears any more is asked about so long: who reconnects or falls behind is soon back."""
CHANGES_PER_TURN = 2_000
"""Told to twenty links in 5 ms; the rest waits half a second."""
PLACES_PER_READ = 1_000
"""Two reads of a few milliseconds; the rest waits for the next turn."""
READ_AGAIN_MS = 5_000
"""After a read that failed."""

Shown = State | tuple[str, ...]
"""The state of a person, or who types in a place."""
NOBODY: frozenset[str] = frozenset()


class Links(Protocol):
    """``federation.onlookers.Onlookers``."""

    @property
    def regions(self) -> frozenset[str]: ...
    def look(self, region: str, wanted: Collection[str], left: Collection[str]) -> None: ...
    def allow(self, region: str, asked: Collection[str], shown: Mapping[str, Shown]) -> None: ...
    def changed(self, shown: Mapping[str, Shown]) -> None: ...
    def looks_at(self, channel: str) -> bool: ...
    def looks(self, channels: Collection[str]) -> Mapping[str, list[str]]: ...
    def every_look(self) -> Mapping[str, frozenset[str]]: ...


class Places(Protocol):
    """Reads, as of now."""

    async def homes(self, people: Collection[str] | None) -> Mapping[str, str]:
        """Where these are at home, or all; of who is between two, the old one."""

    async def audiences(self, channels: Collection[str]) -> Mapping[str, frozenset[str]]:
        """The other regions that may hear who types in these places, as far as they exist."""


class Abroad:
    """``tells``: whether other regions are told who of this one is there.

    What has to be read again waits in two sets, and one read is under way at a time: so none can undo what a later
    one found, and however often anybody asks, no more waits than there are people and places."""

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
        self._looked: dict[str, dict[str, None]] = {}
        """By region, at whom it has begun to look since the last turn."""
        self._rehomed: set[str] = set()
        """Who may have another home than is known here."""
        self._doubtful: dict[str, None] = {}
        """Places that may be for other regions than is known here."""
        self._doubts_all = False
        self._is_reading = False
        self._read_at = 0
        """Not before."""

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
        """Who moved, and which places came or are for other regions than before."""
        for record in records:
            match record.event:
                case PersonRegistered(person=person):
                    self._rehomed.add(person)
                case PersonHandedOver(person=person) | PersonTakenOver(person=person):
                    self._rehomed.add(person)
                    self._doubts_all = True
                case CommunityCreated():
                    self._doubts_all = True
                case PostPublished(post=post):
                    self._doubt(thread_channel(post))
                case (
                    ConversationStarted(conversation=name) | ConversationChanged(conversation=name)
                ):
                    self._doubt(f"d:{name}")

    def regrouped(self) -> None:
        """The company has other regions or groups: nobody is asked about a place before it is known whom it is for."""
        self._ask(dict.fromkeys(filter(_is_place, self._asked), NOBODY))
        self._doubts_all = True

    def _doubt(self, channel: str) -> None:
        if channel in self._asked or self._links.looks_at(channel):
            self._doubtful[channel] = None

    # -- each turn ---------------------------------------------------------------------------------------

    def tell(self, now: int) -> None:
        """What became of it since the last turn, to the links."""
        turned, self._hub.turned = self._hub.turned or (), set()
        self._look(turned, now)
        looked, self._looked = self._looked, {}
        for region, people in looked.items():
            self._allow(region, people)
        self._read(now)
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
        for channel in turned:
            self._left.pop(channel, None)
            if not self._hub.hears((channel,)):
                if channel in self._asked:
                    self._left[channel] = now
            elif channel not in self._asked:
                if channel[:2] == "p:":
                    people[channel] = self._of_person(channel)
                elif self._asks_about(channel):
                    self._asked[channel] = NOBODY
                    self._doubtful[channel] = None
        self._ask(people)
        self._leave(now)

    def _asks_about(self, place: str) -> bool:
        """All members that are connected hear a conversation: asking about it tells that somebody is."""
        is_quiet = not self._tells or self._presence is None
        return place[:2] == "t:" or (place[:2] == "d:" and not is_quiet)

    def _of_person(self, channel: str) -> frozenset[str]:
        """Whom to ask about a person."""
        home = self._homes.get(channel[2:], self._region)
        return frozenset({home}) - {self._region}

    def _ask(self, channels: Mapping[str, frozenset[str]]) -> None:
        """About each of these channels those regions are to be asked, and no others."""
        wanted: dict[str, list[str]] = {}
        left: dict[str, list[str]] = {}
        for channel, regions in channels.items():
            before = self._asked.get(channel, NOBODY)
            for region in regions - before:
                wanted.setdefault(region, []).append(channel)
            for region in before - regions:
                left.setdefault(region, []).append(channel)
            self._asked[channel] = regions
        for region in sorted({*wanted, *left}):
            self._links.look(region, wanted.get(region, ()), left.get(region, ()))

    def _leave(self, now: int) -> None:
        gone = []
        for channel, since in self._left.items():
            if now - since < LEFT_MS:
                break
            gone.append(channel)
        self._ask(dict.fromkeys(gone, NOBODY))
        for channel in gone:
            del self._left[channel], self._asked[channel]
            self._doubtful.pop(channel, None)
            if self._presence and channel[:2] == "p:":
                self._presence.forget(channel[2:])

    # -- what has to be read -------------------------------------------------------------------------------

    def _read(self, now: int) -> None:
        if self._doubts_all:
            self._doubts_all = False
            every = [self._asked, *self._links.every_look().values()]
            self._doubtful |= {name: None for names in every for name in names if _is_place(name)}
        # A region alone has nobody to ask about a place, and is asked by nobody.
        places = list(islice(self._doubtful, PLACES_PER_READ)) if self._links.regions else []
        if self._is_reading or now < self._read_at or not (self._rehomed or places):
            return
        people, self._rehomed = self._rehomed, set()
        for place in places:
            del self._doubtful[place]
        self._is_reading = True
        self._job(lambda: self._renew(people, places), lambda: self._failed(people, places))

    async def _renew(self, people: Collection[str], places: Collection[str]) -> None:
        homes = await self._places.homes(people) if people else {}
        audiences = await self._places.audiences(places) if places else {}
        self._is_reading = False
        self._rehome(people, homes)
        self._replace(places, audiences)

    def _failed(self, people: set[str], places: Iterable[str]) -> None:
        """Once more in a while."""
        self._is_reading = False
        self._read_at = self._steady() + READ_AGAIN_MS
        self._rehomed |= people
        self._doubtful |= dict.fromkeys(places)

    def _rehome(self, people: Collection[str], homes: Mapping[str, str]) -> None:
        before = {person: self._homes.get(person) for person in people}
        self._homes.update(homes)
        moved = [presence_channel(p) for p, home in before.items() if self._homes.get(p) != home]
        if presence := self._presence:
            for person in [name[2:] for name in moved]:
                # Whoever looks is told: before it was known whose they are, nothing was; then, what is no more.
                if presence.has_word(person) or self.is_here(person):
                    presence.forget(person)
                    presence.note(person)
        self._ask({name: self._of_person(name) for name in moved if name in self._asked})
        for region, looks in self._links.looks(moved).items():
            self._allow(region, looks)

    def _replace(self, places: Collection[str], audiences: Mapping[str, frozenset[str]]) -> None:
        self._ask({name: audiences.get(name, NOBODY) for name in places if name in self._asked})
        for region, looks in self._links.looks(places).items():
            may = [name for name in looks if region in audiences.get(name, NOBODY)]
            self._links.allow(region, looks, {name: self._typing.names(name) for name in may})

    # -- what the links say ------------------------------------------------------------------------------

    def looked_at(self, region: str, channels: Collection[str]) -> None:
        """A region's people look at these; answered by ``Links.allow`` at the next turn, or a read later."""
        self._doubtful |= dict.fromkeys(filter(_is_place, channels))
        if people := [name for name in channels if not _is_place(name)]:
            self._looked.setdefault(region, {}).update(dict.fromkeys(people))

    def _allow(self, region: str, people: Collection[str]) -> None:
        shown: dict[str, Shown] = {}
        if self._presence and self._tells:
            here = [name for name in people if self._homes.get(name[2:]) == self._region]
            shown = {name: self._presence.state(name[2:]) for name in here}
        self._links.allow(region, people, shown)

    def seen(
        self, region: str, states: Mapping[str, State], typing: Mapping[str, tuple[str, ...]]
    ) -> None:
        """What a region says of its own people; of others, and unasked, it has nothing to say."""
        now = self._steady()
        for channel, state in states.items():
            if self._presence and region in self._asked.get(channel, NOBODY):
                self._presence.seen(channel[2:], state)
        for channel, people in typing.items():
            for person in people if region in self._asked.get(channel, NOBODY) else ():
                if self._homes.get(person) == region:
                    self._shown.said(channel, person, now)


def _is_place(channel: str) -> bool:
    return channel[:2] != "p:"
