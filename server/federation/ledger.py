"""What a link remembers of its peer from one connection to the next; a few numbers per lane (I9)."""

from collections.abc import Iterable, Mapping

from server.domain.errors import Refusal
from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.catchup import Backlog, Page
from server.federation.forks import ForkProof
from server.federation.frames import Tip
from server.federation.lanes import Reach, from_vector
from server.federation.status import LaneStatus, LinkFacts, LinkStatus
from server.storage.forks import fork_id


class Ledger:
    """Shared by a link and its flow of the moment."""

    def __init__(self, me: str, peer: str, reach: Reach, fresh: int = 0) -> None:
        self.me, self.peer, self.reach, self.fresh = me, peer, reach, fresh
        self.tips: dict[LaneKey, int] = {}
        """How far the lanes the peer may receive reach here."""
        self.gossip: dict[LaneKey, int] = {}
        """How far the peer says it holds lanes that we may receive, whoever their origin is."""
        self.relayed: frozenset[str] = frozenset()
        """Origins asked of this peer beside its own (relay)."""
        self.backlog: dict[LaneKey, Backlog] = {}
        """Of these, our own: what the peer has not acknowledged."""
        self._after: Mapping[LaneKey, int] | None = None
        """The vector of the peer's last WANT."""
        self.applying: set[LaneKey] = set()
        """Lanes with a batch at the writer, also one of an earlier connection."""
        self.forked: dict[LaneKey, ForkProof | None] = {}
        """Lanes left out, with the proof that their origin signed two histories once there is one."""
        self.notes: list[Refusal] = []
        """For the next Report: worth an operator's look, no reason to close."""
        self.rtt: int | None = None
        self.skew: int | None = None
        self.events_in = self.events_out = self.bytes_in = self.bytes_out = 0

    def begin(self) -> None:
        """A connection is proven. Since the one before, a newer roster may have taken lanes from the peer (I8)."""
        self.gossip.clear()
        gone = [key for key in self.tips if not self.reach.may_receive(key, self.peer)]
        for key in gone:
            del self.tips[key]
            self.backlog.pop(key, None)

    def wrote(self, size: int) -> None:
        """A frame of so many bytes goes to the peer."""
        self.bytes_out += size

    def moved(self, tips: Mapping[LaneKey, int], now: int) -> dict[LaneKey, int]:
        """The local log reaches this far: the part of it the peer may know of (I8)."""
        may_receive, peer = self.reach.may_receive, self.peer
        theirs = {key: seq for key, seq in tips.items() if may_receive(key, peer)}
        for key, seq in theirs.items():
            seq = self.tips[key] = max(seq, self.tips.get(key, 0))
            if key.region == self.me:
                backlog = self.backlog.get(key)
                if backlog is None:
                    # Without a WANT since our start, count from here on.
                    acked = seq - 1 if self._after is None else self._after.get(key, 0)
                    backlog = self.backlog[key] = Backlog(acked)
                backlog.moved(seq, now)
        return theirs

    def wanted(self, after: Mapping[LaneKey, int], now: int) -> None:
        """The peer said what it holds of our lanes: now the backlog is exact."""
        self._after = after
        for key, tip in self.tips.items():
            if key.region != self.me:
                continue
            acked, backlog = after.get(key, 0), self.backlog.get(key)
            if backlog is None or acked < backlog.acked:
                backlog = self.backlog[key] = Backlog(acked)
            backlog.moved(tip, now)
            backlog.acknowledge(acked)

    def told(self, tips: Iterable[Tip]) -> dict[LaneKey, int]:
        """HEAD: the part of it that is about lanes we may receive (I8). The latest word counts."""
        ours = {key: seq for key, seq in from_vector(tips).items() if self._concerns(key)}
        self.gossip |= ours
        return ours

    def _concerns(self, key: LaneKey) -> bool:
        if key not in self.gossip and len(self.gossip) >= frames.VECTOR_LANES_MAX:
            return False  # I9
        return key.region in self.reach.regions and self.reach.may_receive(key, self.me)

    def sent(self, page: Page) -> None:
        if backlog := self.backlog.get(page.key):
            backlog.sent(page.after, page.first_at)

    def acknowledged(self, tips: Mapping[LaneKey, int]) -> None:
        for key, seq in tips.items():
            if backlog := self.backlog.get(key):
                backlog.acknowledge(seq)

    def status(self, facts: LinkFacts, now: int) -> LinkStatus:
        """For operators."""
        since = self.oldest_unacked_at
        at, words = facts.error or (None, None)
        sending, credit, waiting = facts.load
        return LinkStatus(
            region=self.peer,
            state=facts.state,
            since=facts.since,
            dialled_by=facts.dialled_by,
            behind_events=facts.behind_events,
            filling_events=facts.filling.events,
            filled_events=facts.filling.held,
            lag_events=self.lag_events,
            oldest_unacked_ms=None if since is None else max(0, now - since),
            rtt_ms=self.rtt,
            skew_ms=self.skew,
            peer_epoch=facts.peer_epoch,
            relayed=tuple(sorted(self.relayed)),
            forked=tuple(sorted(fork_id(key) for key in self.forked)),
            last_error=words,
            last_error_at=at,
            events_in=self.events_in,
            events_out=self.events_out,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            version=facts.version,
            software=facts.software,
            sending_bytes=sending,
            credit_bytes=credit,
            waiting_bytes=waiting,
        )

    def lanes(self, now: int) -> list[LaneStatus]:
        return [
            LaneStatus(
                lane=key.lane,
                epoch=key.epoch,
                acked=None if self._after is None else backlog.acked,
                behind_events=backlog.events,
                behind_ms=None if backlog.since is None else max(0, now - backlog.since),
            )
            for key, backlog in sorted(self.backlog.items())
        ]

    @property
    def lag_events(self) -> int:
        return sum(backlog.events for backlog in self.backlog.values())

    @property
    def oldest_unacked_at(self) -> int | None:
        return min(
            (at for backlog in self.backlog.values() if (at := backlog.since) is not None),
            default=None,
        )
