"""The queries of scoring: rows of ``score_acts`` and ``score_rulings``, ledger lines, and what acts speak of."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, func, or_, select

from server.app.score_rows import Family, Row, from_columns, to_columns
from server.domain.visibility import GLOBAL
from server.scoring.local import Between, Given, Need, Received, Scope
from server.storage import tables as t
from server.storage.reader import Snapshot, parts
from server.storage.sql import Tx, statement, upsert

_a, _p, _c = t.score_acts.c, t.posts.c, t.credits_.c
_ROW = (_a.act, _a.giver, _a.author, _a.content, _a.quarter, _a.data)
_names: Any = bindparam("names", expanding=True)
_WORKED_ON = select(_a.content).distinct().where(_a.content != "", _a.quarter == bindparam("q"))
_RECEIVED = _WORKED_ON.where(_a.author.in_(_names))
_GIVEN = _WORKED_ON.where(_a.giver.in_(_names))
_ON_CONTENTS = select(*_ROW).where(_a.content.in_(_names))
_ALL = select(*_ROW).where(_a.content != "")
_BY_GIVERS = _ON_CONTENTS.where(_a.giver.in_(bindparam("givers", expanding=True)))
_CREDITED_BY = (
    select(_a.giver, _a.author)
    .where(_a.quarter == bindparam("q"), _a.content != "", _a.author != "")
    .group_by(_a.giver, _a.author)
    .having(func.count(_a.content.distinct()) >= bindparam("least"))
)
_GIVEN_OFTEN = _CREDITED_BY.add_columns(func.count(_a.content.distinct())).where(_a.giver != "")
_GAVE_MUCH = _CREDITED_BY.where(_a.giver.in_(_names))
_GIVEN_TO = select(_a.content, _a.giver, _a.author).distinct()
_GIVEN_TO = _GIVEN_TO.where(_a.content != "", _a.quarter == bindparam("q"), _a.giver.in_(_names))
_CLAIMED = _RECEIVED.where(_a.giver == "")
_PROFILES = select(*_ROW).where(_a.giver.in_(_names), _a.quarter == "")
_OF_PEOPLE = select(*_ROW).where(
    or_(_a.giver.in_(_names), _a.author.in_(_names)),
    _a.quarter >= bindparam("q"),
    _a.content != "",
)
_POSTS = select(
    _p.post, _p.kind, _p.author, _p.root, _p.at, _p.title, _p.text, _p.topics, _p.detail
).where(_p.post.in_(_names))
_IN_THREADS = (
    select(_a.content)
    .distinct()
    .join(t.posts, _p.post == _a.content)
    .where(_p.root.in_(_names), _p.parent != "")
)
_MARKED_IN = (
    select(*_ROW)
    .join(t.posts, _p.post == _a.content)
    .where(_p.root.in_(_names), _p.parent != "", _a.giver.in_(bindparam("givers", expanding=True)))
)
_AUTHORS_FIRST = (
    select(_p.post)
    .join(t.communities, _p.place == "c:" + t.communities.c.community)
    .where(
        _p.author == t.persons.c.person,
        _p.parent == "",
        _p.source == "",
        _p.kind.not_in(["", "message", "announcement"]),
        t.communities.c.audience == GLOBAL,
    )
    .order_by(_p.at, _p.post)
    .limit(1)
    .correlate(t.persons)
    .scalar_subquery()
)
_FIRST_POSTS = select(t.persons.c.person, _AUTHORS_FIRST).where(t.persons.c.person.in_(_names))
_WROTE_IN = select(_p.author).distinct().where(_p.root.in_(_names))
_CREDITED_AT_ALL = select(_a.author).distinct().where(_a.giver.in_(_names), _a.author != "")
_QUARTERS_OF = (
    select(_a.quarter).distinct().where(_a.giver.in_(_names), _a.author != "", _a.content != "")
)
_POSTS_IN = select(_p.post, _p.author).where(_p.place.in_(_names), _p.parent == "")
_r = t.score_rulings.c
_RULINGS = select(_r.act, _r.giver, _r.author, _r.content, _r.quarter, _r.data)
_EVER_HOME = select(t.person_homes.c.person, t.person_homes.c.region).where(
    t.person_homes.c.person.in_(_names)
)
_PERSONS = select(t.persons.c.person, t.persons.c.home, t.persons.c.bot).where(
    t.persons.c.person.in_(_names)
)
_HISTORIES = select(t.scoring_histories.c.person, t.scoring_histories.c.before).where(
    t.scoring_histories.c.person.in_(_names)
)
_SCOPES = select(_a.author, _a.quarter).distinct().where(_a.author != "")
_CREDITED = select(_c.person, _c.quarter).distinct()
_LINES = select(_c.act, _c.person, _c.at, _c.milli_points, _c.quarter, _c.line).where(
    _c.person.in_(_names), _c.quarter == bindparam("q")
)
_LINES_NAMED = select(_c.act, _c.person, _c.at, _c.milli_points, _c.quarter, _c.line).where(
    _c.act.in_(_names)
)

_PUT_ROW = upsert(t.score_acts)
_FORGET_ACTS = statement(
    delete(t.score_acts).where(
        _a.content == bindparam("about"),
        _a.act.like(bindparam("register")),
        _a.act != bindparam("off"),
    )
)
_PUT_RULING = upsert(t.score_rulings)
_FAMILY = {
    column: statement(
        select(*_ROW).where(_a[column] == bindparam("value"), _a.act.like(bindparam("prefix")))
    )
    for column in ("giver", "content")
}
_PUT_LINE = upsert(t.credits_, ["person", "at", "milli_points", "quarter", "line"])
_DROP_LINE = statement(
    delete(t.credits_).where(_c.act == bindparam("line_id"), _c.quarter == bindparam("q"))
)
_TOTAL = statement(
    select(func.coalesce(func.sum(_c.milli_points), 0)).where(_c.person == bindparam("person"))
)


# -- writing, in the writer's transaction ----------------------------------------------------------------


def put_rows(tx: Tx, rows: Sequence[Row]) -> None:
    """Keeps rows; one that is known stays as it was."""
    for query, ruling in ((_PUT_ROW, False), (_PUT_RULING, True)):
        some = [to_columns(row) for row in rows if row.data.ruling == ruling]
        if some:
            tx.many(query, some)


def forget_acts(tx: Tx, destroyed: Iterable[tuple[str, str, str]]) -> None:
    """Drops the acts on a content whose names begin in some way, but for one: (content, how, which one)."""
    tx.many(
        _FORGET_ACTS,
        [
            {"about": content, "register": begin + "%", "off": off}
            for content, begin, off in destroyed
        ],
    )


def family_rows(tx: Tx, family: Family) -> list[Row]:
    """All rows of a family that are known."""
    asked = {"value": family.value, "prefix": family.prefix + "%"}
    return [from_columns(row) for row in tx.rows(_FAMILY[family.column], asked)]


class Stored(NamedTuple):
    """A ledger line as its row holds it."""

    act: str
    person: str
    at: int
    milli_points: int
    quarter: str
    line: str


def write_lines(tx: Tx, gone: Iterable[Stored], written: Iterable[Stored]) -> None:
    """Drops lines and writes lines. One that moved to another quarter is not dropped from there."""
    tx.many(_DROP_LINE, [{"line_id": line.act, "q": line.quarter} for line in gone])
    tx.many(_PUT_LINE, [line._asdict() for line in written])


def total(tx: Tx, person: str) -> int:
    row = tx.one(_TOTAL, {"person": person})
    return int(row[0]) if row else 0


# -- reading, in one snapshot ------------------------------------------------------------------------------


async def on_contents(snapshot: Snapshot, contents: Iterable[str]) -> list[Row]:
    """Every row about any of the contents."""
    return [from_columns(row) for row in await snapshot.named(_ON_CONTENTS, contents)]


async def all_acts(snapshot: Snapshot) -> list[Row]:
    """Every row about any content."""
    return [from_columns(row) for row in await snapshot.rows(_ALL)]


async def needed(snapshot: Snapshot, needs: Iterable[Need]) -> list[Row]:
    """The rows that answer what ``scoring.local`` needs; some more, some twice."""
    authors, givers, between = _by_quarter(needs)
    contents: set[str] = set()
    for quarter, names in authors.items():
        received = await snapshot.named(_RECEIVED, names, {"q": quarter})
        contents |= {row.content for row in received}
    for quarter, pairs in between.items():
        asked = {"q": quarter}
        given = await snapshot.named(_GIVEN_TO, {giver for giver, _ in pairs}, asked)
        contents |= {content for content, giver, author in given if (giver, author) in pairs}
        # Who gave what was claimed is known from another row on the content.
        claimed = await snapshot.named(_CLAIMED, {author for _, author in pairs}, asked)
        contents |= {row.content for row in claimed}
    rows = await on_contents(snapshot, contents)
    for quarter, names in givers.items():
        for part in parts(names):
            found = await snapshot.rows(_GIVEN, {"names": part, "q": quarter})
            worked_on = {row.content for row in found} - contents
            given = await snapshot.named(_BY_GIVERS, worked_on, {"givers": [*part, ""]})
            rows += [from_columns(row) for row in given]
    return rows


async def partners(
    snapshot: Snapshot, people: Iterable[Scope], least: int
) -> dict[Scope, frozenset[str]]:
    """For each person's quarter, with whom acts on ``least`` contents or more went both ways."""
    found: dict[Scope, frozenset[str]] = {}
    for quarter, names in persons_by_quarter(people).items():
        asked = {"q": quarter, "least": least}
        gave = {tuple(row) for row in await snapshot.named(_GAVE_MUCH, names, asked)}
        others = {author for _, author in gave}
        back = {tuple(row) for row in await snapshot.named(_GAVE_MUCH, others, asked)}
        close: dict[str, set[str]] = defaultdict(set)
        for giver, author in gave:
            if (author, giver) in back:
                close[giver].add(author)
        found |= {Scope(name, quarter): frozenset(close[name]) for name in names}
    return found


def persons_by_quarter(people: Iterable[Scope]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for person, quarter in people:
        found[quarter].add(person)
    return found


class _Needs(NamedTuple):
    """By quarter."""

    authors: dict[str, set[str]]
    givers: dict[str, set[str]]
    pairs: dict[str, set[tuple[str, str]]]


def _by_quarter(needs: Iterable[Need]) -> _Needs:
    """Authors of the Received, givers of the Given, and (giver, author) of the Between."""
    found = _Needs(defaultdict(set), defaultdict(set), defaultdict(set))
    for need in needs:
        match need:
            case Received(author, quarter):
                found.authors[quarter].add(author)
            case Given(giver, quarter):
                found.givers[quarter].add(giver)
            case Between(giver, author, quarter):
                found.pairs[quarter].add((giver, author))
    return found


async def given_often(snapshot: Snapshot, quarter: str, least: int) -> dict[tuple[str, str], int]:
    """(giver, author) -> on how many of the author's contents the giver acted in a quarter, taken back or not;
    of those with ``least`` or more. Reads the quarter whole: for once a day."""
    rows = await snapshot.rows(_GIVEN_OFTEN, {"q": quarter, "least": least})
    return {(giver, author): int(count) for giver, author, count in rows}


async def of_people(snapshot: Snapshot, names: Iterable[str], quarter: str) -> list[Row]:
    """What people gave or got since a quarter began."""
    return [from_columns(row) for row in await snapshot.named(_OF_PEOPLE, names, {"q": quarter})]


async def profiles(snapshot: Snapshot, names: Iterable[str]) -> list[Row]:
    """Every profile the persons ever had."""
    return [from_columns(row) for row in await snapshot.named(_PROFILES, names)]


async def rulings(snapshot: Snapshot) -> list[Row]:
    """Everything that was ruled about people's credits."""
    return [from_columns(row) for row in await snapshot.rows(_RULINGS)]


async def ever_home(snapshot: Snapshot, people: Iterable[str]) -> set[tuple[str, str]]:
    """(person, region) of every home these people ever had."""
    return {tuple(row) for row in await snapshot.named(_EVER_HOME, people)}


async def ruled_on(snapshot: Snapshot, ruling: Row) -> list[Any]:
    """(content, giver) of the judgements that a ruling may be about; of a quarter, more than that."""
    named = [(_a.giver, ruling.giver), (_a.author, ruling.author), (_a.content, ruling.content)]
    about: list[ColumnElement[bool]] = [column == name for column, name in named if name]
    if not about:
        return []
    found = select(_a.content, _a.giver).distinct()
    rows = list(await snapshot.rows(found.where(_a.content != "", _a.author != "", *about)))
    # Who gave what was claimed is known from another row on the content.
    claimed = [column == name for column, name in named[1:] if name]
    asked = found.where(_a.content != "", _a.author != "", _a.giver == "", *claimed)
    return rows + list(await snapshot.rows(asked))


async def in_threads(snapshot: Snapshot, roots: Iterable[str]) -> set[str]:
    """The replies in some threads that anybody acted on."""
    return {row.content for row in await snapshot.named(_IN_THREADS, roots)}


async def marked_in(snapshot: Snapshot, roots: Iterable[str], givers: Iterable[str]) -> list[Row]:
    """Every row of some givers about replies in some threads."""
    found: list[Row] = []
    for part in parts(givers):
        rows = await snapshot.named(_MARKED_IN, roots, {"givers": part})
        found += [from_columns(row) for row in rows]
    return found


async def wrote_in(snapshot: Snapshot, roots: Iterable[str]) -> set[str]:
    """The authors of all posts in some threads."""
    return {row.author for row in await snapshot.named(_WROTE_IN, roots)}


async def credited_by(snapshot: Snapshot, givers: Iterable[str]) -> set[str]:
    """Everybody these people ever gave an act to."""
    return {row.author for row in await snapshot.named(_CREDITED_AT_ALL, givers)}


async def quarters_of(snapshot: Snapshot, givers: Iterable[str]) -> set[str]:
    """The quarters in which any of these people gave an act."""
    return {row.quarter for row in await snapshot.named(_QUARTERS_OF, givers)}


async def posts_in(snapshot: Snapshot, places: Iterable[str]) -> dict[str, str]:
    """Every post in some places -> its author."""
    return dict([tuple(row) for row in await snapshot.named(_POSTS_IN, places)])


async def first_posts(snapshot: Snapshot, people: Iterable[str]) -> dict[str, str]:
    """Each person's first post where every region may read it, by (time, id); no imports, no announcements."""
    rows = await snapshot.named(_FIRST_POSTS, people)
    return {person: post for person, post in rows if post}


async def posts(snapshot: Snapshot, names: Iterable[str]) -> list[Any]:
    """(post, kind, author, root, at, title, text, topics, detail) of those that are here; the kind of others
    is empty."""
    return await snapshot.named(_POSTS, names)


async def persons(snapshot: Snapshot, names: Iterable[str]) -> list[Any]:
    """(person, home, bot)."""
    return await snapshot.named(_PERSONS, names)


async def began_anew(snapshot: Snapshot, names: Iterable[str]) -> dict[str, int]:
    """Person -> the moment (UTC milliseconds) before which their ledger holds nothing any more."""
    return {row.person: row.before for row in await snapshot.named(_HISTORIES, names)}


async def scopes(snapshot: Snapshot) -> list[Scope]:
    """Every author's quarter that has an act or a line."""
    found = {*await snapshot.rows(_SCOPES), *await snapshot.rows(_CREDITED)}
    return sorted([Scope(*row) for row in found])


async def lines(snapshot: Snapshot, scopes: Iterable[Scope]) -> list[Stored]:
    """The lines of some authors' quarters as they are stored."""
    return [
        Stored(*row)
        for quarter, names in persons_by_quarter(scopes).items()
        for row in await snapshot.named(_LINES, names, {"q": quarter})
    ]


async def lines_named(snapshot: Snapshot, names: Iterable[str]) -> list[Stored]:
    """The stored lines of these names that there are."""
    return [Stored(*row) for row in await snapshot.named(_LINES_NAMED, names)]
