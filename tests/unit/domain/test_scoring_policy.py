"""What may be told of whose contributions: the policy and the person, both (docs/scoring.md section 9)."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from server.domain.scoring_policy import (
    AGREEMENT_COUNTRIES,
    CAUTIOUS,
    DEFAULT,
    UNDECIDED,
    WHAT,
    ScoringChoice,
    ScoringPolicy,
    default_of,
    may_show,
    problems,
    publishes,
    stance,
)

ALL_YES = ScoringChoice(**dict.fromkeys(WHAT, True))
ALL_NO = ScoringChoice(**dict.fromkeys(WHAT, False))
POLICIES = [
    msgspec.structs.replace(
        DEFAULT, scores=scores, boards=boards, leaders=leaders, recognition=recognition
    )
    for scores, boards, leaders, recognition in itertools.product(
        ("off", "private", "opt_in", "public"),
        ("off", "opt_in", "on"),
        ("off", "quartiles"),
        ("off", "consent", "on"),
    )
]


def policy(**changes: Any) -> ScoringPolicy:
    return msgspec.structs.replace(DEFAULT, **changes)


def shown(held: ScoringPolicy, choice: ScoringChoice) -> set[str]:
    return {what for what in WHAT if may_show(what, held, choice)}


def test_a_choice_has_exactly_what_can_be_shown() -> None:
    assert set(WHAT) == set(ScoringChoice.__struct_fields__)


@pytest.mark.parametrize("held", POLICIES)
def test_whoever_refuses_is_shown_nowhere_whatever_the_policy(held: ScoringPolicy) -> None:
    assert shown(held, ALL_NO) == set()
    assert publishes(held, ALL_NO) == (False, False)


@pytest.mark.parametrize("held", [held for held in POLICIES if held.scores == "off"])
def test_where_scores_are_off_nobody_is_shown_whatever_they_chose(held: ScoringPolicy) -> None:
    assert shown(held, ALL_YES) == set()


@pytest.mark.parametrize("held", POLICIES)
def test_a_yes_never_shows_less_than_silence_and_silence_never_less_than_a_no(
    held: ScoringPolicy,
) -> None:
    assert shown(held, ALL_NO) <= shown(held, UNDECIDED) <= shown(held, ALL_YES)


@pytest.mark.parametrize(
    ("held", "silent", "willing"),
    [
        (DEFAULT, {"leaders"}, {"experts", "milestones", "recognition", "leaders"}),
        (CAUTIOUS, set(), {"experts", "milestones"}),
        (
            policy(scores="opt_in", boards="opt_in"),
            {"leaders"},
            set(WHAT),
        ),
        (
            policy(scores="public", boards="on", recognition="on"),
            {"profile", "boards", "experts", "recognition", "leaders"},
            set(WHAT),
        ),
        (
            policy(scores="private", boards="on"),
            {"leaders"},
            {"experts", "milestones", "recognition", "leaders"},
        ),
    ],
    ids=["default", "cautious", "opt in", "public", "boards cannot show what is private"],
)
def test_what_a_policy_shows(held: ScoringPolicy, silent: set[str], willing: set[str]) -> None:
    assert shown(held, UNDECIDED) == silent
    assert shown(held, ALL_YES) == willing


def test_points_go_out_for_a_profile_or_a_board_and_by_topic_for_who_is_listed_too() -> None:
    held = policy(scores="opt_in", boards="opt_in")
    assert publishes(held, ScoringChoice(profile=True)) == (True, False)
    assert publishes(held, ScoringChoice(boards=True)) == (True, False)
    assert publishes(held, ScoringChoice(experts=True)) == (False, False)
    assert publishes(held, ScoringChoice(boards=True, experts=True)) == (True, True)
    assert publishes(DEFAULT, ALL_YES) == (False, False)


def test_a_person_can_be_told_what_their_silence_means() -> None:
    assert stance("profile", policy(scores="public")) == "unless_refused"
    assert stance("profile", policy(scores="opt_in")) == "if_chosen"
    assert stance("profile", DEFAULT) == "never"


@pytest.mark.parametrize("country", sorted(AGREEMENT_COUNTRIES))
def test_where_the_law_asks_for_an_agreement_nothing_wider_is_allowed_without_it(
    country: str,
) -> None:
    assert default_of(country) == CAUTIOUS
    assert problems(CAUTIOUS, country) == []
    wider = policy(scores="opt_in", boards="opt_in")
    found = problems(wider, country)
    assert [sentence.split()[0] for sentence in found] == [
        "scores",
        "boards",
        "leaders",
        "recognition",
    ]
    assert all(country in sentence and "scoring.agreement" in sentence for sentence in found)
    assert problems(msgspec.structs.replace(wider, agreement="KBV 7"), country) == []
    assert problems(msgspec.structs.replace(wider, agreement="  "), country) == found
    assert default_of(country, "KBV 7") == DEFAULT


def test_elsewhere_only_what_contradicts_itself_is_refused() -> None:
    assert default_of("IN") == DEFAULT
    assert problems(policy(scores="public", boards="on", recognition="on"), "IN") == []
    assert len(problems(policy(scores="private", boards="opt_in"), "IN")) == 1
    assert len(problems(policy(scores="off", boards="on"), "IN")) == 1
