"""Reading the log for the links: how far lanes are held, and ready pages. Part of the edge.

A page of an own lane ends where it ends and gets a head signed now; a page of a foreign lane must end
where its origin signed one (docs/protocol/federation.md 5).
"""

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, WireEvent, genesis
from server.federation.catchup import Page, page
from server.federation.forks import ForkProof
from server.federation.lanes import Held
from server.federation.trust import HeadSigner, Roster
from server.storage import event_log
from server.storage.reader import Snapshot

T = TypeVar("T")

HASHES_KEPT = 1024
"""Chain hashes at recent page ends: the next page begins there; 100 bytes each."""


class Snapshots(Protocol):
    """``storage.reader.Reader``."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]: ...
    async def load(self, load: Callable[[Snapshot], Coroutine[Any, Any, T]]) -> T: ...


class Pages:
    """One per node, shared by its links."""

    def __init__(
        self, region: str, reader: Snapshots, private: Ed25519PrivateKey, roster: Roster
    ) -> None:
        self._region = region
        self._reader = reader
        self._roster = roster
        self._signer = HeadSigner(private)
        self._hashes: OrderedDict[tuple[LaneKey, int], bytes] = OrderedDict()

    def rotate(self, private: Ed25519PrivateKey) -> None:
        """Own heads are signed by this key from now on."""
        self._signer.rotate(private)

    async def tips(self) -> dict[LaneKey, Held]:
        """Every lane this node holds, from one transaction."""
        async with self._reader.snapshot() as snapshot:
            tips = await event_log.lane_tips(snapshot)
        return {key: Held(tip.seq, tip.hash) for key, tip in tips.items()}

    async def page(self, key: LaneKey, after: int) -> Page | None:
        """What follows ``after``, within the limits of a batch; None when nothing can be sent yet."""
        previous, events, head = await self._reader.load(partial(self._read, key, after))
        if previous is None or not events:
            return None
        if self._is_own(key):
            head = self._signer.sign(key, Held(after + len(events), events[-1].hash))
        if head is None:
            return None
        self._remember(key, head.seq, head.hash)
        return page(after, previous, events[: head.seq - after], head)

    async def _read(
        self, key: LaneKey, after: int, snapshot: Snapshot
    ) -> tuple[bytes | None, list[WireEvent], SignedHead | None]:
        """Perhaps in a thread: what the database has. The head is a foreign lane's."""
        previous = await self._hash_at(snapshot, key, after)
        events = await event_log.lane_page(snapshot, key, after, events_max=self._events_max(key))
        last = after + len(events)
        head = None if self._is_own(key) else await self._kept_head(snapshot, key, after, last)
        return previous, events, head

    def _events_max(self, key: LaneKey) -> int:
        """Short pages, but where only the origin's heads end one: those may be as far apart as a batch is long."""
        return limits.PAGE_EVENTS_MAX if self._is_own(key) else limits.BATCH_EVENTS_MAX

    def _is_own(self, key: LaneKey) -> bool:
        return key.region == self._region

    async def _hash_at(self, snapshot: Snapshot, key: LaneKey, seq: int) -> bytes | None:
        if seq == 0:
            return genesis(*key)
        known = self._hashes.get((key, seq))
        if known is None:
            found = await event_log.lane_page(snapshot, key, seq - 1, events_max=1)
            known = found[0].hash if found else None
        return known

    async def _head(
        self, snapshot: Snapshot, key: LaneKey, after: int, events: list[WireEvent]
    ) -> SignedHead | None:
        last = after + len(events)
        if self._is_own(key):
            return self._signer.sign(key, Held(last, events[-1].hash))
        return await self._kept_head(snapshot, key, after, last)

    async def _kept_head(
        self, snapshot: Snapshot, key: LaneKey, after: int, last: int
    ) -> SignedHead | None:
        head = await event_log.lane_head(snapshot, key, after + 1, last)
        # After a crash a head may be older here than the word that says whose key signed it.
        return head if head and self._roster.knows(head.region, head.key_id) else None

    def _remember(self, key: LaneKey, seq: int, hash_: bytes) -> None:
        self._hashes[key, seq] = hash_
        self._hashes.move_to_end((key, seq))
        while len(self._hashes) > HASHES_KEPT:
            self._hashes.popitem(last=False)

    async def prove(self, evidence: LaneBatch) -> ForkProof | None:
        """That a batch, verified in itself, and our copy are two histories; None without a head of ours."""
        key, theirs = evidence.key, evidence.head
        async with self._reader.snapshot() as snapshot:
            tip = (await event_log.lane_tips(snapshot)).get(key)
            if tip is None:
                return None
            # Compared where the shorter of the two ends, which is where it has a head.
            at = min(tip.seq, theirs.seq)
            ours = await event_log.lane_page(snapshot, key, at - 1)
            head = await self._head(snapshot, key, at - 1, ours if at == theirs.seq else ours[:1])
        if head is None:
            return None
        if at == theirs.seq:
            following = ours[1 : head.seq - at + 1]
            proof = ForkProof(theirs, head, ours[0].hash, _headers(following))
        else:
            following = list(evidence.events[at - evidence.after :])
            known = at - evidence.after
            hash_ = evidence.events[known - 1].hash if known else evidence.previous
            proof = ForkProof(head, theirs, hash_, _headers(following))
        return proof if proof.hash != proof.first.hash else None


def _headers(events: Sequence[WireEvent]) -> tuple[bytes, ...]:
    return tuple([event.header for event in events])
