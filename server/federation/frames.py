"""The frames between regions: MessagePack arrays, the kind first (docs/protocol/federation.md 8).

One frame is one binary websocket message. Later versions append elements; a reader ignores those it
does not know, so a frame only ever grows at its end. ``decode`` is the only way in: whatever the
bytes are, it returns a frame within its bounds or raises ``Refused`` with a stable code.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.wire import HASH_BYTES, SALT_BYTES, SignedHead

NONCE_BYTES = 32
KEY_BYTES = 32
SIGNATURE_BYTES = 64
ORIGINS_MAX = 64
"""Regions one WANT may name; three times the company."""
VECTOR_LANES_MAX = ORIGINS_MAX * limits.LANES_PER_PEER_MAX
SUCCESSIONS_MAX = ORIGINS_MAX * limits.KEYS_PER_REGION_MAX
MESSAGE_CHARS_MAX = 500
SEQ_END = 2**62
EPOCH_END = 2**53
TIME_END = 2**48

# ``$`` would let a final line feed pass; ``\Z`` does not.
_RegionCode = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{1,15}\Z")]
_LaneName = Annotated[
    str, Meta(pattern=r"^(control|global|local|(group|pair)\.[a-z0-9.-]{1,64})\Z")
]
_Epoch = Annotated[int, Meta(gt=0, lt=EPOCH_END)]
_Seq = Annotated[int, Meta(ge=0, lt=SEQ_END)]
_Time = Annotated[int, Meta(ge=0, lt=TIME_END)]
_Version = Annotated[int, Meta(ge=1, lt=2**15)]
_KeyId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Hash = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
_Salt = Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
_Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
_HeaderBytes = Annotated[bytes, Meta(max_length=4096)]
_Credit = Annotated[int, Meta(ge=0, lt=2**32)]
_Person = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
_Gaps = Annotated[bytes, Meta(max_length=limits.EPHEM_FRAME_BYTES_MAX)]


class _Array(msgspec.Struct, frozen=True, array_like=True):
    """A fixed order of elements; unknown ones at the end are ignored."""


class Tip(_Array, frozen=True):
    """How far a lane is held: ``seq`` is the last one, 0 for none."""

    region: _RegionCode
    epoch: _Epoch
    lane: _LaneName
    seq: _Seq

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.region, self.epoch, self.lane)


class LaneRef(_Array, frozen=True):
    region: _RegionCode
    epoch: _Epoch
    lane: _LaneName

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.region, self.epoch, self.lane)


class LeadTip(_Array, frozen=True):
    """What is held of a lane beyond a hole: ``base + 1 ... seq``, and listed events before it (19)."""

    region: _RegionCode
    epoch: _Epoch
    lane: _LaneName
    base: _Seq
    seq: _Seq
    hash: _Hash
    """The chain hash at ``seq``."""
    listed: _Seq = 0
    """Up to where the listed events are held."""

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.region, self.epoch, self.lane)


class LeadAck(_Array, frozen=True):
    """How much of a lead is committed (19)."""

    region: _RegionCode
    epoch: _Epoch
    lane: _LaneName
    seq: _Seq
    listed: _Seq

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.region, self.epoch, self.lane)


class Carried(_Array, frozen=True):
    """One event as it travels; salt and body are both nil once erased."""

    header: _HeaderBytes
    salt: _Salt | None
    body: bytes | None


class Head(_Array, frozen=True):
    """A signed head on the wire, each element within its bounds; ``wire.SignedHead`` inside."""

    region: _RegionCode
    epoch: _Epoch
    lane: _LaneName
    seq: Annotated[int, Meta(gt=0, lt=SEQ_END)]
    hash: _Hash
    key_id: _KeyId
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]

    @property
    def key(self) -> LaneKey:
        return LaneKey(self.region, self.epoch, self.lane)

    @property
    def signed(self) -> SignedHead:
        return SignedHead(
            self.region, self.epoch, self.lane, self.seq, self.hash, self.key_id, self.signature
        )

    @classmethod
    def of(cls, head: SignedHead) -> "Head":
        return cls(
            head.region, head.epoch, head.lane, head.seq, head.hash, head.key_id, head.signature
        )


class Succession(_Array, frozen=True):
    """A region's word, signed by one of its keys, that another is its key from now on (17.2)."""

    region: _RegionCode
    key: Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]
    by: _KeyId
    """Which key signed."""
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]

    @property
    def signed_bytes(self) -> bytes:
        return b"tap key 1" + _encode([self.region, self.key, self.by])


Vector = Annotated[tuple[Tip, ...], Meta(max_length=VECTOR_LANES_MAX)]


class Hello(_Array, frozen=True, tag=1):
    """Who I am, whom I mean, and a nonce; with ``proof`` once the other's nonce is known (7)."""

    region: _RegionCode
    to: _RegionCode
    versions: tuple[_Version, _Version]
    """Lowest and highest protocol version spoken."""
    epoch: _Epoch
    key_id: _KeyId
    nonce: _Nonce
    time: _Time
    """The sender's clock, UTC milliseconds."""
    proof: Annotated[bytes, Meta(max_length=SIGNATURE_BYTES)] = b""
    features: Annotated[tuple[Annotated[str, Meta(max_length=32)], ...], Meta(max_length=32)] = ()
    keys: Annotated[tuple[Succession, ...], Meta(max_length=limits.KEYS_PER_REGION_MAX)] = ()
    """How the sender's key follows from earlier ones (17.2)."""


class Want(_Array, frozen=True, tag=2):
    """Send me all I may have of these origins, after what I hold; replaces the WANT before it.

    What was sent on this connection is not sent again, whatever ``after`` says (9.1)."""

    origins: Annotated[tuple[_RegionCode, ...], Meta(max_length=ORIGINS_MAX)]
    after: Vector
    """A lane not named is wanted from its first event: a new lane needs no word from the receiver."""
    credit: _Credit
    """Bytes of BATCH frames that may be under way unacknowledged; 0 pauses."""
    without: Annotated[tuple[LaneRef, ...], Meta(max_length=VECTOR_LANES_MAX)] = ()
    """Lanes not to send: their history forked."""
    hashes: Annotated[tuple[_Hash, ...], Meta(max_length=VECTOR_LANES_MAX)] = ()
    """The chain hash at each tip of ``after``: two histories of one length differ in nothing else."""
    fresh: Annotated[int, Meta(ge=0, lt=2**32)] = 0
    """Of a lane of which more than twice this many events are missing, the last so many first (19); 0: never."""
    leads: Annotated[tuple[LeadTip, ...], Meta(max_length=VECTOR_LANES_MAX)] = ()
    """Lanes of which that was done already, and how far."""


class Batch(_Array, frozen=True, tag=3):
    """Events ``after + 1 ... head.seq`` of one lane, which ``head`` names and signs."""

    after: _Seq
    previous: _Hash
    """The chain hash at ``after``: tells a fork from damage on the way."""
    events: Annotated[tuple[Carried, ...], Meta(min_length=1, max_length=limits.BATCH_EVENTS_MAX)]
    head: Head


class Heads(_Array, frozen=True, tag=4):
    """HEAD: how far the sender holds lanes the receiver may have, whoever their origin is (9.5).

    Lanes not named stay as they were told before."""

    tips: Vector
    keys: Annotated[tuple[Succession, ...], Meta(max_length=SUCCESSIONS_MAX)] = ()
    """Of any region in the roster, before anything they signed (17.2)."""


class Ack(_Array, frozen=True, tag=5):
    """Committed here, up to and including: cumulative per lane; and the credit from now on."""

    tips: Vector
    credit: _Credit
    leads: Annotated[tuple[LeadAck, ...], Meta(max_length=VECTOR_LANES_MAX)] = ()


class Looked(_Array, frozen=True):
    """A person or place the sender's people look at, and the number it goes by on this connection (22)."""

    number: Annotated[int, Meta(ge=0, lt=limits.LOOKED_AT_MAX)]
    channel: Annotated[
        str, Meta(pattern=r"^(p:[a-z0-9][a-z0-9._-]{0,63}|[dt]:[0-7][0-9a-hjkmnp-tv-z]{25})\Z")
    ]


class TypingThere(_Array, frozen=True):
    """Who types in a place the receiver's people look at (22)."""

    number: Annotated[int, Meta(ge=0, lt=limits.LOOKED_AT_MAX)]
    people: Annotated[tuple[_Person, ...], Meta(max_length=limits.TYPING_NAMES_MAX)]


class Ephem(_Array, frozen=True, tag=6):
    """What may be lost (22): whom the sender's people look at, and what is so just now where the receiver's do.

    ``drop``, ``online``, ``away`` and ``offline`` are numbers, as ``ephemeral.packed`` makes them."""

    read: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    """How many EPHEM of the receiver this answers: a number is what it was called in those."""
    drop: _Gaps = b""
    """Looked at no more; before ``look``."""
    look: Annotated[tuple[Looked, ...], Meta(max_length=limits.EPHEM_FRAME_BYTES_MAX)] = ()
    online: _Gaps = b""
    away: _Gaps = b""
    offline: _Gaps = b""
    typing: Annotated[tuple[TypingThere, ...], Meta(max_length=limits.EPHEM_FRAME_BYTES_MAX)] = ()


class Ping(_Array, frozen=True, tag=7):
    """``echo`` 0 asks; an answer repeats the asker's ``time`` there."""

    time: Annotated[int, Meta(gt=0, lt=TIME_END)]
    echo: _Time = 0


class Fault(_Array, frozen=True, tag=8):
    """ERROR: why the sender closes. ``code`` is one of domain/errors, or one of a later version."""

    code: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}\Z")]
    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX)] = ""


class Fork(_Array, frozen=True, tag=9):
    """Proof that an origin signed two histories (9.4); whoever reads it can check it alone."""

    first: Head
    second: Head
    """Of the same lane, at ``first.seq`` or later."""
    hash: _Hash
    """What the second history has at ``first.seq``: another hash than the first."""
    headers: Annotated[tuple[_HeaderBytes, ...], Meta(max_length=limits.BATCH_EVENTS_MAX)] = ()
    """Headers ``first.seq + 1 ... second.seq``: they chain ``hash`` to the second head."""


class Packed(_Array, frozen=True, tag=10):
    """A whole BATCH frame, compressed; only for who asked for it in HELLO (12)."""

    data: bytes


class Ask(_Array, frozen=True, tag=11):
    """A command of a person at home with the sender, which the receiver has to decide (18.5)."""

    id: Annotated[int, Meta(gt=0, lt=2**53)]
    """The sender's number for it."""
    person: _Person
    key: Annotated[str, Meta(min_length=limits.KEY_CHARS_MIN, max_length=limits.KEY_CHARS_MAX)]
    command: Annotated[bytes, Meta(max_length=limits.COMMAND_BYTES_MAX)]
    """MessagePack, as a client sends it (client.md 4.10)."""


class Told(_Array, frozen=True, tag=12):
    """The answer to an ASK: ``result`` once it is committed, else code and sentence of the refusal."""

    id: Annotated[int, Meta(gt=0, lt=2**53)]
    result: Annotated[bytes, Meta(max_length=limits.COMMAND_BYTES_MAX)] | None
    repeated: bool = False
    code: Annotated[str, Meta(pattern=r"^[a-z_]{0,40}\Z")] = ""
    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX)] = ""
    field: Annotated[str, Meta(max_length=256)] | None = None


Frame = Hello | Want | Batch | Heads | Ack | Ephem | Ping | Fault | Fork | Packed | Ask | Told

NAMES: dict[type, str] = {
    Hello: "HELLO",
    Want: "WANT",
    Batch: "BATCH",
    Heads: "HEAD",
    Ack: "ACK",
    Ephem: "EPHEM",
    Ping: "PING",
    Fault: "ERROR",
    Fork: "FORK",
    Packed: "PACKED",
    Ask: "ASK",
    Told: "TOLD",
}

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    return _encode(frame)


def decode(raw: bytes) -> Frame:
    """One frame. Raises Refused: too_large, bad_encoding, unknown_kind or bad_frame."""
    if len(raw) > limits.PEER_FRAME_BYTES_MAX:
        most = limits.PEER_FRAME_BYTES_MAX
        raise Refused(Code.TOO_LARGE, f"a frame may have {most} bytes, this has {len(raw)}")
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(Code.BAD_ENCODING, f"this is not MessagePack: {error}") from None


def _refused(text: str) -> Refused:
    words, _, path = text.partition(" - at `")
    field = path.rstrip("`") or None
    if words.startswith("Invalid value") and field == "$[0]":
        return Refused(Code.UNKNOWN_KIND, f"there is no such frame: {words}", field)
    return Refused(Code.BAD_FRAME, words, field)
