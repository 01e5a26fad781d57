"""Frames: every one survives the trip, and no bytes whatever get past ``decode`` unchecked."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.errors import Code, Refusal, Refused
from server.federation import frames
from server.federation.frames import (
    NAMES,
    Ack,
    Ask,
    Batch,
    Carried,
    Ephem,
    Fault,
    Fork,
    Frame,
    Head,
    Heads,
    Hello,
    LaneRef,
    Looked,
    Packed,
    Ping,
    Tip,
    Told,
    Want,
    decode,
    encode,
)

regions = st.from_regex(r"[a-z][a-z0-9-]{1,15}", fullmatch=True)
lanes = st.from_regex(r"(control|global|local|(group|pair)\.[a-z0-9.-]{1,64})", fullmatch=True)
epochs = st.integers(1, frames.EPOCH_END - 1)
seqs = st.integers(0, frames.SEQ_END - 1)
times = st.integers(0, frames.TIME_END - 1)
hashes = st.binary(min_size=32, max_size=32)
key_ids = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
tips = st.builds(Tip, regions, epochs, lanes, seqs)
vectors = st.lists(tips, max_size=4).map(tuple)
heads = st.builds(
    Head,
    regions,
    epochs,
    lanes,
    st.integers(1, frames.SEQ_END - 1),
    hashes,
    key_ids,
    st.binary(min_size=64, max_size=64),
)
carried = st.builds(
    Carried,
    st.binary(max_size=200),
    st.none() | st.binary(min_size=16, max_size=16),
    st.none() | st.binary(max_size=200),
)
versions = st.integers(1, 2**15 - 1)
any_frame: st.SearchStrategy[Frame] = st.one_of(
    st.builds(
        Hello,
        regions,
        regions,
        st.tuples(versions, versions),
        epochs,
        key_ids,
        hashes,
        times,
        st.binary(max_size=64),
        st.lists(st.text(max_size=32), max_size=4).map(tuple),
    ),
    st.builds(
        Want,
        st.lists(regions, max_size=4).map(tuple),
        vectors,
        st.integers(0, 2**32 - 1),
        st.lists(st.builds(LaneRef, regions, epochs, lanes), max_size=3).map(tuple),
    ),
    st.builds(Batch, seqs, hashes, st.lists(carried, min_size=1, max_size=4).map(tuple), heads),
    st.builds(Heads, vectors),
    st.builds(Ack, vectors, st.integers(0, 2**32 - 1)),
    st.builds(
        Ephem,
        st.integers(0, 2**53 - 1),
        st.binary(max_size=50),
        st.lists(
            st.builds(
                Looked,
                st.integers(0, limits.LOOKED_AT_MAX - 1),
                st.from_regex(
                    r"(p:[a-z0-9][a-z0-9._-]{0,63}|[dt]:[0-7][0-9a-hjkmnp-tv-z]{25})",
                    fullmatch=True,
                ),
            ),
            max_size=4,
        ).map(tuple),
        st.binary(max_size=50),
        st.binary(max_size=50),
        st.binary(max_size=50),
    ),
    st.builds(Ping, st.integers(1, frames.TIME_END - 1), times),
    st.builds(
        Ask,
        st.integers(1, 2**53 - 1),
        st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True),
        st.text(min_size=8, max_size=64),
        st.binary(max_size=64),
    ),
    st.builds(
        Told,
        st.integers(1, 2**53 - 1),
        st.none() | st.binary(max_size=64),
        st.booleans(),
        st.from_regex(r"[a-z_]{0,40}", fullmatch=True),
        st.text(max_size=500),
        st.none() | st.text(max_size=256),
    ),
    st.builds(Fault, st.from_regex(r"[a-z_]{1,40}", fullmatch=True), st.text(max_size=500)),
    st.builds(Packed, st.binary(max_size=200)),
    st.builds(Fork, heads, heads, hashes, st.lists(st.binary(max_size=200), max_size=3).map(tuple)),
)

PING = encode(Ping(5))


@given(any_frame)
def test_every_frame_survives_the_trip(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(any_frame, st.lists(st.none() | st.integers(0, 9) | st.text(), min_size=1, max_size=3))
def test_elements_of_a_later_version_are_ignored(frame: Frame, later: list[object]) -> None:
    """docs/protocol/federation.md section 12: frames only ever grow at their end."""
    elements = msgspec.msgpack.decode(encode(frame))
    assert decode(msgspec.msgpack.encode([*elements, *later])) == frame


@given(st.binary(max_size=600))
def test_arbitrary_bytes_are_a_frame_or_refused(raw: bytes) -> None:
    _decode_or_refuse(raw)


@given(any_frame, st.data())
def test_damaged_frames_are_a_frame_or_refused(frame: Frame, data: st.DataObject) -> None:
    raw = bytearray(encode(frame))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _decode_or_refuse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def _decode_or_refuse(raw: bytes) -> None:
    outcome = _outcome(raw)
    if isinstance(outcome, Refusal):
        malformed = {Code.BAD_ENCODING, Code.BAD_FRAME, Code.UNKNOWN_KIND, Code.TOO_LARGE}
        assert outcome.code in malformed
    else:
        assert decode(encode(outcome)) == outcome


def _outcome(raw: bytes) -> Frame | Refusal:
    try:
        return decode(raw)
    except Refused as error:
        return error.refusal


def _code(elements: object) -> Code:
    raw = elements if isinstance(elements, bytes) else msgspec.msgpack.encode(elements)
    with pytest.raises(Refused) as refused:
        decode(raw)
    return refused.value.refusal.code


NONCE, HASH, SIGNATURE = b"n" * 32, b"h" * 32, b"s" * 64
HELLO = [1, "de", "fr", [1, 1], 7, "0" * 16, NONCE, 5, b"", []]
HEAD = ["de", 7, "global", 1, HASH, "0" * 16, SIGNATURE]
EVENT = [b"header", b"s" * 16, b"body"]


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        (b"", Code.BAD_ENCODING),
        (b"\xc1", Code.BAD_ENCODING),
        (PING[:-1], Code.BAD_ENCODING),
        (PING + b"\x00", Code.BAD_ENCODING),
        (b"\x92\x08\xa1\xff", Code.BAD_ENCODING),
        (b"\x94\x07\x01\x00" + b"\x91" * 100_000 + b"\xc0", Code.BAD_ENCODING),
        (b"\x00" * (limits.PEER_FRAME_BYTES_MAX + 1), Code.TOO_LARGE),
        ({}, Code.BAD_FRAME),
        ([], Code.BAD_FRAME),
        (["ping"], Code.BAD_FRAME),
        ([0], Code.UNKNOWN_KIND),
        ([90, 1], Code.UNKNOWN_KIND),
        ([7], Code.BAD_FRAME),
        ([7, -1], Code.BAD_FRAME),
        ([7, 0], Code.BAD_FRAME),
        ([7, 1.5], Code.BAD_FRAME),
        ([7, 2**48], Code.BAD_FRAME),
        ([*HELLO[:1], "DE", *HELLO[2:]], Code.BAD_FRAME),
        ([*HELLO[:1], "de\n", *HELLO[2:]], Code.BAD_FRAME),
        ([*HELLO[:3], [0, 1], *HELLO[4:]], Code.BAD_FRAME),
        ([*HELLO[:3], [1], *HELLO[4:]], Code.BAD_FRAME),
        ([*HELLO[:6], b"short", *HELLO[7:]], Code.BAD_FRAME),
        ([*HELLO[:8], b"p" * 65], Code.BAD_FRAME),
        ([2, ["de"] * 65, [], 0], Code.BAD_FRAME),
        ([2, ["de"], [["de", 7, "global", -1]], 0], Code.BAD_FRAME),
        ([2, ["de"], [["de", 7, "secret", 1]], 0], Code.BAD_FRAME),
        ([2, ["de"], [["de", 0, "global", 1]], 0], Code.BAD_FRAME),
        ([2, ["de"], [["de", 7, "global", 1]] * (frames.VECTOR_LANES_MAX + 1), 0], Code.BAD_FRAME),
        ([2, ["de"], [], 2**32], Code.BAD_FRAME),
        ([3, 0, HASH, [], HEAD], Code.BAD_FRAME),
        ([3, 0, HASH, [EVENT] * 257, HEAD], Code.BAD_FRAME),
        ([3, 0, HASH[1:], [EVENT], HEAD], Code.BAD_FRAME),
        ([3, 0, HASH, [[b"h" * 4097, *EVENT[1:]]], HEAD], Code.BAD_FRAME),
        ([3, 0, HASH, [[b"header", b"salt", b"body"]], HEAD], Code.BAD_FRAME),
        ([3, 0, HASH, [EVENT], HEAD[:-1]], Code.BAD_FRAME),
        ([3, 0, HASH, [EVENT], [*HEAD[:-1], SIGNATURE[1:]]], Code.BAD_FRAME),
        ([3, 0, HASH, [EVENT], [*HEAD[:3], 0, *HEAD[4:]]], Code.BAD_FRAME),
        ([8, "No Code"], Code.BAD_FRAME),
        ([9, HEAD, HEAD], Code.BAD_FRAME),
        ([9, HEAD, HEAD, HASH[1:]], Code.BAD_FRAME),
        ([9, HEAD, HEAD, HASH, [b"h" * 4097]], Code.BAD_FRAME),
        ([9, HEAD, HEAD, HASH, [b"header"] * 257], Code.BAD_FRAME),
        ([8, "internal", "x" * 501], Code.BAD_FRAME),
        ([6, -1], Code.BAD_FRAME),
        ([6, 0, "gaps"], Code.BAD_FRAME),
        ([6, 0, b"", [[0, "u:asha"]]], Code.BAD_FRAME),
        ([6, 0, b"", [[0, "p:asha\n"]]], Code.BAD_FRAME),
        ([6, 0, b"", [[limits.LOOKED_AT_MAX, "p:asha"]]], Code.BAD_FRAME),
        ([6, 0, b"", [], b"\x01" * (limits.EPHEM_FRAME_BYTES_MAX + 1)], Code.BAD_FRAME),
        ([6, 0, b"", [], b"", b"", b"", [[0, ["asha"] * 9]]], Code.BAD_FRAME),
    ],
)
def test_malformed_input_is_refused_with_a_stable_code(elements: object, code: Code) -> None:
    assert _code(elements) is code


def test_every_frame_has_its_name() -> None:
    assert set(NAMES) == set(Frame.__args__)
    assert sorted(NAMES.values()) == sorted(
        [
            "HELLO",
            "WANT",
            "BATCH",
            "HEAD",
            "ACK",
            "EPHEM",
            "PING",
            "ERROR",
            "FORK",
            "PACKED",
            "ASK",
            "TOLD",
        ]
    )
