"""The rows of who knows: read in a snapshot, written in the writer's transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, case, delete, select, union

from server.app.expert_touches import Use
from server.scoring.experts import Judged, Record
from server.scoring.milestones import Median
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

ANSWERS_IN_PLACE = (1 << 24) - 1
"""More answers than these do not order two people of one score any further."""

_n, _e, _k = t.expertise_answers.c, t.expertise.c, t.expertise_calls.c
_names: Any = bindparam("names", expanding=True)
_ANSWER = (
    _n.answer,
    _n.thread,
    _n.author,
    _n.asker,
    _n.asker_unit,
    _n.topics,
    _n.at,
    _n.quality,
    _n.good,
)
_OF_THREADS = select(*_ANSWER).where(_n.thread.in_(_names))
_OF_AUTHORS = select(*_ANSWER).where(_n.author.in_(_names))
_CALLS = select(_k.person, _k.thread).where(_k.thread.in_(_names))
_ROWS = select(*t.expertise.c).where(_e.person.in_(_names))
_EVERYBODY = union(select(_n.author), select(_e.person))
_AT_HOME = (
    select(_n.author)
    .distinct()
    .join(t.persons, t.persons.c.person == _n.author)
    .where(t.persons.c.home.in_(_names))
)
"""By their answers: where scores were off there is no other row of anybody."""
_PERSONS = select(t.persons.c.person, t.persons.c.home, t.persons.c.active, t.persons.c.bot).where(
    t.persons.c.person.in_(_names)
)

_PUT_ANSWER = upsert(t.expertise_answers, [column.name for column in _ANSWER[1:]])
_DROP_ANSWER = statement(delete(t.expertise_answers).where(_n.answer == bindparam("key")))
_PUT_CALL = upsert(t.expertise_calls, ["asker", "at"])
_DROP_CALL = statement(
    delete(t.expertise_calls).where(_k.person == bindparam("who"), _k.thread == bindparam("which"))
)
_PUT_ROW = upsert(
    t.expertise, [column.name for column in _e if column.name not in ("topic", "person")]
)
_DROP_ROW = statement(
    delete(t.expertise).where(_e.topic == bindparam("which"), _e.person == bindparam("who"))
)
_PUT_USE = upsert(
    t.first_uses,
    {
        name: lambda old, new: case((new < old, new), else_=old)
        for name in ("at", "accepted_at", "person")
    },
)
_PUT_MEDIAN = upsert(t.milestone_medians, ["days", "people"])
_NO_MEDIANS = statement(delete(t.milestone_medians))
_FORGET = [
    statement(delete(table))
    for table in (
        t.expertise_answers,
        t.expertise,
        t.expertise_calls,
        t.first_uses,
        t.milestone_medians,
    )
]

_texts = msgspec.json.Decoder(frozenset[str]).decode
_json = msgspec.json.Encoder().encode


class Row(NamedTuple):
    """Somebody and a topic, as ``expertise`` holds it."""

    topic: str
    person: str
    shown: bool
    place: int
    expert: bool
    score: int
    answers: int
    good: int
    askers: int
    units: int
    last_at: int


def row_of(topic: str, record: Record, shown: bool) -> Row:
    return Row(topic=topic, shown=shown, place=place_of(record), **record._asdict())


def place_of(record: Record) -> int:
    """``scoring.experts.ranked`` as one number, but for the names: the least comes first."""
    answers = ANSWERS_IN_PLACE - min(record.answers, ANSWERS_IN_PLACE)
    return (not record.expert) << 40 | (1000 - record.score) << 24 | answers


class Standing(NamedTuple):
    """What decides beside policy and choice whether somebody is shown."""

    home: str
    active: bool
    bot: bool


# -- reading ---------------------------------------------------------------------------------------------


async def answers_of_threads(snapshot: Snapshot, threads: Collection[str]) -> list[Judged]:
    return [_judged(row) for row in await snapshot.named(_OF_THREADS, threads)]


async def answers_of(snapshot: Snapshot, people: Collection[str]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for row in await snapshot.named(_OF_AUTHORS, people):
        found[row.author].append(_judged(row))
    return found


def _judged(row: Any) -> Judged:
    plain = row._asdict()
    return Judged(
        id=plain.pop("answer"),
        topics=_texts(plain.pop("topics")),
        good=bool(plain.pop("good")),
        **plain,
    )


async def calls_of_threads(snapshot: Snapshot, threads: Collection[str]) -> set[tuple[str, str]]:
    """(person, thread)."""
    return {tuple(row) for row in await snapshot.named(_CALLS, threads)}


async def rows_of(snapshot: Snapshot, people: Collection[str]) -> set[Row]:
    found = await snapshot.named(_ROWS, people)
    return {row_from(row) for row in found}


def row_from(row: Any) -> Row:
    """From all columns as stored: SQLite has no booleans."""
    return Row(*row)._replace(shown=bool(row.shown), expert=bool(row.expert))


async def everybody(snapshot: Snapshot) -> list[str]:
    return sorted(row[0] for row in await snapshot.rows(_EVERYBODY))


async def at_home(snapshot: Snapshot, regions: Collection[str]) -> set[str]:
    """Whoever of these regions' people has answered anything."""
    return {row.author for row in await snapshot.named(_AT_HOME, regions)}


async def standings(snapshot: Snapshot, people: Collection[str]) -> dict[str, Standing]:
    found = await snapshot.named(_PERSONS, people)
    return {row.person: Standing(row.home, bool(row.active), bool(row.bot)) for row in found}


# -- writing -----------------------------------------------------------------------------------------------


def put_answers(tx: Tx, before: Iterable[Judged], after: Iterable[Judged]) -> None:
    """From the answers some threads had to those they have."""
    old = {answer.id: answer for answer in before}
    new = {answer.id: answer for answer in after}
    for name in old.keys() - new.keys():
        tx.execute(_DROP_ANSWER, {"key": name})
    for name, answer in new.items():
        if old.get(name) != answer:
            tx.execute(_PUT_ANSWER, _columns(answer))


def _columns(answer: Judged) -> Mapping[str, Any]:
    plain = answer._asdict()
    topics = _json(sorted(answer.topics)).decode()
    return plain | {"answer": plain.pop("id"), "topics": topics}


def put_calls(tx: Tx, before: Iterable[tuple[str, str]], after: Iterable[Any]) -> None:
    calls = {(call.person, call.thread): call for call in after}
    for person, thread in set(before) - calls.keys():
        tx.execute(_DROP_CALL, {"who": person, "which": thread})
    for call in calls.values():
        tx.execute(_PUT_CALL, call._asdict())


def put_rows(tx: Tx, before: Collection[Row], after: Collection[Row]) -> None:
    kept = {(row.topic, row.person) for row in after}
    for row in before:
        if (row.topic, row.person) not in kept:
            tx.execute(_DROP_ROW, {"which": row.topic, "who": row.person})
    for row in after:
        if row not in before:
            tx.execute(_PUT_ROW, row._asdict())


def put_uses(tx: Tx, uses: Iterable[Use]) -> None:
    """Each content keeps the first use from each region: the same whatever the order."""
    for use in uses:
        tx.execute(_PUT_USE, use._asdict())


def put_medians(tx: Tx, found: Iterable[Median]) -> None:
    tx.execute(_NO_MEDIANS, {})
    for median in found:
        values = {"milestone": median.name, "days": median.days, "people": median.people}
        tx.execute(_PUT_MEDIAN, values)


def forget_all(tx: Tx) -> None:
    for forget in _FORGET:
        tx.execute(forget, {})
