"""What somebody decided about credits: held, reversed, given back; and that bystanders keep their lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.scoring.explain import line_map
from server.scoring.model import Act, Line
from server.scoring.rules import shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import DAY, PEOPLE, QUARTERS, act, act_sets, gone, ruled

BOOK = shipped()

ACTS = [
    act("helpful", "ben", "asha/1"),
    act("helpful", "ben", "asha/2", ms=1),
    act("helpful", "ben", "asha/3", day=DAY + 80),
    act("helpful", "chen", "asha/1", ms=2),
    act("helpful", "ben", "dora/1", ms=3),
]


def book(*acts: Act) -> dict[str, list[Line]]:
    whole = Book(acts, BOOK)
    return {author: lines(whole, author) for author in whole.authors}


def test_cleared_is_undamped_and_changes_nobody_else() -> None:
    """The factor goes; pair and unit stay, and so does all that others get."""
    thanks = [
        act("helpful", giver, f"{author}/{n}", day=DAY + n)
        for giver, author in (("ben", "asha"), ("asha", "ben"), ("chen", "asha"))
        for n in range(4)
    ]
    before = book(*thanks)
    cleared = ruled("cleared", giver="ben", author="asha", quarter="2026Q1")
    after = book(*thanks, cleared)
    assert after["ben"] == before["ben"]
    for old, new in zip(before["asha"], after["asha"], strict=True):
        if new.giver == "ben":
            names = [factor.name for factor in new.factors]
            assert "mutual" in [factor.name for factor in old.factors]
            assert "mutual" not in names
            assert (new.status, new.ruling) == ("counted", "")
            assert new.milli_points > old.milli_points
        else:
            assert new == old
    assert (
        book(
            *thanks,
            cleared,
            ruled("cleared", giver="ben", author="asha", quarter="2026Q1", rev=2, on=False),
        )
        == before
    )
    elsewhere = ruled("cleared", giver="ben", author="asha", quarter="2026Q2")
    assert book(*thanks, elsewhere) == before


def test_cleared_does_not_bring_back_what_is_held() -> None:
    held, cleared = (ruled(kind, giver="ben", author="asha") for kind in ("held", "cleared"))
    assert standing(*ACTS, held, cleared) == standing(*ACTS, held)


def standing(*acts: Act) -> set[str]:
    """The acts whose lines count."""
    return {
        line.act for found in book(*acts).values() for line in found if line.status == "counted"
    }


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({"giver": "ben"}, {3}),
        ({"author": "asha"}, {4}),
        ({"giver": "ben", "author": "asha"}, {3, 4}),
        ({"giver": "ben", "author": "asha", "quarter": "2026Q1"}, {2, 3, 4}),
        ({"content": "asha/1"}, {1, 2, 4}),
        ({"giver": "chen", "content": "asha/1"}, {0, 1, 2, 4}),
        ({"giver": "chen", "author": "dora"}, {0, 1, 2, 3, 4}),
        ({}, {0, 1, 2, 3, 4}),
    ],
)
def test_a_ruling_is_about_what_it_names(named: dict[str, str], left: set[int]) -> None:
    assert standing(*ACTS, ruled("held", **named)) == {ACTS[n].id for n in left}


def test_a_held_line_is_worth_nothing_and_says_why() -> None:
    hold = ruled("held", giver="ben", author="asha", quarter="2026Q1")
    first = book(*ACTS, hold)["asha"][0]
    assert (first.status, first.ruling, first.milli_points, first.factors) == (
        "held",
        "held",
        0,
        (),
    )
    assert line_map(first, BOOK)["status_text"] == BOOK.versions[0].statuses["held"].text


def test_what_does_not_count_is_counted_in_no_factor() -> None:
    held = book(*ACTS, ruled("held", content="asha/1"))["asha"]
    assert [line.milli_points for line in held] == [0, 5_000, 0, 5_000], "no first of two any more"


def test_undone_the_same_lines_stand_again() -> None:
    hold = ruled("held", giver="ben", author="asha")
    undone = ruled("held", giver="ben", author="asha", rev=2, on=False)
    assert book(*ACTS, undone, hold) == book(*ACTS)


def test_of_two_rulings_the_one_that_stands_first_in_the_rules_is_the_reason() -> None:
    both = [ruled("held", author="asha"), gone("deleted", "asha/1"), gone("hidden", "asha/2")]
    found = [(line.status, line.ruling) for line in book(*ACTS, *both)["asha"]]
    assert found == [
        ("lapsed", "deleted"),
        ("reversed", "hidden"),
        ("lapsed", "deleted"),
        ("held", "held"),
    ]


def test_two_reversals_have_their_own_sentences() -> None:
    ring = book(*ACTS, ruled("ring_reversed", author="asha"))["asha"][0]
    hidden = book(*ACTS, gone("hidden", "asha/1"))["asha"][0]
    assert ring.status == hidden.status == "reversed"
    assert line_map(ring, BOOK)["status_text"] != line_map(hidden, BOOK)["status_text"]


# ---------------------------------------------------------------- bystanders


THREAD = [
    act("accepted", "asha", "chen/a", author="chen"),
    act("loop_closed", "chen", "asha/q", ms=1),
    act("helpful", "ben", "asha/q", ms=2),
    act("helpful", "ben", "dora/r", ms=3),
    act("solved", "emil", "chen/a", author="chen", ms=4),
]


def others(before: list[Act], after: list[Act], hit: set[str]) -> bool:
    """Whether everybody but the ones who were hit has the same lines."""
    old, new = book(*before), book(*after)
    return {k: v for k, v in old.items() if k not in hit} == {
        k: v for k, v in new.items() if k not in hit
    }


def test_an_author_who_deletes_a_question_takes_nothing_from_who_answered() -> None:
    after = [*THREAD, gone("deleted", "asha/q")]
    assert others(THREAD, after, {"asha"})
    assert [line.status for line in book(*after)["asha"]] == ["lapsed", "lapsed"]


def test_moderators_who_hide_an_answer_take_nothing_from_the_thread() -> None:
    after = [*THREAD, gone("hidden", "chen/a")]
    assert others(THREAD, after, {"chen"})
    assert [line.status for line in book(*after)["chen"]] == ["reversed", "reversed"]


def test_undoing_leaves_no_trace_anywhere() -> None:
    undone = [gone("hidden", "chen/a"), gone("hidden", "chen/a", rev=2, on=False)]
    assert book(*THREAD, *undone) == book(*THREAD)


def test_an_edit_is_no_act() -> None:
    """Nothing that scoring takes comes of it but the content's topics, which are on no total."""
    edited = [one._replace(topics=("tea",)) for one in THREAD]
    plain = {k: [line._replace(topics=()) for line in v] for k, v in book(*edited).items()}
    assert plain == book(*THREAD)


def test_who_leaves_keeps_what_they_gave_and_got() -> None:
    """Leaving is no act either: a pseudonym in all places changes no points."""
    left = [
        one._replace(
            giver=one.giver.replace("ben", "p-17"), register=one.register.replace("ben", "p-17")
        )
        for one in THREAD
    ]
    worth = {k: [line.milli_points for line in v] for k, v in book(*left).items()}
    assert worth == {k: [line.milli_points for line in v] for k, v in book(*THREAD).items()}


def test_imported_acts_change_nobodys_lines() -> None:
    old = [
        one._replace(
            id=f"i{one.id}", register=f"i{one.register}", at=one.at - 9, unscored="imported"
        )
        for one in THREAD
    ]
    assert book(*THREAD, *old) == book(*THREAD)


@given(
    acts=act_sets,
    giver=st.sampled_from(PEOPLE),
    author=st.sampled_from(PEOPLE),
    quarter=st.sampled_from(QUARTERS),
)
def test_a_pair_that_is_held_keeps_every_line_and_nobody_else_loses_one(
    acts: list[Act], giver: str, author: str, quarter: str
) -> None:
    before = book(*acts)
    after = book(*acts, ruled("held", giver=giver, author=author, quarter=quarter, rev=9))
    assert {k: [line.act for line in v] for k, v in before.items()} == {
        k: [line.act for line in v] for k, v in after.items()
    }
    for name, found in after.items():
        for old, new in zip(before[name], found, strict=True):
            ours = (name, new.giver) == (author, giver) and quarter in ("", new.quarter)
            assert (new.status == "counted") == (old.status == "counted" and not ours)
