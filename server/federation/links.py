"""The edge: sockets, tasks, clock and chance around the links (docs/protocol/federation.md 1 and 7).

It performs the effects of each peer's ``Link`` and feeds it what happened; every decision is the
link's. A link that fails by our own mistake is replaced by a new one after a pause, so that it harms
no other.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from random import random
from ssl import SSLContext
from typing import Any, assert_never

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server import __version__
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.events import Event
from server.domain.ids import Cursor, EventId, LaneKey
from server.domain.wire import LaneBatch
from server.federation import frames, gauges, meters
from server.federation.connection import (
    CLOSE_SECONDS_MAX,
    Endpoint,
    Gone,
    Socket,
    turn_away,
)
from server.federation.desk import CommittedEvent, Desk, Log, Writer, guarded
from server.federation.dialled import POLLED_PATH, PeerAddress
from server.federation.forks import ForkProof
from server.federation.frames import Succession
from server.federation.handshake import Identity
from server.federation.lanes import Reach
from server.federation.link import Link
from server.federation.membership import Company, changes
from server.federation.onlookers import Onlookers
from server.federation.pages import Pages, Snapshots
from server.federation.peers import Peer
from server.federation.polled import Polls
from server.federation.questions import Answerer, Questions, nobody
from server.federation.reception import Reception
from server.federation.relay import Relay, View
from server.federation.status import LaneStatus, LinkStatus
from server.federation.steps import (
    Apply,
    Close,
    Committed,
    Counted,
    Dial,
    Effect,
    ForkKnown,
    ForkProven,
    Input,
    KeysKnown,
    KeysLearned,
    LoadPage,
    LoadTips,
    LookedAt,
    ProveFork,
    Relayed,
    Renamed,
    Report,
    Say,
    Seen,
    Send,
    SetTimer,
    Spoken,
    Started,
    State,
    Stopped,
    TimerFired,
)
from server.federation.talks import Talks
from server.federation.telling import Telling
from server.federation.trust import Roster, heed, key_id

log = structlog.get_logger(__name__)

RELAY_TICK_SECONDS = 0.5
"""How often the relay looks whether an origin is to be asked of somebody else."""
RENEW_SECONDS = 30
"""Pause before a link that failed by our own mistake is made anew."""


class Links:
    """All links of one node. ``run`` until ``close`` or cancellation; ``endpoint`` serves PATH, ``polls`` POLLED_PATH."""

    def __init__(
        self,
        *,
        region: str,
        epoch: int,
        peers: Sequence[PeerAddress] = (),
        groups: Mapping[str, Sequence[str]] = {},
        private: Ed25519PrivateKey,
        reader: Snapshots,
        handler: Writer,
        tap: Log,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
        tls: SSLContext | None = None,
        former_keys: Sequence[bytes] = (),
        forks: Sequence[ForkProof] = (),
        on_fork: Callable[[ForkProof], None] = lambda proof: None,
        answer: Answerer = nobody,
        company: Company | None = None,
        history: Sequence[tuple[EventId, Event | None]] = (),
        fresh: int = limits.FRESH_EVENTS,
    ) -> None:
        """``clock``: UTC milliseconds; ``entropy``: random bytes; ``tls``: for wss://, else the default;
        ``former_keys``: public ones this region signed with before.

        ``forks``: known from earlier runs; ``on_fork`` is told each newly proven one, once;
        ``answer``: decides what a peer asks for its people.

        ``company``: instead of ``peers`` and ``groups``, if there is a roster; ``history``: what the log
        says of keys, in its order; ``fresh``: so many of the newest events of a lane come before those behind."""
        self._fresh = fresh
        self._me = Identity(region, epoch, private, __version__)
        own = (*former_keys, private.public_key().public_bytes_raw())
        self._company = company or Company.of_peers(region, own, peers, groups)
        self._roster, self._reach = Roster({}), Reach(frozenset(), {})
        self._company.take_effect(self._roster, self._reach)
        for id, event in history:
            heed(self._roster, id, event)
        self._roster.fresh()
        self._forks = {proof.key: proof for proof in forks}
        self._on_fork = on_fork
        self._relay = Relay()
        self._peers: dict[str, Peer] = {}
        self.onlookers = Onlookers(self._peers, self._feed)
        self._peers |= {p.region: Peer(p, self._new_link(p)) for p in self._company.peers}
        self._reception = Reception(self._peers)
        pages = Pages(region, reader, private, self._roster)
        self._desk = Desk(pages, handler, self._relay, self._spawn, self._feed, self._lane_moved)
        self._tap = tap
        self._clock = clock
        self._telling = Telling(self._tell, lambda: len(self._peers))
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._stop, self._stopped = asyncio.Event(), asyncio.Event()
        self._watchers: list[tuple[str, State, asyncio.Future[None]]] = []
        self.endpoint = Endpoint(self._accepted)
        self.polls = Polls(POLLED_PATH, self._accepted, self._spawn, entropy)
        self.questions = Questions(
            say=self._say,
            spawn=self._spawn,
            answer=answer,
            where=lambda: Cursor(tap.epoch, tap.position),
            first=int.from_bytes(entropy(5), "big") + 1,
        )
        self._talks = Talks(self._feed, self.questions.lost, clock, entropy, tls)

    def status(self) -> list[LinkStatus]:
        """One entry per configured peer, by region."""
        now = self._clock()
        return [self._peers[region].status(now) for region in sorted(self._peers)]

    def lanes(self) -> dict[str, list[LaneStatus]]:
        """By peer: how far it is with each of our lanes."""
        now = self._clock()
        return {region: self._peers[region].link.lanes(now) for region in sorted(self._peers)}

    @property
    def regions(self) -> frozenset[str]:
        """With whom links are kept."""
        return frozenset(self._peers)

    async def reached(self, region: str, state: State) -> None:
        """Returns once the link to a region is, or next comes to be, in a state."""
        if self._peers[region].link.state is state:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append((region, state, future))
        await future

    @property
    def seen(self) -> tuple[dict[str, View], Mapping[LaneKey, int], list[LaneKey]]:
        """The links as relay and recovery see them, how far the log reaches, and the lanes left out."""
        views = {region: peer.link.view for region, peer in self._peers.items()}
        without = [key for peer in self._peers.values() for key in peer.link.forked]
        return views, self._relay.tips, without

    # -- life ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Dials, accepts and serves. Once per instance."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._tap.subscribe(self._committed)
                for peer in self._peers.values():
                    self._start(peer)
                relaying = self._spawn(self._relaying())
                await self._stop.wait()
                relaying.cancel()
                await self._wind_down()
        finally:
            self._tasks = None
            self._stopped.set()

    async def close(self) -> None:
        """Tells every peer, closes, and returns when ``run`` has ended."""
        self._stop.set()
        if self._tasks is not None:
            await self._stopped.wait()

    async def _wind_down(self) -> None:
        self._telling.stop()
        for peer in self._peers.values():
            self._let_go(peer)
        try:
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._talks.over(self._peers.values())
        except TimeoutError:
            log.warning("peers did not let go in time")
        for task in list(self._running):
            task.cancel()

    def _let_go(self, peer: Peer, *why: Refusal) -> None:
        """Says so, and closes."""
        self._feed(peer, Stopped(*why))
        peer.rest()

    # -- a link's inputs and effects -------------------------------------------------------------------

    def _new_link(self, peer: PeerAddress) -> Link:
        wanted = self.onlookers.wanted(peer.region)
        return Link(
            self._me, peer.region, self._roster, self._reach, peer.dials, self._fresh, wanted
        )

    def _start(self, peer: Peer) -> None:
        for proof in self._forks.values():
            self._feed(peer, ForkKnown(proof))
        self._feed(peer, Started())

    def _say(self, region: str, frame: frames.Ask | frames.Told, conn: int | None) -> bool:
        peer = self._peers.get(region)
        if peer is None or not peer.link.may_ask:
            return False
        self._feed(peer, Say(frame, conn))
        return True

    def _feed(self, peer: Peer, given: Input) -> None:
        if self._tasks is None:
            return
        try:
            effects = peer.link.step(self._clock(), given, random())
        except Exception:
            log.exception("a link failed and is made anew", peer=peer.region)
            self._renew(peer)
            return
        for effect in effects:
            self._perform(peer, effect)

    def _renew(self, peer: Peer) -> None:
        peer.link = self._new_link(peer.address)
        self.onlookers.forgotten(peer)
        peer.hang_up()
        if peer.timer:
            peer.timer.cancel()
        loop = asyncio.get_running_loop()
        peer.timer = loop.call_later(RENEW_SECONDS, self._start, peer)

    def _perform(self, peer: Peer, effect: Effect) -> None:
        match effect:
            case Send(conn, data, events, rank):
                meters.count(peer.region, "out", len(data), events)
                if connection := peer.connections.get(conn):
                    connection.send(data, rank)
            case LoadPage():
                self._desk.load_page(peer, effect)
            case Apply(batch):
                self._desk.apply(peer, batch)
            case SetTimer(at):
                self._set_timer(peer, at)
            case Close(conn, code, reason):
                if connection := peer.connections.get(conn):
                    connection.close(code, reason)
            case LoadTips(conn):
                self._desk.load_tips(peer, conn)
            case ProveFork(evidence):
                self._spawn(self._prove_fork(evidence))
            case ForkProven(proof):
                self._fork_proven(proof)
            case KeysLearned(words):
                self._tell_keys(words)
            case Dial():
                if peer.dialling is None:
                    peer.dialling = self._spawn(self._talks.dial(peer))
            case Spoken(conn, frame):
                self.questions.heard(peer.region, conn, frame)
            case LookedAt() | Seen() | Counted():
                self.onlookers.perform(peer, effect)
            case Report():
                self._report(peer, effect)
            case _:
                assert_never(effect)

    def _report(self, peer: Peer, report: Report) -> None:
        peer.told.record(peer.region, report, self._clock())
        for watcher in self._watchers[:]:
            region, state, future = watcher
            if (region, state) == (peer.region, report.state) or future.done():
                self._watchers.remove(watcher)
                if not future.done():
                    future.set_result(None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        if self._tasks is None:
            work.close()
            raise Gone("the links are not running")
        task = self._tasks.create_task(guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def _set_timer(self, peer: Peer, at: int) -> None:
        if peer.timer:
            peer.timer.cancel()
        pause = max(0, at - self._clock()) / 1000
        peer.timer = asyncio.get_running_loop().call_later(pause, self._timer_fired, peer)

    def _timer_fired(self, peer: Peer) -> None:
        self._feed(peer, TimerFired())

    async def _accepted(self, socket: Socket) -> None:
        """An inbound connection, until it ends: first of all it says who it is."""
        if self._tasks is None or self._stop.is_set():
            await turn_away(socket, Refusal(Code.STOPPING, "the node is not running"))
        elif introduced := await self._reception.introduced(socket):
            region, first = introduced
            await self._talks.accept(self._peers[region], socket, first)

    # -- what concerns all links -----------------------------------------------------------------------

    def _committed(self, records: Sequence[CommittedEvent]) -> None:
        """After each commit."""
        for record in records:
            heed(self._roster, record.id, record.event)
        if words := self._roster.fresh():
            self._tell_keys(words)
        # Of other regions' lanes an event says nothing about those before it: whoever applied it says how far.
        own = [record.id for record in records if record.id[:2] == self._me[:2]]
        self._telling.moved([(LaneKey(*id[:3]), id.seq) for id in own])

    def _lane_moved(self, key: LaneKey, seq: int) -> None:
        """A batch was applied: the lane is whole up to here."""
        self._telling.moved([(key, seq)])

    def _tell(self, tips: Mapping[LaneKey, int]) -> None:
        """Only that the log moved; pages are read when a peer has credit."""
        self._relay.moved(tips)
        for peer in self._peers.values():
            self._feed(peer, Committed(tips))

    async def _relaying(self) -> None:
        before: dict[str, frozenset[str]] = {}
        while True:
            await asyncio.sleep(RELAY_TICK_SECONDS)
            views, _, without = self.seen
            asked = self._relay.decide(self._clock(), views, without)
            for region, origins in asked.items():
                if origins != before.get(region, frozenset()):
                    log.info("relay", peer=region, asked_for=sorted(origins))
                self._feed(self._peers[region], Relayed(origins))
            before = asked

    async def _prove_fork(self, evidence: LaneBatch) -> None:
        if proof := await self._desk.pages.prove(evidence):
            self._fork_proven(proof)

    def _fork_proven(self, proof: ForkProof) -> None:
        if proof.key in self._forks:
            return
        self._forks[proof.key] = proof
        lane = proof.key.lane
        log.critical("two histories were signed", region=proof.key.region, lane=lane, at=proof.seq)
        self._on_fork(proof)
        for peer in self._peers.values():
            self._feed(peer, ForkKnown(proof))

    # -- keys and the roster ---------------------------------------------------------------------------

    def keys_of(self, region: str) -> tuple[bytes, ...]:
        """By which a peer may sign requests now, 32 bytes each; none for a stranger, or who has left (17.4)."""
        return self._roster.keys(region) if region in self._peers else ()

    def media_url(self, region: str) -> str | None:
        """Where a peer hands out files."""
        peer = self._peers.get(region)
        return peer.address.media_url if peer else None

    def _tell_keys(self, words: Sequence[Succession]) -> None:
        for word in words:
            log.info("a region has another key", region=word.region, key=key_id(word.key))
        for peer in self._peers.values():
            self._feed(peer, KeysKnown(tuple(words)))

    def rotate(self, private: Ed25519PrivateKey) -> None:
        """Another key signs for this region from now on; the log has announced it (17.2)."""
        self._me = self._me._replace(private=private)
        self._desk.pages.rotate(private)
        for peer in self._peers.values():
            self._feed(peer, Renamed(self._me))

    def adopt(self, company: Company) -> None:
        """Others belong to the company from now on (17.1); links that this does not concern stand."""
        before, self._company = self._company, company
        self.onlookers.regrouped()
        company.take_effect(self._roster, self._reach)
        added, removed, anew = changes(before, company)
        for region in removed:
            gone = Refusal(Code.UNKNOWN_PEER, f"region {region} is not in the roster here any more")
            self._let_go(self._peers[region], gone)
            del self._peers[region]
            gauges.forget(region)
        for address in anew:
            peer = self._peers[address.region]
            self._let_go(peer, Refusal(Code.STOPPING, "a newer roster: the link begins anew"))
            peer.address, peer.link.dials = address, address.dials
            self._start(peer)
        for address in added:
            self._peers[address.region] = peer = Peer(address, self._new_link(address))
            self._start(peer)
