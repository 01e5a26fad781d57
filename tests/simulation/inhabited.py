"""A region in which people live: its node writes what they decide, folds what it has, and has keys that change.

Of what is on the disk nothing is lost with the process: log, ``state`` (which is the log folded), keys.
"""

from __future__ import annotations

import contextlib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from server.domain.decide import Context, Decided, Draft
from server.domain.errors import Refusal
from server.domain.events import (
    Event,
    KeyRetired,
    KeyRotated,
    PersonHandedOver,
    PersonReleased,
    PollRegionClosed,
    decode_body,
)
from server.domain.ids import EventId, LaneKey, object_id
from server.domain.visibility import CONTROL
from server.domain.wire import LaneBatch, WireEvent, decode_header
from server.federation import frames, steps, trust
from server.federation.handshake import Identity
from server.federation.recovery import Phase, Recovery
from tests.simulation.crashes import Point
from tests.simulation.duties import Died, Duties
from tests.simulation.plainlog import Place, PlainLog, Rule
from tests.simulation.state import State, Written
from tests.unit.federation.lab import GROUPS, Node

if TYPE_CHECKING:
    from tests.simulation.company import Company

AFTER_WRITING: Mapping[type[Event], Point] = {
    PollRegionClosed: Point.POLL_STOPPED,
    PersonHandedOver: Point.HANDED_OVER,
    PersonReleased: Point.RELEASED,
    KeyRotated: Point.KEY_ANNOUNCED,
}
LOOK_MS = 500
"""How often a restored node looks how far it is, as the edge does."""


class Inhabited(Node, ABC):
    """``world`` is a Company."""

    world: Company
    log: PlainLog

    def __init__(
        self, world: Company, region: str, dials: Mapping[str, bool], log: PlainLog
    ) -> None:
        super().__init__(world, region, list(dials), dials)
        self.log = log
        self.others = frozenset(world.regions) - {region}
        self.groups = {name: frozenset(members) for name, members in GROUPS.items()}
        self.state = State(log)
        self.grown: list[Place] = []
        """How this disk came to hold what it holds, a lane's new length after the other."""
        self.base: dict[LaneKey, int] = {}
        """What it held at the beginning."""
        self.former_keys: list[Any] = []
        self.next_key: Any = None
        """Drawn, and put beside the database; not in use yet."""
        self.is_recovering = False
        """The log was put back, and may still lack what others hold of it."""

    def begin(self) -> None:
        """Before a process's links: what it does by itself, and whether it lets people in."""
        self._waking, self._due = False, 0
        self.duties = Duties(self)
        self.recovery = Recovery(self.region, needed=self.is_recovering and bool(self.peers))

    def go_on(self) -> None:
        """After them: what was begun and not finished."""
        self.log.go_by(self.roster)
        if self.is_recovering:
            self._look()
        if self.next_key:
            with contextlib.suppress(Died):
                self._go_over()
        self.wake()

    @abstractmethod
    def dies(self, point: Point) -> bool:
        """Whether the process ends here."""

    # -- the disk ---------------------------------------------------------------------------------------

    def as_it_was(self, changes: int) -> dict[LaneKey, int]:
        """How long each lane was so many changes of the disk ago."""
        return self.base | dict(self.grown[: len(self.grown) - changes])

    def _fold_anew(self) -> None:
        self.state = State(self.log)
        lengths = {key: len(events) for key, events in self.log.lanes.items()}
        self.grown = [(key, seq) for key, seq in self.grown if seq <= lengths.get(key, 0)]
        for key in sorted(self.log.lanes):
            early = self.log.early.get(key, {})
            self._learn(key, [*enumerate(self.log.lanes[key], 1), *early.items()])
        own = [w.event for w in self._meant(CONTROL) if isinstance(w.event, KeyRotated)]
        self._fall_back({event.key for event in own})

    def _fall_back(self, announced: set[bytes]) -> None:
        """The copy has the key of its time, unless that has ended since: then its operator has the newest one."""
        used = [*self.former_keys, self.log.private]
        at = 1 + sum(public_of(key) in announced for key in used[1:])
        if at < len(used) and not self.world.people.has_retired(self.region):
            self.former_keys, self.next_key = used, None
            self.log.sign_by(used[at - 1])

    def _meant(self, lane: str) -> Iterable[Written]:
        """Our own events of a lane that mean something."""
        meaning = self.world.people.meaning
        for key, events in self.log.lanes.items():
            if (key.region, key.lane) == (self.region, lane):
                yield from [meaning[event.hash] for event in events if event.hash in meaning]

    # -- writing ----------------------------------------------------------------------------------------

    def clock(self) -> int:
        return self.world.now + self.clock_offset

    def append(self, rule: Rule) -> dict[str, Any] | Refusal:
        """One commit of what a rule decides, as ``Handler.append``. Raises Died."""
        if self.refusing:
            return self.refusing
        life = self.life
        outcome, places = self.log.decide(rule, self.state, self._context())
        if not places:
            return outcome
        news = [self._written(key, seq) for key, seq in places]
        self._tell(news)
        for kind in dict.fromkeys([type(written.event) for written in news]):
            if kind in AFTER_WRITING:
                self.dies(AFTER_WRITING[kind])
        if self.life == life and not self.dies(Point.APPENDED):
            self.committed({key: len(self.log.lanes[key]) for key, _ in places})
        if self.life != life:
            raise Died
        return outcome

    def _context(self) -> Context:
        def new_id() -> str:
            token = f"{self.region} {next(self.world.tokens)}"
            return object_id(self.clock(), hashlib.sha256(token.encode()).digest()[:10])

        return Context(self.region, self.clock(), new_id, self.groups, self.others)

    def found(self, drafts: Sequence[Draft]) -> None:
        """What was written before the beginning, and everybody has (``People.found``)."""
        context = self._context()._replace(now=self.world.now)
        _, places = self.log.decide(lambda _f, _c: Decided(list(drafts), {}), self.state, context)
        for place in places:
            self.state.fold(self._written(*place))

    def taught(self, batch: LaneBatch) -> None:
        """The same, of another region."""
        self.log.take(batch)
        self._learn(batch.key, enumerate(batch.events, 1))

    def _written(self, key: LaneKey, seq: int) -> Written:
        """Takes down an event that was just written."""
        event = self.log.lanes[key][seq - 1]
        header = decode_header(event.header)
        fact = decode_body(header.type, event.body or b"")
        written = Written(key, seq, header.actor, header.hlc >> 16, fact)
        self.world.oracle.appended(key, seq, event.hash)
        self.grown.append((key, seq))
        self.world.people.meaning[event.hash] = written
        self.world.record.wrote(self, written)
        return written

    # -- reading ----------------------------------------------------------------------------------------

    def _learn(self, key: LaneKey, events: Iterable[tuple[int, WireEvent]]) -> None:
        meaning = self.world.people.meaning
        found = [meaning[event.hash] for _, event in events if event.hash in meaning]
        if found:
            self._tell(found)
        elif any(who.moving_to == self.region for who in self.state.people()):
            self.wake()  # they wait for all that is theirs, whatever it says

    def _tell(self, news: Sequence[Written]) -> None:
        for written in news:
            self.state.fold(written)
            self.world.record.folded(self, written)
        if self.alive:
            self.duties.told(news)
            self.wake()

    def wake(self) -> None:
        """There may be something to do."""
        if self.alive and not self._waking:
            self._waking = True
            self.later(self._attend)

    def _attend(self) -> None:
        self._waking = False
        try:
            due = self.duties.do()
        except Died:
            return
        at = due - self.clock_offset if due else 0
        if at and not self.world.now < self._due <= at:
            self._due, life = at, self.life
            self.world.at(at, lambda: self.wake() if self.life == life else None)

    def _look(self) -> None:
        """Whether a restored node has back what it lost (docs/protocol/federation.md 16.3)."""
        views = {peer: link.view for peer, link in self.links.items()}
        tips = {key: tip.seq for key, tip in self.log.tips().items()}
        without = [key for link in self.links.values() for key in link.forked]
        if self.recovery.observe(self.world.now, views, tips, without) is Phase.OPEN:
            self.is_recovering = False
            self.wake()
            return
        life = self.life
        self.world.after(LOOK_MS, lambda: self._look() if self.life == life else None)

    # -- keys -------------------------------------------------------------------------------------------

    def trusted(self) -> trust.Roster:
        return self.world.keys.roster(self.region, [*self.former_keys, self.log.private])

    def heed(self, lanes: Iterable[LaneKey]) -> None:
        meaning = self.world.people.meaning
        for key in lanes:
            events = self.log.lanes.get(key, [])
            start = self.heeded.get(key, 0)
            for seq, event in enumerate(events[start:], start + 1):
                written = meaning.get(event.hash)
                if written and isinstance(written.event, (KeyRotated, KeyRetired)):
                    trust.heed(self.roster, EventId(*key, seq), written.event)
            self.heeded[key] = len(events)

    def tell_keys(self, words: tuple[frames.Succession, ...]) -> None:
        self._feed_all(steps.KeysKnown(words))

    def use_key(self, private: Any) -> None:
        self.former_keys.append(self.log.private)
        self.log.sign_by(private)
        me = Identity(self.region, self.log.epoch, private)
        self._feed_all(steps.Renamed(me))

    def rotate(self, private: Any) -> None:
        """Another key is drawn; from its announcement on it signs. Raises Died."""
        self.next_key = private
        self._go_over()

    def _go_over(self) -> None:
        """Announced once, then put in place (docs/protocol/federation.md 17.2)."""
        new, old = self.next_key, self.log.private
        raw, by = public_of(new), public_of(old)
        said = [w.event for w in self._meant(CONTROL) if isinstance(w.event, KeyRotated)]
        if not any(event.key == raw for event in said):
            word = trust.succession(self.region, raw, old)
            name = trust.key_id(raw)
            event = KeyRotated(key=raw, key_id=name, before=by, signature=word.signature)
            outcome = self.append(
                lambda _facts, _context: Decided([Draft(CONTROL, "", event, ())], {})
            )
            if isinstance(outcome, Refusal):
                return
        self.next_key = None
        self.use_key(new)

    def _feed_all(self, given: steps.Input) -> None:
        life = self.life
        for peer in list(self.links):
            if self.life == life:
                self.feed(peer, given)


def public_of(private: Any) -> bytes:
    return private.public_key().public_bytes_raw()  # type: ignore[no-any-return]
