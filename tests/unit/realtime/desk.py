"""A node for sessions, without sockets, database or time: everything waits until a test lets it happen.

``Desk`` is the node: a log, who may hear what (as of every position), the hub, and the jobs sessions
wait for. ``Line`` is one connection: it performs a session's effects as ``connection.Connection`` does,
onto a buffer that its client reads when the test says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from server.app.handle import Answer
from server.domain.errors import Code, Refusal
from server.domain.facts import PersonFact
from server.domain.ids import Cursor
from server.realtime import effects as fx
from server.realtime import frames, presence
from server.realtime.frames import Form
from server.realtime.hub import Hub, Slice
from server.realtime.present import Present
from server.realtime.reading import Node
from server.realtime.ring import PAGE_BYTES_MAX, Ready, Ring, bounded
from server.realtime.session import Session
from server.realtime.states import State
from server.storage.event_log import Record
from tests.unit.realtime.scenes import REGION, UTC, commands_of_people
from tests.unit.realtime.wire import EventSource, messages

HIGH_WATER_BYTES = 1_000
PAGE_EVENTS = 3
DAYS_30_MS = 30 * 86_400_000


class Permissions:
    """What people may hear after each position: their own channels, and those they may watch."""

    def __init__(self, people: dict[str, tuple[frozenset[str], frozenset[str]]]) -> None:
        self._history: list[dict[str, tuple[frozenset[str], frozenset[str]]]] = [people]

    def then(self, **people: tuple[frozenset[str], frozenset[str]]) -> None:
        """One more position; people who are not named keep what they have."""
        self._history.append(self._history[-1] | people)

    def own(self, person: str, position: int = -1) -> frozenset[str]:
        return self._history[position][person][0]

    def watchable(self, person: str, position: int = -1) -> frozenset[str]:
        own, more = self._history[position][person]
        return own | more


class Desk:
    """``page_events``: of one page, from the ring and from the log alike."""

    def __init__(
        self,
        permissions: Permissions,
        *,
        epoch: int = 1 << 32,
        ring: dict[str, int] | None = None,
        page_events: int = PAGE_EVENTS,
        page_bytes: int = PAGE_BYTES_MAX,
        high_water_bytes: int = HIGH_WATER_BYTES,
        lasts_ms: int = DAYS_30_MS,
    ) -> None:
        self.log: list[Record] = []
        self.permissions = permissions
        self.epoch = epoch
        self.now = 0
        self.lasts_ms = lasts_ms
        self.high_water_bytes = high_water_bytes
        self.jobs: list[Callable[[], None]] = []
        self.lines: list[Line] = []
        self.made = 0
        """Lines, those that are gone included."""
        self.answers: dict[tuple[str, str], Answer] = {}
        self.commands = commands_of_people()
        self.page = {"events_max": page_events, "bytes_max": page_bytes}
        self._ring = ring or {}
        self._slices: Iterator[Slice] | None = None
        self._reaching: list[tuple[int, Line, fx.Input]] = []
        self.open_hub()

    # -- the node ------------------------------------------------------------------------------------

    def open_hub(self) -> None:
        position = len(self.log)
        self.hub = Hub(position, Ring(position, **self._ring), epoch=self.epoch)
        self.present = Present(self.hub)

    def restart(self, epoch: int) -> None:
        """A restore: the log goes on in another epoch, and nobody is connected."""
        for line in list(self.lines):
            line.drop()
        self.epoch = epoch
        self.jobs.clear()
        self._reaching.clear()
        self._slices = None
        self.open_hub()

    def commit(self, *records: Record) -> None:
        """Permissions must have been told of each record."""
        self.log += records
        self.hub.publish(records)

    def fan_out_slice(self) -> bool:
        """One slice of what was committed; False when there is nothing to hand out."""
        if self._slices is None:
            self._slices = self.hub.fan_out()
        part = next(self._slices, None)
        if part is None:
            self._slices = None
        else:
            part.deliver()
        waiting, self._reaching = self._reaching, []
        for position, line, result in waiting:
            self.tell(position, line, result)
        return part is not None

    def tell(self, position: int, line: Line, result: fx.Input) -> None:
        if position <= self.hub.position:
            line.feed(result)
        else:
            self._reaching.append((position, line, result))

    def run_job(self, index: int) -> None:
        self.jobs.pop(index % len(self.jobs))()

    def settle(self) -> None:
        """Let everything happen that can, and every client read."""
        busy = True
        while busy:
            busy = False
            while self.jobs:
                self.run_job(0)
                busy = True
            while self.fan_out_slice():
                busy = True
            for line in list(self.lines):
                busy |= line.read()

    def expires_at(self) -> int:
        """Of what somebody signs in with now."""
        return UTC + self.now + self.lasts_ms

    # -- what sessions wait for --------------------------------------------------------------------------

    def interests(self, line: Line, effect: fx.LoadInterests) -> None:
        own = self.permissions.own(effect.person)
        allowed = effect.asked & self.permissions.watchable(effect.person)
        found = fx.Interests(effect.ticket, len(self.log), own, effect.asked, allowed)
        self.tell(len(self.log), line, found)

    def authorized(self, line: Line, effect: fx.Authorize) -> None:
        may = self.permissions.watchable(effect.person)
        allowed = tuple([name for name in effect.channels if name in may])
        refused = [(name, str(Code.FORBIDDEN)) for name in effect.channels if name not in may]
        result = fx.Authorized(
            effect.id, effect.since, len(self.log), allowed, effect.refused + tuple(refused)
        )
        self.tell(len(self.log), line, result)

    def log_page(self, line: Line, effect: fx.CatchUp, upto: int) -> None:
        wanted = frozenset(effect.channels)
        found = [r for r in self.log[effect.after : upto] if wanted.intersection(r.channels)]
        limit = self.page["events_max"]
        end = found[limit - 1].position if len(found) >= limit else upto
        part = bounded([Ready(r, self.epoch) for r in found[:limit]], end, **self.page)
        line.feed(fx.Page(effect.ticket, part.entries, part.upto, ready=False))

    def answer(self, line: Line, effect: fx.Submit) -> None:
        """I2: the same person and key get the first answer."""
        known = self.answers.get((effect.person, effect.key))
        if known is None:
            position = len(self.log)
            answer = Answer(position, str(Cursor(self.epoch, position)), {"n": len(self.answers)})
            self.answers[effect.person, effect.key] = answer
        else:
            answer = Answer(known.position, known.cursor, known.result, repeated=True)
        line.feed(fx.Answered(effect.key, answer))


class Line:
    """One connection. ``client`` gets every frame it reads, decoded; the secret is the person's name."""

    def __init__(
        self,
        desk: Desk,
        client: Callable[[dict[str, Any]], None],
        form: Form = Form.JSON,
    ) -> None:
        self.desk, self.form = desk, form
        self.source = EventSource()
        desk.made += 1
        self._number = desk.made
        """The reader's side of server-sent events."""
        self.session = Session(Node(REGION, desk.epoch), desk.now, desk.commands)
        self.closed: int | None = None
        self.buffer = bytearray()
        self.paused = False
        self.seen: presence.State = "offline"
        self._client = client
        self._todo: deque[fx.Input] | None = None
        desk.lines.append(self)

    def __hash__(self) -> int:
        """By age: where an address in memory decides who is served first, no run could be repeated."""
        return self._number

    # -- the client's side -------------------------------------------------------------------------------

    def say(self, raw: bytes, text: bool = True) -> None:
        """A message of the client; whoever does not read is not read from."""
        assert not self.paused
        self.feed(frames.decode(self.form.encoding, raw, text))

    def read(self) -> bool:
        """The client reads everything that waits; whether there was anything."""
        data, self.buffer = bytes(self.buffer), bytearray()
        for frame in self._read(data):
            self._client(frame)
        if self.paused:
            self.paused = False
            self.feed(fx.Resumed())
        return bool(data)

    def _read(self, data: bytes) -> Iterator[Any]:
        if self.form is not Form.EVENT_STREAM:
            yield from messages(data, self.form)
            return
        for block in data.split(b"\n\n")[:-1]:
            yield from self.source.feed(block + b"\n\n")

    def drop(self) -> None:
        """The connection breaks; what was not read is lost."""
        self.feed(fx.Lost())
        self.perform(fx.Appear("offline"))
        if self in self.desk.lines:
            self.desk.lines.remove(self)

    def is_slow(self) -> bool:
        return len(self.buffer) > self.desk.high_water_bytes // 4

    # -- the node's side ---------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) > self.desk.high_water_bytes and not self.paused:
            self.paused = True
            self.feed(fx.Paused())

    def turn(self, position: int, data: bytes) -> None:
        self.buffer += data
        self.feed(fx.Turned(position))
        self.write(b"")  # if it is too much, that is found only now

    def feed(self, what: fx.Input) -> None:
        if self._todo is not None:
            self._todo.append(what)
            return
        todo = self._todo = deque((what,))
        while todo:
            for effect in self.session.receive(todo.popleft(), self.moment()):
                self.perform(effect)
        self._todo = None

    def moment(self) -> fx.Moment:
        hub = self.desk.hub
        return fx.Moment(
            self.desk.now,
            UTC + self.desk.now,
            hub.position,
            hub.sent(self),
            hub.values.flushed,
            hub.narrowed,
            len(self.desk.log),
        )

    def perform(self, effect: fx.Effect) -> None:
        desk = self.desk
        match effect:
            case fx.SendFrame(frame):
                self.write(frames.encode(frame, self.form))
            case fx.SendEvents(entries, replayed):
                self.write(self._joined(entries, replayed))
            case fx.CatchUp():
                self._catch_up(effect)
            case fx.Join(channels):
                desk.hub.join(self, channels)
            case fx.Drop(channels):
                desk.hub.part(self, channels)
            case fx.Leave(channels):
                desk.hub.leave(self, channels)
            case fx.Authenticate(token):
                desk.jobs.append(lambda: self._authenticated(token))
            case fx.Renew(token):
                desk.jobs.append(lambda: self._renewed(token))
            case fx.JudgeBy():
                pass
            case fx.LoadInterests():
                desk.jobs.append(lambda: desk.interests(self, effect))
            case fx.Authorize():
                desk.jobs.append(lambda: desk.authorized(self, effect))
            case fx.Submit():
                desk.jobs.append(lambda: desk.answer(self, effect))
            case fx.SendValues():
                pass
            case fx.Appear(state):
                desk.present.moved(self.session.person, self.seen, state, desk.now)
                self.seen = state
            case fx.SendPresence(people):
                for value in desk.present.values(people):
                    self.perform(fx.SendFrame(value))
            case fx.SayTyping(channel):
                desk.present.typing.said(channel, self.session.person, desk.now)
            case fx.Close(code, _):
                self.closed = code
                desk.lines.remove(self)

    def _joined(self, entries: Sequence[Ready], replayed: bool) -> bytes:
        """As ``Connection`` and ``EventStream`` do it."""
        made = [entry.frame(self.form) for entry in entries]
        if replayed and self.form is Form.EVENT_STREAM:
            made = [frames.without_place(one) for one in made]
        return b"".join(made)

    def _catch_up(self, effect: fx.CatchUp) -> None:
        desk = self.desk
        if self.paused:
            self.feed(fx.Paused())
            return
        upto = desk.hub.position if effect.upto is None else effect.upto
        found = desk.hub.ring.since(effect.channels, effect.after, upto, **desk.page)
        if found is None:
            desk.jobs.append(lambda: desk.log_page(self, effect, upto))
        else:
            self.feed(fx.Page(effect.ticket, found.entries, found.upto, ready=True))

    def _authenticated(self, token: str | None) -> None:
        if not token:
            self.feed(fx.SignedIn(Refusal(Code.UNAUTHENTICATED, "who?"), 0, 0))
            return
        others = [line for line in self.desk.lines if line.session.person == token]
        self.feed(fx.SignedIn(_person(token), len(others), self.desk.expires_at()))

    def _renewed(self, token: str) -> None:
        self.feed(fx.Renewed(token, _person(token), self.desk.expires_at()))

    @property
    def is_live(self) -> bool:
        return self.session.state is State.LIVE


def _person(name: str) -> PersonFact:
    return PersonFact(name, REGION, True, False, "", "", 1, 0, frozenset())


def positions(heard: Sequence[dict[str, Any]]) -> list[int]:
    return [frame["position"] for frame in heard if frame["t"] == "event"]
