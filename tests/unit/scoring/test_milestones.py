"""Firsts in their order, and medians of enough people."""

from __future__ import annotations

from server.scoring.milestones import STARTED, Median, Milestone, firsts, medians
from server.scoring.rules import DAY_MS


def test_the_first_of_each_in_the_order_of_time() -> None:
    facts = [
        Milestone("answer", 9, "c"),
        Milestone("accepted", 5, "b"),
        Milestone("answer", 3, "z"),
        Milestone("answer", 3, "b"),
    ]
    wanted = [Milestone("answer", 3, "b"), Milestone("accepted", 5, "b")]
    assert firsts(facts) == firsts(reversed(facts)) == wanted


def path(**days: int) -> dict[str, int]:
    return {STARTED: 1, **{name: 1 + day * DAY_MS for name, day in days.items()}}


def test_a_median_is_the_day_that_half_needed_at_most() -> None:
    paths = [path(question=2), path(question=30), path(question=4, paper=9)]
    assert medians(paths, 1) == [Median("question", 4, 3), Median("paper", 9, 1)]
    assert medians(paths[:2], 1) == [Median("question", 2, 2)]


def test_what_too_few_reached_is_not_told() -> None:
    paths = [path(question=day, answer=1) for day in range(10)]
    paths[0].pop("answer")
    assert medians(paths, 10) == [Median("question", 4, 10)]
    assert medians([], 0) == []


def test_who_was_used_before_they_began_waited_for_nothing() -> None:
    assert medians([{STARTED: 5 * DAY_MS, "answer": 1}], 1) == [Median("answer", 0, 1)]
