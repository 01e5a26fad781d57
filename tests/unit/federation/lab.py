"""A laboratory of regions in virtual time: real links, list-model logs, wires that break.

Nothing here waits: ``World.run`` moves a clock from event to event. Every frame put on a wire is
checked at once against the invariants it could break: I1 (no acknowledgement before it is durable),
I5 (a log takes the next number only), I8 (nothing outside its audience), I9 (credit is kept to).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app.incarnations import lost
from server.domain import limits, wire
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import NAMES, Event, decode_body, encode_body
from server.domain.ids import LaneKey
from server.domain.leads import Lead, contradiction, grown
from server.domain.wire import Header, LaneBatch, SignedHead, WireEvent
from server.federation import catchup, frames, steps, trust
from server.federation.ephemeral import Shown
from server.federation.forks import ForkProof, fork_between
from server.federation.frames import Ack, Batch, Ephem, Fork, Heads, Packed, Want
from server.federation.handshake import Identity
from server.federation.lanes import Course, Held, Reach
from server.federation.link import Link
from server.federation.outbox import Outbox, Rank
from server.federation.packing import unpack
from server.federation.pages import RELAYED_RUN_MAX
from server.federation.relay import Relay
from server.federation.steps import Effect, Input, State
from server.federation.trust import Roster, private_key, sign_head
from server.storage import tables

ABOUT_COMPANY, LISTED = (
    frozenset(re.findall(r"'([a-z_.]+)'", str(types)))
    for types in (tables.ABOUT_COMPANY, tables.LISTED)
)
START = 1_700_000_000_000
"""A day in 2023, UTC milliseconds: where virtual time begins."""
GROUPS: Mapping[str, tuple[str, ...]] = {"eu": ("de", "fr"), "asia": ("cn", "in", "jp", "sg")}
EPOCH = 1 << 32 | 7
TICK_MS = 500
CLOSE_MS = 10_000


def key_of(region: str) -> Ed25519PrivateKey:
    """The same key for a region in every test."""
    return private_key(hashlib.sha256(b"test key of " + region.encode()).digest())


def public_of(region: str) -> bytes:
    return key_of(region).public_key().public_bytes_raw()


def roster_of(*regions: str) -> Roster:
    return Roster({region: [public_of(region)] for region in regions})


def reach_of(*regions: str) -> Reach:
    return Reach(frozenset(regions), GROUPS)


def event_after(
    key: LaneKey,
    tip: Held,
    body: bytes,
    hlc: int = START << 16,
    kind: str = "post.published",
    actor: str = "asha",
) -> WireEvent:
    """The next event of a lane, as its origin would write it."""
    salt = hashlib.sha256(b"salt" + tip.hash).digest()[: wire.SALT_BYTES]
    header = Header(
        wire.HEADER_VERSION,
        *key,
        tip.seq + 1,
        kind,
        1,
        hlc,
        actor,
        (),
        wire.commitment(salt, body),
    )
    raw = wire.encode_header(header)
    return WireEvent(raw, wire.chain(tip.hash, raw), salt, body)


def events_after(key: LaneKey, tip: Held, bodies: list[bytes]) -> list[WireEvent]:
    events = []
    for body in bodies:
        event = event_after(key, tip, body)
        tip = Held(tip.seq + 1, event.hash)
        events.append(event)
    return events


def batch_of(key: LaneKey, bodies: list[bytes], tip: Held | None = None) -> Batch:
    """A batch of new events after ``tip``, signed by the lane's origin."""
    tip = tip or Held.nothing(key)
    events = events_after(key, tip, bodies)
    head = sign_head(key, Held(tip.seq + len(events), events[-1].hash), key_of(key.region))
    decoded = frames.decode(catchup.page(tip.seq, tip.hash, events, head).frame)
    assert isinstance(decoded, Batch)
    return decoded


@lru_cache(maxsize=1 << 16)
def _is_listed(header: bytes) -> bool:
    """Decoding is most of a schedule's time otherwise."""
    return wire.decode_header(header).type in LISTED


class ListLog:
    """What a disk holds: lanes as lists. The model every copy is compared with."""

    def __init__(self, region: str, private: Any = None) -> None:
        self.region = region
        self.private = private or key_of(region)
        self.epoch = EPOCH
        self.lanes: dict[LaneKey, list[WireEvent]] = {}
        """Each from its beginning, without a hole."""
        self.leads: dict[LaneKey, Lead] = {}
        self.early: dict[LaneKey, dict[int, WireEvent]] = {}
        """What is held beyond a hole, by number."""
        self.heads: dict[tuple[LaneKey, int], SignedHead] = {}

    def tip(self, key: LaneKey) -> Held:
        events = self.lanes.get(key)
        if not events:
            return Held.nothing(key)._replace(lead=self.leads.get(key))
        return Held(len(events), events[-1].hash, self.leads.get(key))

    def event(self, key: LaneKey, seq: int) -> WireEvent | None:
        """However it came."""
        events = self.lanes.get(key, [])
        return events[seq - 1] if seq <= len(events) else self.early.get(key, {}).get(seq)

    def tips(self) -> dict[LaneKey, Held]:
        return {key: self.tip(key) for key in self.lanes}

    def append(
        self,
        lane: str,
        body: bytes | Event,
        now: int,
        kind: str = "post.published",
        actor: str = "asha",
    ) -> LaneKey:
        key = LaneKey(self.region, self.epoch, lane)
        if isinstance(body, Event):
            kind, body = NAMES[type(body)], encode_body(body)
        event = event_after(key, self.tip(key), body, now << 16, kind, actor)
        self.lanes.setdefault(key, []).append(event)
        return key

    def copy(self) -> ListLog:
        """A backup."""
        made = ListLog(self.region)
        made.epoch = self.epoch
        made.lanes = {key: events[:] for key, events in self.lanes.items()}
        made.leads = dict(self.leads)
        made.early = {key: dict(events) for key, events in self.early.items()}
        made.heads = dict(self.heads)
        return made

    def apply(self, batch: LaneBatch) -> int:
        """As ``Handler.apply``: part after part, each with its head; skips what is held; a gap or another history is the
        test's failure.

        Raises Refused when what came early and what lies before it do not fit together."""
        return [self._apply(part) for part in batch.parts()][-1]

    def _apply(self, batch: LaneBatch) -> int:
        tip = self.tip(batch.key)
        early = self.early.get(batch.key, {})
        if tip.lead:
            known = {seq: event.hash for seq, event in early.items()}
            if (at := contradiction(batch, known, tip.lead)) is not None:
                raise Refused(Code.FORK, f"two histories at {at}")
        if batch.early and batch.after > tip.seq:
            return self._apply_early(batch)
        assert batch.after <= tip.seq, "I5: a gap reached the log"
        fresh = batch.events[tip.seq - batch.after :]
        for event in fresh:
            self._append(batch.key, event)
        if fresh:
            self.heads[batch.key, batch.head.seq] = batch.head
        if tip.lead and self.tip(batch.key).seq >= tip.lead.base:
            self._join(batch.key)
        return self.tip(batch.key).seq

    def _append(self, key: LaneKey, event: WireEvent) -> None:
        tip, raw = self.tip(key), event.header
        assert wire.chain(tip.hash, raw) == event.hash, "I5: chain broken"
        assert wire.decode_header(raw).seq == tip.seq + 1, "I5: out of order"
        held = self.early.get(key, {}).pop(tip.seq + 1, event)
        assert held.hash == event.hash, "I5: another event came early"
        self.lanes.setdefault(key, []).append(held)

    def _apply_early(self, batch: LaneBatch) -> int:
        key = batch.key
        self.leads[key] = grown(self.leads.get(key), batch)
        self.lanes.setdefault(key, [])
        held = self.early.setdefault(key, {})
        for seq, event in enumerate(batch.events, batch.after + 1):
            held.setdefault(seq, event)
        self.heads[key, batch.head.seq] = batch.head
        return len(self.lanes[key])

    def _join(self, key: LaneKey) -> None:
        """The lead is reached: everything up to its end is there, and nothing else was held early."""
        lead, early = self.leads.pop(key), self.early.pop(key)
        while (event := early.pop(self.tip(key).seq + 1, None)) is not None:
            self._append(key, event)
        assert not early, "I5: events beyond a hole were left"
        assert self.tip(key).seq >= lead.seq

    def reopen(self) -> None:
        """A new process finds it as it was left: a list keeps nothing anywhere else."""

    def open_epoch(self, now: int) -> None:
        """The next incarnation, with the event that opens it."""
        self.epoch += 1 << 32
        self.append("control", b"epoch opened", now)

    def tear(self, batch: LaneBatch) -> None:
        """The process dies within the transaction that would have applied this."""

    def put_back(self, lengths: Mapping[LaneKey, int]) -> None:
        """An older copy of the disk: so much of each lane; of foreign ones, what whole batches brought."""
        ends = {key: seq for key, seq in lengths.items() if key.region == self.region}
        for key, seq in self.heads:
            if seq <= lengths.get(key, 0):
                ends[key] = max(seq, ends.get(key, 0))
        self.lanes = {key: self.lanes[key][:seq] for key, seq in ends.items() if seq}
        self.heads = {(k, seq): h for (k, seq), h in self.heads.items() if seq <= ends.get(k, 0)}
        self.leads, self.early = {}, {}

    def page(
        self,
        key: LaneKey,
        after: int,
        known: Roster | None = None,
        course: Course = Course.WHOLE,
        upto: int = frames.SEQ_END,
    ) -> catchup.Page | None:
        every = self.lanes.get(key, [])
        own = key.region == self.region
        count = limits.PAGE_EVENTS_MAX if own else limits.BATCH_EVENTS_MAX
        if course is Course.LISTED:
            run = self._listed(key, after, upto)
            if run is None:
                return None
            after = run[0] - 1
            count = min(count, run[1] - after) if own else run[1] - after
        elif own:
            count = min(count, upto - after)
        events = every[after : after + count]
        size = itertools.accumulate(len(e.header) + len(e.body or b"") + 16 for e in events)
        fitting = [e for e, s in zip(events, size, strict=True) if s <= limits.BATCH_BYTES_MAX]
        events = fitting or events[:1]
        if not events:
            return None
        last = after + len(events)
        if own:
            head = sign_head(key, Held(last, events[-1].hash), self.private)
        else:
            heads = [h for (k, s), h in self.heads.items() if k == key and after < s <= last]
            heads = [h for h in heads if known is None or known.believes(h)]
            if not heads:
                return None
            head = max(heads, key=lambda h: h.seq)
            events = events[: head.seq - after]
        previous = every[after - 1].hash if after else wire.genesis(*key)
        return catchup.page(after, previous, events, head)

    def _listed(self, key: LaneKey, after: int, upto: int) -> tuple[int, int] | None:
        """As ``Pages._listed_run``."""
        missing = self.lanes.get(key, [])[after:upto]
        listed = [_is_listed(event.header) for event in missing]
        if True not in listed:
            return None
        first = after + 1 + listed.index(True)
        if key.region == self.region:
            run = itertools.takewhile(bool, listed[first - 1 - after :][: limits.BATCH_EVENTS_MAX])
            return first, first - 1 + len(list(run))
        near = min(upto, first + RELAYED_RUN_MAX - 1)
        ends = [seq for k, seq in self.heads if k == key and first <= seq <= near]
        return (first, min(ends)) if ends else None

    def prove(self, evidence: LaneBatch) -> ForkProof | None:
        """As ``Pages.prove``, of which tests/unit/federation/test_pages.py is the proof."""
        key, theirs = evidence.key, evidence.head
        ours = dict(enumerate(self.lanes.get(key, []), 1)) | self.early.get(key, {})
        if key.region == self.region:
            at = min(len(ours), theirs.seq)
            heads = [sign_head(key, Held(at, ours[at].hash), self.private)] if at else []
        else:
            heads = [self.heads[name] for name in sorted(self.heads) if name[0] == key]
        hashes = {seq: event.hash for seq, event in ours.items()}
        if lead := self.leads.get(key):
            hashes[lead.base] = lead.base_hash
        headers = {seq: event.header for seq, event in ours.items()}
        near = [head for head in heads if head.seq >= evidence.after]
        return fork_between(evidence, near, hashes, headers)


class Wire:
    """One connection of two ends: keeps order, loses what is under way when it is cut."""

    def __init__(self, world: World, ends: tuple[tuple[Node, int], tuple[Node, int]]) -> None:
        self.world, self.ends = world, ends
        self.alive = True
        self.stalled = [False, False]
        """Whether a direction lost something: nothing comes through it any more, as in TCP."""
        self.tamper: Callable[[bytes], bytes] | None = None
        self._ready = [0, 0]
        self._outboxes = (Outbox(), Outbox())
        self._writing = [False, False]

    def other(self, node: Node) -> tuple[Node, int]:
        return self.ends[1] if self.ends[0][0] is node else self.ends[0]

    def carry(self, sender: Node, act: Callable[[], None]) -> None:
        """After the latency, never before what was carried earlier in this direction."""
        side = 0 if self.ends[0][0] is sender else 1
        way = (sender.region, self.other(sender)[0].region)
        at = max(self._ready[side], self.world.now + self.world.latency(*way))
        self._ready[side] = at

        def arrive() -> None:
            if way in self.world.muted:
                self.stalled[side] = True
            if self.alive and not self.stalled[side]:
                act()

        self.world.at(at, arrive)

    def send(self, sender: Node, data: bytes, rank: Rank) -> None:
        side = 0 if self.ends[0][0] is sender else 1
        self._outboxes[side].put(data, rank)
        if not self._writing[side]:
            self._write(sender, side)

    def _write(self, sender: Node, side: int) -> None:
        """One message after the other, as fast as the line takes them."""
        messages = self._outboxes[side].take()
        self._writing[side] = bool(messages)
        if not messages:
            return
        (data,) = messages
        if data[1] == frames.Ephem.__struct_config__.tag and not self._outboxes[side].waits(
            Rank.EPHEMERAL
        ):
            receiver, _ = self.other(sender)
            conn = self.ends[side][1]
            self.world.after(0, lambda: sender.feed(receiver.region, steps.Written(conn)))
        pause = len(data) // self.world.bytes_per_ms if self.world.bytes_per_ms else 0
        if pause:
            self.world.after(pause, lambda: self._written(sender, side, data))
        else:
            self._written(sender, side, data)

    def _written(self, sender: Node, side: int, data: bytes) -> None:
        if self.tamper:
            data = self.tamper(data)
        receiver, conn = self.other(sender)
        self.carry(sender, lambda: receiver.feed(sender.region, steps.Received(conn, data)))
        self._write(sender, side)

    def close(self, sender: Node) -> None:
        """The sender's close: arrives after all it sent before, or is not waited for any longer."""
        self.carry(sender, lambda: self.cut("closed by the other end"))
        self.world.after(CLOSE_MS, lambda: self.cut("closed, and no answer"))

    def cut(self, reason: str = "connection reset") -> None:
        if not self.alive:
            return
        self.alive = False
        for node, conn in self.ends:
            node.wires.pop(conn, None)
            peer = self.other(node)[0].region
            self.world.after(
                self.world.latency(),
                lambda n=node, c=conn, p=peer: n.feed(p, steps.Disconnected(c, reason)),  # type: ignore[misc]
            )


class Node:
    """One region: a durable log, and links that die with the process."""

    def __init__(
        self, world: World, region: str, peers: list[str], dials: Mapping[str, bool]
    ) -> None:
        self.world, self.region, self.peers, self.dials = world, region, peers, dials
        self.log = ListLog(region)
        self.links: dict[str, Link] = {}
        self.wires: dict[int, Wire] = {}
        self.timers: dict[str, int] = {}
        self.roster = Roster({})
        self.heeded: dict[LaneKey, int] = {}
        """How far each lane was read for what it says about keys."""
        self.life = 0
        self.clock_offset = 0
        self.reports: list[tuple[str, steps.Report]] = []
        self.relay = Relay()
        self.asked: dict[str, frozenset[str]] = {}
        """What the relay last told each link: to repeat it changes nothing."""
        self.forks: dict[LaneKey, ForkProof] = {}
        self.refusing: Refusal | None = None
        """What the writer answers instead of applying; None while all is well."""
        self.wanted: dict[str, dict[str, None]] = {}
        """By peer, whom people here look at."""
        self.present: dict[str, Shown] = {}
        """What is so here of people and places."""
        self.shows: Callable[[str, str], bool] = lambda _peer, _channel: True
        """Whether a peer may hear of a channel."""
        self.sees: dict[str, Shown] = {}
        """What peers say is so there."""

    @property
    def alive(self) -> bool:
        return bool(self.links)

    def start(self) -> None:
        me = Identity(self.region, self.log.epoch, self.log.private)
        every = self.world.regions
        self.roster = self.trusted()
        self.heeded = {}
        self.heed(sorted(self.log.lanes))
        self.roster.fresh()
        for peer in self.peers:
            self.links[peer] = Link(
                me,
                peer,
                self.roster,
                reach_of(*every),
                self.dials[peer],
                self.world.fresh,
                self.wanted.setdefault(peer, {}),
            )
        self.forks = {}
        self.relay, self.asked = Relay(), {}
        self.relay.loaded({key: tip.seq for key, tip in self.log.tips().items()})
        for peer in self.peers:
            self.feed(peer, steps.Started())
        if len(self.peers) > 1:
            self.tick()

    def trusted(self) -> Roster:
        """Whose keys a process believes in when it starts."""
        return self.world.rosters.get(self.region) or roster_of(*self.world.regions)

    def tick(self) -> None:
        """The relay's, as the edge does it."""
        views = {peer: link.view for peer, link in self.links.items()}
        without = [key for link in self.links.values() for key in link.forked]
        asked = self.relay.decide(self.world.now + self.clock_offset, views, without)
        for peer, origins in asked.items():
            if origins != self.asked.get(peer, frozenset()):
                self.asked[peer] = origins
                self.feed(peer, steps.Relayed(origins))
        life = self.life
        self.world.after(TICK_MS, lambda: self.tick() if self.life == life else None)

    def crash(self) -> None:
        """The process is gone: its links, timers and unfinished work with it; the log stays."""
        self.life += 1
        self.links.clear()
        self.timers.clear()
        for wire_ in list(self.wires.values()):
            wire_.cut("the process died")
        self.wires.clear()

    def reopen(self, after: int = 1_000) -> None:
        """In the next epoch, as the composition root does it (16.2)."""
        self.crash()
        self.log.open_epoch(self.world.now)
        self.world.after(after, self.start)

    def heed(self, lanes: Iterable[LaneKey]) -> None:
        """What is new in these lanes about keys, as the edge reads it."""
        for key in lanes:
            events = self.log.lanes.get(key, [])
            for event in events[self.heeded.get(key, 0) :]:
                header = wire.decode_header(event.header)
                if header.type in ABOUT_COMPANY and event.body:
                    fact = decode_body(header.type, event.body)
                    trust.heed(self.roster, header.id, fact)
            self.heeded[key] = len(events)

    def tell_keys(self, words: tuple[frames.Succession, ...]) -> None:
        for peer in self.links:
            self.feed(peer, steps.KeysKnown(words))

    def use_key(self, private: Ed25519PrivateKey) -> None:
        self.log.private = private
        me = Identity(self.region, self.log.epoch, private)
        for peer in self.links:
            self.feed(peer, steps.Renamed(me))

    def publish(
        self, lane: str, body: bytes | Event = b"hello", kind: str = "post.published"
    ) -> LaneKey:
        key = self.log.append(lane, body, self.world.now, kind)
        self.committed({key: self.log.tip(key).seq})
        return key

    def changes(self, shown: Mapping[str, Shown]) -> None:
        """This is so here from now on."""
        self.present |= shown
        for peer in self.links:
            self.feed(peer, steps.Changed(shown))

    def committed(self, tips: dict[LaneKey, int]) -> None:
        self.relay.moved(tips)
        self.heed(tips)
        if words := self.roster.fresh():
            self.tell_keys(words)
        for peer in self.links:
            self.feed(peer, steps.Committed(tips))

    def look(self, peer: str, wanted: Iterable[str], left: Iterable[str] = ()) -> None:
        """As ``Onlookers.look``."""
        known = self.wanted[peer]
        for channel in left:
            known.pop(channel, None)
        known.update(dict.fromkeys(wanted))
        self.feed(peer, steps.Looked([*wanted], [*left]))

    def feed(self, peer: str, given: Input) -> None:
        link = self.links.get(peer)
        if link is None:
            return
        now = self.world.now + self.clock_offset
        for effect in link.step(now, given, self.world.random.random()):
            self.perform(peer, effect)

    def later(self, act: Callable[[], None]) -> None:
        """After the disk's latency, in this life only."""
        life = self.life
        self.world.after(self.world.disk(), lambda: act() if self.life == life else None)

    def read(self, load: Callable[[], Any], given: Callable[[Any], None]) -> None:
        """What the disk holds at some moment, known at a later one: meanwhile the log moves on."""

        def loaded() -> None:
            found = load()
            self.later(lambda: given(found))

        self.later(loaded)

    def perform(self, peer: str, effect: Effect) -> None:
        match effect:
            case steps.Send(conn, data, _, rank):
                frame = frames.decode(data)
                if isinstance(frame, Packed):
                    self.world.packed.add((self.region, peer))
                    frame, _ = unpack(frame)
                self.check(peer, frame, len(data))
                if wire_ := self.wires.get(conn):
                    wire_.send(self, data, rank)
            case steps.Close(conn):
                if wire_ := self.wires.get(conn):
                    wire_.close(self)
            case steps.Dial():
                self.world.after(self.world.latency(), lambda: self.dial(peer))
            case steps.SetTimer(at):
                token = self.timers[peer] = next(self.world.tokens)
                self.world.at(at - self.clock_offset, lambda: self.timer(peer, token))
            case steps.LoadTips(conn):
                self.read(self.log.tips, lambda tips: self.feed(peer, steps.TipsLoaded(conn, tips)))
            case steps.LoadPage():
                self.read(lambda: self.page_loaded(effect), lambda page: self.feed(peer, page))
            case steps.Apply(batch):
                self.later(lambda: self.apply(peer, batch))
            case steps.ProveFork(evidence):
                self.later(lambda: self.fork_proven(self.log.prove(evidence)))
            case steps.ForkProven(proof):
                self.fork_proven(proof)
            case steps.KeysLearned(words):
                self.tell_keys(words)
            case steps.LookedAt(channels):
                may = [name for name in channels if self.shows(peer, name)]
                shown = {name: self.present[name] for name in may if name in self.present}
                # Not at once: a link's effects are performed before it is given anything more.
                self.world.after(0, lambda: self.feed(peer, steps.Allowed(channels, shown)))
            case steps.Seen(states, typing):
                self.sees |= {**states, **typing}
            case steps.Report():
                self.reports.append((peer, effect))

    def page_loaded(self, wanted: steps.LoadPage) -> steps.PageLoaded:
        key, after, course, upto = wanted
        page = self.log.page(key, after, self.roster, course, upto)
        return steps.PageLoaded(key, after, page, course)

    def fork_proven(self, proof: ForkProof | None) -> None:
        if proof and proof.key not in self.forks:
            self.forks[proof.key] = proof
            for peer in self.peers:
                self.feed(peer, steps.ForkKnown(proof))
            if self.world.reopens and proof.key[:2] == (self.region, self.log.epoch):
                self.reopen()

    def timer(self, peer: str, token: int) -> None:
        if self.timers.get(peer) == token:
            self.feed(peer, steps.TimerFired())

    def apply(self, peer: str, batch: LaneBatch) -> None:
        if self.refusing:
            refusal = self.refusing
            self.later(lambda: self.feed(peer, steps.ApplyRefused(batch.key, refusal)))
            return
        ours = LaneKey(self.region, self.log.epoch, batch.key.lane)
        if self.world.reopens and lost(batch, ours, self.log.tip(ours).seq):
            self.reopen()
            return
        try:
            seq = self.log.apply(batch)
        except Refused as error:
            refusal = error.refusal
            self.later(lambda: self.feed(peer, steps.ApplyRefused(batch.key, refusal)))
            return
        if batch.early:
            self.relay.came(batch.key)
        self.committed({batch.key: seq})
        # A crash in between: durable, but nobody was told.
        self.later(lambda: self.feed(peer, steps.Applied(batch.key, seq)))

    def dial(self, peer: str) -> None:
        other = self.world.nodes[peer]
        if not other.alive or self.world.is_cut(self.region, peer):
            self.feed(peer, steps.DialFailed("connection refused"))
            return
        if not self.alive:
            return
        conns = next(self.world.tokens), next(self.world.tokens)
        wire_ = Wire(self.world, ((self, conns[0]), (other, conns[1])))
        self.wires[conns[0]] = other.wires[conns[1]] = wire_
        self.world.wires.append(wire_)
        nonces = self.world.random.randbytes(32), self.world.random.randbytes(32)
        other.feed(self.region, steps.Opened(conns[1], True, nonces[1]))
        self.feed(peer, steps.Opened(conns[0], False, nonces[0]))

    def check(self, peer: str, frame: frames.Frame, size: int) -> None:
        """What goes on the wire, before it does."""
        self.world.sent.append((self.region, peer, frame))
        match frame:
            case Batch(head=head):
                assert may_know(head.key, peer), f"I8: {head.key} went to {peer}"
            case Heads(tips):
                assert all(may_know(tip.key, peer) for tip in tips), f"I8: HEAD to {peer}: {tips}"
                lanes = self.log.lanes
                more = [tip for tip in tips if tip.seq > len(lanes.get(tip.key, ()))]
                assert not more, f"I5: HEAD tells of more than is held without a hole: {more}"
            case Ack(tips, credit, leads):
                for tip in tips:
                    assert may_know(tip.key, peer), f"I8: ACK of {tip.key} to {peer}"
                    held = self.log.tip(tip.key).seq
                    assert tip.seq <= held, f"I1: acknowledged {tip.seq}, durable {held}"
                for lead in leads:
                    self.check_lead_ack(peer, lead)
                assert credit <= limits.CREDIT_BYTES
            case Want(after=after, without=without, leads=leads):
                for named in (*after, *without, *leads):
                    assert may_know(named.key, peer), f"I8: WANT to {peer} names {named.key}"
                for tip in after:
                    assert tip.seq <= self.log.tip(tip.key).seq, "WANT is not what is durable"
                for named in leads:
                    if held := self.log.leads.get(named.key):
                        assert named.base == held.base, "WANT names another lead"
                        assert (named.seq, named.listed) <= (held.seq, held.listed)
            case Fork(first=head):
                assert may_know(head.key, peer), f"I8: a fork of {head.key} was told to {peer}"
            case Ephem():
                assert size <= limits.EPHEM_FRAME_BYTES_MAX
                for looked in frame.look:
                    assert looked.channel in self.wanted[peer], "I8: nobody looks at that there"
            case _:
                pass
        assert size <= limits.PEER_FRAME_BYTES_MAX

    def check_lead_ack(self, peer: str, ack: frames.LeadAck) -> None:
        """I1, I5: what is acknowledged beyond a hole is on the disk, every event of it."""
        assert may_know(ack.key, peer), f"I8: ACK of {ack.key} to {peer}"
        lead = self.log.leads.get(ack.key)
        first = lead.base + 1 if lead else ack.seq
        for seq in (*range(first, ack.seq + 1), ack.listed):
            assert not seq or self.log.event(ack.key, seq), f"I1: {seq} of {ack.key} is not durable"


def may_know(key: LaneKey, region: str) -> bool:
    """I8, told apart from the code under test: the audiences of the lab's lanes."""
    if region == key.region or key.lane in ("control", "global"):
        return True
    if key.lane.startswith("group."):
        return region in GROUPS[key.lane.removeprefix("group.")]
    return key.lane.startswith("pair.") and region in key.lane.split(".")


class World:
    """Virtual time, wires and nodes. The seed decides latencies, nonces and back-off."""

    def __init__(
        self, *regions: str, seed: int = 1, both_dial: bool = False, rosters: Any = None
    ) -> None:
        self.random = random.Random(seed)
        self.now = START
        self.tokens = itertools.count(1)
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self.sent: list[tuple[str, str, frames.Frame]] = []
        self.packed: set[tuple[str, str]] = set()
        """(from, to) between which compressed batches went."""
        self.wires: list[Wire] = []
        self.cuts: set[frozenset[str]] = set()
        self.muted: set[tuple[str, str]] = set()
        """(from, to): nothing gets through in this direction, and nobody is told."""
        self.latencies: dict[tuple[str, str], tuple[int, int]] = {}
        """(from, to): where it is not ``latency_ms``."""
        self.latency_ms, self.disk_ms = (1, 120), (0, 5)
        self.fresh = 0
        """How many of the newest events of a lane come first; 0: all from the beginning."""
        self.reopens = False
        """Whether a region that learns that its log is not the newest goes on in a new epoch."""
        self.bytes_per_ms = 0
        """What a line takes in each direction; 0 for any number."""
        self.rosters: dict[str, Roster] = rosters or {}
        self.regions = regions
        self.nodes = {
            region: Node(
                self,
                region,
                [other for other in regions if other != region],
                {other: both_dial or region < other for other in regions},
            )
            for region in regions
        }

    def start(self) -> World:
        for node in self.nodes.values():
            node.start()
        return self

    def latency(self, *way: str) -> int:
        low, high = self.latencies.get(way, self.latency_ms)  # type: ignore[call-overload]
        return self.random.randint(low, high)

    def disk(self) -> int:
        return self.random.randint(*self.disk_ms)

    def at(self, time: int, act: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (max(time, self.now), next(self.tokens), act))

    def after(self, pause: int, act: Callable[[], None]) -> None:
        self.at(self.now + pause, act)

    def run(self, ms: int) -> World:
        until = self.now + ms
        while self.agenda and self.agenda[0][0] <= until:
            self.now, _, act = heapq.heappop(self.agenda)
            act()
        self.now = until
        return self

    def live_wires(self) -> list[Wire]:
        self.wires = [wire_ for wire_ in self.wires if wire_.alive]
        return self.wires

    def is_cut(self, a: str, b: str) -> bool:
        return frozenset((a, b)) in self.cuts or bool({(a, b), (b, a)} & self.muted)

    def part(self, a: str, b: str) -> None:
        """The two cannot reach each other until ``cuts`` is mended."""
        self.cuts.add(frozenset((a, b)))
        for wire_ in list(self.live_wires()):
            if {node.region for node, _ in wire_.ends} == {a, b}:
                wire_.cut()

    def batches(self, sender: str, to: str) -> list[Batch]:
        """Those put on a wire from one to the other so far."""
        return [f for s, r, f in self.sent if (s, r) == (sender, to) and isinstance(f, Batch)]

    def link(self, a: str, b: str) -> Link:
        return self.nodes[a].links[b]

    def states(self) -> set[State]:
        return {link.state for node in self.nodes.values() for link in node.links.values()}

    def check_copies(self) -> None:
        """I5 and I8: every copy is a beginning of the longest one, and where it may be."""
        longest = self.longest()
        for node in self.nodes.values():
            for key, copy in node.log.lanes.items():
                assert may_know(key, node.region), f"I8: {node.region} holds {key}"
                assert copy == longest[key][: len(copy)], (
                    f"I5: {node.region}'s copy of {key} differs"
                )

    def longest(self) -> dict[LaneKey, list[WireEvent]]:
        """The longest copy of each lane, wherever it is: an origin may have lost its tail."""
        found: dict[LaneKey, list[WireEvent]] = {}
        for node in self.nodes.values():
            for key, copy in node.log.lanes.items():
                found[key] = max(found.get(key, []), copy, key=len)
        return found

    def check_converged(self) -> None:
        """Nothing is missing anywhere."""
        self.check_copies()
        for key, original in self.longest().items():
            for node in self.nodes.values():
                if may_know(key, node.region):
                    held = len(node.log.lanes.get(key, []))
                    assert held == len(original), f"{node.region} holds {held} of {key}"
