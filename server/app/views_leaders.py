"""How everybody who leads answered in a month, from what every region may read.

Who leads: whoever has the role communications_leader, or owns or moderates a community. Theirs to answer are the
questions asked in these communities and those that named them; what they wrote is what stands in communities of
the whole company. Looked up for all leaders at once, each table by an index it has.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import bindparam, func, select

from server.app.views_store import grouped, homes
from server.domain.scoring_policy import CAUTIOUS, may_show
from server.domain.visibility import MODERATING_ROLES
from server.scoring.leading import RETURN_MS_MAX, Asked, Month, Written, month
from server.scoring.periods import bounds
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.queries.listing import NO_PARENT
from server.storage.reader import Snapshot

BROADCASTS = frozenset({"update", "announcement", "article"})
"""Posts that tell and ask nothing."""

_p, _r, _m, _c = t.posts.c, t.community_roles.c, t.memberships.c, t.communities.c
_names: Any = bindparam("names", expanding=True)
_OPEN = (_c.audience == "global", ~_c.archived, _c.home != "")
_ROLES = (
    select(_r.person, _r.community)
    .join(t.communities, _c.community == _r.community)
    .where(_r.role.in_(sorted(MODERATING_ROLES)), *_OPEN)
)
_ROLES_OF = _ROLES.where(_r.person == bindparam("person"))
_COMMUNICATORS = select(t.person_roles.c.person).where(
    t.person_roles.c.role == "communications_leader", t.person_roles.c.on_
)
_MEMBERS = select(_m.community, func.count().label("n")).where(_m.joined).group_by(_m.community)
_PLACES = select(_c.community).where(*_OPEN)
_within = (_p.at >= bindparam("first"), _p.at < bindparam("after"))
_stands = (~_p.deleted, ~_p.erased)
_QUESTIONS = select(_p.post, _p.place, _p.author, _p.at, _p.mentions).where(
    _p.place.in_(_names), _p.parent == NO_PARENT, _p.kind == "question", *_within, *_stands
)
_REPLIES = select(_p.root, _p.author, _p.at).where(
    _p.root.in_(_names), _p.parent != NO_PARENT, *_stands
)
_CLOSED = select(t.acceptances.c.question).where(
    t.acceptances.c.question.in_(_names), t.acceptances.c.answer != ""
)
_parent = t.posts.alias("parent")
_WROTE = (
    select(_p.author, _p.post, _p.kind, _p.place, _p.at, _parent.c.author.label("to"))
    .join(_parent, _parent.c.post == _p.parent, isouter=True)
    .where(_p.author.in_(_names), _p.kind != "message", *_within, *_stands)
)
_SEEN = (
    select(_p.author, _p.at)
    .join(t.communities, _c.community == func.substr(_p.place, 3))
    .where(_p.author.in_(_names), *_within, *_OPEN, _c.visibility == "open")
)
"""Where everybody may read: of one person replied to, "one came back" would tell what they wrote elsewhere."""
_PERSONS = select(t.persons.c.person, t.persons.c.country, t.persons.c.timezone).where(
    t.persons.c.person.in_(_names)
)

_mentions = msgspec.json.Decoder(tuple[str, ...]).decode


class Leader(NamedTuple):
    """``members``: of the communities led, and for who speaks for a region its people; who is in two is two."""

    communities: frozenset[str]
    members: int


class _Person(NamedTuple):
    country: str
    zone: tzinfo


async def leaders(snapshot: Snapshot) -> dict[str, Leader]:
    """Everybody active who leads, whatever their home."""
    people = await homes(snapshot)
    led: dict[str, set[str]] = defaultdict(set)
    for row in await snapshot.rows(_ROLES):
        led[row.person].add(row.community)
    speakers = {row.person for row in await snapshot.rows(_COMMUNICATORS)}
    members = {row.community: row.n for row in await snapshot.rows(_MEMBERS)}
    staff = Counter(people.values())
    found = {}
    for person in (led.keys() | speakers) & people.keys():
        reached = sum([members.get(name, 0) for name in led[person]])
        if person in speakers:
            reached = max(reached, staff[people[person]])
        found[person] = Leader(frozenset(led[person]), reached)
    return found


async def led_by(snapshot: Snapshot, person: str) -> frozenset[str]:
    """The communities of the whole company that somebody owns or moderates."""
    return frozenset([row.community for row in await snapshot.rows(_ROLES_OF, {"person": person})])


async def comparable(snapshot: Snapshot, who: Iterable[str]) -> dict[str, int]:
    """Those of them whose figures may be part of a comparison, with the ``k`` of their region."""
    people = await homes(snapshot)
    policies = await scoring.policies(snapshot)
    choices = await scoring.choices(snapshot, who)
    policy = {name: policies.get(people.get(name, ""), CAUTIOUS) for name in choices}
    return {
        name: policy[name].k
        for name, choice in choices.items()
        if name in people and may_show("leaders", policy[name], choice)
    }


async def months(snapshot: Snapshot, period: str, who: Mapping[str, Leader]) -> dict[str, Month]:
    """The month of each of these leaders; what happened after the month belongs to answers and returns."""
    first, after = bounds(period)
    open_places = ["c:" + row.community for row in await snapshot.rows(_PLACES)]
    window = {"first": first, "after": after}
    questions = await snapshot.named(_QUESTIONS, open_places, window)
    replies = await grouped(snapshot, _REPLIES, [q.post for q in questions], "root")
    closed = {row.question for row in await snapshot.named(_CLOSED, [q.post for q in questions])}
    wrote = await grouped(snapshot, _WROTE, who, "author", **window)
    heard = {row.to for rows in wrote.values() for row in rows if row.to}
    seen = await grouped(snapshot, _SEEN, heard, "author", first=first, after=after + RETURN_MS_MAX)
    people = await _people(snapshot, heard | {question.author for question in questions})
    asked_of = _asked_of(questions, who)
    places = frozenset(open_places)
    return {
        person: month(
            [
                Asked(
                    q.at, people[q.author].zone, _first(replies[q.post], person), q.post in closed
                )
                for q in asked_of[person]
                if q.author in people
            ],
            _written([row for row in wrote[person] if row.place in places], person, seen, people),
        )
        for person in who
    }


def _asked_of(questions: Iterable[Any], who: Mapping[str, Leader]) -> dict[str, list[Any]]:
    """Leader -> the questions that were theirs, not their own."""
    leads: dict[str, list[str]] = defaultdict(list)
    for person, leader in who.items():
        for community in leader.communities:
            leads["c:" + community].append(person)
    found: dict[str, list[Any]] = defaultdict(list)
    for question in questions:
        named = [person for person in _mentions(question.mentions) if person in who]
        for person in {*leads[question.place], *named} - {question.author}:
            found[person].append(question)
    return found


def _first(replies: Sequence[Any], person: str) -> int | None:
    return min([row.at for row in replies if row.author == person], default=None)


def _written(
    rows: Sequence[Any],
    person: str,
    seen: Mapping[str, Sequence[Any]],
    people: Mapping[str, _Person],
) -> Written:
    replies = [row for row in rows if row.to and row.to != person]
    heard = {row.to for row in replies}
    return Written(
        replies=len(replies),
        broadcasts=sum([row.kind in BROADCASTS for row in rows]),
        countries=len({people[to].country for to in heard if to in people} - {""}),
        heard=len(heard),
        returned=len({row.to for row in replies if _returned(row.at, seen.get(row.to, ()))}),
    )


def _returned(at: int, wrote: Collection[Any]) -> bool:
    return any(at < row.at <= at + RETURN_MS_MAX for row in wrote)


async def _people(snapshot: Snapshot, names: Iterable[str]) -> dict[str, _Person]:
    rows = await snapshot.named(_PERSONS, names)
    return {row.person: _Person(row.country, zone_of(row.timezone)) for row in rows}


def measured(stored: str) -> Month:
    """A month as ``leader_months`` holds it."""
    return Month(**msgspec.json.decode(stored))


@lru_cache(1024)
def zone_of(name: str) -> tzinfo:
    """The time zone of that name; UTC for a name this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
