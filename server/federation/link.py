"""The link to one peer: inputs in, effects out (docs/protocol/federation.md 7, 10 and 11).

House rules of this file:

1. ``step`` is the only way in. It never raises for anything a peer can do: a ``Refused`` becomes
   ERROR, Close and a Report, and the link backs off.
2. Every change of state goes through ``_move`` and the table in ``steps``.
3. One proven connection at most (``_flow``). Others are in ``_guests`` until proven, and
   change nothing before.
4. A connection's WANT is written only when no apply of an earlier one is under way, so the vector it
   names is exactly what is committed here.
"""

from collections.abc import Collection, Set
from typing import assert_never

from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import LaneKey
from server.federation import frames, steps
from server.federation.deadlines import Deadline, Deadlines, Due
from server.federation.flow import Flow
from server.federation.forks import ForkProof
from server.federation.frames import Ephem, Fault, Hello, Ping
from server.federation.guests import Guests
from server.federation.handshake import Handshake, Identity
from server.federation.intake import BEHIND_EVENTS
from server.federation.lanes import Reach
from server.federation.ledger import Ledger
from server.federation.pauses import SECOND, backoff_ms, rejected_pause_ms
from server.federation.presence import LinkPresence
from server.federation.relay import View
from server.federation.status import Filling, LaneStatus, LinkFacts, LinkStatus
from server.federation.steps import (
    GOING_AWAY,
    NORMAL,
    REJECTIONS,
    Close,
    Effect,
    Report,
    Send,
    State,
    Trigger,
    close_code,
    next_state,
)
from server.federation.trust import Roster


class Link:
    """See the module. ``dials``: whether this end opens connections of its own accord; ``fresh``: how many of the
    newest events of a lane come before those behind them (section 19); ``wanted``: whom this region's people look at
    in the peer's when a connection begins (section 22)."""

    def __init__(
        self,
        me: Identity,
        peer: str,
        roster: Roster,
        reach: Reach,
        dials: bool,
        fresh: int = limits.FRESH_EVENTS,
        wanted: Collection[str] = (),
    ) -> None:
        self.state = State.IDLE
        self.peer = peer
        self._me = me
        self._roster = roster
        self.dials = dials
        self._ledger = Ledger(me.region, peer, reach, fresh)
        self._flow: Flow | None = None
        self._opener: str | None = None
        self._deadlines = Deadlines()
        self._guests = Guests(me, peer, roster, self._deadlines)
        self._attempts = 0
        """Connections that failed in a row."""
        self._postponed = 0
        """Applies that the writer put off in a row."""
        self._stopped = True
        """No connection is wanted, any more or not yet."""
        self._now = self._since = self._heard_at = 0
        self._jitter = 0.5
        self._peer: tuple[int | None, int | None, str] = (None, None, "")
        """Its epoch, the protocol version spoken with it, and its software, as it said last."""
        self._error: tuple[int, str] | None = None
        self._out: list[Effect] = []
        self._presence = LinkPresence(self._out, self._deadlines, self._ledger.wrote, wanted)

    @property
    def looked_at(self) -> Set[str]:
        """People and places of this region that the peer's people look at."""
        return self._presence.looked_at

    @property
    def may_ask(self) -> bool:
        """Whether the peer is there and understands ASK."""
        return self._flow is not None and self._flow.may_ask

    # -- the one way in ----------------------------------------------------------------------------

    def step(self, now: int, given: steps.Input, jitter: float = 0.5) -> list[Effect]:
        """One input, all its effects in order. ``now``: UTC milliseconds; ``jitter``: [0, 1)."""
        self._now, self._jitter = now, jitter
        self._deadlines.clock(now)
        self._heard_at = min(self._heard_at, now)  # the clock may have been set back
        self._take(given)
        self._settle()
        effects = self._out[:]
        self._out.clear()
        return effects

    def _take(self, given: steps.Input) -> None:
        match given:
            case steps.Received(conn, data):
                self._received(conn, data)
            case steps.Opened(conn, inbound, nonce):
                self._opened(conn, inbound, nonce)
            case steps.Disconnected(conn, reason):
                self._disconnected(conn, reason)
            case steps.DialFailed(reason):
                if self.state is State.DIALING:
                    self._down(Trigger.LOST, note=reason)
            case steps.TimerFired():
                self._deadlines.fired()
                for deadline in self._deadlines.take():
                    self._due(deadline)
            case steps.Started():
                self._stopped = False
                if self.dials and self.state is State.IDLE:
                    self._dial()
            case steps.Stopped(reason):
                self._stop(reason)
            case steps.Say(frame, conn):
                if self._flow and conn in (None, self._flow.conn):
                    self._flow.send(frame)
            case steps.Relayed(origins):
                self._relayed(origins)
            case steps.ForkKnown(proof):
                self._fork_known(proof)
            case steps.KeysKnown(words):
                if self._flow:
                    self._flow.tell_keys(words)
            case steps.Renamed(me):
                self._me = me
                self._guests.introduce(me)
            case steps.Looked() | steps.Allowed() | steps.Changed() | steps.Written():
                self._presence.take(given)
            case _:
                self._answered(given)

    def _answered(self, given: steps.Answer) -> None:
        """The log, its reader and its writer."""
        flow, ledger = self._flow, self._ledger
        match given:
            case steps.Committed(tips):
                theirs = ledger.moved(tips, self._now)
                if flow:
                    flow.moved(tips, theirs)
                    if flow.has_news:
                        self._deadlines.soon(
                            Due.GOSSIP, self._now + limits.GOSSIP_SECONDS_MIN * SECOND
                        )
            case steps.PageLoaded(key, after, page, course):
                if flow:
                    flow.page_loaded(key, after, page, course)
            case steps.TipsLoaded(conn, held):
                if flow and flow.conn == conn:
                    flow.tips_loaded(held, self._now)
            case steps.Applied(key, seq):
                ledger.applying.discard(key)
                self._postponed = 0
                if flow:
                    flow.applied(key, seq)
            case steps.ApplyRefused():
                self._apply_refused(given)
            case _:
                assert_never(given)

    def _settle(self) -> None:
        """After every input: notes, state, what can be sent, the timer."""
        for note in self._ledger.notes:
            self._report(note)
        self._ledger.notes.clear()
        if words := self._roster.fresh():
            self._out.append(steps.KeysLearned(words))
        if self._flow:
            self._flow.pump(self._now)
            behind = self._flow.behind_events
            if self.state is State.CATCHING_UP and behind == 0:
                self._move(Trigger.CAUGHT_UP)
            elif self.state is State.LIVE and behind is not None and behind > BEHIND_EVENTS:
                self._move(Trigger.FELL_BEHIND)
        self._presence.settle(self._now, self._jitter)
        if (at := self._deadlines.arm()) is not None:
            self._out.append(steps.SetTimer(at))

    # -- what the node as a whole decides ------------------------------------------------------------

    @property
    def view(self) -> View:
        """For the relay."""
        tips = self._ledger.gossip if self._flow else {}
        return View(self._flow is not None, self._heard_at, self._ledger.rtt or 0, tips)

    @property
    def forked(self) -> frozenset[LaneKey]:
        """Lanes left out."""
        return frozenset(self._ledger.forked)

    def _relayed(self, origins: frozenset[str]) -> None:
        if origins == self._ledger.relayed:
            return
        self._ledger.relayed = origins
        if self._flow:
            self._flow.ask_anew()

    def _fork_known(self, proof: ForkProof) -> None:
        if self._ledger.forked.get(proof.key):
            return
        self._ledger.forked[proof.key] = proof
        words = f"{proof.key.region} signed two versions of event {proof.seq} of {proof.key.lane}"
        self._report(Refusal(Code.FORK, words))
        if self._flow:
            self._flow.forked(proof)

    # -- connections -------------------------------------------------------------------------------

    def _dial(self) -> None:
        self._move(Trigger.DUE)
        self._out.append(steps.Dial())

    def _opened(self, conn: int, inbound: bool, nonce: bytes) -> None:
        if self._stopped:
            self._out.append(Close(conn, GOING_AWAY, "no connection is wanted now"))
        elif inbound:
            if (oldest := self._guests.too_many()) is not None:
                self._guests.forget(oldest)
                self._part(oldest, Refusal(Code.OVERLOADED, "too many unproven connections"))
            self._guests.welcome(conn, "accept", nonce, self._now)
        elif self.state is State.DIALING:
            self._move(Trigger.CONNECTED)
            handshake = self._guests.welcome(conn, "dial", nonce, self._now)
            self._send(conn, handshake.opening(self._now))
        else:
            # A guest was proven while we dialled.
            self._out.append(Close(conn, NORMAL, "not needed any more"))

    def _received(self, conn: int, data: bytes) -> None:
        flow = self._flow
        proven = flow is not None and flow.conn == conn
        if not proven and conn not in self._guests:
            return
        self._ledger.bytes_in += len(data)
        try:
            frame = frames.decode(data)
            if isinstance(frame, Fault):
                self._fault_from(conn, frame)
            elif flow is not None and proven:
                self._heard(flow, frame, len(data))
            else:
                self._greeted(conn, frame)
        except Refused as error:
            self._fault(conn, error.refusal)

    def _heard(self, flow: Flow, frame: frames.Frame, size: int) -> None:
        self._heard_from()
        if isinstance(frame, Ephem):
            self._presence.heard(frame, size)
        else:
            flow.heard(frame, size, self._now)
        if isinstance(frame, Ping) and self.state is State.LIVE and frame.echo:
            # It works, and has for a while: the next loss starts from the shortest pause.
            self._attempts = 0

    def _heard_from(self) -> None:
        self._heard_at = self._now
        self._deadlines.set(Due.SILENCE, self._now + limits.LINK_SILENCE_SECONDS_MAX * SECOND)

    def _greeted(self, conn: int, frame: frames.Frame) -> None:
        if not isinstance(frame, Hello):
            raise Refused(Code.BAD_FRAME, "HELLO comes first")
        handshake = self._guests[conn]
        if answer := handshake.receive(frame, self._now):
            self._send(conn, answer)
        if handshake.proven:
            self._proven(conn, self._guests.forget(conn))

    def _proven(self, conn: int, handshake: Handshake) -> None:
        opener = self._me.region if handshake.role == "dial" else self.peer
        if self._flow and not self._replaces(opener):
            self._part(conn, Refusal(Code.CONFLICT, "another connection is kept"))
            # The peer dialled because it believes there is none: find out soon if it is right.
            self._flow.send(Ping(self._now))
            return
        if self._flow:
            self._part(self._flow.conn, Refusal(Code.CONFLICT, "replaced by another connection"))
        for own in self._guests.dialled():
            self._guests.forget(own)
            self._out.append(Close(own, NORMAL, "not needed any more"))
        self._peer = (handshake.epoch, handshake.version, handshake.software)
        self._begin(conn, opener, handshake.features)

    def _replaces(self, opener: str) -> bool:
        """Both ends must choose alike: of one opener's two the newer, else the lower region's."""
        return self._opener is None or opener <= self._opener

    def _begin(self, conn: int, opener: str, features: frozenset[str]) -> None:
        if opener == self.peer:
            self._attempts = 0
        self._opener = opener
        self._deadlines.drop(Due.DIAL)
        self._deadlines.drop(Due.APPLY)
        self._deadlines.set(Due.PING, self._now)
        if self._flow:
            self._presence.lost(self._heard_at)
        self._heard_from()
        self._presence.begin(conn, features, self._now)
        self._flow = Flow(conn, features, self._ledger, self._roster, self._out)
        self._move(Trigger.PROVEN)
        self._flow.begin()

    def _disconnected(self, conn: int, reason: str) -> None:
        if self._owns(conn):
            self._down(Trigger.LOST, note=reason)

    def _owns(self, conn: int) -> bool:
        """Whether the link stands and falls with this connection; a handshake is forgotten."""
        if self._flow and self._flow.conn == conn:
            return True
        return conn in self._guests and self._guests.forget(conn).role == "dial"

    # -- leaving -----------------------------------------------------------------------------------

    def _part(self, conn: int, refusal: Refusal) -> None:
        """ERROR, then close; says nothing about the link's state."""
        message = refusal.message[: frames.MESSAGE_CHARS_MAX]
        self._send(conn, Fault(refusal.code, message))
        self._out.append(Close(conn, close_code(refusal.code), refusal.code))

    def _fault(self, conn: int, refusal: Refusal) -> None:
        """The peer, or a guest claiming to be it, did what the protocol forbids."""
        guest = conn in self._guests
        self._part(conn, refusal)
        if self._owns(conn):
            rejected = guest and refusal.code in REJECTIONS
            self._down(Trigger.REJECTED if rejected else Trigger.LOST, refusal)
        else:
            self._report(refusal)

    def _fault_from(self, conn: int, frame: Fault) -> None:
        """The other end said why it closes. What a guest says is nobody's word: not repeated."""
        self._out.append(Close(conn, NORMAL, "told why"))
        if not self._owns(conn):
            return
        words = f"{self.peer} told us: {frame.code}: {frame.message}"
        self._down(Trigger.REJECTED if frame.code in REJECTIONS else Trigger.LOST, note=words)

    def _down(self, trigger: Trigger, refusal: Refusal | None = None, note: str = "") -> None:
        """No connection any more: dial again after a pause, or wait to be dialled."""
        if self._flow:
            self._presence.lost(self._heard_at)
        self._flow = self._opener = None
        if self.dials:
            self._attempts += 1
            pause = backoff_ms(self._attempts, self._jitter)
            if trigger is Trigger.REJECTED:
                pause = rejected_pause_ms(self._jitter)
            self._deadlines.set(Due.DIAL, self._now + pause)
        elif trigger is Trigger.LOST:
            trigger = Trigger.LEFT
        self._move(trigger, refusal, note)

    def _stop(self, refusal: Refusal) -> None:
        self._stopped = True
        code = GOING_AWAY if refusal.code is Code.STOPPING else close_code(refusal.code)
        for conn in [*self._guests, *([self._flow.conn] if self._flow else [])]:
            self._send(conn, Fault(refusal.code, refusal.message))
            self._out.append(Close(conn, code, refusal.code))
        self._guests.clear()
        self._deadlines.clear()
        self._presence.stop(self._now)
        self._flow = self._opener = None
        self._move(Trigger.STOPPED)

    # -- time, state, words --------------------------------------------------------------------------

    def _apply_refused(self, given: steps.ApplyRefused) -> None:
        self._ledger.applying.discard(given.key)
        if given.refusal.code is Code.FORK:
            self._ledger.forked.setdefault(given.key, None)
        if self._flow is None:
            return
        try:
            if self._flow.apply_refused(given.key, given.refusal):
                self._postponed += 1
                pause = backoff_ms(self._postponed, self._jitter)
                self._deadlines.set(Due.APPLY, self._now + pause)
                self._report(given.refusal)
        except Refused as error:
            self._fault(self._flow.conn, error.refusal)

    def _due(self, deadline: Deadline) -> None:
        match deadline.due, self._flow:
            case Due.DIAL, _:
                self._dial()
            case Due.HELLO, _:
                self._fault(deadline.conn, Refusal(Code.EXPIRED, "no proof came in time"))
            case Due.PING, Flow() as flow:
                flow.ping(self._now)
                self._deadlines.set(Due.PING, self._now + limits.LINK_PING_SECONDS * SECOND)
            case Due.SILENCE, Flow() as flow:
                words = f"silent for {limits.LINK_SILENCE_SECONDS_MAX} s"
                self._out.append(Close(flow.conn, close_code(Code.EXPIRED), words))
                self._down(Trigger.LOST, note=words)
            case Due.APPLY, Flow() as flow:
                flow.retry()
            case Due.GOSSIP, Flow() as flow:
                flow.gossip()
            case Due.EPHEM, Flow() as flow:
                self._presence.due(self._now, pressed=flow.is_pressed)
            case Due.EXPIRE, _:
                self._presence.expire(self._now)
            case _:
                pass

    def _send(self, conn: int, frame: frames.Frame) -> None:
        data = frames.encode(frame)
        self._ledger.wrote(len(data))
        self._out.append(Send(conn, data))

    def _move(self, trigger: Trigger, refusal: Refusal | None = None, note: str = "") -> None:
        state = next_state(self.state, trigger)
        if state is not self.state:
            self._since = self._now
        self.state = state
        self._report(refusal, note)

    def _report(self, refusal: Refusal | None, note: str = "") -> None:
        if words := f"{refusal.code}: {refusal.message}" if refusal else note:
            self._error = (self._now, words)
        self._out.append(Report(self.state, refusal, note))

    def status(self, now: int) -> LinkStatus:
        """For operators; any time."""
        behind = (self._flow and self._flow.behind_events) or 0
        load = self._flow.load if self._flow else (0, 0, 0)
        filling = self._flow.filling if self._flow else Filling(0, 0)
        state = (self.state, self._since, self._opener)
        facts = LinkFacts(*state, *self._peer, self._error, behind, filling, load)
        return self._ledger.status(facts, now)

    def lanes(self, now: int) -> list[LaneStatus]:
        """How far the peer is with each of our lanes that it may have; any time."""
        return self._ledger.lanes(now)
