"""What must hold at every step, kept apart from the nodes: what was written, by its own record.

The record is of events, not of states: a post and its deletion, both lost, leave every state equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.wire import WireEvent
from server.federation import frames
from server.federation.frames import Batch
from server.federation.guests import GUESTS_MAX
from server.federation.link import Link
from tests.unit.federation.lab import may_know


class Broken(AssertionError):
    """An invariant, by its number."""


def holds(fact: bool, words: str) -> None:
    if not fact:
        raise Broken(words)


class Oracle:
    """Every event ever written, and how much of each lane may not be lost any more."""

    def __init__(self) -> None:
        self.hashes: dict[LaneKey, list[bytes]] = {}
        """What each number is bound to, once and for all (I5)."""
        self.split: set[LaneKey] = set()
        """Lanes whose origin went on from an old copy without a new epoch: it may have signed two histories."""
        self.durable: dict[LaneKey, int] = {}
        """So many events of a lane are on some disk that was not put back since."""
        self.erased: set[tuple[LaneKey, int]] = set()
        """Events whose erasure somebody asked for."""
        self.applied_events = self.applied_early_events = 0

    # -- the log of every node -----------------------------------------------------------------------

    def appended(self, key: LaneKey, seq: int, hash_: bytes) -> None:
        known = self.hashes.setdefault(key, [])
        holds(seq <= len(known) + 1, f"I5: {key} goes from {len(known)} to {seq}")
        if seq > len(known):
            known.append(hash_)
        self._bound(key, seq, hash_)
        self.durable[key] = max(seq, self.durable.get(key, 0))

    def applied(self, region: str, key: LaneKey, after: int, events: Sequence[WireEvent]) -> None:
        """``events`` are what a disk has gained, read back from it, after its number ``after``."""
        holds(may_know(key, region), f"I8: {region} holds {key}")
        for seq, event in enumerate(events, after + 1):
            self._bound(key, seq, event.hash)
            if event.body is None and (key, seq) not in self.erased:
                raise Broken(f"{region} holds {seq} of {key} without its body: nobody asked")
        self.durable[key] = max(after + len(events), self.durable.get(key, 0))
        self.applied_events += len(events)

    def applied_early(
        self, region: str, key: LaneKey, events: Sequence[tuple[int, WireEvent]]
    ) -> None:
        """As ``applied``, of events beyond a hole: nobody relies on their being there."""
        holds(may_know(key, region), f"I8: {region} holds {key}")
        for seq, event in events:
            self._bound(key, seq, event.hash)
        self.applied_early_events += len(events)

    def _bound(self, key: LaneKey, seq: int, hash_: bytes) -> None:
        known = self.hashes.get(key, [])
        # Asked of every event everywhere: words are made for a failure only.
        if seq > len(known):
            raise Broken(f"event {seq} of {key} was never written")
        if known[seq - 1] != hash_ and key not in self.split:
            raise Broken(f"I5: {seq} of {key} has two hashes")

    def put_back(self, tips: Iterable[dict[LaneKey, int]]) -> None:
        """A disk was replaced by an older copy: only what the disks of now hold is still safe."""
        most: dict[LaneKey, int] = {}
        for node in tips:
            for key, seq in node.items():
                most[key] = max(seq, most.get(key, 0))
        self.durable = most

    # -- the wires -------------------------------------------------------------------------------------

    def sent(self, frame: frames.Frame) -> None:
        """Beyond what the laboratory checks: what a BATCH says its numbers are bound to."""
        if not isinstance(frame, Batch) or (key := frame.head.key) in self.split:
            return
        self._bound(key, frame.head.seq, frame.head.hash)
        before = frame.after == 0 or self.hashes[key][frame.after - 1] == frame.previous
        holds(before, f"I5: a BATCH of {key} hangs in the air at {frame.after}")


def check_memory(link: Link) -> None:
    """I9: what a link keeps for a peer has a bound that does not depend on the peer. Asked at every step."""
    flow, ledger = link._flow, link._ledger
    if flow:
        if serving := flow._serving:
            if not 0 <= serving.bytes_under_way <= limits.CREDIT_BYTES:
                _alone("under way", [cursor.flights for cursor in serving._cursors.values()])
            if sum([bool(ahead.ready) for ahead in serving._ahead.values()]) > 2:
                raise Broken("I9: pages loaded ahead")
        if not 0 <= flow._intake.bytes_waiting <= limits.CREDIT_BYTES:
            _alone("waiting", [lane.waiting for lane in flow._intake._lanes.values()])
    if len(list(link._guests)) > GUESTS_MAX:
        raise Broken("I9: unproven connections")
    if len(ledger.gossip) > frames.VECTOR_LANES_MAX:
        raise Broken("I9: gossip")


def _alone(what: str, batches: Sequence[Sized]) -> None:
    """One batch may be larger than all that is allowed, and no other beside it (9.2)."""
    if sum(map(len, batches)) != 1:
        raise Broken(f"I9: {what}")
