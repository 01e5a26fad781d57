"""A leader's month, and what is shown of peers."""

from __future__ import annotations

from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.anonymity import Quartiles
from server.scoring.leading import (
    ANSWER_MS_MAX,
    NO_PEERS,
    Asked,
    Month,
    Written,
    median,
    month,
    peers,
    share,
    span_of,
)

MONDAY_10 = 1_767_607_200_000  # 2026-01-05T10:00:00Z
HOUR = 3_600_000
WRITTEN = Written(replies=6, broadcasts=2, countries=3, heard=4, returned=3)


def asked(wait: int | None, closed: bool = False) -> Asked:
    return Asked(MONDAY_10, UTC, None if wait is None else MONDAY_10 + wait, closed)


def test_a_month_counts_what_was_asked_and_how_soon_it_was_answered() -> None:
    questions = [asked(HOUR, True), asked(3 * HOUR), asked(24 * HOUR), asked(None, True)]
    found = month(questions, WRITTEN)
    assert (found.questions, found.replied, found.reply_rate) == (4, 3, 750)
    assert found.reply_ms == 3 * HOUR
    assert (found.closed, found.closed_rate) == (2, 500)
    assert (found.replies, found.broadcasts, found.reply_share) == (6, 2, 750)
    assert (found.countries, found.heard, found.returned) == (3, 4, 3)


def test_an_answer_after_a_week_comes_too_late_to_count() -> None:
    assert month([asked(ANSWER_MS_MAX)], WRITTEN).replied == 1
    assert month([asked(ANSWER_MS_MAX + 1)], WRITTEN).replied == 0


def test_nothing_asked_and_nothing_written_has_no_rate() -> None:
    empty = month([], Written(0, 0, 0, 0, 0))
    assert (empty.reply_rate, empty.reply_ms, empty.reply_share, empty.closed_rate) == (None,) * 4


def test_spans_are_powers_of_two() -> None:
    assert [span_of(n) for n in (0, 1, 2, 3, 64, 127, 128)] == [
        "1-1",
        "1-1",
        "2-3",
        "2-3",
        "64-127",
        "64-127",
        "128-255",
    ]


def led(rate: int | None, wait: int | None = None) -> tuple[str, Month]:
    return "64-127", month([], WRITTEN)._replace(reply_rate=rate, reply_ms=wait)


def test_ten_others_are_needed_beside_the_one_who_looks() -> None:
    ten = {f"p{n}": led(100 * n + 7) for n in range(10)}
    assert peers(ten, 10) == {"64-127": NO_PEERS}
    eleven = peers(ten | {"me": led(1000)}, 10)["64-127"]
    assert (eleven.people, eleven.why) == (10, "")
    assert eleven.quartiles["reply_rate"] == Quartiles(255, 505, 755)
    assert eleven.quartiles["reply_ms"] is None


def test_a_measure_that_few_have_is_not_shown_beside_the_others() -> None:
    some = {f"p{n}": led(500, 600_000 if n < 10 else None) for n in range(15)}
    found = peers(some, 10)["64-127"].quartiles
    assert found["reply_rate"] == (500, 500, 500)
    assert found["reply_ms"] is None


@given(st.dictionaries(st.text("abcd", min_size=1), st.integers(0, 1000), max_size=40))
def test_no_quartile_stands_on_fewer_than_ten_others(rates: dict[str, int]) -> None:
    found = peers({person: led(rate) for person, rate in rates.items()}, 10)
    shown = [one for one in found.values() if one.quartiles["reply_rate"]]
    assert not shown or len(rates) >= 11


def test_shares_are_rounded_to_the_nearest_thousandth() -> None:
    assert [share(1, 3), share(2, 3), share(0, 5), share(5, 5), share(1, 0)] == [
        333,
        667,
        0,
        1000,
        None,
    ]
    assert [median([]), median([3]), median([4, 1]), median([9, 1, 5])] == [None, 3, 2, 5]
