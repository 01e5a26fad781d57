"""The versions of a post, and what readers reported to its community's moderators."""

from typing import Annotated

from msgspec import Meta

from server.api.resources.feed import no_post
from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import community_place, thread_channel
from server.domain.visibility import may_moderate, may_watch
from server.storage.async_facts import LoadedFacts, load_facts
from server.storage.queries import posts, records
from server.storage.queries.shapes import Report, Revision, Shape


class History(Shape, frozen=True, kw_only=True):
    """Newest first, the present one included; empty where the content is gone or hidden. What is hidden, its moderators
    can read: they answer for it."""

    cursor: str
    revisions: tuple[Revision, ...]


class ReportsQuery(Query, frozen=True, kw_only=True):
    """``open``: only those that are not answered."""

    after: Annotated[str, Meta(max_length=26)] = ""
    limit: Limit = 50
    open: bool = False


class Reports(Shape, frozen=True, kw_only=True):
    cursor: str
    reports: tuple[Report, ...]
    next: str | None


async def history(call: Call[NoQuery, None]) -> History | Refusal:
    post = call.path["post"]
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [thread_channel(post)])
        known, who = facts.post(post), facts.who
        if who is None or known is None or not may_watch(facts, who, thread_channel(post)):
            return no_post(post)
        view = (await posts.by_ids(snapshot, [post])).get(post)
        if view is None:
            return no_post(post)
        bare = view.deleted or (view.hidden and not _moderates(facts, known.place))
        found = () if bare else await records.history(snapshot, post, limits.PAGE_ITEMS_MAX)
        return History(cursor=await as_of(call.services, snapshot), revisions=tuple(found))


async def reports(call: Call[ReportsQuery, None]) -> Reports | Refusal:
    place, query = community_place(call.path["community"]), call.query
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [place])
        if not _moderates(facts, place):
            return Refusal(Code.FORBIDDEN, "reports are for the community's moderators")
        found = await records.reports(
            snapshot, place, query.after, query.limit + 1, open_only=query.open
        )
        shown = tuple(found[: query.limit])
        return Reports(
            cursor=await as_of(call.services, snapshot),
            reports=shown,
            next=shown[-1].post if len(found) > query.limit else None,
        )


def _moderates(facts: LoadedFacts, place: str) -> bool:
    kind, _, name = place.partition(":")
    who = facts.who
    if kind != "c" or who is None:
        return False
    return may_moderate(facts.community(name), facts.member(name, who.person), who)
