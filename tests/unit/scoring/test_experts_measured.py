"""Who knows, measured on a real site by a replay that looks at the past only (docs/scoring.md 8.3).

For each question, its answerers are scored from what was there when it was asked: earlier answers, votes and
acceptances. A pair is the one whose answer was accepted in the end and another one who answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.scoring.answered import Question, questions
from tests.unit.scoring.rivals import METHODS, Score

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "scoring.md").read_text("utf-8")
RECORD_ANSWERS = 3
"""With fewer earlier answers somebody has no record."""
FIRST = 5


class Share(NamedTuple):
    """``right`` counts a tie as half."""

    right: float = 0
    of: int = 0

    def __str__(self) -> str:
        return f"{self.right / self.of:.3f}"

    def add(self, other: Share) -> Share:
        return Share(self.right + other.right, self.of + other.of)


class Found(NamedTuple):
    """What one question says about one method."""

    recorded: Share = Share()
    """Pairs of people who both have a record."""
    anyone: Share = Share()
    voted: Share = Share()
    """Pairs with a record whose votes differ in the end, the higher one counting as the winner."""
    first: Share = Share()
    """Whether who was accepted stood among the first five of everybody who ever answered before."""


def _before(number: int) -> list[Question]:
    now = questions()[number].post.at
    return [earlier.by(now) for earlier in questions()[:number]]


def _compared(score: Score, winner: str, others: Sequence[str]) -> list[float]:
    best = score(winner)
    return [(best > score(other)) + (best == score(other)) / 2 for other in others]


def _voted(question: Question) -> Iterator[tuple[str, str]]:
    best: dict[str, int] = {}
    for one in question.answers:
        best[one.author] = max(one.score, best.get(one.author, one.score))
    return ((a, b) for a in best for b in best if best[a] > best[b])


def _found(question: Question, before: Sequence[Question], score: Score) -> Found:
    asker, winner = question.post.author, question.winner
    past = Counter(one.author for earlier in before for one in earlier.answers)
    recorded = {person for person, count in past.items() if count >= RECORD_ANSWERS}
    others = sorted({one.author for one in question.answers} - {winner}) if winner else []
    with_record = [other for other in others if {winner, other} <= recorded]
    pairs = [pair for pair in _voted(question) if set(pair) <= recorded]
    voted = [mark for a, b in pairs for mark in _compared(score, a, [b])]
    first = Share()
    if winner not in ("", asker):
        ranked = sorted(past.keys() - {asker}, key=lambda who: (tuple(-n for n in score(who)), who))
        first = Share(winner in ranked[:FIRST], 1)
    return Found(
        recorded=Share(sum(_compared(score, winner, with_record)), len(with_record)),
        anyone=Share(sum(_compared(score, winner, others)), len(others)),
        voted=Share(sum(voted), len(voted)),
        first=first,
    )


@cache
def measured() -> dict[str, tuple[Found, Found]]:
    """Of each method, over the earlier and the later half of the questions."""
    half = len(questions()) // 2
    sums = {name: [Found(), Found()] for name in METHODS}
    for number, question in enumerate(questions()):
        if not question.answers:
            continue
        before = _before(number)
        for name, method in METHODS.items():
            found = _found(question, before, method(question, before))
            halves = sums[name]
            later = number >= half
            halves[later] = _added(halves[later], found)
    return {name: (halves[0], halves[1]) for name, halves in sums.items()}


def _added(one: Found, other: Found) -> Found:
    return Found(*[a.add(b) for a, b in zip(one, other, strict=True)])


def _whole(name: str) -> Found:
    return _added(*measured()[name])


def _value(share: Share) -> float:
    return share.right / share.of


RIVALS = [name for name in METHODS if name != "Tap"]


def test_of_two_with_a_record_the_better_one_is_known_beforehand() -> None:
    assert _whole("Tap").recorded.of >= 60, "too few pairs to say anything"
    assert _value(_whole("Tap").recorded) >= 0.65


@pytest.mark.parametrize("rival", RIVALS)
def test_no_other_way_knows_better(rival: str) -> None:
    mine, theirs = _whole("Tap"), _whole(rival)
    assert _value(mine.recorded) > _value(theirs.recorded)
    assert _value(mine.voted) > _value(theirs.voted)
    assert _value(mine.anyone) > _value(theirs.anyone)


@pytest.mark.parametrize("rival", RIVALS)
def test_nor_in_either_half_of_the_time(rival: str) -> None:
    for mine, theirs in zip(measured()["Tap"], measured()[rival], strict=True):
        assert _value(mine.recorded) > _value(theirs.recorded)


def test_the_page_says_what_was_measured() -> None:
    rows = {}
    for name in METHODS:
        found, (earlier, later) = _whole(name), measured()[name]
        rows[name] = [
            f"{found.recorded} ({earlier.recorded}, {later.recorded})",
            f"{found.voted}",
            f"{found.anyone}",
            f"{found.first.right:.0f} of {found.first.of}",
        ]
        print(f"| {name} | {' | '.join(rows[name])} |")
    whole = _whole("Tap")
    pairs = (whole.recorded.of, whole.voted.of, whole.anyone.of)
    print(pairs)
    written = dict(re.findall(r"^\| (.+?) \| (\d\.\d{3} \(.*) \|$", PAGE, re.M))
    assert {name: text.split(" | ") for name, text in written.items()} == rows
    assert "Pairs: {}, {}, {}.".format(*pairs) in PAGE
