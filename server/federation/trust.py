"""Keys, signed heads and the gate every foreign event passes: ``verify_batch``.

docs/protocol/federation.md sections 2 (keys), 3 to 5 (header, chain, head) and 7 (proof in HELLO).
Ed25519 (RFC 8032) is deterministic, so this file stays pure: keys and nonces come in.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.events import EpochEnd, Event, KeyRetired, KeyRotated, LogClosed
from server.domain.ids import EventId, LaneKey
from server.domain.visibility import CONTROL
from server.domain.wire import (
    Header,
    LaneBatch,
    SignedHead,
    WireEvent,
    chain,
    commitment,
    decode_header,
)
from server.domain.wire import (
    key_id as key_id,
)
from server.federation.ends import Ends
from server.federation.frames import Batch, Carried, Succession
from server.federation.lanes import Held

Role = Literal["dial", "accept"]

HEADS_KEPT = 1024
"""Signed heads in memory: every peer of a live batch finds its head ready; 200 bytes each."""
ANY_KEY = ""
"""In place of a key's id: all keys of a region, for a lane that is closed."""

_encode = msgspec.msgpack.Encoder().encode


# -- keys ------------------------------------------------------------------------------------------


def public_key(raw: bytes) -> Ed25519PublicKey:
    """Raises ValueError unless ``raw`` has 32 bytes."""
    return Ed25519PublicKey.from_public_bytes(raw)


def private_key(seed: bytes) -> Ed25519PrivateKey:
    """Raises ValueError unless ``seed`` has 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(seed)


class Roster:
    """The keys of every region; who is not in it does not exist. One per node, shared by its links.

    Pinned keys come from the operator; others follow from them by the region's own word (17.2). A key
    that has ended vouches for what lies before its end only (17.3)."""

    def __init__(self, keys: Mapping[str, Iterable[bytes]]) -> None:
        """``keys``: region -> its pinned public keys (32 bytes each)."""
        self.version_min = 1
        """The lowest protocol version the company still speaks."""
        self._keys: dict[str, dict[str, Ed25519PublicKey]] = {}
        self._words: dict[tuple[str, str], Succession] = {}
        """(region, key id) -> the word by which the key is known; a word comes after those it needs."""
        self._fresh: list[Succession] = []
        self._ends: dict[tuple[str, str], Ends] = {}
        """(region, key id or ANY_KEY) -> up to where it vouches, by the region's own word."""
        self._pinned_ends: dict[tuple[str, str], Ends] = {}
        """The same by the operator's, who may take it back."""
        self.pin(keys)

    def __contains__(self, region: str) -> bool:
        return region in self._keys

    @property
    def regions(self) -> frozenset[str]:
        return frozenset(self._keys)

    def pin(
        self, keys: Mapping[str, Iterable[bytes]], ended: Iterable[tuple[str, LaneKey, int]] = ()
    ) -> None:
        """What the operator says, anew and whole; ``ended``: keys it ends, as in ``end``.

        Words that do not follow from it, or follow from a key it ends, are forgotten."""
        self._keys = {
            region: {key_id(raw): public_key(raw) for raw in raws} for region, raws in keys.items()
        }
        self._pinned_ends = {}
        for key, lane, seq in ended:
            self._pinned_ends.setdefault((lane.region, key), Ends()).end(lane, seq)
        words, self._words = [*self._words.values()], {}
        trusted = [word for word in words if (word.region, word.by) not in self._pinned_ends]
        while sum(self._follow(word) for word in trusted):
            pass

    def keys(self, region: str) -> tuple[bytes, ...]:
        """By which a region may speak for itself: pinned, or following from those, and not ended."""
        known = self._keys.get(region, {}).items()
        return tuple(
            [key.public_bytes_raw() for name, key in known if not self.has_ended(region, name)]
        )

    def knows(self, region: str, key: str) -> bool:
        return key in self._keys.get(region, ())

    def check(self, region: str, key: str, signature: bytes, signed: bytes) -> None:
        """Raises Refused: unknown_peer, or bad_signature when the key is not known or does not fit."""
        if region not in self._keys:
            raise Refused(Code.UNKNOWN_PEER, f"region {region} is not in the roster")
        public = self._keys[region].get(key)
        if public is None:
            raise Refused(Code.BAD_SIGNATURE, f"key {key} is not known for region {region}")
        try:
            public.verify(signature, signed)
        except InvalidSignature:
            raise Refused(
                Code.BAD_SIGNATURE, f"the signature by key {key} of {region} does not fit"
            ) from None

    # -- keys that follow --------------------------------------------------------------------------

    def learn(self, word: Succession) -> bool:
        """Whether a word is new to us. One by a key we do not know says nothing.

        Raises Refused(bad_signature) when a key we know did not sign it."""
        if self.has_ended(word.region, word.by) or not self._follow(word):
            return False
        self._fresh.append(word)
        return True

    def learn_all(self, words: Iterable[Succession]) -> None:
        """As ``learn``, whatever order they come in."""
        words = tuple(words)
        while sum(self.learn(word) for word in words):
            pass

    def _follow(self, word: Succession) -> bool:
        name, known = key_id(word.key), self._keys.get(word.region, {})
        # A pinned key's word is kept as well: others may pin an earlier one.
        if (word.region, name) in self._words or name == word.by or word.by not in known:
            return False
        if name not in known and len(known) >= limits.KEYS_PER_REGION_MAX:
            return False  # I9
        self.check(word.region, word.by, word.signature, word.signed_bytes)
        known[name] = public_key(word.key)
        self._words[word.region, name] = word
        return True

    def words(self, region: str | None = None) -> tuple[Succession, ...]:
        """Why the keys of a region, or of all, are known."""
        return tuple([word for word in self._words.values() if region in (None, word.region)])

    def fresh(self) -> tuple[Succession, ...]:
        """What was learned since this was asked last."""
        if not self._fresh:
            return ()
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    # -- keys that end -----------------------------------------------------------------------------

    def end(self, key: str, lane: LaneKey, seq: int) -> None:
        """A key of the lane's region, or ANY_KEY, vouches for no event of the lane beyond ``seq``."""
        self._ends_of(lane.region, key).end(lane, seq)

    def end_earlier(self, key: str, lane: LaneKey, ends: Iterable[EpochEnd]) -> None:
        """Nor for any of the lane's earlier epochs, but up to the places that are named."""
        self._ends_of(lane.region, key).end_earlier(lane, ends)

    def _ends_of(self, region: str, key: str) -> Ends:
        return self._ends.setdefault((region, key), Ends())

    def _said_of(self, region: str, key: str) -> list[Ends]:
        found = (ends.get((region, key)) for ends in (self._ends, self._pinned_ends))
        return [ends for ends in found if ends]

    def has_ended(self, region: str, key: str) -> bool:
        """Whether the region may not speak for itself by this key any more."""
        return any(ends.is_over for ends in self._said_of(region, key))

    def vouches(self, key: str, lane: LaneKey, seq: int) -> bool:
        """Whether a head of the lane at ``seq`` lies before the end of its key."""
        found = (*self._said_of(lane.region, key), *self._said_of(lane.region, ANY_KEY))
        return all(ends.vouches(lane, seq) for ends in found)

    def believes(self, head: SignedHead) -> bool:
        """Whether others can be told it: its key is known to be the region's, and had not ended there."""
        lane = LaneKey(head.region, head.epoch, head.lane)
        return self.knows(head.region, head.key_id) and self.vouches(head.key_id, lane, head.seq)


def heed(roster: Roster, id: EventId, event: Event | None) -> None:
    """What a committed event says of its region's keys (17.2 to 17.4); all others say nothing."""
    match event:
        case KeyRotated() if event.signature and id.lane == CONTROL:
            with contextlib.suppress(Refused, ValueError):  # its own region's trouble
                word = Succession(id.region, event.key, key_id(event.before), event.signature)
                roster.learn(word)
        case KeyRetired():
            _end(roster, event.key_id, id, event.earlier)
        case LogClosed():
            _end(roster, ANY_KEY, id, event.earlier)


def _end(roster: Roster, key: str, id: EventId, earlier: tuple[EpochEnd, ...] | None) -> None:
    """In the lane of the event, and nowhere else."""
    lane = LaneKey(*id[:3])
    roster.end(key, lane, id.seq)
    if earlier is not None:
        roster.end_earlier(key, lane, earlier)


def succession(region: str, key: bytes, old: Ed25519PrivateKey) -> Succession:
    """The region's word that ``key`` follows the old one."""
    by = key_id(old.public_key().public_bytes_raw())
    bare = Succession(region, key, by, b"")
    return msgspec.structs.replace(bare, signature=old.sign(bare.signed_bytes))


# -- heads -----------------------------------------------------------------------------------------


def sign_head(key: LaneKey, tip: Held, private: Ed25519PrivateKey) -> SignedHead:
    """The origin's word that its lane's event ``tip.seq`` has chain hash ``tip.hash`` (section 5)."""
    name = key_id(private.public_key().public_bytes_raw())
    bare = SignedHead(*key, tip.seq, tip.hash, name, b"")
    return msgspec.structs.replace(bare, signature=private.sign(bare.signed_bytes))


class HeadSigner:
    """Signs each head once, however many peers receive it."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._heads: OrderedDict[tuple[LaneKey, Held], SignedHead] = OrderedDict()

    def rotate(self, private: Ed25519PrivateKey) -> None:
        """Signs by this key from now on."""
        self._private = private
        self._heads.clear()

    def sign(self, key: LaneKey, tip: Held) -> SignedHead:
        head = self._heads.get((key, tip)) or sign_head(key, tip, self._private)
        self._heads[key, tip] = head
        self._heads.move_to_end((key, tip))
        while len(self._heads) > HEADS_KEPT:
            self._heads.popitem(last=False)
        return head


def verify_head(head: SignedHead, roster: Roster) -> None:
    """Raises Refused: unknown_peer or bad_signature."""
    lane = LaneKey(head.region, head.epoch, head.lane)
    if not roster.vouches(head.key_id, lane, head.seq):
        raise Refused(
            Code.BAD_SIGNATURE,
            f"key {head.key_id} of {head.region} has ended before event {head.seq} of {head.lane}",
        )
    roster.check(head.region, head.key_id, head.signature, head.signed_bytes)


# -- the proof in HELLO ------------------------------------------------------------------------------


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """What a proof covers: both regions, both nonces, which end speaks, the version both take."""

    role: Role
    region: str
    to: str
    version: int
    epoch: int
    key_id: str
    nonce: bytes
    other_nonce: bytes

    @property
    def signed_bytes(self) -> bytes:
        return b"tap hello 1" + _encode(self)


def sign_proof(proof: Proof, private: Ed25519PrivateKey) -> bytes:
    return private.sign(proof.signed_bytes)


def verify_proof(proof: Proof, signature: bytes, roster: Roster) -> None:
    """Raises Refused: unknown_peer or bad_signature."""
    if roster.has_ended(proof.region, proof.key_id):
        raise Refused(
            Code.BAD_SIGNATURE, f"key {proof.key_id} of {proof.region} was replaced and has ended"
        )
    roster.check(proof.region, proof.key_id, signature, proof.signed_bytes)


class Contradicted(Refused):
    """``fork``, with what contradicts our copy: verified in itself, and never applied."""

    def __init__(self, evidence: LaneBatch, at: int) -> None:
        super().__init__(
            Code.FORK,
            f"{evidence.key.region} signed two histories of lane {evidence.key.lane} at {at}",
        )
        self.evidence = evidence


# -- the gate for foreign events ---------------------------------------------------------------------


def verify_batch(batch: Batch, tip: Held, roster: Roster) -> LaneBatch:
    """The part of a batch beyond ``tip``, proven to be its origin's; nothing of it is applied before.

    ``tip``: how far the lane is held here. Raises Refused: broken_chain (a gap, or bytes changed on
    the way), bad_signature, unknown_peer, bad_commitment, bad_frame, too_large, or Contradicted when
    the origin signed a history other than the one we hold. A batch with nothing new has no events.
    """
    head = batch.head.signed
    key = batch.head.key
    if batch.after > tip.seq:
        raise Refused(
            Code.BROKEN_CHAIN, f"a gap: events {tip.seq + 1} to {batch.after} are missing"
        )
    if head.seq != batch.after + len(batch.events):
        raise Refused(
            Code.BROKEN_CHAIN, f"the head is for event {head.seq}, the batch ends elsewhere"
        )
    verify_head(head, roster)
    events = _verify_events(key, batch)
    if events[-1].hash != head.hash:
        raise Refused(Code.BROKEN_CHAIN, f"the chain does not lead to the head of event {head.seq}")
    return _beyond(tip, batch, key, events)


def _verify_events(key: LaneKey, batch: Batch) -> list[WireEvent]:
    events: list[WireEvent] = []
    previous = batch.previous
    for number, carried in enumerate(batch.events, batch.after + 1):
        _check_header(decode_header(carried.header), key, number, carried)
        previous = chain(previous, carried.header)
        events.append(WireEvent(carried.header, previous, carried.salt, carried.body))
    return events


def _check_header(header: Header, key: LaneKey, seq: int, carried: Carried) -> None:
    if (header.region, header.epoch, header.lane) != key:
        raise Refused(Code.BROKEN_CHAIN, f"event {header.id} lies in a batch of another lane")
    if header.seq != seq:
        raise Refused(Code.BROKEN_CHAIN, f"event {header.id} stands where {seq} belongs")
    if carried.body is None or carried.salt is None:
        if carried.body is not carried.salt:
            raise Refused(Code.BAD_FRAME, f"event {header.id} has one of salt and body")
        return
    if len(carried.body) > limits.EVENT_BODY_BYTES_MAX:
        most = limits.EVENT_BODY_BYTES_MAX
        raise Refused(Code.TOO_LARGE, f"the body of {header.id} has more than {most} bytes")
    if commitment(carried.salt, carried.body) != header.commitment:
        raise Refused(Code.BAD_COMMITMENT, f"the body of {header.id} is not the one committed to")


def _beyond(tip: Held, batch: Batch, key: LaneKey, events: list[WireEvent]) -> LaneBatch:
    """Drops repeats, after comparing the two histories where they must meet (I5)."""
    head = batch.head.signed
    known = tip.seq - batch.after
    if known <= len(events):
        there = batch.previous if known == 0 else events[known - 1].hash
        if there != tip.hash:
            whole = LaneBatch(key, batch.after, batch.previous, tuple(events), head)
            raise Contradicted(whole, tip.seq)
    return LaneBatch(key, tip.seq, tip.hash, tuple(events[known:]), head)
