"""Conflated values: the latest only, and nothing lost for whoever was away."""

from __future__ import annotations

from server.domain.visibility import Touched
from server.realtime.values import SLACK_POSITIONS, Values
from tests.unit.realtime.scenes import CHESS, ME, TEA, THREAD

KEY, POLL = ("post", "p"), ("poll", "q")
ON_TEA = Touched("post", "p", (TEA, THREAD))
ON_CHESS = Touched("poll", "q", (CHESS,))


def flush(values: Values, position: int) -> None:
    keys = list(values.take(100))
    for key in keys:
        values.put(key, position, {"n": position})
    values.done(keys)


def test_many_changes_are_one_value() -> None:
    values = Values(0)
    for position in range(1, 6):
        values.touch(ON_TEA, position)
    assert values.take(10) == {KEY: (TEA, THREAD)}
    assert values.take(10) == {}


def test_the_longest_dirty_come_first_and_no_more_than_asked_for() -> None:
    values = Values(0)
    values.touch(ON_TEA, 1)
    values.touch(ON_CHESS, 2)
    values.touch(ON_TEA, 3)
    assert list(values.take(1)) == [KEY]
    assert list(values.take(1)) == [POLL]


def test_flushed_says_up_to_where_everybody_has_been_told() -> None:
    values = Values(0)
    values.touch(ON_TEA, 4)
    values.moved(9)
    assert values.flushed == 3
    taken = values.take(10)
    assert values.flushed == 3, "being loaded is not sent"
    values.put(KEY, 9, {})
    assert values.flushed == 3, "put is not sent"
    values.touch(ON_TEA, 10)
    values.done(taken)
    assert values.flushed == 9
    flush(values, 10)
    assert values.flushed == 10


def test_a_failed_load_leaves_them_dirty_as_before() -> None:
    values = Values(0)
    values.touch(ON_TEA, 1)
    values.touch(ON_CHESS, 2)
    taken = values.take(1)
    values.touch(ON_TEA, 5)
    values.failed(taken)
    assert values.flushed == 0
    assert list(values.take(10)) == [KEY, POLL]


def test_whoever_was_away_gets_what_changed_and_nothing_else() -> None:
    values = Values(0)
    values.touch(ON_TEA, 1)
    flush(values, 1)
    values.touch(ON_CHESS, 2)
    flush(values, 2)
    shown, unknown, complete = values.since((TEA, THREAD, CHESS), 1)
    assert [(one.frame_of.id, one.frame_of.position) for one in shown] == [("q", 2)]
    assert (unknown, complete) == ((), True)
    assert values.since((TEA,), 1).shown == ()


def test_what_is_dirty_comes_with_the_next_flush() -> None:
    values = Values(0)
    values.touch(ON_TEA, 1)
    assert values.since((TEA,), 0) == ((), (), True)
    values.take(10)
    assert values.since((TEA,), 0) == ((), (), True), "being loaded: the hub sends it to all"
    values.put(KEY, 1, {})
    assert len(values.since((TEA,), 0).shown) == 1, "its audience may be settled already"


def test_what_nobody_wanted_then_is_loaded_now() -> None:
    values = Values(0)
    values.touch(ON_TEA, 1)
    values.done(values.take(10))
    assert values.since((TEA,), 0) == ((), (KEY,), True)
    values.put(KEY, 1, {})
    values.touch(ON_TEA, 2)
    values.done(values.take(10))
    assert values.since((TEA,), 0).unknown == (KEY,), "the one we have is older than the change"


def test_says_when_memory_does_not_reach_back() -> None:
    values = Values(10, kept_max=2)
    assert not values.since((TEA,), 9).complete
    for n in range(4):
        values.touch(Touched("post", str(n), (TEA,)), 11 + n)
    assert not values.since((TEA,), 11).complete
    assert values.since((TEA,), 12).complete
    assert list(values.take(10)) == [("post", "2"), ("post", "3")]
    assert values.put(("post", "0"), 14, {}) is None


def test_a_pushed_value_comes_to_whoever_was_away_at_that_moment() -> None:
    values = Values(0)
    values.moved(7)
    left_at = values.flushed
    values.push(("impact", "asha"), 3, {"total": 1}, (ME,))
    assert len(values.since((ME,), left_at).shown) == 1
    values.moved(8)
    values.touch(Touched("post", "p", (TEA,)), 9)
    assert values.since((ME,), 8).shown == ()


def test_a_cursor_may_be_ahead_of_the_values_its_client_got() -> None:
    """The client had event 11, and was gone before the value touched at 10 was sent."""
    values = Values(5)
    values.touch(ON_TEA, 10)
    values.moved(11)
    flush(values, 11)
    assert values.flushed_at(11) < 10
    values.moved(12)
    assert values.flushed_at(12) == 11
    assert values.flushed_at(3) == 0
    assert values.flushed_at(5 + SLACK_POSITIONS) == 11
