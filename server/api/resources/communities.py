"""The directory of communities, and one of them."""

from typing import Annotated

from msgspec import Meta

from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import community_place
from server.domain.visibility import may_read_community
from server.storage.async_facts import LoadedFacts, load_facts
from server.storage.queries import places
from server.storage.queries.shapes import CommunityView, ConversationView, Shape


class CommunitiesQuery(Query, frozen=True, kw_only=True):
    """``q``: words in the name or purpose."""

    q: Annotated[str, Meta(max_length=limits.NAME_CHARS_MAX)] = ""
    before: Annotated[str, Meta(max_length=26)] = ""
    limit: Limit = 100


class Communities(Shape, frozen=True, kw_only=True):
    """Newest first."""

    cursor: str
    communities: tuple[CommunityView, ...]
    next: str | None


class Community(Shape, frozen=True, kw_only=True):
    """``members``: how many are in it, since they joined or were let in."""

    cursor: str
    community: CommunityView
    members: int


class Conversations(Shape, frozen=True, kw_only=True):
    cursor: str
    conversations: tuple[ConversationView, ...]


AFTER_EVERY_ID = "8"
"""Ids begin with 0 to 7; a tilde would stand before them where words sort as in a dictionary."""


async def communities(call: Call[CommunitiesQuery, None]) -> Communities:
    query = call.query
    before = query.before or AFTER_EVERY_ID
    async with call.services.reader.snapshot() as snapshot:
        found = await places.page(snapshot, call.person, query.q.strip(), before, query.limit + 1)
        names = [view.id for view in found]
        facts = await load_facts(snapshot, call.person, map(community_place, names))
        page = found[: query.limit]
        return Communities(
            cursor=await as_of(call.services, snapshot),
            communities=tuple([view for view in page if _reads(facts, call.person, view.id)]),
            next=page[-1].id if len(found) > query.limit else None,
        )


def _reads(facts: LoadedFacts, person: str, community: str) -> bool:
    return may_read_community(facts.community(community), facts.member(community, person))


async def community(call: Call[NoQuery, None]) -> Community | Refusal:
    name = call.path["community"]
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person, [community_place(name)])
        view = (await places.communities(snapshot, [name])).get(name)
        if view is None or not _reads(facts, call.person, name):
            return Refusal(
                Code.NOT_FOUND, "there is no such community that you can see", "community"
            )
        return Community(
            cursor=await as_of(call.services, snapshot),
            community=view,
            members=await places.members_count(snapshot, name),
        )


async def conversations(call: Call[NoQuery, None]) -> Conversations:
    async with call.services.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, call.person)
        mine = (await places.belonging(snapshot, facts, call.person)).conversations
        found = await places.conversations(snapshot, mine)
        return Conversations(
            cursor=await as_of(call.services, snapshot),
            conversations=tuple(sorted(found.values(), key=lambda one: one.id, reverse=True)),
        )
