"""One timer for many points in time, and a clock that may be set back."""

from __future__ import annotations

from server.federation.deadlines import Deadline, Deadlines, Due


def _at(now: int) -> Deadlines:
    deadlines = Deadlines()
    deadlines.clock(now)
    return deadlines


def test_the_timer_is_set_once_to_the_earliest() -> None:
    deadlines = _at(100)
    assert deadlines.arm() is None
    deadlines.set(Due.SILENCE, 300)
    deadlines.set(Due.PING, 200)
    assert deadlines.arm() == 200
    assert deadlines.arm() is None


def test_moving_a_deadline_later_leaves_the_timer_alone() -> None:
    deadlines = _at(100)
    deadlines.set(Due.SILENCE, 200)
    assert deadlines.arm() == 200
    deadlines.set(Due.SILENCE, 300)
    assert deadlines.arm() is None
    deadlines.clock(200)
    deadlines.fired()
    assert deadlines.take() == []
    assert deadlines.arm() == 300


def test_moving_one_earlier_sets_it_anew() -> None:
    deadlines = _at(100)
    deadlines.set(Due.DIAL, 900)
    assert deadlines.arm() == 900
    deadlines.set(Due.PING, 200)
    assert deadlines.arm() == 200


def test_what_is_due_is_taken_once_in_order() -> None:
    deadlines = _at(100)
    deadlines.set(Due.SILENCE, 180)
    deadlines.set(Due.HELLO, 150, conn=3)
    deadlines.set(Due.HELLO, 150, conn=2)
    deadlines.set(Due.PING, 201)
    deadlines.clock(200)
    assert deadlines.take() == [
        Deadline(Due.HELLO, 2),
        Deadline(Due.HELLO, 3),
        Deadline(Due.SILENCE),
    ]
    assert deadlines.take() == []


def test_a_clock_set_back_an_hour_costs_no_hour() -> None:
    deadlines = _at(10_000_000)
    deadlines.set(Due.DIAL, 10_000_500)
    assert deadlines.arm() == 10_000_500
    deadlines.clock(10_000_000 - 3_600_000)
    assert deadlines.arm() == 10_000_500 - 3_600_000


def test_dropped_and_cleared_deadlines_do_not_come() -> None:
    deadlines = _at(100)
    deadlines.set(Due.PING, 150)
    deadlines.set(Due.DIAL, 150)
    deadlines.drop(Due.PING)
    deadlines.drop(Due.PING)
    deadlines.clock(200)
    assert deadlines.take() == [Deadline(Due.DIAL)]
    deadlines.set(Due.DIAL, 150)
    deadlines.clear()
    assert deadlines.take() == []
