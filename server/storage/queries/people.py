"""The directory. Every colleague may see it (channel ``g``)."""

import sys
from collections.abc import Collection, Iterable
from functools import reduce
from typing import Any

import msgspec
from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select

from server.storage import letters
from server.storage import tables as t
from server.storage.facts import FULLER, KNOWN, known_of
from server.storage.queries.shapes import PersonView
from server.storage.reader import Snapshot

_c = t.persons.c
_FIELDS = {name: known_of(name) for name in FULLER}
_PEOPLE = (
    select(_c.person, _c.home, _c.name, *_FIELDS.values(), _c.bot, _c.active)
    .select_from(KNOWN)
    .where(_c.rev > 0)
)
"""``rev`` 0: only a status or a role arrived so far, not yet the person."""
_BY_ID = _PEOPLE.where(_c.person.in_(bindparam("ids", expanding=True)))
_HOMES = select(_c.person, _c.home, _c.previous).where(
    _c.person.in_(bindparam("names", expanding=True))
)
_EVERY_HOME = select(_c.person, _c.home, _c.previous)
_ROLES = select(t.person_roles.c.person, t.person_roles.c.role).where(
    t.person_roles.c.person.in_(bindparam("ids", expanding=True)), t.person_roles.c.on_
)
_TEXT: ColumnElement[str] = reduce(
    lambda text, column: text.concat(" ").concat(column),
    (_c.name, _FIELDS["title"], _FIELDS["unit"], _FIELDS["skills"]),
    _c.person,
)
_WORDS: BindParameter[str] = bindparam("words")
_PAGE = _PEOPLE.where(_c.person > bindparam("after")).order_by(_c.person).limit(bindparam("limit"))
_SEARCH = _PAGE.where(func.lower(_TEXT).like(_WORDS, escape="\\"), _c.active)
"""One comparison over all fields: a scan of 30,000 people with five takes twice as long."""
_SEARCH_EVERY_ALPHABET = _PAGE.where(letters.lower(_TEXT).like(_WORDS, escape="\\"), _c.active)
"""The same for words that are not ASCII: it takes twice as long, too."""

_skills = msgspec.json.Decoder(tuple[str, ...])


async def by_ids(snapshot: Snapshot, ids: Collection[str]) -> dict[str, PersonView]:
    """Those of the named people that exist."""
    if not ids:
        return {}
    return await _views(snapshot, await snapshot.rows(_BY_ID, {"ids": sorted(ids)}))


async def count_at_home(snapshot: Snapshot, region: str) -> int:
    """Active people, not bots, whose home a region is."""
    query = select(func.count()).where(_c.home == region, _c.active, ~_c.bot, _c.rev > 0)
    row = await snapshot.one(query)
    return int(row[0])


async def homes(snapshot: Snapshot, ids: Iterable[str]) -> dict[str, str]:
    """The home of each of these people that is known here; of who is between two, the old one."""
    rows = await snapshot.named(_HOMES, ids)
    return {row.person: str(row.home or row.previous) for row in rows}


async def every_home(snapshot: Snapshot) -> dict[str, str]:
    """The same of everybody, each region's name once in memory."""
    rows = await snapshot.rows(_EVERY_HOME)
    return {row.person: sys.intern(str(row.home or row.previous)) for row in rows}


async def search(
    snapshot: Snapshot, words: str, after: str, limit: int
) -> tuple[dict[str, PersonView], str | None]:
    """Active people with the words in id, name, title, unit or skills, by id; and the next page's key.

    Without words everybody, also those who left."""
    asked: dict[str, Any] = {"after": after, "limit": limit + 1}
    if words:
        query = _SEARCH if words.isascii() else _SEARCH_EVERY_ALPHABET
        rows = await snapshot.rows(query, asked | {"words": pattern(words)})
    else:
        rows = await snapshot.rows(_PAGE, asked)
    page = rows[:limit]
    more = page[-1].person if len(rows) > limit else None
    return await _views(snapshot, page), more


def pattern(words: str) -> str:
    """A LIKE pattern that finds the words anywhere, their own ``%`` and ``_`` taken literally."""
    literal = words.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"


async def _views(snapshot: Snapshot, rows: Iterable[Any]) -> dict[str, PersonView]:
    found = {row.person: row for row in rows}
    roles: dict[str, list[str]] = {person: [] for person in found}
    if found:
        for person, role in await snapshot.rows(_ROLES, {"ids": list(found)}):
            roles[person].append(role)
    return {person: _view(row, roles[person]) for person, row in found.items()}


def _view(row: Any, roles: list[str]) -> PersonView:
    return PersonView(
        id=row.person,
        home=row.home,
        name=row.name,
        title=row.title,
        unit=row.unit,
        country=row.country,
        about=row.about,
        skills=_skills.decode(row.skills),
        locale=row.locale,
        timezone=row.timezone,
        bot=row.bot,
        active=row.active,
        roles=tuple(sorted(roles)),
    )


_EVER = select(t.person_homes.c.person, t.person_homes.c.region).where(
    t.person_homes.c.person.in_(bindparam("people", expanding=True))
)
_GOING = select(_c.person, _c.moving_to).where(
    _c.person.in_(bindparam("people", expanding=True)), _c.moving_to != ""
)


async def homes_of(snapshot: Snapshot, people: Iterable[str]) -> dict[str, frozenset[str]]:
    """Every region that each of these people lives, ever lived or is about to live in."""
    found: dict[str, set[str]] = {person: set() for person in people}
    asked = {"people": sorted(found)}
    for query in (_EVER, _GOING):
        for person, region in await snapshot.rows(query, asked):
            found[person].add(region)
    return {person: frozenset(regions) for person, regions in found.items()}
