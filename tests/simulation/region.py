"""A region of the simulation: the laboratory's node, which may die at every named point and lose its disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from server.app.incarnations import lost
from server.domain.errors import Refused
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, WireEvent
from server.federation import frames, steps
from server.federation.frames import Ack, Batch, Heads, Hello, Want
from server.federation.lanes import Held
from tests.simulation.crashes import Point, Traps
from tests.simulation.inhabited import Inhabited
from tests.simulation.oracle import check_memory, holds
from tests.simulation.plainlog import PlainLog
from tests.simulation.releases import Release, as_released

if TYPE_CHECKING:
    from tests.simulation.company import Company

AFTER_SENDING: Mapping[type, Point] = {
    Hello: Point.HELLO_SENT,
    Want: Point.WANT_SENT,
    Batch: Point.BATCH_SENT,
    Ack: Point.ACK_SENT,
    Heads: Point.HEADS_SENT,
}


class Region(Inhabited):
    """``world`` is a Company. Its log is what a disk holds; all else dies with the process."""

    def __init__(
        self, world: Company, region: str, dials: Mapping[str, bool], log: PlainLog
    ) -> None:
        super().__init__(world, region, dials, log)
        self.traps = Traps(world.reached, world.died)
        self.release = Release.SAME
        self.disk_ms = (0, 5)
        self.repeats = 0
        """So many of the next messages arrive twice."""
        self.is_put_back = False
        """The disk holds an older copy of itself, and its mark outside tells so."""
        self._last_sent: type = Hello
        for key in log.lanes:
            self._wrote(key)

    # -- life and death ------------------------------------------------------------------------------

    def start(self) -> None:
        self.log.reopen()
        if self.is_put_back and not self._open_epoch():
            return
        self.begin()
        super().start()
        if self.alive:
            self.catch_up_on_duties()
        if self.alive:
            self.go_on()

    def _open_epoch(self) -> bool:
        """Nothing is written under a number that was given before (research 5.9)."""
        if self.dies(Point.EPOCH_MARKED):
            return False
        self.log.open_epoch(self.world.now)
        self.is_put_back, self.is_recovering = False, True
        key = LaneKey(self.region, self.log.epoch, "control")
        self._wrote(key)
        return True

    def put_back(self, lengths: Mapping[LaneKey, int], *, knowing: bool) -> None:
        """An older copy of the disk; ``knowing``: the mark beside it tells, and a new epoch is opened."""
        self.crash()
        self.log.put_back(lengths)
        self._fold_anew()
        self.world.put_back += 1
        if knowing:
            self.is_put_back = True
        else:
            written = self.world.oracle.hashes
            self.world.oracle.split |= {key for key in written if key.region == self.region}
        self.world.lost_a_disk()

    def dies(self, point: Point) -> bool:
        if not self.traps.springs(point):
            return False
        self.die()
        return True

    def reopen(self, after: int = 0) -> None:
        """Its log is not the newest: taken apart, and opened in the next epoch at its next start (16.2)."""
        self.is_put_back = True
        self.die()

    def die(self) -> None:
        self.crash()
        self.world.revive_later(self)

    def vanish(self) -> None:
        """As ``crash``, and nobody is told: the machine lost its power, or the line with it."""
        for wire in self.wires.values():
            wire.alive = False
            other, conn = wire.other(self)
            other.wires.pop(conn, None)
        self.wires.clear()
        self.crash()

    # -- writing ---------------------------------------------------------------------------------------

    def write(self, lane: str, bodies: Sequence[bytes]) -> None:
        """One commit of own events."""
        key = self.remember(lane, bodies)
        if not self.dies(Point.APPENDED):
            self.committed({key: len(self.log.lanes[key])})

    def remember(self, lane: str, bodies: Sequence[bytes]) -> LaneKey:
        """The same, and nobody is told."""
        key = LaneKey(self.region, self.log.epoch, lane)
        for body in bodies:
            kind = "topic.defined" if is_listed(lane, body) else "post.published"
            self.log.append(lane, body, self.clock(), kind)
            self._wrote(key)
        return key

    def _wrote(self, key: LaneKey) -> None:
        events = self.log.lanes[key]
        self.world.oracle.appended(key, len(events), events[-1].hash)
        self.grown.append((key, len(events)))

    def apply(self, peer: str, batch: LaneBatch) -> None:
        if self.refusing:
            super().apply(peer, batch)
            return
        ours = LaneKey(self.region, self.log.epoch, batch.key.lane)
        if lost(batch, ours, self.log.tip(ours).seq):
            self.reopen()
            return
        if self.traps.springs(Point.MID_BATCH):
            self.log.tear(batch)
            self.die()
            return
        before = self.log.tip(batch.key)
        try:
            seq = self.log.apply(batch)
        except Refused as error:
            refusal = error.refusal
            self.later(lambda: self.feed(peer, steps.ApplyRefused(batch.key, refusal)))
            return
        gained = self._gained(batch, before.seq)
        if seq > before.seq:
            self.grown.append((batch.key, seq))
        self._learn(batch.key, gained)
        if before.lead and seq >= before.lead.base:
            self.wake()
        if self.dies(self._committing(batch, before, seq)):
            return
        if batch.early:
            self.relay.came(batch.key)
        self.committed({batch.key: seq})
        if self.dies(Point.NOTIFIED):
            return
        self.later(lambda: self.feed(peer, steps.Applied(batch.key, seq)))
        self.see(batch.key, gained)

    def _gained(self, batch: LaneBatch, before: int) -> list[tuple[int, WireEvent]]:
        """What the disk has by this batch, read back from it, in order or early."""
        key, oracle = batch.key, self.world.oracle
        if batch.early and batch.after > before:
            numbers = range(batch.after + 1, batch.after + len(batch.events) + 1)
            gained = [(seq, event) for seq in numbers if (event := self.log.event(key, seq))]
            holds(len(gained) == len(numbers), f"early events of {key} are not on the disk")
            oracle.applied_early(self.region, key, gained)
            return gained
        fresh = self.log.lanes[key][before:]
        oracle.applied(self.region, key, before, fresh)
        return list(enumerate(fresh, before + 1))

    def _committing(self, batch: LaneBatch, before: Held, seq: int) -> Point:
        """What kind of commit this was."""
        if batch.key.region == self.region:
            return Point.RECOVERING
        if before.lead and seq >= before.lead.base:
            return Point.JOINED
        return Point.EARLY if batch.early and batch.after > before.seq else Point.COMMITTED

    def committed(self, tips: dict[LaneKey, int]) -> None:
        self.relay.moved(tips)
        self.heed(tips)
        if words := self.roster.fresh():
            self.tell_keys(words)
        self._feed_all(steps.Committed(tips))

    # -- erasure ---------------------------------------------------------------------------------------

    def catch_up_on_duties(self) -> None:
        """What was committed and not acted on before the process died."""
        for key, events in list(self.log.lanes.items()):
            if key.lane == "control":
                self.see(key, list(enumerate(events, 1)))

    def see(self, key: LaneKey, events: Sequence[tuple[int, WireEvent]]) -> None:
        """Acts on new events: an erasure is carried out and acknowledged in our own control lane."""
        for seq, event in events:
            if (key, seq) in self.world.oracle.erased:
                self._erase_if_asked(key, seq)
            if event.body and event.body.startswith(b"erase "):
                self._erase(event.body)

    def _erase(self, wish: bytes) -> None:
        key, seq = erasure_of(wish)
        self._remove(key, seq)
        if self.dies(Point.ERASED) or not self.alive:
            return
        receipt = b"erased" + wish.removeprefix(b"erase")
        if not any(receipt in own for own in self.said()):
            self.write("control", [receipt])

    def _erase_if_asked(self, key: LaneKey, seq: int) -> None:
        """An event that comes after the wish to erase it."""
        wish = erasure(key, seq)
        asked = (
            event.body == wish
            for lane, events in self.log.lanes.items()
            if lane.lane == "control"
            for event in events
        )
        if any(asked):
            self._remove(key, seq)

    def _remove(self, key: LaneKey, seq: int) -> None:
        events = self.log.lanes.get(key, [])
        early = self.log.early.get(key, {})
        if len(events) >= seq:
            events[seq - 1] = events[seq - 1]._replace(salt=None, body=None)
        elif seq in early:
            early[seq] = early[seq]._replace(salt=None, body=None)

    def said(self) -> list[bytes]:
        """Bodies of our own control lanes."""
        return [
            event.body or b""
            for key, events in self.log.lanes.items()
            if (key.region, key.lane) == (self.region, "control")
            for event in events
        ]

    # -- the links ---------------------------------------------------------------------------------------

    def feed(self, peer: str, given: steps.Input) -> None:
        link = self.links.get(peer)
        if link is None:
            return
        if isinstance(given, steps.Received):
            given = given._replace(data=as_released(given.data, self._release_towards(peer)))
            if self.repeats:
                self.repeats -= 1
                again = given
                self.world.after(0, lambda: self._once_more(peer, again))
        now = self.world.now + self.clock_offset
        for effect in link.step(now, given, self.world.random.random()):
            self.perform(peer, effect)
            if self.links.get(peer) is not link:
                return
        check_memory(link)

    def _release_towards(self, peer: str) -> Release:
        both = (self.release, self.world.nodes[peer].release)
        return Release.OLDER if Release.OLDER in both else both[1]

    def _once_more(self, peer: str, given: steps.Received) -> None:
        if link := self.links.get(peer):
            for effect in link.step(self.world.now + self.clock_offset, given, 0.5):
                self.perform(peer, effect)

    def perform(self, peer: str, effect: steps.Effect) -> None:
        super().perform(peer, effect)
        if isinstance(effect, steps.Report) and effect.refusal:
            self.world.people.reported(self, peer, effect.refusal)
        if isinstance(effect, steps.Send) and (point := AFTER_SENDING.get(self._last_sent)):
            self.dies(point)

    def later(self, act: Any) -> None:
        life = self.life
        pause = self.world.random.randint(*self.disk_ms)
        self.world.after(pause, lambda: act() if self.life == life else None)

    def check(self, peer: str, frame: frames.Frame, size: int) -> None:
        self._last_sent = type(frame)
        super().check(peer, frame, size)
        self.world.frames_checked += 1
        self.world.oracle.sent(frame)
        if isinstance(frame, Batch):
            self.world.record.sent(peer, frame)


def is_listed(lane: str, body: bytes) -> bool:
    """One in eight events is about a person or a community."""
    return lane != "control" and len(body) > 0 and body[0] % 8 == 0


def erasure(key: LaneKey, seq: int) -> bytes:
    """The body of a wish to erase one event."""
    return f"erase {key.region} {key.epoch} {key.lane} {seq}".encode()


def erasure_of(wish: bytes) -> tuple[LaneKey, int]:
    _, region, epoch, lane, seq = wish.decode().split()
    return LaneKey(region, int(epoch), lane), int(seq)
