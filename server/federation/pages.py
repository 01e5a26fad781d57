"""Reading the log for the links: how far lanes are held, and ready pages. Part of the edge.

A page of an own lane ends where it ends and gets a head signed now; a page of a foreign lane must end
where its origin signed one (docs/protocol/federation.md 5).
"""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.domain import limits
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, WireEvent, genesis
from server.federation.catchup import Page, page
from server.federation.forks import ForkProof, fork_between
from server.federation.frames import SEQ_END
from server.federation.lanes import Course, Held
from server.federation.trust import HeadSigner, Roster
from server.storage import event_log, leads
from server.storage.reader import Snapshot

T = TypeVar("T")

HASHES_KEPT = 1024
"""Chain hashes at recent page ends: the next page begins there; 100 bytes each."""
RELAYED_RUN_MAX = 32
"""Events a relay sends for the sake of one listed one: more, and most of a lane would travel twice."""


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
        return {key: Held(*tip) for key, tip in tips.items()}

    async def page(
        self, key: LaneKey, after: int, course: Course = Course.WHOLE, upto: int = SEQ_END
    ) -> Page | None:
        """What follows ``after`` on its course, within the limits of a batch; None when nothing can be sent yet.

        A page of an own lane does not go beyond ``upto``, one of listed events neither."""
        read = partial(self._read, key, after, course, upto)
        after, previous, events, head = await self._reader.load(read)
        if previous is None or not events:
            return None
        if self._is_own(key):
            head = self._signer.sign(key, Held(after + len(events), events[-1].hash))
        if head is None:
            return None
        self._remember(key, head.seq, head.hash)
        return page(after, previous, events[: head.seq - after], head)

    async def _read(
        self, key: LaneKey, after: int, course: Course, upto: int, snapshot: Snapshot
    ) -> tuple[int, bytes | None, list[WireEvent], SignedHead | None]:
        """Perhaps in a thread: what the database has, and after which event. The head is a foreign lane's."""
        count = self._events_max(key)
        if course is Course.LISTED:
            run = await self._listed_run(snapshot, key, after, upto)
            if run is None:
                return after, None, [], None
            after = run[0] - 1
            count = min(count, run[1] - after) if self._is_own(key) else run[1] - after
        elif self._is_own(key):
            count = min(count, upto - after)
        previous = await self._hash_at(snapshot, key, after)
        events = await event_log.lane_page(snapshot, key, after, events_max=count)
        last = after + len(events)
        head = None if self._is_own(key) else await self._kept_head(snapshot, key, after, last)
        return after, previous, events, head

    def _events_max(self, key: LaneKey) -> int:
        """Short pages, but where only the origin's heads end one: those may be as far apart as a batch is long."""
        return limits.PAGE_EVENTS_MAX if self._is_own(key) else limits.BATCH_EVENTS_MAX

    def _is_own(self, key: LaneKey) -> bool:
        return key.region == self._region

    async def _listed_run(
        self, snapshot: Snapshot, key: LaneKey, after: int, upto: int
    ) -> tuple[int, int] | None:
        """(first, last) of the next listed events; of a foreign lane up to where its origin signed next, if that is
        near: else the origin itself may go on from there."""
        run = await leads.listed_run(snapshot, key, after, upto)
        if run is None or self._is_own(key):
            return run
        near = min(upto, run[0] + RELAYED_RUN_MAX - 1)
        head = await event_log.lane_head(snapshot, key, run[0], near, nearest=True)
        return (run[0], head.seq) if head else None

    async def _hash_at(self, snapshot: Snapshot, key: LaneKey, seq: int) -> bytes | None:
        if seq == 0:
            return genesis(*key)
        known = self._hashes.get((key, seq))
        if known is None:
            found = await event_log.lane_page(snapshot, key, seq - 1, events_max=1)
            known = found[0].hash if found else None
        return known

    async def _kept_head(
        self, snapshot: Snapshot, key: LaneKey, after: int, last: int
    ) -> SignedHead | None:
        """The furthest that others believe. After a crash a head may be older here than the word that says whose
        key signed it; and a region that had lost what we hold may have ended its key before that (17.3)."""
        head = await event_log.lane_head(snapshot, key, after + 1, last)
        if head is None or self._roster.believes(head):
            return head
        heads = await event_log.lane_heads(snapshot, key, after + 1, last)
        return next(filter(self._roster.believes, reversed(heads)), None)

    def _remember(self, key: LaneKey, seq: int, hash_: bytes) -> None:
        self._hashes[key, seq] = hash_
        self._hashes.move_to_end((key, seq))
        while len(self._hashes) > HASHES_KEPT:
            self._hashes.popitem(last=False)

    async def prove(self, evidence: LaneBatch) -> ForkProof | None:
        """That a batch, verified in itself, and our copy are two histories; None without a head of ours."""
        key, theirs = evidence.key, evidence.head
        last = theirs.seq + limits.BATCH_EVENTS_MAX
        async with self._reader.snapshot() as snapshot:
            tip = (await event_log.lane_tips(snapshot)).get(key)
            if tip is None:
                return None
            ours = await leads.rows(snapshot, key, max(1, evidence.after), last)
            if key.region == self._region:
                at = min(tip.seq, theirs.seq)
                heads = [self._signer.sign(key, Held(at, ours[at].hash))] if at in ours else []
            else:
                heads = await event_log.lane_heads(snapshot, key, evidence.after, last)
        hashes = {seq: event.hash for seq, event in ours.items()}
        if tip.lead:
            hashes[tip.lead.base] = tip.lead.base_hash
        known = [head for head in heads if self._roster.believes(head)]
        return fork_between(evidence, known, hashes, {n: e.header for n, e in ours.items()})
