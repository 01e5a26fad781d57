"""Boards of communities that have one."""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from server.api.resources.paging import as_of
from server.api.route import Call, Query
from server.app import boards
from server.domain import limits
from server.domain.decide.base import topic_named
from server.domain.errors import Code, Refusal
from server.domain.ids import community_place
from server.domain.visibility import may_read_community
from server.storage.async_facts import load_facts
from server.storage.queries import places
from server.storage.reader import Snapshot


class BoardQuery(Query, frozen=True, kw_only=True):
    """``topic``: empty for all; ``month``: this or the previous one, empty for this."""

    topic: Annotated[str, Meta(max_length=limits.TOPIC_CHARS_MAX)] = ""
    month: Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2})?$(?!\n)")] = ""


class BoardAnswer(boards.Board, frozen=True, kw_only=True):
    cursor: str


async def board(call: Call[BoardQuery, None]) -> BoardAnswer | Refusal:
    name, query = call.path["community"], call.query
    open_ = boards.months_open(call.services.now())
    month = query.month or open_[-1]
    if month not in open_:
        return Refusal(Code.BAD_VALUE, f"boards are kept of {' and '.join(open_)}", "month")

    async def load(snapshot: Snapshot) -> BoardAnswer | Refusal:
        facts = await load_facts(snapshot, call.person, [community_place(name)])
        view = (await places.communities(snapshot, [name])).get(name)
        known = may_read_community(facts.community(name), facts.member(name, call.person))
        if view is None or not known:
            return Refusal(
                Code.NOT_FOUND, "there is no such community that you can see", "community"
            )
        found = await boards.board(snapshot, view, topic_named(query.topic), month)
        return BoardAnswer(cursor=await as_of(call.services, snapshot), **asdict(found))

    # Eight questions, all in one turn of a thread.
    return await call.services.reader.load(load)
