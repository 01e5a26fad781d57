"""Which region is asked about what, and which may hear of it: with links that only write down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from server.domain.events import (
    ConversationChanged,
    Event,
    PersonRegistered,
    PersonTakenOver,
    PostPublished,
)
from server.realtime.abroad import LEFT_MS, READ_AGAIN_MS, Abroad, Shown
from server.realtime.hub import Hub
from server.realtime.presence import Presence, State, Typing
from tests.unit.realtime.scenes import OTHER, THREAD

HOMES = {"asha": "in", "bob": "in", "anna": "de", "cleo": "fr"}
TALK = "d:" + "1" * 26


class Links:
    def __init__(self) -> None:
        self.asked: dict[str, set[str]] = {}
        self.allowed: dict[str, dict[str, Shown]] = {}
        self.told: list[dict[str, Shown]] = []
        self.seen: dict[str, frozenset[str]] = {}
        """By region, what its people look at."""
        self.regions = frozenset({"de", "fr"})

    def look(self, region: str, wanted: Collection[str], left: Collection[str]) -> None:
        asked = self.asked.setdefault(region, set())
        assert asked.isdisjoint(wanted)
        assert asked.issuperset(left)
        asked |= set(wanted)
        asked -= set(left)

    def allow(self, region: str, asked: Collection[str], shown: Mapping[str, Shown]) -> None:
        known = self.allowed.setdefault(region, {})
        for channel in asked:
            known.pop(channel, None)
        known |= shown

    def changed(self, shown: Mapping[str, Shown]) -> None:
        self.told.append(dict(shown))

    def looks_at(self, channel: str) -> bool:
        return any(channel in looks for looks in self.seen.values())

    def looks(self, channels: Collection[str]) -> Mapping[str, list[str]]:
        return {
            region: found
            for region, looks in self.seen.items()
            if (found := [name for name in channels if name in looks])
        }

    def every_look(self) -> Mapping[str, frozenset[str]]:
        return self.seen


class Places:
    def __init__(self) -> None:
        self.of_people = dict(HOMES)
        self.of_places = {THREAD: frozenset({"de", "fr"}), TALK: frozenset({"de"})}
        self.reads = 0
        self.is_broken = False

    async def homes(self, people: Collection[str] | None) -> Mapping[str, str]:
        names = self.of_people if people is None else people
        return {name: self.of_people[name] for name in names}

    async def audiences(self, channels: Collection[str]) -> Mapping[str, frozenset[str]]:
        self.reads += 1
        if self.is_broken:
            raise OSError("the disk does not answer")
        return {name: self.of_places[name] for name in channels if name in self.of_places}


class Seat:
    """Somebody who hears channels, and nothing else."""

    form: Any = None


class Desk:
    """Region ``in``: its hub, who is there, and the time."""

    def __init__(self, *, tells: bool = True, keeps: bool = True) -> None:
        self.now = 1_000
        self.links, self.places = Links(), Places()
        self.abroad = Abroad("in", self.links, self.places, tells=tells)
        self.hub = Hub(0, epoch=1)
        self.presence = Presence(self.hub.hears, self.abroad.moved) if keeps else None
        self.typing = Typing()
        self.seat: Any = Seat()
        self.held: list[Callable[[], None]] | None = None
        """Reads under way, while they are held back."""
        self.abroad.attach(self.hub, self.presence, self.typing, self._job, lambda: self.now)
        asyncio.run(self.abroad.begin())

    def _job(self, work: Callable[[], Awaitable[None]], failed: Callable[[], None]) -> None:
        async def wait() -> None:
            try:
                await work()
            except OSError:
                failed()

        if self.held is None:
            asyncio.run(wait())
        else:
            self.held.append(lambda: asyncio.run(wait()))

    def looked_at(self, region: str, *channels: str) -> None:
        self.links.seen[region] = self.links.seen.get(region, frozenset()) | {*channels}
        self.abroad.looked_at(region, channels)
        self.turn()

    def turn(self, ms: int = 500) -> None:
        self.now += ms
        self.abroad.tell(self.now)

    def hear(self, *channels: str) -> None:
        self.hub.join(self.seat, channels)
        self.turn()

    def leave(self, *channels: str) -> None:
        self.hub.part(self.seat, channels)
        self.turn()

    def commit(self, event: Event) -> None:
        class Record:
            pass

        record: Any = Record()
        record.event = event
        self.abroad.committed([record])
        self.turn()


def published(post: str) -> PostPublished:
    return PostPublished(post=post, place="c:tea", kind="discussion", at=1)


# -- asking --------------------------------------------------------------------------------------------------


def test_a_person_s_home_is_asked_and_a_place_s_regions_and_nobody_about_what_is_here() -> None:
    desk = Desk()
    desk.hear("p:anna", "p:cleo", "p:asha", "p:nobody", "g", "u:asha", THREAD, OTHER, TALK)
    assert desk.links.asked == {"de": {"p:anna", THREAD, TALK}, "fr": {"p:cleo", THREAD}}


def test_who_is_soon_back_is_asked_about_all_along() -> None:
    desk = Desk()
    desk.hear("p:anna")
    desk.leave("p:anna")
    desk.turn(LEFT_MS - 1_000)
    desk.hear("p:anna")
    desk.turn(LEFT_MS)
    assert desk.links.asked == {"de": {"p:anna"}}
    desk.leave("p:anna")
    desk.turn(LEFT_MS)
    assert desk.links.asked == {"de": set()}


def test_who_moves_is_asked_about_at_the_new_home_and_what_the_old_one_said_is_forgotten() -> None:
    desk = Desk()
    desk.hear("p:anna")
    desk.abroad.seen("de", {"p:anna": "online"}, {})
    assert desk.presence
    assert desk.presence.state("anna") == "online"
    desk.places.of_people["anna"] = "fr"
    desk.commit(PersonTakenOver(person="anna", previous="de", rev=2))
    assert desk.links.asked == {"de": set(), "fr": {"p:anna"}}
    assert not desk.presence.has_word("anna")
    assert [value.value for value in desk.presence.due(desk.now)] == [{"state": "offline"}], (
        "whoever looks hears it, should the new home say nothing"
    )
    desk.abroad.seen("de", {"p:anna": "online"}, {})
    assert not desk.presence.has_word("anna"), "not the old one's to say any more"


def test_a_conversation_s_regions_are_asked_anew_when_its_members_are_others() -> None:
    desk = Desk()
    desk.hear(TALK)
    desk.places.of_places[TALK] = frozenset({"fr"})
    desk.commit(ConversationChanged(conversation=TALK[2:], rev=2, members=(), title=""))
    assert desk.links.asked == {"de": set(), "fr": {TALK}}


def test_a_conversation_that_only_now_reaches_abroad_is_asked_about() -> None:
    desk = Desk()
    desk.places.of_places[TALK] = frozenset()
    desk.hear(TALK)
    assert not desk.links.asked
    desk.places.of_places[TALK] = frozenset({"de"})
    desk.commit(ConversationChanged(conversation=TALK[2:], rev=2, members=(), title=""))
    assert desk.links.asked == {"de": {TALK}}


def test_a_thread_that_arrives_after_somebody_looked_is_shown_then() -> None:
    desk = Desk()
    del desk.places.of_places[THREAD]
    desk.hear(THREAD)
    desk.looked_at("fr", THREAD)
    assert (desk.links.asked, desk.links.allowed) == ({}, {"fr": {}})
    desk.places.of_places[THREAD] = frozenset({"fr"})
    desk.commit(published(THREAD[2:]))
    assert desk.links.asked == {"fr": {THREAD}}
    assert desk.links.allowed == {"fr": {THREAD: ()}}


def test_other_groups_forget_at_once_what_was_asked_about_places() -> None:
    """Before links begin anew: they say to the peer again what is wanted of it (I8)."""
    desk = Desk()
    desk.hear("p:anna", THREAD)
    assert desk.links.asked == {"de": {"p:anna", THREAD}, "fr": {THREAD}}
    desk.places.of_places[THREAD] = frozenset({"fr"})
    desk.abroad.regrouped()
    assert desk.links.asked == {"de": {"p:anna"}, "fr": set()}
    desk.turn()
    assert desk.links.asked == {"de": {"p:anna"}, "fr": {THREAD}}


def test_one_read_at_a_time_so_that_none_undoes_what_a_later_one_found() -> None:
    desk = Desk()
    desk.held = []
    desk.hear(THREAD)
    desk.places.of_places[THREAD] = frozenset({"fr"})
    for n in range(50):
        desk.looked_at("fr", THREAD, f"t:{n:026}")
    assert len(desk.held) == 1, "whoever asks often waits like everybody else"
    while desk.held:
        desk.held.pop()()
        desk.turn()
    assert desk.links.asked == {"fr": {THREAD}}
    assert desk.links.allowed == {"fr": {THREAD: ()}}


def test_what_could_not_be_read_is_read_again_in_a_while() -> None:
    desk = Desk()
    desk.places.is_broken = True
    desk.hear(THREAD)
    desk.turn()
    assert (desk.places.reads, desk.links.asked) == (1, {})
    desk.places.is_broken = False
    desk.turn(READ_AGAIN_MS)
    assert desk.links.asked == {"de": {THREAD}, "fr": {THREAD}}


def test_a_region_alone_reads_nothing_of_places_until_another_comes() -> None:
    desk = Desk()
    desk.links.regions = frozenset()
    desk.hear(THREAD, TALK)
    assert desk.places.reads == 0
    desk.places.of_people["zoe"] = "in"
    desk.commit(PersonRegistered(person="zoe", home="in", name="Zoe"))
    assert desk.abroad.is_here("zoe")
    desk.links.regions = frozenset({"de"})
    desk.abroad.regrouped()
    desk.turn()
    assert desk.links.asked["de"] == {THREAD, TALK}


def test_a_region_that_tells_nothing_does_not_ask_about_conversations() -> None:
    """Their members hear them as soon as they are connected: to ask is to tell that one is."""
    for desk in (Desk(tells=False), Desk(keeps=False)):
        desk.hear(TALK, THREAD)
        assert desk.links.asked == {"de": {THREAD}, "fr": {THREAD}}


# -- telling -------------------------------------------------------------------------------------------------


def test_only_people_at_home_here_are_shown_and_places_that_go_there() -> None:
    desk = Desk()
    assert desk.presence
    desk.presence.moved("asha", "offline", "away", desk.now)
    desk.looked_at("fr", "p:asha", "p:bob", "p:anna", "p:nobody", THREAD, TALK, OTHER)
    shown = {"p:asha": "away", "p:bob": "offline", THREAD: ()}
    assert desk.links.allowed == {"fr": shown}


def test_a_region_may_show_nobody() -> None:
    for desk in (Desk(tells=False), Desk(keeps=False)):
        desk.looked_at("fr", "p:asha")
        assert desk.links.allowed == {"fr": {}}


def test_changes_of_whom_somebody_looks_at_are_told_as_they_are_at_the_turn() -> None:
    desk = Desk()
    assert desk.presence
    desk.links.seen = {"de": frozenset({"p:asha", THREAD})}
    for person in ("asha", "bob"):
        desk.presence.moved(person, "offline", "online", desk.now)
    desk.presence.moved("asha", "online", "away", desk.now)
    desk.abroad.typed(THREAD, "asha", desk.now)
    desk.abroad.typed(OTHER, "asha", desk.now)
    desk.turn()
    assert desk.links.told == [{"p:asha": "away", THREAD: ("asha",)}]


def test_what_others_say_is_passed_on_to_nobody() -> None:
    desk = Desk()
    desk.links.seen = {"de": frozenset({"p:cleo", THREAD})}
    desk.hear("p:cleo", THREAD)
    desk.abroad.seen("fr", {"p:cleo": "online"}, {THREAD: ("cleo",)})
    desk.turn()
    assert not desk.links.told
    assert desk.typing.names(THREAD) == ("cleo",)


def test_who_moves_away_is_shown_no_more() -> None:
    desk = Desk()
    desk.looked_at("de", "p:asha")
    assert desk.links.allowed == {"de": {"p:asha": "offline"}}
    desk.places.of_people["asha"] = "fr"
    desk.commit(PersonTakenOver(person="asha", previous="in", rev=2))
    assert desk.links.allowed == {"de": {}}


def test_what_is_said_of_whom_nobody_looks_at_is_dropped() -> None:
    desk = Desk()
    states: dict[str, State] = {"p:anna": "online"}
    desk.abroad.seen("de", states, {THREAD: ("anna",)})
    assert desk.presence
    assert not desk.presence.has_word("anna")
    assert desk.typing.names(THREAD) == ()
