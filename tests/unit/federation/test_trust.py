"""The gate for foreign events: whatever is not the origin's, whole and in order, is refused."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits, wire
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey
from server.domain.wire import SignedHead
from server.federation.frames import Batch, Carried, Head
from server.federation.lanes import Held
from server.federation.trust import (
    HeadSigner,
    Proof,
    Roster,
    key_id,
    private_key,
    public_key,
    sign_head,
    sign_proof,
    verify_batch,
    verify_head,
    verify_proof,
)
from tests.unit.federation.lab import EPOCH, batch_of, key_of, public_of, roster_of

KEY = LaneKey("de", EPOCH, "global")
ROSTER = roster_of("de", "fr")
NOTHING = Held.nothing(KEY)
GOOD = batch_of(KEY, [b"one", b"two", b"three"])


def _code(batch: Batch, tip: Held = NOTHING, roster: Roster = ROSTER) -> Code:
    with pytest.raises(Refused) as refused:
        verify_batch(batch, tip, roster)
    return refused.value.refusal.code


def _signed(batch: Batch, **changed: object) -> Batch:
    """The batch with a head of the origin's own for whatever it says now."""
    head = msgspec.structs.replace(batch.head, **changed)
    signed = sign_head(head.key, Held(head.seq, head.hash), key_of("de"))
    return msgspec.structs.replace(batch, head=Head.of(signed))


def _event(batch: Batch, index: int, **changed: object) -> Batch:
    events = list(batch.events)
    events[index] = msgspec.structs.replace(events[index], **changed)
    return msgspec.structs.replace(batch, events=tuple(events))


def _rechained(batch: Batch, edit: Callable[[wire.Header], wire.Header]) -> Batch:
    """As a lying origin would send it: headers edited, chain and head made to fit."""
    previous, events = batch.previous, []
    for carried in batch.events:
        raw = wire.encode_header(edit(wire.decode_header(carried.header)))
        previous = wire.chain(previous, raw)
        events.append(Carried(raw, carried.salt, carried.body))
    return _signed(msgspec.structs.replace(batch, events=tuple(events)), hash=previous)


# ---------------------------------------------------------------- what passes


def test_a_good_batch_becomes_events_with_their_hashes() -> None:
    verified = verify_batch(GOOD, NOTHING, ROSTER)
    assert verified.key == KEY
    assert (verified.after, verified.previous) == NOTHING[:2]
    assert [event.body for event in verified.events] == [b"one", b"two", b"three"]
    assert verified.events[-1].hash == verified.head.hash


def test_it_continues_where_the_copy_ends() -> None:
    first = verify_batch(GOOD, NOTHING, ROSTER)
    tip = Held(3, first.head.hash)
    following = verify_batch(batch_of(KEY, [b"four"], tip), tip, ROSTER)
    assert (following.after, following.previous) == tip[:2]
    assert len(following.events) == 1


@pytest.mark.parametrize("held", [0, 1, 2, 3])
def test_repeats_are_skipped(held: int) -> None:
    every = verify_batch(GOOD, NOTHING, ROSTER)
    tip = Held(held, every.events[held - 1].hash) if held else NOTHING
    again = verify_batch(GOOD, tip, ROSTER)
    assert [event.body for event in again.events] == [b"one", b"two", b"three"][held:]
    assert (again.after, again.previous) == tip[:2]


def test_an_old_batch_has_nothing_new() -> None:
    assert verify_batch(GOOD, Held(9, b"x" * 32), ROSTER).events == ()


def test_an_erased_body_leaves_the_chain_whole() -> None:
    erased = verify_batch(_event(GOOD, 1, salt=None, body=None), NOTHING, ROSTER)
    assert [event.body for event in erased.events] == [b"one", None, b"three"]


def test_an_empty_body_is_a_body() -> None:
    assert verify_batch(batch_of(KEY, [b""]), NOTHING, ROSTER).events[0].body == b""


# ---------------------------------------------------------------- what is refused


def test_a_changed_body_is_not_the_one_committed_to() -> None:
    assert _code(_event(GOOD, 1, body=b"TWO")) is Code.BAD_COMMITMENT
    assert _code(_event(GOOD, 1, salt=b"s" * 16)) is Code.BAD_COMMITMENT


def test_half_an_erasure_is_malformed() -> None:
    assert _code(_event(GOOD, 1, salt=None)) is Code.BAD_FRAME
    assert _code(_event(GOOD, 1, body=None)) is Code.BAD_FRAME


def test_a_changed_header_breaks_the_chain() -> None:
    header = wire.decode_header(GOOD.events[1].header)
    other = wire.encode_header(msgspec.structs.replace(header, actor="mallory"))
    assert _code(_event(GOOD, 1, header=other)) is Code.BROKEN_CHAIN


def test_a_header_that_is_none_is_malformed() -> None:
    assert _code(_event(GOOD, 1, header=b"\xc0")) is Code.BAD_FRAME


def test_reordered_events_are_refused() -> None:
    one, two, three = GOOD.events
    assert _code(msgspec.structs.replace(GOOD, events=(two, one, three))) is Code.BROKEN_CHAIN


def test_a_dropped_event_is_refused() -> None:
    assert _code(msgspec.structs.replace(GOOD, events=GOOD.events[:2])) is Code.BROKEN_CHAIN
    assert _code(msgspec.structs.replace(GOOD, events=GOOD.events[1:])) is Code.BROKEN_CHAIN


def test_a_gap_before_the_batch_is_refused() -> None:
    first = verify_batch(GOOD, NOTHING, ROSTER)
    later = batch_of(KEY, [b"four"], Held(3, first.head.hash))
    assert _code(later) is Code.BROKEN_CHAIN
    assert _code(later, Held(2, first.events[1].hash)) is Code.BROKEN_CHAIN


def test_even_the_origin_cannot_number_events_otherwise() -> None:
    skipped = _rechained(GOOD, lambda h: msgspec.structs.replace(h, seq=h.seq + (h.seq > 1)))
    assert _code(skipped) is Code.BROKEN_CHAIN


@pytest.mark.parametrize(
    "elsewhere", [{"region": "fr"}, {"epoch": EPOCH + 1}, {"lane": "pair.de.fr"}]
)
def test_events_of_another_lane_in_the_batch_are_refused(elsewhere: dict[str, object]) -> None:
    mixed = _rechained(GOOD, lambda h: msgspec.structs.replace(h, **elsewhere))
    assert _code(mixed) is Code.BROKEN_CHAIN


def test_a_wrong_previous_hash_breaks_the_chain() -> None:
    assert _code(msgspec.structs.replace(GOOD, previous=b"x" * 32)) is Code.BROKEN_CHAIN


def test_a_head_for_another_event_is_refused() -> None:
    assert _code(_signed(GOOD, seq=2)) is Code.BROKEN_CHAIN
    assert _code(_signed(GOOD, hash=b"x" * 32)) is Code.BROKEN_CHAIN


@pytest.mark.parametrize("seq", [2, 4])
def test_even_the_origin_cannot_give_the_last_hash_another_number(seq: int) -> None:
    head = sign_head(KEY, Held(seq, GOOD.head.hash), key_of("de"))
    assert _code(msgspec.structs.replace(GOOD, head=Head.of(head))) is Code.BROKEN_CHAIN


@pytest.mark.parametrize("changed", [{"seq": 4}, {"hash": b"x" * 32}, {"lane": "control"}])
def test_a_head_changed_after_signing_is_refused(changed: dict[str, object]) -> None:
    head = msgspec.structs.replace(GOOD.head, **changed)
    with pytest.raises(Refused) as refused:
        verify_head(head.signed, ROSTER)
    assert refused.value.refusal.code is Code.BAD_SIGNATURE


def test_a_head_by_another_key_is_refused() -> None:
    forged = sign_head(KEY, Held(3, GOOD.head.hash), key_of("fr"))
    assert _code(msgspec.structs.replace(GOOD, head=Head.of(forged))) is Code.BAD_SIGNATURE
    # Also when it claims to be the pinned one.
    named = msgspec.structs.replace(Head.of(forged), key_id=GOOD.head.key_id)
    assert _code(msgspec.structs.replace(GOOD, head=named)) is Code.BAD_SIGNATURE


def test_an_origin_outside_the_roster_is_unknown() -> None:
    assert _code(GOOD, roster=roster_of("fr")) is Code.UNKNOWN_PEER


def test_an_oversized_body_is_refused() -> None:
    large = batch_of(KEY, [b"x" * (limits.EVENT_BODY_BYTES_MAX + 1)])
    assert _code(large) is Code.TOO_LARGE
    assert verify_batch(batch_of(KEY, [b"x" * limits.EVENT_BODY_BYTES_MAX]), NOTHING, ROSTER)


@pytest.mark.parametrize("held", [1, 2, 3])
def test_i5_a_second_history_is_a_fork_not_damage(held: int) -> None:
    """The origin signed both, so no link can mend it: an operator must know."""
    other = verify_batch(batch_of(KEY, [b"ONE", b"TWO", b"THREE"]), NOTHING, ROSTER)
    assert _code(GOOD, Held(held, other.events[held - 1].hash)) is Code.FORK


def test_i5_a_fork_is_seen_at_the_first_event_after_it() -> None:
    ours = verify_batch(GOOD, NOTHING, ROSTER)
    theirs = verify_batch(batch_of(KEY, [b"ONE", b"TWO", b"THREE"]), NOTHING, ROSTER)
    going_on = batch_of(KEY, [b"four"], Held(3, theirs.head.hash))
    assert _code(going_on, Held(3, ours.head.hash)) is Code.FORK


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_no_flipped_bit_gets_through(position: int, bit: int) -> None:
    """Damage is refused or changes nothing that is applied."""
    from server.federation import frames

    raw = bytearray(frames.encode(GOOD))
    raw[position % len(raw)] ^= 1 << bit
    try:
        batch = frames.decode(bytes(raw))
        assert isinstance(batch, Batch)
        verified = verify_batch(batch, NOTHING, ROSTER)
    except (Refused, AssertionError):
        return
    assert verified == verify_batch(GOOD, NOTHING, ROSTER)


# ---------------------------------------------------------------- keys, heads, proofs


def test_keys_come_from_raw_bytes() -> None:
    raw = public_of("de")
    assert public_key(raw).public_bytes_raw() == raw
    assert len(key_id(raw)) == 16
    with pytest.raises(ValueError, match="32 bytes"):
        public_key(b"short")
    with pytest.raises(ValueError, match="32 bytes"):
        private_key(b"short")


def test_two_keys_may_be_pinned_while_one_is_replaced() -> None:
    roster = Roster({"de": [public_of("old"), public_of("de")]})
    for signer in ("old", "de"):
        verify_head(sign_head(KEY, Held(1, b"h" * 32), key_of(signer)), roster)
    assert "de" in roster
    assert roster.regions == {"de"}


class _CountingKey:
    def __init__(self) -> None:
        self.key, self.count = key_of("de"), 0
        self.public_key = self.key.public_key

    def sign(self, data: bytes) -> bytes:
        self.count += 1
        return self.key.sign(data)


def test_a_head_is_signed_once_for_all_peers() -> None:
    counting = _CountingKey()
    signer = HeadSigner(counting)  # type: ignore[arg-type]
    heads: set[SignedHead] = {signer.sign(KEY, Held(1, b"h" * 32)) for _ in range(19)}
    assert len(heads) == counting.count == 1
    for seq in range(2, 3000):
        signer.sign(KEY, Held(seq, b"h" * 32))
    assert len(signer._heads) <= 1024


PROOF = Proof("dial", "de", "fr", 1, EPOCH, key_id(public_of("de")), b"a" * 32, b"b" * 32)


def test_a_proof_fits_its_own_words_only() -> None:
    signature = sign_proof(PROOF, key_of("de"))
    verify_proof(PROOF, signature, ROSTER)
    for change in (
        {"role": "accept"},
        {"to": "in"},
        {"version": 2},
        {"epoch": 1},
        {"nonce": b"c" * 32},
        {"other_nonce": b"c" * 32},
        {"region": "fr"},
    ):
        with pytest.raises(Refused) as refused:
            verify_proof(msgspec.structs.replace(PROOF, **change), signature, ROSTER)
        assert refused.value.refusal.code is Code.BAD_SIGNATURE
    with pytest.raises(Refused) as refused:
        verify_proof(msgspec.structs.replace(PROOF, region="xx"), signature, ROSTER)
    assert refused.value.refusal.code is Code.UNKNOWN_PEER


def test_a_head_cannot_pass_as_a_proof() -> None:
    """Each signed thing begins with its own words (section 2)."""
    head = sign_head(KEY, Held(1, b"h" * 32), key_of("de"))
    assert head.signed_bytes.startswith(b"tap head 1")
    assert PROOF.signed_bytes.startswith(b"tap hello 1")
