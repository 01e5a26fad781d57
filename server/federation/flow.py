"""What flows over one proven connection, both ways (docs/protocol/federation.md 9).

Made when the connection is proven, dropped with it. Effects go into the link's list; what the peer
may not do is raised as ``Refused`` and closes the connection.
"""

from collections.abc import Mapping
from typing import assert_never

from server.domain.errors import Code, Refusal, Refused
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch
from server.federation import frames
from server.federation.catchup import Page, Serving
from server.federation.frames import Ack, Batch, Ephem, Fault, Heads, Hello, Ping, Want
from server.federation.intake import Intake
from server.federation.lanes import Held, from_vector, vector
from server.federation.ledger import Ledger
from server.federation.steps import Apply, Effect, LoadPage, LoadTips, Send
from server.federation.trust import Roster


class Flow:
    """``conn``: the edge's number of the connection."""

    def __init__(self, conn: int, ledger: Ledger, roster: Roster, out: list[Effect]) -> None:
        self.conn = conn
        self._ledger = ledger
        self._roster = roster
        self._out = out
        self._intake: Intake | None = None
        self._serving: Serving | None = None
        self._want: Want | None = None
        self._announced = False
        self._pinged_at = 0

    @property
    def behind_events(self) -> int | None:
        """Events the peer told of that are not applied here; None before its first HEAD."""
        return self._intake.lag_events if self._intake and self._announced else None

    @property
    def load(self) -> tuple[int, int, int]:
        """Bytes under way to the peer, what it allows, and what came and is not committed."""
        sending, credit = self._serving.load if self._serving else (0, 0)
        return sending, credit, self._intake.bytes_waiting if self._intake else 0

    def begin(self) -> None:
        """Ask what we hold, as soon as nothing of an earlier connection is being applied."""
        if self._intake is None and not self._ledger.applying:
            self._out.append(LoadTips(self.conn))

    def tips_loaded(self, tips: Mapping[LaneKey, Held], now: int) -> None:
        if self._intake is not None:
            return
        ledger = self._ledger
        held = {key: tip for key, tip in tips.items() if key.region == ledger.peer}
        self._intake = Intake(
            ledger.me, ledger.peer, ledger.reach, self._roster, held, ledger.forked
        )
        self.send(self._intake.want())
        ledger.moved({key: tip.seq for key, tip in tips.items()}, now)
        self._serve(now)

    def send(self, frame: frames.Frame) -> None:
        data = frames.encode(frame)
        self._ledger.bytes_out += len(data)
        self._out.append(Send(self.conn, data))

    # -- what the peer says ------------------------------------------------------------------------

    def heard(self, frame: frames.Frame, size: int, now: int) -> None:
        """Raises Refused when the frame has no place here; ERROR is the link's."""
        match frame:
            case Batch():
                self._batch(frame, size)
            case Ack(tips, credit):
                self._acknowledged(from_vector(tips), credit)
            case Heads(tips):
                if self._intake:
                    self._intake.announced(tips)
                    self._announced = True
            case Want():
                self._want = frame
                self._serve(now)
            case Ping():
                self._pinged(frame, now)
            case Ephem():
                pass
            case Hello() | Fault():
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
            self.send(Heads(vector(self._serving.tips)))

    # -- receiving ---------------------------------------------------------------------------------

    def _batch(self, frame: Batch, size: int) -> None:
        if self._intake is None:
            raise Refused(Code.BAD_FRAME, "a BATCH came before our WANT")
        try:
            batch, fresh = self._intake.receive(frame, size)
        except Refused as error:
            if error.refusal.code is Code.FORK:
                self._ledger.forked.add(frame.head.key)
            raise
        self._ledger.events_in += fresh
        if batch:
            self._apply(batch)

    def _apply(self, batch: LaneBatch) -> None:
        self._ledger.applying.add(batch.key)
        self._out.append(Apply(batch))

    def applied(self, key: LaneKey, seq: int) -> None:
        """The writer committed it: acknowledge (I1), and hand over the lane's next batch."""
        if self._intake is None:
            self.begin()
            return
        ack, batch = self._intake.applied(key, seq)
        self.send(ack)
        if batch:
            self._apply(batch)

    def apply_refused(self, key: LaneKey, refusal: Refusal) -> bool:
        """Whether to try again later. Raises Refused when it is the batch that is to blame."""
        if self._intake is None:
            self.begin()
            return False
        if refusal.retryable:
            # Our own trouble (full, overloaded, read-only): keep the batch and the connection; the
            # unspent credit holds the peer back.
            self._intake.postponed(key)
            return True
        raise Refused(refusal.code, refusal.message)

    def retry(self) -> None:
        for batch in self._intake.retry() if self._intake else []:
            self._apply(batch)

    # -- sending -----------------------------------------------------------------------------------

    def _serve(self, now: int) -> None:
        """Answer the peer's WANT, once we know our own log."""
        if self._want is None or self._intake is None:
            return
        want, self._want = self._want, None
        ledger = self._ledger
        after = from_vector(want.after)
        self._serving = Serving(want)
        self._serving.moved(ledger.tips)
        self.send(Heads(vector(self._serving.tips)))
        ledger.wanted(after, now)
        for key, seq in after.items():
            if key.region == ledger.me and seq > ledger.tips.get(key, 0):
                words = (
                    f"{ledger.peer} holds our lane {key.lane} up to {seq}: this node lost events"
                )
                ledger.notes.append(Refusal(Code.CONFLICT, words))

    def moved(self, theirs: Mapping[LaneKey, int]) -> None:
        """``theirs``: lanes that moved and that the peer may receive."""
        if self._serving:
            self._serving.moved(theirs)

    def page_loaded(self, key: LaneKey, after: int, page: Page | None) -> None:
        if self._serving:
            self._serving.loaded(key, after, page)

    def _acknowledged(self, tips: Mapping[LaneKey, int], credit: int) -> None:
        if self._serving is None:
            raise Refused(Code.BAD_FRAME, "an ACK came before a WANT")
        self._serving.acknowledge(tips, credit)
        self._ledger.acknowledged(tips)

    def pump(self) -> None:
        """Send what credit allows, then ask for the next page."""
        if self._serving is None:
            return
        while page := self._serving.next_send():
            events = page.last - page.after
            self._out.append(Send(self.conn, page.frame, events))
            self._ledger.bytes_out += len(page.frame)
            self._ledger.events_out += events
            self._ledger.sent(page)
        if load := self._serving.next_load():
            self._out.append(LoadPage(*load))
