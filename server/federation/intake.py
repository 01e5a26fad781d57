"""What a peer sends us: verified, queued, applied, acknowledged; per lane all that waits at a time.

docs/protocol/federation.md sections 9 and 19. Memory is bounded by the credit we gave (I9): a batch counts
from its arrival until it is applied.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.leads import Lead, grown
from server.domain.wire import LaneBatch
from server.federation.frames import Ack, Batch, LaneRef, LeadAck, Tip, Want
from server.federation.lanes import Course, Held, Reach, may_lead, vector
from server.federation.leading import latest, latest_lead, lead_tip, verified_part
from server.federation.status import Filling
from server.federation.trust import Roster

BEHIND_EVENTS = limits.BATCH_EVENTS_MAX
"""More than one batch behind what the peer announced is catching up, not living."""


class _Waiting(NamedTuple):
    batch: LaneBatch
    size: int
    course: Course


class _Lane:
    """``verified`` runs ahead of ``applied`` and ``lead`` by what waits; ``announced`` is the peer's word."""

    __slots__ = ("announced", "applied", "applying", "asked", "lead", "verified", "waiting")

    def __init__(self, held: Held) -> None:
        self.verified = held
        self.asked = held.seq
        """After which event the last WANT asked for it."""
        self.applied = held.seq
        self.lead = held.lead
        """As it is committed here."""
        self.announced = 0
        self.applying = 0
        """So many of the first that wait are at the writer."""
        self.waiting: deque[_Waiting] = deque()

    def committed(self, seq: int) -> None:
        """All up to ``seq`` is on the disk."""
        self.applied = max(self.applied, seq)
        if self.lead and self.applied >= self.lead.base:
            self.lead = None

    @property
    def acknowledged(self) -> int:
        """Up to where the sender is told that it is committed. It goes on from there, and what this connection has not
        verified before would be a gap: so not beyond that, though another peer has brought more."""
        lead = self.verified.lead
        reaches = lead.seq if lead and self.applied >= lead.base else self.verified.seq
        return min(self.applied, reaches)

    @property
    def missing(self) -> int:
        """Events the peer told of that are not on the disk; of listed ones nobody keeps count."""
        early = min(self.announced, self.lead.seq) - self.lead.base if self.lead else 0
        return max(0, self.announced - self.applied - max(0, early))

    @property
    def is_filling(self) -> bool:
        """Whether the peer has what lies before the lead. An origin put back to an older copy may not: then nobody has."""
        return self.lead is not None and self.announced >= self.lead.base


class Intake:
    """One connection's receiving half, made once what we hold is known; ``ask`` before all else."""

    def __init__(self, me: str, reach: Reach, roster: Roster, fresh: int = 0) -> None:
        """``fresh``: so many of the newest events of a lane come first, if more are missing; 0: never."""
        self._me = me
        self._fresh = fresh
        self._reach = reach
        self._roster = roster
        self._lanes: dict[LaneKey, _Lane] = {}
        self._origins: frozenset[str] = frozenset()
        self._asked: frozenset[str] = frozenset()
        """Origins of any WANT of this connection: their batches may still be on the way."""
        self._forked: frozenset[LaneKey] = frozenset()
        self._credit = limits.CREDIT_BYTES
        self.bytes_waiting = 0

    def ask(
        self, origins: Iterable[str], held: Mapping[LaneKey, Held], forked: Iterable[LaneKey]
    ) -> Want:
        """Everything of these origins that is for us, after ``held``, all that is committed here."""
        self._origins = frozenset(origins)
        self._asked |= self._origins
        self._forked |= frozenset(forked)
        after = {key: tip.seq for key, tip in held.items() if key.region in self._origins}
        for key in after:
            lane = self._lanes.setdefault(key, _Lane(held[key]))
            # Another peer was quicker: the sender goes on from there too.
            lane.verified = latest(lane.verified, held[key])
            lane.lead = latest_lead(lane.lead, held[key].lead)
            lane.asked = held[key].seq
        self.committed(after)
        without = tuple([LaneRef(*key) for key in sorted(self._forked)])
        hashes = tuple([held[key].hash for key in sorted(after)])
        leads = tuple([lead_tip(*key, lead) for key in sorted(after) if (lead := held[key].lead)])
        origins = tuple(sorted(self._origins))
        return Want(origins, vector(after), self._credit, without, hashes, self._fresh, leads)

    def receive(self, batch: Batch, size: int) -> tuple[LaneBatch | None, int]:
        """(The batch to apply now, if its lane is free; events that were new). Raises Refused."""
        key = batch.head.key
        if key in self._forked:
            return None, 0  # sent before the peer read our last WANT
        lane = self._lane(key)
        if self.bytes_waiting and self.bytes_waiting + size > self._credit:
            raise Refused(
                Code.TOO_LARGE, f"more than the credit of {self._credit} bytes is under way"
            )
        verified, held, course = verified_part(
            batch, lane.verified, self._may_begin(key, lane, batch.after), self._roster
        )
        self._lanes[key] = lane
        if not verified.events:
            return None, 0
        lane.verified = held
        lane.announced = max(lane.announced, verified.head.seq)
        lane.waiting.append(_Waiting(verified, size, course))
        self.bytes_waiting += size
        return self._next(lane), len(verified.events)

    def _may_begin(self, key: LaneKey, lane: _Lane, after: int) -> bool:
        """Whether a batch that leaves out what is missing before it was asked for; a smaller gap is one."""
        return 0 < self._fresh < after - lane.asked and may_lead(key, self._me)

    def _lane(self, key: LaneKey) -> _Lane:
        """The lane, made at its first batch. Raises Refused(wrong_lane, too_large)."""
        if key.region not in self._asked:
            raise Refused(Code.WRONG_LANE, f"lane {key.lane} of {key.region} was not asked for")
        if not self._reach.may_receive(key, self._me):
            raise Refused(Code.WRONG_LANE, f"lane {key.lane} of {key.region} is not for {self._me}")
        known = self._lanes.get(key)
        if known is None and not self._has_room(key.region):
            most = limits.LANES_PER_PEER_MAX
            raise Refused(Code.TOO_LARGE, f"{key.region} has more than {most} lanes")
        return known or _Lane(Held.nothing(key))

    def _has_room(self, region: str) -> bool:
        lanes = sum(key.region == region for key in self._lanes)
        return lanes < limits.LANES_PER_PEER_MAX

    def applied(self, key: LaneKey, seq: int) -> tuple[Ack, LaneBatch | None]:
        """A batch is committed: what to acknowledge, and the lane's next batch if one waits."""
        lane = self._lanes[key]
        early: Lead | None = None
        for _ in range(lane.applying):
            done = lane.waiting.popleft()
            self.bytes_waiting -= done.size
            if done.course is Course.WHOLE:
                seq = max(seq, done.batch.head.seq)
            else:
                early = self._grown(lane, done.batch)
        lane.applying = 0
        lane.committed(seq)
        return self._ack(key, lane, early), self._next(lane)

    def _ack(self, key: LaneKey, lane: _Lane, lead: Lead | None) -> Ack:
        early = (LeadAck(*key, lead.seq, lead.listed),) if lead else ()
        return Ack((Tip(*key, lane.acknowledged),), self._credit, early)

    def repeated(self, key: LaneKey) -> Ack | None:
        """What to answer to a batch that brought nothing new: the sender counts it until it is told. None where the ACK
        of what waits will tell, and of a lane left out."""
        lane = self._lanes.get(key)
        if lane is None or lane.waiting or key in self._forked:
            return None
        return self._ack(key, lane, lane.lead)

    @staticmethod
    def _grown(lane: _Lane, batch: LaneBatch) -> Lead:
        lane.lead = grown(lane.lead, batch)
        return lane.lead

    def postponed(self, key: LaneKey) -> None:
        """A batch could not be applied now; it stays first in its lane until ``retry``."""
        self._lanes[key].applying = 0

    def retry(self) -> list[LaneBatch]:
        """The first waiting batch of every idle lane."""
        return [batch for lane in self._lanes.values() if (batch := self._next(lane))]

    def first_waiting(self, key: LaneKey) -> LaneBatch | None:
        """The batch whose turn it is in a lane."""
        lane = self._lanes.get(key)
        return joined(_in_a_row(lane.waiting)) if lane and lane.waiting else None

    @staticmethod
    def _next(lane: _Lane) -> LaneBatch | None:
        if lane.applying or not lane.waiting:
            return None
        batches = _in_a_row(lane.waiting)
        lane.applying = len(batches)
        return joined(batches)

    def committed(self, tips: Mapping[LaneKey, int]) -> None:
        """The log reaches this far, whoever brought it."""
        for key, seq in tips.items():
            if lane := self._lanes.get(key):
                lane.committed(seq)

    def announced(self, tips: Mapping[LaneKey, int]) -> None:
        """HEAD, of lanes we may receive; those not asked for are passed over: a word, not a batch."""
        for key, seq in tips.items():
            if key.region not in self._origins or key in self._forked:
                continue
            if key not in self._lanes and self._has_room(key.region):
                self._lanes[key] = _Lane(Held.nothing(key))
            if lane := self._lanes.get(key):
                # The latest word counts, not the largest: a wrong one is mended by the next.
                lane.announced = max(seq, lane.verified.seq)

    @property
    def lag_events(self) -> int:
        """Events of the origins asked for that the peer has told of and that are not applied here."""
        return sum([lane.missing for lane in self._wanted()])

    @property
    def filling(self) -> Filling:
        """How far the lanes are filled that have a lead."""
        filling = [lane for lane in self._wanted() if lane.is_filling]
        leads = [(lane.lead.base, lane.applied) for lane in filling if lane.lead]
        return Filling(sum(base for base, _ in leads), sum(held for _, held in leads))

    def _wanted(self) -> Iterator[_Lane]:
        for key, lane in self._lanes.items():
            if key.region in self._origins and key not in self._forked:
                yield lane


def _in_a_row(waiting: Iterable[_Waiting]) -> list[LaneBatch]:
    """The first that wait, as far as each continues the one before and one transaction may take them."""
    found: list[_Waiting] = []
    events = 0
    for one in waiting:
        events += len(one.batch.events)
        if found and (events > limits.BATCH_EVENTS_MAX or not _follows(one, found[-1])):
            break
        found.append(one)
    return [one.batch for one in found]


def _follows(one: _Waiting, before: _Waiting) -> bool:
    """Not where another peer was quicker, nor from what fills a hole to what came early behind it."""
    return one.course is before.course and one.batch.after == before.batch.head.seq


def joined(batches: Sequence[LaneBatch]) -> LaneBatch:
    """Batches in a row as one, to be taken apart where otherwise a part had more than PAGE_EVENTS_MAX or BATCH_BYTES_MAX.

    Small ones come quicker than a disk syncs: one by one a busy lane would fall behind for ever. But only the head at
    the end of a part is kept, and a relay's batches end where one is: a part is no larger than a batch may be."""
    first, last = batches[0], batches[-1]
    ends, events, size = [], 0, 0
    for before, batch in pairwise(batches):
        events += len(before.events)
        size += _bytes_of(before)
        if (
            events + len(batch.events) > limits.PAGE_EVENTS_MAX
            or size + _bytes_of(batch) > limits.BATCH_BYTES_MAX
        ):
            ends.append(before.head)
            events = size = 0
    every = tuple(chain.from_iterable([batch.events for batch in batches]))
    start = (first.key, first.after, first.previous)
    return LaneBatch(*start, every, last.head, tuple(ends), first.early)


def _bytes_of(batch: LaneBatch) -> int:
    return sum([event.size for event in batch.events])
