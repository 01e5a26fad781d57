"""Colleagues: searched, named by id, and one with what they wrote."""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from server.api.resources.paging import Mark, PageOf, as_of, key_of, page_of
from server.api.route import Call, Limit, Query
from server.domain import limits
from server.domain.commands import Person
from server.domain.errors import Code, Refusal
from server.domain.visibility import may_read_place
from server.storage.async_facts import load_facts
from server.storage.queries import listing, people, posts
from server.storage.queries.listing import NEWEST, Key
from server.storage.queries.shapes import Bundle, PersonView, Shape
from server.storage.reader import Snapshot


class PeopleQuery(Query, frozen=True, kw_only=True):
    """``q``: words in id, name, title, unit or skills; ``ids``: separated by commas, instead of ``q``."""

    q: Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX)] = ""
    ids: Annotated[str, Meta(max_length=65 * limits.PAGE_ITEMS_MAX)] = ""
    before: Annotated[str, Meta(max_length=64)] = ""
    limit: Limit = 50


class People(Shape, frozen=True, kw_only=True):
    """By id. ``next``: to be given as ``before``; null on the last page."""

    cursor: str
    people: tuple[PersonView, ...]
    next: str | None


class PersonQuery(Query, frozen=True, kw_only=True):
    before: Mark = ""
    limit: Limit = 20


class PersonPage(Bundle, frozen=True, kw_only=True):
    """A colleague and what they wrote lately, as far as the asking person may read it."""

    cursor: str
    person: PersonView
    next: str | None


async def search(call: Call[PeopleQuery, None]) -> People | Refusal:
    query = call.query
    if query.ids and (query.q or query.before):
        return Refusal(Code.BAD_VALUE, "ids stand alone: no q, no before", "ids")
    names = {name for name in query.ids.split(",") if name}
    if len(names) > limits.PAGE_ITEMS_MAX:
        return Refusal(Code.BAD_VALUE, f"at most {limits.PAGE_ITEMS_MAX} ids", "ids")
    async with call.services.reader.snapshot() as snapshot:
        more: str | None = None
        if query.ids:
            found = await people.by_ids(snapshot, names)
        else:
            words = query.q.strip()
            found, more = await people.search(snapshot, words, query.before, query.limit)
        shown = tuple([found[name] for name in sorted(found)])
        return People(cursor=await as_of(call.services, snapshot), people=shown, next=more)


async def person(call: Call[PersonQuery, None]) -> PersonPage | Refusal:
    name, query = call.path["person"], call.query
    key = key_of(query.before, NEWEST, "before")
    async with call.services.reader.snapshot() as snapshot:
        view = (await people.by_ids(snapshot, [name])).get(name)
        if view is None:
            return Refusal(Code.NOT_FOUND, f"nobody is called {name}", "person")
        page = await _written(snapshot, call.person, name, key, query.limit)
        found = await posts.bundle(snapshot, call.person, page.ids)
        return PersonPage(
            cursor=await as_of(call.services, snapshot),
            person=view,
            next=page.next,
            **asdict(found),
        )


async def _written(
    snapshot: Snapshot, reader: Person, author: str, before: Key, limit: int
) -> PageOf:
    """What ``reader`` may see of an author's posts, newest first, and the mark of the next page."""
    written = await listing.by_author(snapshot, author, reader, before, limit + 1)
    facts = await load_facts(snapshot, reader, {place for _, place in written})
    return page_of([key for key, place in written if may_read_place(facts, reader, place)], limit)
