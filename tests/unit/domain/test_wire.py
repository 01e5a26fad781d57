"""The chain of headers: what it covers, what it lets go, and that nothing else passes (I5)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.domain.errors import Code, Refused
from server.domain.ids import LANE_PATTERN, REGION_PATTERN, EventId
from server.domain.wire import (
    HASH_BYTES,
    REFS_MAX,
    Header,
    SignedHead,
    chain,
    commitment,
    decode_header,
    encode_header,
    genesis,
)

regions = st.from_regex(REGION_PATTERN, fullmatch=True)
lanes = st.from_regex(LANE_PATTERN, fullmatch=True)
epochs = st.integers(1, 2**53 - 1)
bodies = st.binary(max_size=40)
salts = st.binary(min_size=16, max_size=16)
HEADER = Header(1, "in", 5, "global", 1, "post.published", 1, 7 << 16, "asha", ("p",), bytes(32))


def changed(**changes: Any) -> bytes:
    return encode_header(msgspec.structs.replace(HEADER, **changes))


# ---------------------------------------------------------------- the formulas of the specification


@given(salts, bodies)
def test_the_commitment_is_the_hash_of_salt_and_body(salt: bytes, body: bytes) -> None:
    assert commitment(salt, body) == hashlib.sha256(salt + body).digest()


@given(st.binary(min_size=32, max_size=32), bodies)
def test_the_chain_hashes_the_hash_before_and_the_header(previous: bytes, header: bytes) -> None:
    assert chain(previous, header) == hashlib.sha256(previous + header).digest()


def test_genesis_of_a_known_lane() -> None:
    lane = b"\x93\xa2in\x05\xa6global"
    assert genesis("in", 5, "global") == hashlib.sha256(b"tap lane 1" + lane).digest()


@given(st.lists(st.tuples(regions, epochs, lanes), min_size=2, max_size=6, unique=True))
def test_no_two_lanes_or_incarnations_share_a_chain(keys: list[tuple[str, int, str]]) -> None:
    assert len({genesis(*key) for key in keys}) == len(keys)


def test_a_signed_head_signs_all_but_its_signature() -> None:
    head = SignedHead("in", 5, "global", 3, b"h" * 32, "k1", b"sig")
    texts = {head.signed_bytes}
    for field, other in {
        "region": "de",
        "epoch": 6,
        "lane": "local",
        "seq": 4,
        "key_id": "k2",
    }.items():
        texts.add(msgspec.structs.replace(head, **{field: other}).signed_bytes)
    texts.add(msgspec.structs.replace(head, hash=b"i" * 32).signed_bytes)
    assert len(texts) == 7
    assert msgspec.structs.replace(head, signature=b"x").signed_bytes == head.signed_bytes
    assert head.signed_bytes.startswith(b"tap head 1")


# ---------------------------------------------------------------- a lane of several events


class Event(msgspec.Struct):
    header: bytes
    salt: bytes
    body: bytes | None


def lane_of(written: list[tuple[bytes, bytes]]) -> list[Event]:
    return [
        Event(changed(seq=seq, commitment=commitment(salt, body)), salt, body)
        for seq, (salt, body) in enumerate(written, 1)
    ]


def tip(events: list[Event]) -> bytes:
    """The hash of a lane, as anybody recomputes it: from headers alone."""
    hash_ = genesis("in", 5, "global")
    for event in events:
        hash_ = chain(hash_, event.header)
    return hash_


def genuine(event: Event) -> bool:
    """Whether the body is the one its header was written for; an erased one is not asked."""
    if event.body is None:
        return True
    return decode_header(event.header).commitment == commitment(event.salt, event.body)


written = st.lists(st.tuples(salts, bodies), min_size=1, max_size=6)


@given(written, st.data())
def test_any_tampering_is_seen(written: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    """Flip one bit of any header: the tip changes. Of any body or salt: its header disowns it."""
    events = lane_of(written)
    before = tip(events)
    victim = data.draw(st.sampled_from(events))
    part = data.draw(st.sampled_from(["header", "salt", "body"]))
    raw = bytearray(getattr(victim, part))
    assume(raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    setattr(victim, part, bytes(raw))
    if part == "header":
        assert tip(events) != before
    else:
        assert tip(events) == before
        assert not genuine(victim)


@given(written, st.data())
def test_nothing_can_be_left_out_repeated_or_put_in_another_order(
    written: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    events = lane_of(written)
    other = data.draw(st.lists(st.sampled_from(events), max_size=8))
    assume([event.header for event in other] != [event.header for event in events])
    assert tip(other) != tip(events)


@given(written, st.data())
def test_erased_bodies_leave_the_chain_whole(
    written: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    events = lane_of(written)
    before = tip(events)
    for event in data.draw(st.lists(st.sampled_from(events))):
        event.body = None
    assert tip(events) == before
    assert all(genuine(event) for event in events)


# ---------------------------------------------------------------- headers


@given(regions, epochs, lanes, st.integers(1, 2**62 - 1), st.integers(0, 2**63 - 1))
def test_a_header_comes_back_as_it_was_written(
    region: str, epoch: int, lane: str, seq: int, hlc: int
) -> None:
    header = Header(1, region, epoch, lane, seq, "x", 1, hlc, "", (), bytes(HASH_BYTES))
    assert decode_header(encode_header(header)) == header
    assert header.id == EventId(region, epoch, lane, seq)


def test_an_unknown_type_of_event_is_no_reason_to_refuse_its_header() -> None:
    assert decode_header(changed(type="teapot.boiled", schema=9)).type == "teapot.boiled"


def test_elements_that_a_later_version_appends_are_passed_over() -> None:
    longer = [*msgspec.to_builtins(HEADER, builtin_types=(bytes,)), "later"]
    assert decode_header(msgspec.msgpack.encode(longer)) == HEADER


OUTSIDE = {
    "region in capitals": {"region": "IN"},
    "region empty": {"region": ""},
    "lane unknown": {"lane": "everybody"},
    "lane with a line feed": {"lane": "global\n"},
    "seq zero": {"seq": 0},
    "seq negative": {"seq": -1},
    "seq too large": {"seq": 2**62},
    "epoch zero": {"epoch": 0},
    "epoch too large": {"epoch": 2**53},
    "clock negative": {"hlc": -1},
    "clock too large": {"hlc": 2**63},
    "schema zero": {"schema": 0},
    "schema too large": {"schema": 2**15},
    "type too long": {"type": "x" * 65},
    "commitment too short": {"commitment": b"x"},
    "too many refs": {"refs": ("x",) * (REFS_MAX + 1)},
    "actor in capitals": {"actor": "Asha"},
    "actor with a line feed": {"actor": "asha\n"},
}


@pytest.mark.parametrize("changes", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_a_header_outside_its_bounds_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="outside its bounds") as refused:
        decode_header(changed(**changes))
    assert refused.value.refusal.code is Code.BAD_FRAME


def test_a_header_of_another_version_says_so() -> None:
    with pytest.raises(Refused, match="version 2") as refused:
        decode_header(changed(version=2))
    assert refused.value.refusal.code is Code.UNSUPPORTED_VERSION


@given(st.binary(max_size=80))
def test_any_bytes_are_a_header_or_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode_header(raw)
    assert refused.value.refusal.code in (Code.BAD_FRAME, Code.UNSUPPORTED_VERSION)


def _code(raw: bytes) -> Code | None:
    try:
        decode_header(raw)
    except Refused as refused:
        return refused.refusal.code
    return None


@given(st.data())
def test_a_damaged_header_is_a_header_or_refused(data: st.DataObject) -> None:
    raw = bytearray(encode_header(HEADER))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    assert _code(bytes(raw)) in (None, Code.BAD_FRAME, Code.UNSUPPORTED_VERSION)


def test_nesting_without_end_is_refused_and_no_error_of_ours() -> None:
    longer = b"\x9c" + encode_header(HEADER)[1:] + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(Refused) as refused:
        decode_header(longer)
    assert refused.value.refusal.code is Code.BAD_FRAME
