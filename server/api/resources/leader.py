"""How somebody who leads answers people, shown to themselves."""

from msgspec.structs import asdict

from server.api.resources.paging import as_of
from server.api.route import Call, NoQuery
from server.app import leader as leading
from server.domain.errors import Code, Refusal
from server.storage.reader import Snapshot


class LeaderAnswer(leading.LeaderView, frozen=True, kw_only=True):
    cursor: str


async def leader(call: Call[NoQuery, None]) -> LeaderAnswer | Refusal:
    services, me = call.services, call.me

    async def load(snapshot: Snapshot) -> LeaderAnswer | Refusal:
        found = await leading.view(
            snapshot, me.person, me.who.roles, services.region, services.now()
        )
        if found is None:
            return Refusal(
                Code.FORBIDDEN,
                "this is for who owns or moderates a community, or speaks for a region",
            )
        return LeaderAnswer(cursor=await as_of(services, snapshot), **asdict(found))

    return await services.reader.load(load)
