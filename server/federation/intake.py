"""What a peer sends us: verified, queued, applied one batch per lane at a time, acknowledged.

docs/protocol/federation.md section 9. Memory is bounded by the credit we gave (I9): a batch counts
from its arrival until it is applied.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch
from server.federation.frames import Ack, Batch, LaneRef, Tip, Want
from server.federation.lanes import Held, Reach, from_vector, vector
from server.federation.trust import Roster, verify_batch

BEHIND_EVENTS = limits.BATCH_EVENTS_MAX
"""More than one batch behind what the peer announced is catching up, not living."""


class _Waiting(NamedTuple):
    batch: LaneBatch
    size: int


class _Lane:
    """``verified`` runs ahead of ``applied`` by what waits; ``announced`` is the peer's word."""

    __slots__ = ("announced", "applied", "applying", "verified", "waiting")

    def __init__(self, held: Held) -> None:
        self.verified = held
        self.applied = held.seq
        self.announced = 0
        self.applying = False
        self.waiting: deque[_Waiting] = deque()


class Intake:
    """One connection's receiving half, made once what we hold of the peer's lanes is known."""

    def __init__(
        self,
        me: str,
        origin: str,
        reach: Reach,
        roster: Roster,
        held: Mapping[LaneKey, Held],
        forked: Iterable[LaneKey],
    ) -> None:
        """``held``: how far each lane of ``origin`` is committed here, applies in flight included."""
        self._me = me
        self._origin = origin
        self._reach = reach
        self._roster = roster
        self._lanes = {key: _Lane(tip) for key, tip in held.items()}
        self._forked = tuple(sorted(forked))
        self._credit = limits.CREDIT_BYTES
        self.bytes_waiting = 0

    def want(self) -> Want:
        """Everything of the origin that is for us, after what we hold."""
        after = {key: lane.applied for key, lane in self._lanes.items()}
        without = tuple([LaneRef(*key) for key in self._forked])
        return Want((self._origin,), vector(after), self._credit, without)

    def receive(self, batch: Batch, size: int) -> tuple[LaneBatch | None, int]:
        """(The batch to apply now, if its lane is free; events that were new). Raises Refused."""
        key = batch.head.key
        lane = self._lane(key)
        if self.bytes_waiting and self.bytes_waiting + size > self._credit:
            raise Refused(
                Code.TOO_LARGE, f"more than the credit of {self._credit} bytes is under way"
            )
        verified = verify_batch(batch, lane.verified, self._roster)
        self._lanes[key] = lane
        if not verified.events:
            return None, 0
        lane.verified = Held(verified.head.seq, verified.head.hash)
        lane.announced = max(lane.announced, verified.head.seq)
        lane.waiting.append(_Waiting(verified, size))
        self.bytes_waiting += size
        return self._next(lane), len(verified.events)

    def _lane(self, key: LaneKey) -> _Lane:
        """The lane, made at its first batch. Raises Refused(wrong_lane, too_large)."""
        if key.region != self._origin or key in self._forked:
            raise Refused(Code.WRONG_LANE, f"lane {key.lane} of {key.region} was not asked for")
        if not self._reach.may_receive(key, self._me):
            raise Refused(Code.WRONG_LANE, f"lane {key.lane} of {key.region} is not for {self._me}")
        known = self._lanes.get(key)
        if known is None and len(self._lanes) >= limits.LANES_PER_PEER_MAX:
            most = limits.LANES_PER_PEER_MAX
            raise Refused(Code.TOO_LARGE, f"{self._origin} has more than {most} lanes")
        return known or _Lane(Held.nothing(key))

    def applied(self, key: LaneKey, seq: int) -> tuple[Ack, LaneBatch | None]:
        """A batch is committed: what to acknowledge, and the lane's next batch if one waits."""
        lane = self._lanes[key]
        done = lane.waiting.popleft()
        lane.applying = False
        self.bytes_waiting -= done.size
        lane.applied = max(lane.applied, done.batch.head.seq, seq)
        return Ack((Tip(*key, lane.applied),), self._credit), self._next(lane)

    def postponed(self, key: LaneKey) -> None:
        """A batch could not be applied now; it stays first in its lane until ``retry``."""
        self._lanes[key].applying = False

    def retry(self) -> list[LaneBatch]:
        """The first waiting batch of every idle lane."""
        return [batch for lane in self._lanes.values() if (batch := self._next(lane))]

    @staticmethod
    def _next(lane: _Lane) -> LaneBatch | None:
        if lane.applying or not lane.waiting:
            return None
        lane.applying = True
        return lane.waiting[0].batch

    def announced(self, tips: Iterable[Tip]) -> None:
        """HEAD. Lanes that are not for us or not the origin's are passed over: a word, not a batch."""
        for key, seq in from_vector(tips).items():
            if key.region != self._origin or key in self._forked:
                continue
            if not self._reach.may_receive(key, self._me):
                continue
            if key not in self._lanes and len(self._lanes) < limits.LANES_PER_PEER_MAX:
                self._lanes[key] = _Lane(Held.nothing(key))
            if lane := self._lanes.get(key):
                # The latest word counts, not the largest: a wrong one is mended by the next.
                lane.announced = max(seq, lane.verified.seq)

    @property
    def lag_events(self) -> int:
        """Events the peer has told of that are not applied here."""
        return sum(max(0, lane.announced - lane.applied) for lane in self._lanes.values())
