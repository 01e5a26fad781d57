"""Deadlines come in order, once, and never early."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.realtime.wheel import SLOT_MS, Wheel


def test_comes_when_it_is_due_and_not_before() -> None:
    wheel: Wheel[str] = Wheel(1_000)
    wheel.put("a", 2_000)
    wheel.put("b", 2_001)
    assert wheel.due(1_999) == []
    assert wheel.due(2_000) == ["a"]
    assert wheel.due(2_500) == ["b"]
    assert len(wheel) == 0


def test_moves_when_put_again_and_goes_when_removed() -> None:
    wheel: Wheel[str] = Wheel(0)
    wheel.put("a", 1_000)
    wheel.put("a", 5_000)
    wheel.put("b", 1_000)
    wheel.remove("b")
    wheel.remove("never there")
    assert wheel.due(4_000) == []
    assert wheel.due(5_000) == ["a"]


def test_what_is_past_is_due_at_the_next_turn() -> None:
    wheel: Wheel[str] = Wheel(0)
    wheel.due(10_000)
    wheel.put("late", 3_000)
    assert wheel.due(10_000 + SLOT_MS) == ["late"]


@given(
    puts=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20_000)), max_size=30),
    turns=st.lists(st.integers(0, 20_000), max_size=10),
)
def test_each_comes_exactly_once(puts: list[tuple[int, int]], turns: list[int]) -> None:
    wheel: Wheel[int] = Wheel(0)
    last: dict[int, int] = {}
    for item, at in puts:
        wheel.put(item, at)
        last[item] = at
    seen: list[int] = []
    for now in [*sorted(turns), 30_000]:
        due = wheel.due(now)
        assert all(last[item] <= now for item in due)
        seen += due
    assert sorted(seen) == sorted(last)
