"""Lists of posts: the feed, a community's or conversation's page, a thread, single posts."""

from typing import Literal

from msgspec.structs import asdict

from server.api.resources.paging import Mark, PageOf, as_of, key_of, page_of
from server.api.route import Call, Limit, NoQuery, Query
from server.api.services import Services
from server.domain.errors import Code, Refusal
from server.domain.ids import thread_channel
from server.domain.visibility import may_read_place, may_watch
from server.storage.async_facts import LoadedFacts, load_facts
from server.storage.queries import listing, places, posts
from server.storage.queries.listing import NEWEST, OLDEST
from server.storage.queries.shapes import Bundle
from server.storage.reader import Snapshot


class FeedQuery(Query, frozen=True, kw_only=True):
    """``latest``: all posts of one's communities; ``unanswered``: questions without an accepted answer that stands."""

    view: Literal["latest", "unanswered"] = "latest"
    before: Mark = ""
    limit: Limit = 50


class PageQuery(Query, frozen=True, kw_only=True):
    before: Mark = ""
    limit: Limit = 50


class ThreadQuery(Query, frozen=True, kw_only=True):
    after: Mark = ""
    limit: Limit = 100


class Posts(Bundle, frozen=True, kw_only=True):
    """A page of posts. ``next``: the mark of the next page; null on the last."""

    cursor: str
    next: str | None


class Thread(Posts, frozen=True, kw_only=True):
    """``order``: the root first, then every reply by time. The tree stands in ``parent``."""

    root: str


def no_post(post: str) -> Refusal:
    return Refusal(Code.NOT_FOUND, f"there is no post {post} that you can see", "post")


async def feed(call: Call[FeedQuery, None]) -> Posts:
    query = call.query
    key = key_of(query.before, NEWEST, "before")
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person)
        mine = (await places.belonging(snapshot, facts, call.person)).communities
        if query.view == "latest":
            keys = await listing.newest(snapshot, mine, (), key, query.limit + 1)
        else:
            keys = await listing.unanswered(snapshot, mine, key, query.limit + 1)
        return await _posts(call.services, call.person, snapshot, page_of(keys, query.limit))


async def community_posts(call: Call[PageQuery, None]) -> Posts | Refusal:
    return await _place(call, "c:" + call.path["community"])


async def conversation_posts(call: Call[PageQuery, None]) -> Posts | Refusal:
    return await _place(call, "d:" + call.path["conversation"])


async def _place(call: Call[PageQuery, None], place: str) -> Posts | Refusal:
    query = call.query
    key = key_of(query.before, NEWEST, "before")
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [place])
        if not may_read_place(facts, call.person, place):
            return Refusal(Code.NOT_FOUND, "there is no such place that you can see")
        keys = await listing.in_place(snapshot, place, key, query.limit + 1)
        return await _posts(call.services, call.person, snapshot, page_of(keys, query.limit))


async def thread(call: Call[ThreadQuery, None]) -> Thread | Refusal:
    root, query = call.path["root"], call.query
    key = key_of(query.after, OLDEST, "after")
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [thread_channel(root)])
        if not _sees(facts, root):
            return no_post(root)
        page = page_of(await listing.below(snapshot, root, key, query.limit + 1), query.limit)
        ids = page.ids if query.after else (root, *page.ids)
        found = await posts.bundle(snapshot, call.person, ids)
        return Thread(
            root=root,
            cursor=await as_of(call.services, snapshot),
            next=page.next,
            **asdict(found),
        )


async def post(call: Call[NoQuery, None]) -> Posts | Refusal:
    name = call.path["post"]
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [thread_channel(name)])
        if not _sees(facts, name):
            return no_post(name)
        return await _posts(call.services, call.person, snapshot, PageOf((name,), None))


def _sees(facts: LoadedFacts, post: str) -> bool:
    """A post's own channel is asked for: it leads to the place, for a reply as for a root."""
    known = facts.post(post)
    if facts.who is None or known is None or known.kind == "":
        return False
    return may_watch(facts, facts.who, thread_channel(post))


async def _posts(services: Services, person: str, snapshot: Snapshot, page: PageOf) -> Posts:
    found = await posts.bundle(snapshot, person, page.ids)
    return Posts(
        cursor=await as_of(services, snapshot),
        next=page.next,
        **asdict(found),
    )
