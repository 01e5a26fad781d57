"""Waiting grows, is spread, and stays between half a second and twenty."""

from hypothesis import given
from hypothesis import strategies as st
from tap_client.backoff import SECONDS_MAX, SECONDS_MIN, delay_seconds


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_delay_stays_within_its_bounds(attempt: int, chance: float) -> None:
    assert SECONDS_MIN <= delay_seconds(attempt, lambda: chance) <= SECONDS_MAX


def test_the_longest_delay_doubles_until_the_cap() -> None:
    longest = [delay_seconds(attempt, lambda: 1.0) for attempt in range(7)]
    assert longest == [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
