"""Quality beside the others in the thread, a cautious reading of it, and the gate for experts."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from server.scoring.experts import Answer, Judged, Reading, Record, Thread, judged, ranked
from server.scoring.rules import DAY_MS, ONE, shipped

RULES = shipped().versions[-1].expertise
DAY = 20_454
NOW = DAY * DAY_MS


def answer(author: str, givers: str = "", **what: bool) -> Answer:
    """``givers``: a letter for each."""
    return Answer(f"of {author}", author, NOW, givers=frozenset(givers), **what)


def thread(
    *answers: Answer, topic: str = "roaming", asker: str = "ann", unit: str = "", name: str = "q"
) -> Thread:
    named = tuple([one._replace(id=f"{name}/{one.id}") for one in answers])
    return Thread(name, frozenset([topic]), asker, unit, named)


def qualities(*answers: Answer) -> list[float]:
    return [one.quality / ONE for one in judged(thread(*answers))]


def on(topic: str, answers: list[Judged], day: int = DAY, person: str = "asha") -> Record:
    return Reading(person, answers, RULES, day).on(topic)


# ---------------------------------------------------------------- one thread


def test_quality_is_the_share_of_the_others_it_was_more_helpful_than() -> None:
    assert qualities(answer("a", "xyz"), answer("b", "x"), answer("c")) == [1, 0.5, 0]


def test_as_many_count_half_and_an_answer_alone_is_middling() -> None:
    assert qualities(answer("a", "x"), answer("b", "y"), answer("c")) == [0.75, 0.75, 0]
    assert qualities(answer("a", "xyz")) == [0.5]


def test_accepted_or_verified_is_as_good_as_it_gets() -> None:
    assert qualities(
        answer("a", accepted=True), answer("b", "xyz"), answer("c", verified=True)
    ) == [
        1,
        1,
        1,
    ], "and whom the readers preferred loses nothing by it"


def test_ones_own_mark_counts_for_nothing() -> None:
    assert qualities(answer("a", "a"), answer("b")) == [0.5, 0.5]


def test_what_is_gone_is_no_answer_and_no_rival() -> None:
    assert qualities(answer("a", "x"), answer("b", "xyz", gone=True)) == [0.5]


def test_who_answers_themselves_is_a_rival_without_a_record() -> None:
    found = judged(thread(answer("ann", "xy"), answer("b", "x")))
    assert [(one.author, one.quality) for one in found] == [("b", 0)]


def test_good_is_accepted_or_best_rated_by_somebody() -> None:
    good = [one.good for one in judged(thread(answer("a", "x"), answer("b", "y"), answer("c")))]
    assert good == [True, True, False]
    assert [one.good for one in judged(thread(answer("a"), answer("b")))] == [False, False]
    assert [one.good for one in judged(thread(answer("a", accepted=True)))] == [True]


# ---------------------------------------------------------------- a record


def accepted(name: str, *, topic: str = "roaming", days_ago: int = 0, asker: str = "ann") -> Judged:
    one = answer("asha", accepted=True)._replace(at=NOW - days_ago * DAY_MS)
    return judged(thread(one, topic=topic, asker=asker, name=name))[0]


def test_more_of_the_same_raises_the_score_and_luck_is_no_record() -> None:
    scores = [on("roaming", [accepted(str(n)) for n in range(count)]).score for count in range(9)]
    assert scores == sorted(set(scores))
    assert scores[0] == 211, "nothing known: the lower end of three middling answers"
    assert scores[8] < 1000


def test_a_half_life_later_two_answers_count_as_one_did() -> None:
    old = [accepted(str(n), days_ago=RULES.half_life_days) for n in range(2)]
    assert on("roaming", old).score == on("roaming", [accepted("0")]).score


def test_an_answer_on_another_topic_counts_a_quarter() -> None:
    four = [accepted(str(n), topic="printing") for n in range(4)]
    assert on("roaming", four).score == on("roaming", [accepted("0")]).score
    assert on("roaming", four).answers == 0, "but it is none on this one"


def test_tomorrow_is_not_known_yet() -> None:
    assert on("roaming", [accepted("0", days_ago=-1)]) == on("roaming", [])


def test_an_expert_has_three_answers_to_three_people_of_two_units() -> None:
    def expert(askers: str, units: list[str]) -> bool:
        answers = [
            accepted(str(n), asker=asker)._replace(asker_unit=unit)
            for n, (asker, unit) in enumerate(zip(askers, units, strict=True))
        ]
        return on("roaming", answers).expert

    assert expert("xyz", ["IN/tea", "IN/tea", "IN/rice"])
    assert not expert("xy", ["IN/tea", "IN/rice"])
    assert not expert("xyy", ["IN/tea", "IN/rice", "IN/rice"])
    assert not expert("xyz", ["IN/tea", "IN/tea", "IN/tea"])
    assert expert("xyz", ["", "", ""]), "whose unit nobody knows is a unit alone"


def test_experts_stand_before_those_who_emerge_then_score_answers_and_name() -> None:
    def record(person: str, score: int, expert: bool = True, answers: int = 3) -> Record:
        return Record(person, score, expert, answers, 0, 3, 2, NOW)

    wanted = [
        record("c", 700),
        record("d", 500, answers=9),
        record("a", 500),
        record("b", 500),
        record("e", 900, expert=False),
    ]
    assert ranked(reversed(wanted)) == wanted


# ---------------------------------------------------------------- any order

PEOPLE = st.sampled_from("abcde")
answers_of_threads = st.lists(
    st.builds(
        Answer,
        id=st.uuids().map(str),
        author=PEOPLE,
        at=st.integers(NOW - 900 * DAY_MS, NOW),
        accepted=st.booleans(),
        verified=st.booleans(),
        givers=st.frozensets(PEOPLE),
        gone=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda one: one.id,
)
threads = st.lists(
    st.builds(
        Thread,
        id=st.uuids().map(str),
        topics=st.frozensets(st.sampled_from(["roaming", "printing", "tea"])),
        asker=PEOPLE,
        asker_unit=st.sampled_from(["", "IN/tea", "DE/rice"]),
        answers=answers_of_threads.map(tuple),
    ),
    max_size=8,
)


def _everybody(threads: list[Thread]) -> dict[str, list[Record]]:
    answers = [one for thread in threads for one in judged(thread)]
    return {
        topic: ranked(
            on(topic, [one for one in answers if one.author == who], person=who) for who in "abcde"
        )
        for topic in ("roaming", "printing", "tea", "unheard of")
    }


@given(threads=threads, random=st.randoms(use_true_random=False))
def test_order_changes_nothing(threads: list[Thread], random: Random) -> None:
    mixed = [
        one._replace(answers=tuple(random.sample(one.answers, len(one.answers))))
        for one in random.sample(threads, len(threads))
    ]
    assert _everybody(mixed) == _everybody(threads)


@given(threads=threads)
def test_a_score_is_a_share_and_nothing_is_counted_twice(threads: list[Thread]) -> None:
    for records in _everybody(threads).values():
        for record in records:
            assert 0 <= record.score < 1000
            assert record.good <= record.answers
            assert max(record.askers, record.units) <= record.answers


# ---------------------------------------------------------------- the page


def test_the_worked_example_of_the_page() -> None:
    helped = thread(answer("asha", "xy"), answer("b", "x"), answer("c"), asker="ben", name="2")
    answers = [
        accepted("1"),
        judged(helped)[0],
        judged(thread(answer("asha"), asker="chen", name="3"))[0],
        accepted("4", topic="printing", days_ago=RULES.half_life_days),
    ]
    record = on("roaming", answers)
    page = (Path(__file__).resolve().parents[3] / "docs" / "scoring.md").read_text("utf-8")
    (written,) = re.findall(r"(\d) of (\d) answers on roaming .*?score is 0\.(\d{3})", page, re.S)
    assert [int(one) for one in written] == [record.good, record.answers, record.score]
