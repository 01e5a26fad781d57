"""Ways to tell who knows, from what happened before a question was asked: ours, and those of others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from server.scoring.experts import Answer, Judged, Reading, Record, Thread, judged
from server.scoring.rules import day_of, shipped
from tests.unit.scoring.answered import Question

Order = tuple[float, ...]
Score = Callable[[str], Order]
"""Of a person; the higher, the likelier they know."""
Method = Callable[[Question, Sequence[Question]], Score]
"""(the question, what was there when it was asked)."""

RULES = shipped().versions[-1].expertise


def ours(question: Question, before: Sequence[Question]) -> Score:
    """``scoring.experts``; for a question on several topics what somebody knows best of them."""
    now = question.post.at
    answers: dict[str, list[Judged]] = defaultdict(list)
    for earlier in before:
        for one in judged(_thread(earlier, now)):
            answers[one.author].append(one)

    def score(person: str) -> Order:
        reading = Reading(person, answers.get(person, ()), RULES, day_of(now))
        return max([_order(reading.on(topic)) for topic in question.topics or {""}])

    return score


def _order(record: Record) -> Order:
    return record.score, record.answers


def _thread(question: Question, now: int) -> Thread:
    answers = [
        Answer(
            id=one.id,
            author=one.author,
            at=one.at,
            accepted=one.accepted_at <= now,
            givers=frozenset(map(str, range(one.ups_by(now)))),
        )
        for one in question.answers
    ]
    return Thread(question.post.id, question.topics, question.post.author, "", tuple(answers))


def answer_count(_question: Question, before: Sequence[Question]) -> Score:
    counts = Counter(one.author for earlier in before for one in earlier.answers)
    return lambda person: (counts[person],)


def stack_points(question: Question, before: Sequence[Question]) -> Score:
    """Stack Exchange's reputation: answer up 10, question up 5, down -2, accepted 15, accepting 2."""
    now, points = question.post.at, Counter[str]()
    for earlier in before:
        asked = earlier.post
        points[asked.author] += 5 * asked.ups_by(now) - 2 * asked.downs_by(now)
        for one in earlier.answers:
            points[one.author] += 10 * one.ups_by(now) - 2 * one.downs_by(now)
            if one.accepted_at <= now and one.author != asked.author:
                points[one.author] += 15
                points[asked.author] += 2
    return lambda person: (points[person],)


def pagerank(_question: Question, before: Sequence[Question]) -> Score:
    """Who asks points to who answers (Zhang, Ackerman, Adamic 2007); damping 0.85, 50 rounds."""
    edges = Counter(
        (earlier.post.author, one.author)
        for earlier in before
        for one in earlier.answers
        if earlier.post.author not in ("", one.author)
    )
    people = sorted({person for edge in edges for person in edge})
    leaving: Counter[str] = Counter()
    for (asker, _), times in edges.items():
        leaving[asker] += times
    ranks = {person: 1 / len(people) for person in people}
    for _ in range(50):
        resting = sum(ranks[person] for person in people if not leaving[person])
        base = (0.15 + 0.85 * resting) / len(people) if people else 0
        following = dict.fromkeys(people, base)
        for (asker, answerer), times in edges.items():
            following[answerer] += 0.85 * ranks[asker] * times / leaving[asker]
        ranks = following
    return lambda person: (ranks.get(person, 0),)


METHODS: dict[str, Method] = {
    "Tap": ours,
    "points as on Stack Exchange": stack_points,
    "number of answers": answer_count,
    "PageRank": pagerank,
}
