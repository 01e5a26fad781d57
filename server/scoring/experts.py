"""Who knows about a topic: how good somebody's answers were beside the others to the same questions. Pure.

In one sentence: each answer counts by how it did in its own thread, newer ones count more and those on other
topics a quarter, and what is shown is the lower end of what so many answers can tell (docs/scoring.md 8).

1. ``judged``  a thread to its answers, each with its quality between 0 and 1
2. ``Reading`` somebody's answers as of a day: their ``Record`` on any topic
3. ``ranked``  records on a topic, the best first

Quality is relative to the thread, so it does not grow with the audience: small regions and quiet time zones
are read as large ones are. All of it is sums over answers, in 32-bit fixed point: order and repeats of
deliveries change nothing. Lower bounds of binomial shares: E. B. Wilson, 1927; here in its simple form.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from math import isqrt
from typing import NamedTuple

from server.scoring.knowledge import ONE, Expertise
from server.scoring.rules import day_of, decayed

HALF = ONE // 2


class Answer(NamedTuple):
    """An answer in a thread and what others made of it."""

    id: str
    author: str
    at: int
    """UTC milliseconds."""
    accepted: bool = False
    verified: bool = False
    givers: frozenset[str] = frozenset()
    """Who marked it as helpful, or as what solved their problem."""
    gone: bool = False
    """Deleted or hidden: it is no answer any more, to nobody."""


class Thread(NamedTuple):
    """A question with its answers."""

    id: str
    topics: frozenset[str]
    asker: str
    asker_unit: str
    """Empty for nobody knows: then the asker is a unit alone."""
    answers: tuple[Answer, ...]


class Judged(NamedTuple):
    """One answer of somebody's record."""

    id: str
    thread: str
    author: str
    asker: str
    asker_unit: str
    topics: frozenset[str]
    at: int
    quality: int
    """0 to 1 in fixed point: 1 when accepted or verified, else the share of the thread's other answers that
    fewer people found helpful (as many: half of it); 1/2 for an answer alone."""
    good: bool
    """Accepted, verified, or found helpful by somebody and by nobody less than any other answer was."""


class Record(NamedTuple):
    """What somebody's answers tell about them and a topic on a day."""

    person: str
    score: int
    """The lower bound of the quality of their answers, in thousandths."""
    expert: bool
    """Enough answers to enough people of enough units; else they are emerging."""
    answers: int
    good: int
    askers: int
    units: int
    last_at: int
    """Of their last answer on the topic, UTC milliseconds."""


def judged(thread: Thread) -> list[Judged]:
    """The thread's answers as entries of their authors' records; what one answers oneself is no entry."""
    answers = [answer for answer in thread.answers if not answer.gone]
    return [
        Judged(
            id=answer.id,
            thread=thread.id,
            author=answer.author,
            asker=thread.asker,
            asker_unit=thread.asker_unit,
            topics=thread.topics,
            at=answer.at,
            quality=_quality(answer, answers),
            good=_is_good(answer, answers),
        )
        for answer in answers
        if answer.author != thread.asker
    ]


def _found_helpful(answer: Answer) -> int:
    return len(answer.givers - {answer.author})


def _quality(answer: Answer, answers: Collection[Answer]) -> int:
    if answer.accepted or answer.verified:
        return ONE
    others = [_found_helpful(other) for other in answers if other.id != answer.id]
    if not others:
        return HALF
    mine = _found_helpful(answer)
    halves = sum([(mine > other) + (mine >= other) for other in others])
    return HALF * halves // len(others)


def _is_good(answer: Answer, answers: Iterable[Answer]) -> bool:
    best = max([_found_helpful(other) for other in answers])
    return answer.accepted or answer.verified or 0 < best == _found_helpful(answer)


class _Sums(NamedTuple):
    """Of what some answers count: how much, and how much of it was good. In fixed point."""

    weight: int = 0
    quality: int = 0


def _sums(answers: Iterable[Judged], counts: Callable[[Judged], int]) -> _Sums:
    weight = quality = 0
    for answer in answers:
        count = counts(answer)
        weight += count
        quality += count * answer.quality >> 32
    return _Sums(weight, quality)


class Reading:
    """Somebody's answers as of a day, by topic; those of later days are not known yet."""

    def __init__(self, person: str, answers: Iterable[Judged], rules: Expertise, day: int) -> None:
        self.person = person
        self._rules, self._day = rules, day
        self._on: dict[str, list[Judged]] = defaultdict(list)
        known = [answer for answer in answers if day_of(answer.at) <= day]
        for answer in known:
            for topic in answer.topics:
                self._on[topic].append(answer)
        self._elsewhere = _sums(known, self._counts_elsewhere)

    @property
    def topics(self) -> list[str]:
        return sorted(self._on)

    def on(self, topic: str) -> Record:
        """The person and a topic, which need not be one they ever answered on."""
        answers, rules = self._on.get(topic, []), self._rules
        askers = {answer.asker for answer in answers}
        units = {answer.asker_unit or answer.asker for answer in answers}
        enough = (rules.answers, rules.askers, rules.units)
        return Record(
            person=self.person,
            score=self._score(answers),
            expert=all(
                n >= least
                for n, least in zip((len(answers), len(askers), len(units)), enough, strict=True)
            ),
            answers=len(answers),
            good=sum([answer.good for answer in answers]),
            askers=len(askers),
            units=len(units),
            last_at=max([answer.at for answer in answers], default=0),
        )

    def _score(self, answers: Collection[Judged]) -> int:
        here = _sums(answers, self._counts)
        # What is about the topic is no part of what is about others: sums, so it can be taken away again.
        twice = _sums(answers, self._counts_elsewhere)
        weight = here.weight + self._elsewhere.weight - twice.weight
        quality = here.quality + self._elsewhere.quality - twice.quality
        return _lower_bound(weight, quality, self._rules.prior_answers) * 1000 >> 32

    def _counts(self, answer: Judged) -> int:
        """Less the older it is."""
        return decayed(ONE, self._day - day_of(answer.at), self._rules.decay)

    def _counts_elsewhere(self, answer: Judged) -> int:
        over, under = self._rules.other_topics
        return self._counts(answer) * over // under


def _lower_bound(weight: int, quality: int, prior_answers: int) -> int:
    """One standard deviation below the mean quality of ``weight`` answers and some middling ones."""
    count = weight + prior_answers * ONE
    mean = (quality + prior_answers * HALF << 32) // count
    return mean - isqrt(mean * (ONE - mean) * ONE // count)


def ranked(records: Iterable[Record]) -> list[Record]:
    """Experts before those who emerge, the higher score first; ties by answers, then by id."""
    return sorted(
        records,
        key=lambda one: (not one.expert, -one.score, -one.answers, one.person),
    )
