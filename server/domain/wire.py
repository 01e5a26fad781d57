"""An event's header, its body commitment and the hash chain: bytes in, bytes out (I5).

    header      MessagePack array [1, region, epoch, lane, seq, type, version, hlc, actor, refs, commitment]
    commitment  SHA-256(salt || body); the 16-byte salt keeps an erased body from being guessed back
    hash        h_0 = SHA-256("tap lane 1" || MessagePack [region, epoch, lane])
                h_n = SHA-256(h_{n-1} || header_n)

Bodies live outside the chain, so one can be erased and the chain still verifies. Header bytes are
kept and relayed exactly as their origin wrote them (docs/protocol/federation.md sections 3 and 4).
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from server.domain.errors import Code, Refused
from server.domain.ids import LANE_PATTERN, PERSON_PATTERN, REGION_PATTERN, EventId, LaneKey

HEADER_VERSION = 1
SALT_BYTES = 16
HASH_BYTES = 32
REFS_MAX = 16


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What the chain covers. ``refs``: the object ids the event is about, for erasure and audit."""

    version: int
    region: str
    epoch: int
    lane: str
    seq: int
    type: str
    schema: int
    hlc: int
    actor: str
    refs: tuple[str, ...]
    commitment: bytes

    @property
    def id(self) -> EventId:
        return EventId(self.region, self.epoch, self.lane, self.seq)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Header).decode


def commitment(salt: bytes, body: bytes) -> bytes:
    return hashlib.sha256(salt + body).digest()


def genesis(region: str, epoch: int, lane: str) -> bytes:
    """h_0 of a lane: no two lanes or incarnations share a chain."""
    return hashlib.sha256(b"tap lane 1" + _encode([region, epoch, lane])).digest()


def chain(previous: bytes, header: bytes) -> bytes:
    return hashlib.sha256(previous + header).digest()


def key_id(public: bytes) -> str:
    """Names a key in heads and logs: the first 16 hex digits of SHA-256 of its 32 bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def encode_header(header: Header) -> bytes:
    return _encode(header)


def decode_header(raw: bytes) -> Header:
    """Raises Refused(bad_frame) when the bytes are no header of a version we can read."""
    try:
        header = _decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refused(Code.BAD_FRAME, f"an event header is malformed: {error}") from None
    if header.version != HEADER_VERSION:
        raise Refused(Code.UNSUPPORTED_VERSION, f"event header version {header.version} is unknown")
    sane = (
        REGION_PATTERN.fullmatch(header.region)
        and LANE_PATTERN.fullmatch(header.lane)
        and 0 < header.seq < 2**62
        and 0 < header.epoch < 2**53
        and 0 <= header.hlc < 2**63
        and 0 < header.schema < 2**15
        and len(header.type) <= 64
        and len(header.commitment) == HASH_BYTES
        and len(header.refs) <= REFS_MAX
        and (header.actor == "" or PERSON_PATTERN.fullmatch(header.actor))
    )
    if not sane:
        raise Refused(Code.BAD_FRAME, "an event header holds a value outside its bounds")
    return header


class WireEvent(NamedTuple):
    """One event as it is stored and travels; salt and body are None once erased."""

    header: bytes
    hash: bytes
    salt: bytes | None
    body: bytes | None

    @property
    def size(self) -> int:
        """Bytes of it, as the bounds of a batch count them."""
        return len(self.header) + len(self.body or b"") + SALT_BYTES


class SignedHead(msgspec.Struct, frozen=True, array_like=True):
    """The signed tip of a lane: any node may pass it on, nobody can forge it."""

    region: str
    epoch: int
    lane: str
    seq: int
    hash: bytes
    key_id: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers (docs/protocol/federation.md section 5)."""
        parts = [self.region, self.epoch, self.lane, self.seq, self.hash, self.key_id]
        return b"tap head 1" + _encode(parts)


class LaneBatch(NamedTuple):
    """Events ``after + 1 ...`` of one lane, already verified against ``previous`` and the head."""

    key: LaneKey
    after: int
    previous: bytes
    events: tuple[WireEvent, ...]
    head: SignedHead
    ends: tuple[SignedHead, ...] = ()
    """Heads before the last one, where it may be taken apart: each part is a batch."""
    early: bool = False
    """Whether events before ``after`` may be missing: they were asked for in this order."""

    def parts(self) -> Iterator["LaneBatch"]:
        if not self.ends:
            yield self
            return
        after, previous = self.after, self.previous
        for head in (*self.ends, self.head):
            events = self.events[after - self.after : head.seq - self.after]
            yield LaneBatch(self.key, after, previous, events, head, early=self.early)
            after, previous = head.seq, head.hash
