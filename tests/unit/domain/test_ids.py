"""Names of things: one text per value, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.ids import (
    LANE_PATTERN,
    OBJECT_PATTERN,
    REGION_PATTERN,
    Cursor,
    EventId,
    derived_object_id,
    hlc_millis,
    next_hlc,
    object_id,
)

MILLIS_MAX = 2**48 - 1
millis = st.integers(0, MILLIS_MAX)
entropies = st.binary(min_size=10, max_size=20)
regions = st.from_regex(REGION_PATTERN, fullmatch=True)
lanes = st.from_regex(LANE_PATTERN, fullmatch=True)
event_ids = st.builds(EventId, regions, st.integers(1, 2**53), lanes, st.integers(1, 10**18 - 1))
cursors = st.builds(Cursor, st.integers(0, 2**53), st.integers(0, 10**18 - 1))

# ---------------------------------------------------------------- object ids


@given(millis, entropies)
def test_an_object_id_is_a_ulid_in_lower_case(now: int, entropy: bytes) -> None:
    """github.com/ulid/spec: 48 bits of time, 80 of entropy, Crockford's base 32, 26 characters."""
    text = object_id(now, entropy)
    assert OBJECT_PATTERN.fullmatch(text)
    number = 0
    for character in text:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(character)
    assert number >> 80 == now
    assert number & (2**80 - 1) == int.from_bytes(entropy[:10], "big")


def test_the_example_of_the_ulid_specification() -> None:
    """Its first ten characters are the time of 2016-07-30T23:54:10.259Z."""
    assert object_id(1_469_922_850_259, bytes(10)).startswith("01arz3ndek")


@given(millis, millis, entropies, entropies)
def test_object_ids_sort_by_time(one: int, other: int, a: bytes, b: bytes) -> None:
    earlier, later = sorted((one, other))
    if earlier < later:
        assert object_id(earlier, a) < object_id(later, b)


@given(millis, st.lists(st.text(max_size=6), min_size=1, max_size=3))
def test_a_derived_id_is_the_same_every_time_and_keeps_the_time(at: int, parts: list[str]) -> None:
    derived = derived_object_id(at, *parts)
    assert derived == derived_object_id(at, *parts)
    assert derived[:10] == object_id(at, bytes(10))[:10]


def test_derived_ids_of_other_parts_or_another_division_differ() -> None:
    made = [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), ("abc", "")]
    assert len({derived_object_id(5, *parts) for parts in made}) == len(made)


def test_a_time_before_1970_gives_an_id_all_the_same() -> None:
    assert OBJECT_PATTERN.fullmatch(derived_object_id(-5, "x"))


# ---------------------------------------------------------------- event ids and cursors


@given(event_ids)
def test_an_event_id_is_its_text(id: EventId) -> None:
    assert EventId.parse(str(id)) == id


@given(cursors)
def test_a_cursor_is_its_text(cursor: Cursor) -> None:
    assert Cursor.parse(str(cursor)) == cursor


def test_texts_of_the_documentation() -> None:
    assert str(EventId("in", 0x1E5C3A0B7, "global", 42)) == "in:1e5c3a0b7:global:42"
    assert str(Cursor(0x1E5C3A0B7, 7)) == "1e5c3a0b7.7"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "in:1:global",
        "in:1:global:1:1",
        "IN:1:global:1",
        "in:1:everybody:1",
        "in:0x1:global:1",
        "in:-1:global:1",
        "in: 1:global:1",
        "in:1A:global:1",
        "in:01:global:1",
        "in:1:global:-1",
        "in:1:global:+1",
        "in:1:global:1_0",
        "in:1:global:01",
        "in:1:global:٣",
        "in:1:global:1\n",
        "in:1:global:9999999999999999999",
        "in:fffffffffffffff:global:1",
        "in:1:group.:1",
    ],
)
def test_no_event_id(text: str) -> None:
    with pytest.raises(ValueError, match="not an event id"):
        EventId.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.",
        ".1",
        "1.2.3",
        "0x1.2",
        "-1.2",
        "1.-2",
        "1.+2",
        "1. 2",
        "1.2 ",
        "1.2\n",
        "A.2",
        "1.٢",
        "1.²",
        "01.2",
        "1.02",
        "1." + "9" * 19,
        "f" * 15 + ".1",
    ],
)
def test_no_cursor(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.parse(text)


@given(st.text(st.sampled_from("0123456789abcdefg.:-+_ x\n٢"), max_size=12))
def test_what_parses_was_written_by_us(text: str) -> None:
    """No two texts stand for one cursor: clients compare them as texts."""
    try:
        cursor = Cursor.parse(text)
    except ValueError:
        return
    assert str(cursor) == text
    assert cursor.position < 2**63


@given(regions, st.text(st.sampled_from("0123456789abcdefg.:-+_ x\n٢"), max_size=16))
def test_what_parses_as_an_event_id_was_written_by_us(region: str, rest: str) -> None:
    for text in (f"{region}:{rest}", f"{region}:1:global:{rest}", f"{region}:{rest}:global:1"):
        try:
            id = EventId.parse(text)
        except ValueError:
            continue
        assert str(id) == text


# ---------------------------------------------------------------- the hybrid clock


@given(st.integers(0, 2**60), millis)
def test_the_hybrid_clock_never_stands_nor_falls_behind(last: int, now: int) -> None:
    reading = next_hlc(last, now)
    assert reading > last
    assert hlc_millis(reading) >= now


def test_the_hybrid_clock_follows_the_wall_clock_when_it_is_ahead() -> None:
    assert next_hlc(5 << 16, 9) == 9 << 16


def test_70_000_events_in_one_millisecond_carry_into_the_next() -> None:
    reading = 7 << 16
    for _ in range(70_000):
        reading = next_hlc(reading, 7)
    assert hlc_millis(reading) == 8
