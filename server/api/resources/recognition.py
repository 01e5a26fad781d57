"""Nominees of a quarter, for who prepares a committee's decision."""

from typing import Annotated

from msgspec import Meta
from starlette.responses import Response

from server.api.resources.impact import CSV
from server.api.route import Call, Query
from server.app import recognition
from server.app.recognition import Nominees
from server.app.views import open_or_kept_quarters
from server.domain.errors import Code, Refusal
from server.domain.scoring_policy import CAUTIOUS
from server.storage.queries import scoring

ROLES = frozenset({"communications_leader", "region_admin"})


class RecognitionQuery(Query, frozen=True, kw_only=True):
    """``quarter``: one of the last five, empty for the running one."""

    quarter: Annotated[str, Meta(pattern=r"^([0-9]{4}Q[1-4])?$(?!\n)")] = ""


async def nominees(call: Call[RecognitionQuery, None]) -> Nominees | Refusal:
    """Written down before it is handed out, and told to everybody named (GET /me/impact)."""
    return await _taken(call)


async def export(call: Call[RecognitionQuery, None]) -> Response | Refusal:
    """The same as a file."""
    found = await _taken(call)
    if isinstance(found, Refusal):
        return found
    headers = {"Content-Disposition": f'attachment; filename="tap-nominees-{found.quarter}.csv"'}
    return Response(recognition.as_csv(found), media_type=CSV, headers=headers)


async def _taken(call: Call[RecognitionQuery, None]) -> Nominees | Refusal:
    services, query = call.services, call.query
    if not call.me.who.roles & ROLES:
        return Refusal(Code.FORBIDDEN, "nominees are for communications leaders and region admins")
    quarters = open_or_kept_quarters(services.now())
    quarter = query.quarter or next(iter(quarters))
    if quarter not in quarters:
        return Refusal(Code.BAD_VALUE, f"nominees are kept of {', '.join(quarters)}", "quarter")
    async with services.reader.snapshot() as snapshot:
        policy = (await scoring.policies(snapshot)).get(services.region, CAUTIOUS)
        if policy.recognition == "off" or policy.scores == "off":
            return Refusal(Code.FORBIDDEN, "this region's policy has no recognition")
        found = await recognition.nominees(
            snapshot, quarter, services.region, provisional=quarters[quarter]
        )
    await recognition.write_down(services.handler, call.person, found, services.now())
    return found
