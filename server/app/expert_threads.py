"""Threads as ``scoring.experts`` takes them, read from the tables of one snapshot.

Only what everybody in every region may read counts: questions in open communities whose content travels in the
global lane, and of profiles what stands there. So every region reads the same (I6), and the list of those who
know a topic tells nobody that a private place exists. Imported posts and bots are left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Text, bindparam, func, literal_column, select, union

from server.app.expert_touches import Touches
from server.domain.visibility import GLOBAL
from server.scoring.credits import unit_of
from server.scoring.experts import Answer, Judged, Thread, judged
from server.storage import tables as t
from server.storage.reader import Snapshot

_p, _c, _a, _v, _m, _r = (
    t.posts.c,
    t.communities.c,
    t.acceptances.c,
    t.verifications.c,
    t.moderations.c,
    t.reactions.c,
)
_names: Any = bindparam("names", expanding=True)
_NONE = literal_column("''", Text)
"""Written out, not bound: only then may the planner use the partial index on replies."""
_QUESTIONS = (
    select(_p.post, _p.author, _p.at, _p.topics, _p.mentions, _p.source, _p.deleted, _p.erased)
    .join(t.communities, _c.community == func.substr(_p.place, 3))
    .where(
        _p.post.in_(_names),
        _p.kind == "question",
        _c.visibility == "open",
        _c.audience == GLOBAL,
    )
)
_ANSWERS = select(_p.post, _p.root, _p.author, _p.at, _p.source, _p.deleted, _p.erased).where(
    _p.root.in_(_names), _p.parent != _NONE, _p.kind == "answer"
)
_ACCEPTED = select(_a.answer).where(_a.question.in_(_names), _a.answer != "", _a.source == "")
_VERIFIED = select(_v.target).where(_v.target.in_(_names), _v.on_)
_HIDDEN = select(_m.target).where(_m.target.in_(_names), _m.act == "hide", _m.on_)
_GIVERS = select(_r.target, _r.person).where(
    _r.target.in_(_names), _r.reaction.in_(("helpful", "solved")), _r.on_
)
_PEOPLE = select(t.persons.c.person, t.persons.c.unit, t.persons.c.country, t.persons.c.bot).where(
    t.persons.c.person.in_(_names)
)
_TREE = select(t.topics.c.topic, t.topics.c.parent).where(t.topics.c.parent != "")

_NEXT = (
    select(_p.post)
    .where(_p.post > bindparam("after"), _p.kind == "question")
    .order_by(_p.post)
    .limit(bindparam("limit"))
)
_IN_PLACES = select(_p.post).where(_p.place.in_(_names), _p.parent == _NONE, _p.kind == "question")
_WITH_TOPICS = (
    select(_p.post)
    .join(t.post_topics, t.post_topics.c.post == _p.post)
    .where(t.post_topics.c.topic.in_(_names), _p.kind == "question")
)
_ASKED_BY = select(_p.post).where(_p.author.in_(_names), _p.kind == "question")
_OF_PERSON = union(
    _ASKED_BY,
    select(_p.root).where(_p.author.in_(_names), _p.kind == "answer"),
    select(_p.root)
    .join(t.reactions, _r.target == _p.post)
    .where(_r.person.in_(_names), _p.kind == "answer"),
)

_texts = msgspec.json.Decoder(tuple[str, ...]).decode


class Call(NamedTuple):
    """A question that names somebody who has not answered it, nor has anybody well enough to be accepted."""

    person: str
    thread: str
    asker: str
    at: int


class Read(NamedTuple):
    """What some threads amount to."""

    answers: list[Judged]
    calls: list[Call]
    people: set[str]
    """Who ever answered there, whatever became of it: whose records it may change."""


class Tree:
    """Which topics stand above which."""

    def __init__(self, parents: Mapping[str, str]) -> None:
        self._parents = parents

    def above(self, topics: Iterable[str]) -> frozenset[str]:
        """The topics and all above them. A circle, which two regions may make of it, ends where it began."""
        found: set[str] = set()
        for topic in topics:
            while topic and topic not in found:
                found.add(topic)
                topic = self._parents.get(topic, "")
        return frozenset(found)

    def below(self, topics: Collection[str]) -> set[str]:
        """The topics and all below them."""
        wanted = set(topics)
        return wanted | {topic for topic in self._parents if wanted & self.above([topic])}


async def _tree(snapshot: Snapshot) -> Tree:
    return Tree({row.topic: row.parent for row in await snapshot.rows(_TREE)})


async def questions(snapshot: Snapshot, after: str, limit: int) -> list[str]:
    """The next questions of any place by id."""
    asked = {"after": after, "limit": limit}
    return [row.post for row in await snapshot.rows(_NEXT, asked)]


async def touched(snapshot: Snapshot, touches: Touches) -> list[str]:
    """Every thread that a batch makes us look at again, in the order of their ids."""
    found = set(touches.threads)
    below = (await _tree(snapshot)).below(touches.topics) if touches.topics else ()
    for query, names in (
        (_IN_PLACES, touches.places),
        (_WITH_TOPICS, below),
        (_ASKED_BY, touches.askers),
        (_OF_PERSON, touches.newcomers),
    ):
        found |= {row[0] for row in await snapshot.named(query, names)}
    return sorted(found)


async def read(snapshot: Snapshot, names: Collection[str]) -> Read:
    """What these threads amount to by now; nothing for those that do not count."""
    tree = await _tree(snapshot)
    questions = {row.post: row for row in await snapshot.named(_QUESTIONS, names)}
    replies = await snapshot.named(_ANSWERS, names)
    answers = [row for row in replies if row.root in questions and not row.source]
    marks = await _marks(snapshot, questions, [row.post for row in answers])
    people = {row.author for row in (*questions.values(), *answers)}
    known = {row.person: row for row in await snapshot.named(_PEOPLE, people)}
    below: dict[str, list[Answer]] = defaultdict(list)
    for row in answers:
        if row.author in known and not known[row.author].bot:
            below[row.root].append(_answer(row, marks))
    found = Read([], [], {row.author for row in replies})
    for name, row in sorted(questions.items()):
        if name in marks.hidden or row.author not in known:
            continue
        asker = known[row.author]
        thread = Thread(
            id=name,
            topics=tree.above(_texts(row.topics)),
            asker=row.author,
            asker_unit=unit_of(asker.country, asker.unit),
            answers=tuple(below[name]),
        )
        found.answers.extend(judged(thread))
        found.calls.extend(_calls(row, thread))
    return found


class _Marks(NamedTuple):
    """What others made of some answers."""

    accepted: frozenset[str]
    verified: frozenset[str]
    hidden: frozenset[str]
    givers: Mapping[str, frozenset[str]]


async def _marks(
    snapshot: Snapshot, questions: Collection[str], answers: Collection[str]
) -> _Marks:
    async def named(query: Any, names: Iterable[str]) -> frozenset[str]:
        return frozenset([row[0] for row in await snapshot.named(query, names)])

    givers: dict[str, set[str]] = defaultdict(set)
    for target, person in await snapshot.named(_GIVERS, answers):
        givers[target].add(person)
    return _Marks(
        accepted=await named(_ACCEPTED, questions),
        verified=await named(_VERIFIED, answers),
        hidden=await named(_HIDDEN, [*questions, *answers]),
        givers={target: frozenset(people) for target, people in givers.items()},
    )


def _answer(row: Any, marks: _Marks) -> Answer:
    return Answer(
        id=row.post,
        author=row.author,
        at=row.at,
        accepted=row.post in marks.accepted,
        verified=row.post in marks.verified,
        givers=marks.givers.get(row.post, frozenset()),
        gone=bool(row.deleted or row.erased or row.post in marks.hidden),
    )


def _calls(row: Any, thread: Thread) -> list[Call]:
    closed = row.deleted or row.erased or row.source
    if closed or any(answer.accepted and not answer.gone for answer in thread.answers):
        return []
    silent = set(_texts(row.mentions)) - {answer.author for answer in thread.answers}
    return [Call(person, row.post, row.author, row.at) for person in sorted(silent - {row.author})]
