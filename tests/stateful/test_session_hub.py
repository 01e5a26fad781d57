"""I3 and I9 for live clients: any order of commits, drops, resumes, stalls, trims, joins and leaves.

The model is a list: the log, and who may hear which channel after each position. Every connection must
hear each event that is its own exactly once, in order, or be told ``reset``; must never hear what its
person may not; and must never make the node hold more than a bounded number of bytes for it.

Events "of its own" are those on a channel that was the person's (or watched) from before the event until
now. Events on a channel that came or went since may or may not be heard: the node asks who may hear what
when it gets to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.domain.events import CommunityChanged, EditedCommunity, Event
from server.domain.ids import Cursor
from server.realtime import hub, reading
from server.realtime.frames import Encoding, Form
from server.realtime.states import State
from tests.unit.realtime.desk import HIGH_WATER_BYTES, Desk, Line, Permissions
from tests.unit.realtime.scenes import CHESS, OTHER, TEA, THREAD, joined, post, record
from tests.unit.realtime.wire import messages

pytestmark = pytest.mark.stateful

PEOPLE = ("asha", "bob")
CLIENTS = 3
"""Two of asha's, one of bob's."""
HELD_BYTES_MAX = 16 * 1024
"""One page or batch above the high-water mark, and answers; the log grows far beyond it."""
ROOM = {"events_max": 4, "bytes_max": 40_000}

THREADS = {THREAD: TEA, OTHER: CHESS}
PLACES = st.sampled_from(
    [("g",), (TEA,), (TEA, THREAD), (THREAD,), (CHESS,), (CHESS, OTHER), (OTHER,), ("u:asha", TEA), ("u:bob",)]
)  # fmt: skip
COMMITS = st.lists(PLACES, min_size=1, max_size=4)
WHO = st.integers(0, CLIENTS - 1)


class Client:
    """One device: keeps its cursor over connections, as docs/protocol/client.md 6.1 tells it to; over an event
    stream, as a browser does: the last id it saw."""

    def __init__(self, person: str, form: Form) -> None:
        self.person, self.form = person, form
        self.cursor: Cursor | None = None
        self.base = 0
        """Everything that is mine after this position is in ``heard``, over all connections."""
        self.heard: set[int] = set()
        self.connection: Connection | None = None


class Connection:
    """What one connection of a client promised and brought."""

    def __init__(self, desk: Desk, client: Client, channels: tuple[str, ...]) -> None:
        self.desk, self.client = desk, client
        self.line = Line(desk, self.hear, client.form)
        self.start: int | None = None
        self.high = 0
        self.heard: list[int] = []
        self.asked = set(channels)
        self.watched: dict[str, int] = {}
        """Owed after this position."""
        self.replaying: dict[int, tuple[tuple[str, ...], int]] = {}
        self.done: list[str] = []
        self.watch_id = 0
        self.lost: Cursor | None = None
        """Said to be, and not yet known to the node."""
        self.on_its_way = 0
        """Frames the node wrote before it knew."""
        self.rewound = self.has_replayed = False
        self.unwatched: dict[str, int] = {}
        """Answers to watches up to this one come too late."""

    def say(self, **frame: Any) -> None:
        text = self.client.form.encoding is Encoding.JSON
        self.line.say((msgspec.json if text else msgspec.msgpack).encode(frame), text)

    # -- hearing -------------------------------------------------------------------------------------

    def rewind(self, back: int) -> None:
        """Lost is what came after a cursor; what is on its way already still comes before the answer."""
        assert self.client.cursor is not None
        cursor = self.client.cursor
        self.lost = Cursor(cursor.epoch, max(0, cursor.position - back))
        self.on_its_way = len(messages(bytes(self.line.buffer), self.client.form))
        self.rewound = True
        self.say(t="rewind", cursor=str(self.lost))
        self._arrived()

    def _arrived(self) -> None:
        if self.lost is None or self.on_its_way:
            return
        client, at = self.client, self.lost.position
        self.heard = [position for position in self.heard if position <= at]
        client.heard = {position for position in client.heard if position <= at}
        client.cursor, self.high = self.lost, at
        client.base, self.start = min(client.base, at), min(self.start or 0, at)
        self.lost = None

    def hear(self, frame: dict[str, Any]) -> None:
        self._hear(frame)
        if self.lost is not None:
            self.on_its_way -= 1
            self._arrived()
        if self.client.form is Form.EVENT_STREAM and self.line.source.last_id and not self.rewound:
            last, kept = Cursor.parse(self.line.source.last_id), self.client.cursor
            # What is replayed leaves a browser's last id alone, though a mark may be due (section 6.6.1).
            assert last == kept or (self.has_replayed and kept is not None and last < kept)

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "welcome":
                self._welcome(frame)
            case "event":
                self._event(frame["position"])
            case "mark":
                self._reached(Cursor.parse(frame["cursor"]))
            case "reset":
                self._begin(Cursor.parse(frame["cursor"]))
            case "watching":
                self._watching(frame)
            case "done":
                self.done.append(frame["key"])

    def _welcome(self, frame: dict[str, Any]) -> None:
        cursor = Cursor.parse(frame["cursor"])
        named = self.asked & set(frame["channels"])
        if frame["resume"] in ("fresh", "reset"):
            self._begin(cursor)
        else:
            assert cursor == self.client.cursor
        self.start = self.high = cursor.position
        self.watched |= dict.fromkeys(named, cursor.position)

    def _begin(self, cursor: Cursor) -> None:
        """A snapshot is fetched now; what follows is owed after this cursor."""
        self.client.cursor, self.client.base = cursor, cursor.position
        self.client.heard.clear()
        self.start = cursor.position
        self.watched = {name: max(at, cursor.position) for name, at in self.watched.items()}

    def _reached(self, cursor: Cursor) -> None:
        assert self.client.cursor is not None
        self.client.cursor = max(self.client.cursor, cursor)
        self.high = max(self.high, cursor.position)

    def _event(self, position: int) -> None:
        assert self.start is not None, "events follow the welcome"
        assert position not in self.heard, "heard twice"
        if position <= self.high:
            assert self._is_replayed(position), "out of order"
        assert self._may_hear(position), "not for these eyes"
        self.heard.append(position)
        self.client.heard.add(position)
        self._reached(Cursor(self.desk.epoch, position))

    def _is_replayed(self, position: int) -> bool:
        channels = self.desk.log[position - 1].channels
        return any(
            since < position and not set(names).isdisjoint(channels)
            for names, since in self.replaying.values()
        )

    def _may_hear(self, position: int) -> bool:
        channels, person = self.desk.log[position - 1].channels, self.client.person
        permissions, now = self.desk.permissions, len(self.desk.log)
        return any(
            name in permissions.own(person, at)
            or (name in self.asked and name in permissions.watchable(person, at))
            for at in range(position - 1, now + 1)
            for name in channels
        )

    def _watching(self, frame: dict[str, Any]) -> None:
        _, since = self.replaying.pop(frame["id"], ((), None))
        for name in frame["channels"]:
            if 0 < frame["id"] <= self.unwatched.get(name, 0):
                continue
            owed = len(self.desk.log) if since is None else max(since, self.client.base)
            self.watched[name] = min(self.watched.get(name, owed), owed)
        for refused in frame["refused"]:
            self.watched.pop(refused["channel"], None)

    # -- what must have been heard ---------------------------------------------------------------------

    def owed(self) -> Iterator[int]:
        """Positions of events this connection must have brought."""
        assert self.start is not None
        for one in self.desk.log:
            own = one.position > self.start and self._was_mine(one.position, one.channels)
            if own or self._was_watched(one.position, one.channels):
                yield one.position

    def _was_mine(self, position: int, channels: tuple[str, ...]) -> bool:
        own, now = self.desk.permissions.own, len(self.desk.log)
        return any(
            all(name in own(self.client.person, at) for at in range(position - 1, now + 1))
            for name in channels
        )

    def _was_watched(self, position: int, channels: tuple[str, ...]) -> bool:
        may, now = self.desk.permissions.watchable, len(self.desk.log)
        return any(
            self.watched.get(name, now) < position
            and all(name in may(self.client.person, at) for at in range(position - 1, now + 1))
            for name in channels
        )


class LiveClients(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.members = {TEA: {"asha"}, CHESS: {"asha", "bob"}}
        self.private = {CHESS}
        self.desk = Desk(Permissions(self._permissions()), ring=ROOM)
        self.clients = [
            Client("asha", Form.JSON),
            Client("asha", Form.EVENT_STREAM),
            Client("bob", Form.MSGPACK_DEFLATE),
        ]
        self.keys = 0

    def _permissions(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        found = {}
        for person in PEOPLE:
            own = {place for place, members in self.members.items() if person in members}
            may = own | (set(self.members) - self.private)
            threads = {thread for thread, place in THREADS.items() if place in may}
            mine = frozenset(own | {"g", "u:" + person})
            found[person] = (mine, frozenset(may | threads))
        return found

    def _commit(self, *events: tuple[tuple[str, ...], Event]) -> None:
        records = []
        for position, (channels, event) in enumerate(events, len(self.desk.log) + 1):
            records.append(record(position, *channels, event=event))
            self.desk.permissions.then(**self._permissions())
        self.desk.commit(*records)

    def _up(self, who: int) -> Connection | None:
        """The client's connection, if it can say something."""
        up = self.clients[who].connection
        return up if up and up.start is not None and not up.line.paused else None

    # -- what happens --------------------------------------------------------------------------------------

    @rule(commits=COMMITS, size=st.sampled_from([1, 300, 300]))
    def somebody_posts(self, commits: list[tuple[str, ...]], size: int) -> None:
        self._commit(*[(channels, post(text="x" * size)) for channels in commits])

    @rule(place=st.sampled_from([TEA, CHESS]), person=st.sampled_from(PEOPLE), after=COMMITS)
    def somebody_joins_or_leaves(
        self, place: str, person: str, after: list[tuple[str, ...]]
    ) -> None:
        """In one commit with posts, so that what is before and after it must be told apart."""
        self._commit(*[(channels, post()) for channels in after])
        on = person not in self.members[place]
        (self.members[place].add if on else self.members[place].discard)(person)
        self._commit(((place, "u:" + person), joined(place, person, on)))
        self._commit(*[(channels, post()) for channels in reversed(after)])

    @rule(after=COMMITS)
    def tea_is_closed_or_opened(self, after: list[tuple[str, ...]]) -> None:
        self._commit(*[(channels, post()) for channels in after])
        self.private ^= {TEA}
        closed = TEA in self.private
        settings = EditedCommunity(name="Tea", visibility="private" if closed else "open")
        channels = (TEA,) if closed else ("g", TEA)
        self._commit((channels, CommunityChanged(community=TEA[2:], rev=1, settings=settings)))
        self._commit(*[(channels, post()) for channels in reversed(after)])

    @rule(who=WHO, resume=st.booleans(), channels=st.sets(st.sampled_from([THREAD, OTHER])))
    def connects(self, who: int, resume: bool, channels: set[str]) -> None:
        client = self.clients[who]
        if client.connection:
            client.connection.line.drop()
        named = tuple(sorted(channels))
        client.connection = Connection(self.desk, client, named)
        hello: dict[str, Any] = {"t": "hello", "token": client.person, "channels": named}
        if resume and client.cursor:
            hello["cursor"] = str(client.cursor)
        client.connection.say(**hello)

    @rule(who=WHO)
    def breaks(self, who: int) -> None:
        client = self.clients[who]
        if client.connection:
            client.connection.line.drop()
            client.connection = None

    @rule(who=WHO, front=st.booleans())
    def goes_into_the_background_or_comes_back(self, who: int, front: bool) -> None:
        connection = self._up(who)
        if connection is None:
            return
        connection.say(t="foreground" if front else "background")

    @rule(who=WHO, back=st.integers(0, 12))
    def loses_something(self, who: int, back: int) -> None:
        connection = self._up(who)
        if connection is None or connection.lost is not None:
            return  # one after the other: the first answer would be taken for the second's
        if connection.line.session.state is State.PARKED:
            return
        connection.rewind(back)

    @rule(who=WHO)
    def reads(self, who: int) -> None:
        connection = self.clients[who].connection
        if connection:
            connection.line.read()

    @rule(
        who=WHO,
        channel=st.sampled_from([THREAD, OTHER, TEA]),
        back=st.none() | st.integers(0, 12),
    )
    def watches(self, who: int, channel: str, back: int | None) -> None:
        connection = self._up(who)
        if connection is None:
            return
        connection.asked.add(channel)
        connection.watch_id += 1
        frame: dict[str, Any] = {"t": "watch", "id": connection.watch_id, "channels": [channel]}
        if back is not None:
            since = max(0, self.desk.hub.position - back)
            frame["since"] = str(Cursor(self.desk.epoch, since))
            connection.replaying[connection.watch_id] = ((channel,), since)
            connection.has_replayed = True
        connection.say(**frame)

    @rule(who=WHO, channel=st.sampled_from([THREAD, OTHER]))
    def unwatches(self, who: int, channel: str) -> None:
        connection = self._up(who)
        if connection is None:
            return
        connection.say(t="unwatch", channels=[channel])
        connection.watched.pop(channel, None)
        connection.unwatched[channel] = connection.watch_id

    @rule(who=WHO, again=st.booleans())
    def does(self, who: int, again: bool) -> None:
        connection = self._up(who)
        if connection is None:
            return
        self.keys += 0 if again else 1
        command = {"do": "announcement.acknowledge", "post": "0" * 26}
        connection.say(t="do", key=f"key-{self.keys:08}", command=command)

    @precondition(lambda self: self.desk.jobs)
    @rule(index=st.integers(0, 9))
    def a_job_is_done(self, index: int) -> None:
        self.desk.run_job(index)

    @rule()
    def a_slice_goes_out(self) -> None:
        self.desk.fan_out_slice()

    @precondition(lambda self: len(self.desk.log) > 30)
    @rule(shift=st.sampled_from([1, 2]))
    def the_node_is_restored(self, shift: int) -> None:
        for client in self.clients:
            client.connection = None
        self.desk.restart(self.desk.epoch + (shift << 32))

    # -- what must hold --------------------------------------------------------------------------------------

    @invariant()
    def memory_is_bounded(self) -> None:
        """I9"""
        for line in self.desk.lines:
            assert len(line.buffer) <= HIGH_WATER_BYTES + HELD_BYTES_MAX

    @invariant()
    def the_hub_holds_exactly_who_is_live(self) -> None:
        """House rule 1: whoever is behind, parked or asking again is written nothing by it."""
        seats = set().union(*self.desk.hub._channels.values())
        assert seats == {line for line in self.desk.lines if line.is_live}

    @rule()
    def all_settles(self) -> None:
        """I3"""
        self.desk.settle()
        for client in self.clients:
            if client.connection and client.connection.line.session.state is State.PARKED:
                client.connection.say(t="foreground")
        self.desk.settle()
        for client in self.clients:
            connection = client.connection
            if connection is None:
                continue
            assert connection.line.is_live
            assert not [at for at in connection.owed() if at not in connection.heard]
            mine = [
                one.position
                for one in self.desk.log
                if one.position > client.base and connection._was_mine(one.position, one.channels)
            ]
            assert client.heard.issuperset(mine)

    def teardown(self) -> None:
        self.all_settles()


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short history reaches."""
    monkeypatch.setattr(hub, "SLICE_SEATS", 1)
    monkeypatch.setattr(reading, "CATCH_UP_EVENTS_MAX", 25)


def test_a_place_watched_while_it_is_being_lost_is_not_heard_afterwards() -> None:
    """The permissions on their way were asked for before the watch, and said nothing about it (I12)."""
    state, notice = LiveClients(), [("g",)]
    state.somebody_joins_or_leaves(after=notice, person="bob", place=TEA)
    state.tea_is_closed_or_opened(after=notice)
    state.tea_is_closed_or_opened(after=notice)
    state.connects(channels=set(), resume=False, who=2)
    state.all_settles()
    state.tea_is_closed_or_opened(after=notice)
    state.a_slice_goes_out()
    state.watches(back=None, channel=TEA, who=2)
    state.somebody_joins_or_leaves(after=[(TEA,)], person="bob", place=TEA)
    state.teardown()


def test_going_back_reaches_an_own_place_that_was_watched_as_well() -> None:
    """Beyond where the connection began, a watch from later on does not hold its place back (section 6.8)."""
    state = LiveClients()
    state.tea_is_closed_or_opened(after=[("g",)])
    state.connects(channels=set(), resume=False, who=0)
    state.all_settles()
    state.watches(back=1, channel=TEA, who=0)
    state.a_job_is_done(index=0)
    state.loses_something(back=2, who=0)
    state.teardown()


TestLiveClients = LiveClients.TestCase
