"""What flows over one proven connection, both ways (docs/protocol/federation.md 9).

Made when the connection is proven, dropped with it. Effects go into the link's list; what the peer
may not do is raised as ``Refused`` and closes the connection.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch
from server.federation import asking, frames
from server.federation.catchup import Page
from server.federation.forks import ForkProof, verify_fork
from server.federation.frames import (
    Ack,
    Ask,
    Batch,
    Ephem,
    Fault,
    Fork,
    Heads,
    Hello,
    LeadAck,
    Packed,
    Ping,
    Succession,
    Told,
    Want,
)
from server.federation.intake import Intake
from server.federation.lanes import Course, Held, from_vector, vector
from server.federation.ledger import Ledger
from server.federation.packing import FEATURE, unpack
from server.federation.serving import Serving
from server.federation.status import Filling
from server.federation.steps import (
    Apply,
    Effect,
    ForkProven,
    LoadPage,
    LoadTips,
    ProveFork,
    Send,
    Spoken,
)
from server.federation.trust import Contradicted, Roster


class Flow:
    """``conn``: the edge's number of the connection; ``features``: what both ends' HELLO name."""

    def __init__(
        self,
        conn: int,
        features: frozenset[str],
        ledger: Ledger,
        roster: Roster,
        out: list[Effect],
    ) -> None:
        self.conn = conn
        self._packs = FEATURE in features
        self.may_ask = asking.FEATURE in features
        """Whether the peer understands ASK."""
        self._ledger = ledger
        self._out = out
        self._roster = roster
        self._intake = Intake(ledger.me, ledger.reach, roster, ledger.fresh)
        self._asked = self._asking = False
        """Whether a WANT was sent; whether the tips for one are on their way."""
        self._want: Want | None = None
        """The peer's first WANT, until we know our own log."""
        self._held: Mapping[LaneKey, Held] = {}
        """Our log when we asked last."""
        self._serving: Serving | None = None
        self._announced = False
        self._untold: set[LaneKey] = set()
        """Lanes that moved since the peer was told how far they reach."""
        self._pinged_at = 0
        ledger.gossip.clear()

    @property
    def behind_events(self) -> int | None:
        """Events the peer told of that are not applied here; None before its first HEAD."""
        return self._intake.lag_events if self._asked and self._announced else None

    @property
    def filling(self) -> Filling:
        """How far what lies behind the fresh events has come."""
        return self._intake.filling

    @property
    def is_pressed(self) -> bool:
        """Whether fresh events wait for room on the line."""
        return self._serving is not None and self._serving.is_pressed

    @property
    def load(self) -> tuple[int, int, int]:
        """Bytes under way to the peer, what it allows, and what came and is not committed."""
        sending, credit = self._serving.load if self._serving else (0, 0)
        return sending, credit, self._intake.bytes_waiting

    def begin(self) -> None:
        """Ask what we hold, as soon as nothing of an earlier connection is being applied."""
        if not self._asked and not self._ledger.applying:
            self._load_tips()

    def ask_anew(self) -> None:
        """The origins wanted over this link, or the lanes left out, have changed."""
        if self._asked:
            self._load_tips()

    def _load_tips(self) -> None:
        if not self._asking:
            self._asking = True
            self._out.append(LoadTips(self.conn))

    def tips_loaded(self, tips: Mapping[LaneKey, Held], now: int) -> None:
        if not self._asking:
            return
        self._asking = False
        self._held = tips
        ledger = self._ledger
        # Of another region's lanes a peer is told only those it may have itself (I8).
        theirs = {key: tip for key, tip in tips.items() if self._may_know(key)}
        forked = [key for key in ledger.forked if self._may_know(key)]
        self.send(self._intake.ask({ledger.peer} | ledger.relayed, theirs, forked))
        self._intake.announced(ledger.gossip)
        ledger.moved({key: tip.seq for key, tip in tips.items()}, now)
        if not self._asked:
            self._asked = True
            if self._want:
                self._serve(self._want, now)

    def _may_know(self, key: LaneKey) -> bool:
        return self._ledger.reach.may_receive(key, self._ledger.peer)

    def send(self, frame: frames.Frame) -> None:
        data = frames.encode(frame)
        self._ledger.wrote(len(data))
        self._out.append(Send(self.conn, data))

    # -- what the peer says ------------------------------------------------------------------------

    def heard(self, frame: frames.Frame, size: int, now: int) -> None:
        """Raises Refused when the frame has no place here; ERROR and EPHEM are the link's."""
        match frame:
            case Batch():
                self._batch(frame, size)
            case Packed():
                self._batch(*unpack(frame))
            case Ack(tips, credit, leads):
                self._acknowledged(from_vector(tips), credit, now, leads)
            case Heads(tips, keys):
                self._roster.learn_all(keys)
                self._intake.announced(self._ledger.told(tips))
                self._announced = True
            case Want():
                if self._asked:
                    self._serve(frame, now)
                else:
                    self._want = frame
            case Ping():
                self._pinged(frame, now)
            case Fork():
                self._fork_told(frame)
            case Ask() | Told():
                self._out.append(Spoken(self.conn, frame))
            case Hello() | Fault() | Ephem():
                raise Refused(Code.BAD_FRAME, "this frame has no place on a proven connection")
            case _:
                assert_never(frame)

    def _pinged(self, frame: Ping, now: int) -> None:
        if not frame.echo:
            self.send(Ping(now, frame.time))
        elif frame.echo == self._pinged_at:
            self._ledger.rtt = max(0, now - frame.echo)
            self._ledger.skew = frame.time - (frame.echo + now) // 2

    def ping(self, now: int) -> None:
        """Sign of life, clock, round trip, and how far we are, in one go."""
        self._pinged_at = now
        self.send(Ping(now))
        if self._serving:
            self._announce()

    def tell_keys(self, words: tuple[Succession, ...]) -> None:
        """Before anything they signed; who asks first gets them with the answer (17.2)."""
        if self._serving:
            self.send(Heads((), words))
            self._serving.try_again()

    # -- gossip --------------------------------------------------------------------------------------

    def _announce(self) -> None:
        """How far we hold every lane the peer may have (9.5)."""
        self._untold.clear()
        self._tell(self._ledger.tips)

    def _tell(self, tips: Mapping[LaneKey, int]) -> None:
        every = vector(tips)
        for start in range(0, max(1, len(every)), frames.VECTOR_LANES_MAX):
            self.send(Heads(every[start : start + frames.VECTOR_LANES_MAX]))

    @property
    def has_news(self) -> bool:
        return bool(self._untold)

    def gossip(self) -> None:
        """Those lanes that moved since, and of which neither a batch nor an ACK of ours has told."""
        if serving := self._serving:
            moved = {key: self._ledger.tips[key] for key in self._untold}
            news = {key: tip for key, tip in moved.items() if tip > serving.sent_up_to(key)}
            if news:
                self._tell(news)
        self._untold.clear()

    # -- forks ---------------------------------------------------------------------------------------

    def _tell_forks(self) -> None:
        """What is proven, the peer should know, if it may know of the lane at all (I8). After the keys: a proof may be
        signed by one that the peer would else not know, and refuse."""
        for key, proof in self._ledger.forked.items():
            if proof and self._may_know(key):
                self.send(proof.frame)

    def _fork_told(self, frame: Fork) -> None:
        """Raises Refused when it is no proof."""
        ledger, key = self._ledger, frame.first.key
        if not ledger.reach.may_receive(key, ledger.me):
            raise Refused(
                Code.WRONG_LANE, f"lane {key.lane} of {key.region} is not for {ledger.me}"
            )
        # Of a region we do not pin we hold nothing that could be left out.
        if key.region in self._roster and ledger.forked.get(key) is None:
            self._out.append(ForkProven(verify_fork(frame, self._roster)))

    def forked(self, proof: ForkProof) -> None:
        """A fork was proven on any link: leave the lane out from now on, and pass the proof on."""
        if self._serving and self._may_know(proof.key):
            self.send(proof.frame)
        self.ask_anew()

    # -- receiving ---------------------------------------------------------------------------------

    def _batch(self, frame: Batch, size: int) -> None:
        if not self._asked:
            raise Refused(Code.BAD_FRAME, "a BATCH came before our WANT")
        try:
            batch, fresh = self._intake.receive(frame, size)
        except Contradicted as error:
            self._contradicted(error.evidence)
            raise
        self._ledger.events_in += fresh
        if batch:
            self._apply(batch)
        elif not fresh and (ack := self._intake.repeated(frame.head.key)):
            self.send(ack)

    def _contradicted(self, evidence: LaneBatch) -> None:
        self._ledger.forked.setdefault(evidence.key, None)
        self._out.append(ProveFork(evidence))

    def _apply(self, batch: LaneBatch) -> None:
        self._ledger.applying.add(batch.key)
        self._out.append(Apply(batch))

    def applied(self, key: LaneKey, seq: int) -> None:
        """The writer committed it: acknowledge (I1), and hand over the lane's next batch."""
        if not self._asked:
            self.begin()
            return
        ack, batch = self._intake.applied(key, seq)
        self.send(ack)
        if batch:
            self._apply(batch)

    def apply_refused(self, key: LaneKey, refusal: Refusal) -> bool:
        """Whether to try again later. Raises Refused when it is the batch that is to blame."""
        if not self._asked:
            self.begin()
            return False
        if refusal.retryable:
            # Our own trouble (full, overloaded, read-only): keep the batch and the connection; the
            # unspent credit holds the peer back.
            self._intake.postponed(key)
            return True
        if refusal.code is Code.FORK and (evidence := self._intake.first_waiting(key)):
            self._contradicted(evidence)
        raise Refused(refusal.code, refusal.message)

    def retry(self) -> None:
        for batch in self._intake.retry():
            self._apply(batch)

    # -- sending -----------------------------------------------------------------------------------

    def _serve(self, want: Want, now: int) -> None:
        """Answer a WANT of the peer's; we know our own log."""
        ledger = self._ledger
        after = from_vector(want.after)
        serving = self._serving
        if serving is None:
            serving = self._serving = Serving(ledger.me, ledger.peer)
            if known := self._roster.words():
                self.tell_keys(known)
            self._tell_forks()
        self._announce()
        serving.wanted(want)
        serving.moved(ledger.tips)
        self._compare(want, serving)
        ledger.wanted(after, now)
        furthest = after | {lead.key: lead.seq for lead in want.leads}
        for key, seq in furthest.items():
            if key.region == ledger.me and seq > ledger.tips.get(key, 0):
                words = (
                    f"{ledger.peer} holds our lane {key.lane} up to {seq}: this node lost events"
                )
                ledger.notes.append(Refusal(Code.CONFLICT, words))

    def _compare(self, want: Want, serving: Serving) -> None:
        """Histories of different length meet in a batch; those of one length only here (9.4)."""
        told = [
            (tip.key, tip.seq, hash_) for tip, hash_ in zip(want.after, want.hashes, strict=False)
        ]
        told += [(lead.key, lead.seq, lead.hash) for lead in want.leads]
        for key, seq, hash_ in told:
            ours = self._held.get(key)
            if ours is not None and ours.seq == seq and ours.hash != hash_:
                serving.repeat_last(key)

    def moved(self, tips: Mapping[LaneKey, int], theirs: Mapping[LaneKey, int]) -> None:
        """The log moved; ``theirs``: the part of it that the peer may receive."""
        self._intake.committed(tips)
        if self._serving:
            self._serving.moved(theirs)
            self._untold.update(key for key in theirs if key.region != self._ledger.peer)

    def page_loaded(self, key: LaneKey, after: int, page: Page | None, course: Course) -> None:
        if self._serving:
            self._serving.loaded(key, after, page, course)

    def _acknowledged(
        self, tips: Mapping[LaneKey, int], credit: int, now: int, leads: Sequence[LeadAck]
    ) -> None:
        if self._serving is None:
            raise Refused(Code.BAD_FRAME, "an ACK came before a WANT")
        self._serving.acknowledge(tips, credit, now, leads)
        self._ledger.acknowledged(tips)

    def pump(self, now: int) -> None:
        """Send what there is room for, then ask for the next pages."""
        if self._serving is None:
            return
        while turn := self._serving.next_send(now):
            page, rank = turn
            events = page.last - page.after
            data = page.packed if self._packs else page.frame
            self._out.append(Send(self.conn, data, events, rank))
            self._ledger.wrote(len(data))
            self._ledger.events_out += events
            self._ledger.sent(page)
        while load := self._serving.next_load():
            self._out.append(LoadPage(*load))
