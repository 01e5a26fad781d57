"""The proof that an origin signed two histories of a lane (docs/protocol/federation.md 9.4).

Two heads at one number with different hashes are one; where the heads stand at different numbers, the
headers between join them. It convinces whoever pins the origin's key, and needs nobody's word.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, chain
from server.federation.frames import Fork, Head, decode
from server.federation.trust import Roster, verify_head


class ForkProof(NamedTuple):
    """The elements of a FORK frame; ``headers`` lead from ``hash`` at ``first.seq`` to ``second``."""

    first: SignedHead
    second: SignedHead
    hash: bytes
    headers: tuple[bytes, ...]

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.first.region, self.first.epoch, self.first.lane)

    @property
    def seq(self) -> int:
        """An event of which two versions were signed; the histories may part earlier."""
        return self.first.seq

    @property
    def frame(self) -> Fork:
        return Fork(Head.of(self.first), Head.of(self.second), self.hash, self.headers)

    @classmethod
    def of(cls, frame: Fork) -> "ForkProof":
        return cls(frame.first.signed, frame.second.signed, frame.hash, frame.headers)


def verify_fork(frame: Fork, roster: Roster) -> ForkProof:
    """Raises Refused: bad_value when it proves nothing; unknown_peer, bad_signature."""
    proof = ForkProof.of(frame)
    if frame.first.key != frame.second.key:
        raise Refused(Code.BAD_VALUE, "the heads of a FORK are of two lanes")
    if proof.second.seq != proof.first.seq + len(proof.headers):
        raise Refused(Code.BAD_VALUE, "the headers of a FORK do not lead from head to head")
    reached = proof.hash
    for header in proof.headers:
        reached = chain(reached, header)
    if reached != proof.second.hash or proof.hash == proof.first.hash:
        raise Refused(Code.BAD_VALUE, "the heads of a FORK belong to one history")
    verify_head(proof.first, roster)
    verify_head(proof.second, roster)
    return proof


def fork_between(
    evidence: LaneBatch,
    heads: Iterable[SignedHead],
    hashes: Mapping[int, bytes],
    headers: Mapping[int, bytes],
) -> ForkProof | None:
    """The proof that a batch, verified in itself, and our copy of its lane are two histories; None without a
    head of ours that shows it.

    ``heads``: those we hold of the lane about there, in order; ``hashes`` and ``headers``: what we hold, by number.
    A history that parted stays apart, so the next head of ours behind the first difference is enough."""
    theirs, after = evidence.head, evidence.after
    said = {after: evidence.previous}
    said |= {seq: event.hash for seq, event in enumerate(evidence.events, after + 1)}
    for head in heads:
        if head.seq in said:
            if said[head.seq] == head.hash:
                continue
            following = tuple([event.header for event in evidence.events[head.seq - after :]])
            return ForkProof(head, theirs, said[head.seq], following)
        between = range(theirs.seq + 1, head.seq + 1)
        ours = hashes.get(theirs.seq)
        if ours not in (None, theirs.hash) and all(seq in headers for seq in between):
            return ForkProof(theirs, head, ours or b"", tuple([headers[seq] for seq in between]))
    return None


def stored(data: bytes) -> ForkProof:
    """A proof that was verified when it was kept, from its frame."""
    frame = decode(data)
    assert isinstance(frame, Fork), "only FORK frames are kept"
    return ForkProof.of(frame)
