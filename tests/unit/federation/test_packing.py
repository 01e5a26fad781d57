"""PACKED frames: smaller or left alone, and bounded whatever they claim (docs/protocol/federation.md 8)."""

from __future__ import annotations

import pytest
import zstandard

from server.domain import limits
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.federation import frames
from server.federation.frames import Packed, Ping
from server.federation.packing import PACK_BYTES_MIN, pack, unpack
from tests.unit.federation.lab import EPOCH, batch_of

GLOBAL = LaneKey("de", EPOCH, "global")


def _batch(count: int, size: int = 100) -> bytes:
    return frames.encode(batch_of(GLOBAL, [bytes([n % 7]) * size for n in range(count)]))


def test_a_batch_survives_and_is_smaller() -> None:
    raw = _batch(256)
    packed = frames.decode(pack(raw))
    assert isinstance(packed, Packed)
    assert len(packed.data) < len(raw)
    assert unpack(packed) == (frames.decode(raw), len(raw))


def test_what_gains_nothing_goes_as_it_is() -> None:
    small = _batch(1, 1)
    assert len(small) < PACK_BYTES_MIN
    assert pack(small) is small
    noise = bytes(range(256)) * 2 + frames.encode(Ping(5))
    assert pack(noise[:PACK_BYTES_MIN]) is not None
    squeezed = zstandard.ZstdCompressor(level=19).compress(bytes(1000)) * 30
    assert pack(squeezed) == squeezed or len(pack(squeezed)) < len(squeezed)


def _compressed(raw: bytes, **settings: bool) -> bytes:
    return zstandard.ZstdCompressor(level=1, **settings).compress(raw)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.BAD_ENCODING),
        (b"no zstandard", Code.BAD_ENCODING),
        (_compressed(_batch(9))[:-4], Code.BAD_ENCODING),
        (_compressed(_batch(9)) + b"more", Code.BAD_ENCODING),
        (_compressed(bytes(limits.PEER_FRAME_BYTES_MAX + 1)), Code.TOO_LARGE),
        (_compressed(_batch(9), write_content_size=False), Code.TOO_LARGE),
        (_compressed(b""), Code.BAD_ENCODING),
        (_compressed(b"\xc1" * 600), Code.BAD_ENCODING),
        (_compressed(frames.encode(Ping(5))), Code.BAD_FRAME),
        (_compressed(frames.encode(Packed(_compressed(_batch(9))))), Code.BAD_FRAME),
    ],
    ids=["empty", "other", "short", "more", "bomb", "sizeless", "nothing", "junk", "ping", "twice"],
)
def test_what_is_not_a_packed_batch_is_refused(data: bytes, code: Code) -> None:
    with pytest.raises(Refused) as refused:
        unpack(Packed(data))
    assert refused.value.refusal.code is code


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = Packed(_compressed(bytes(limits.PEER_FRAME_BYTES_MAX + 1)))
    with pytest.raises(Refused, match="does not say its size, or it is too large"):
        unpack(bomb)


def test_a_size_that_lies_costs_no_memory() -> None:
    honest = bytearray(_compressed(bytes(70_000)))
    assert zstandard.get_frame_parameters(bytes(honest)).content_size == 70_000
    at = honest.index((70_000).to_bytes(4, "little"))
    honest[at : at + 4] = (60_000).to_bytes(4, "little")
    with pytest.raises(Refused) as refused:
        unpack(Packed(bytes(honest)))
    assert refused.value.refusal.code is Code.BAD_ENCODING
