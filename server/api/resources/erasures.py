"""Erasures one asked for, or that privacy officers of the region have to see through, with receipts."""

from typing import Annotated

from msgspec import Meta

from server.api.resources.paging import as_of
from server.api.route import Call, Limit, NoQuery, Query
from server.api.services import Services
from server.app.auth import Identity
from server.domain.decide.erase import OFFICER
from server.domain.errors import Code, Refusal
from server.domain.events import ErasureScope
from server.storage.queries import erasures
from server.storage.queries.erasures import LAST, Erasure
from server.storage.queries.shapes import Shape


class ErasureReceipt(Shape, frozen=True, kw_only=True):
    """One region's word that nothing is left there; ``bodies``: how many it destroyed."""

    region: str
    bodies: int
    at: int


class ErasureView(Shape, frozen=True, kw_only=True):
    """``by``: who asked. ``posts``: how many posts it is about. ``missing``: regions that have not
    answered; empty when it is done. ``receipts`` by region, without those nobody waits for any more."""

    id: str
    scope: ErasureScope
    target: str
    reason: str
    by: str
    at: int
    posts: int
    regions: int
    receipts: tuple[ErasureReceipt, ...]
    missing: tuple[str, ...]


class ErasuresQuery(Query, frozen=True, kw_only=True):
    before: Annotated[str, Meta(max_length=26)] = ""
    limit: Limit = 50


class ErasuresPage(Shape, frozen=True, kw_only=True):
    """Newest first."""

    cursor: str
    erasures: tuple[ErasureView, ...]
    next: str | None


class ErasureAnswer(Shape, frozen=True, kw_only=True):
    cursor: str
    erasure: ErasureView


async def many(call: Call[ErasuresQuery, None]) -> ErasuresPage:
    services, before, limit = call.services, call.query.before or LAST, call.query.limit
    async with services.reader.snapshot() as snapshot:
        if _sees_all(call.me):
            found = await erasures.of_region(snapshot, services.region, before, limit + 1)
        else:
            found = await erasures.of_person(snapshot, call.person, before, limit + 1)
        shown = tuple([_view(one, services) for one in found[:limit]])
        return ErasuresPage(
            cursor=await as_of(services, snapshot),
            erasures=shown,
            next=shown[-1].id if len(found) > limit else None,
        )


async def one(call: Call[NoQuery, None]) -> ErasureAnswer | Refusal:
    services, request = call.services, call.path["erasure"]
    async with services.reader.snapshot() as snapshot:
        found = await erasures.by_id(snapshot, request)
        if found is None or not _may_see(found, call, services):
            return Refusal(Code.NOT_FOUND, f"there is no erasure {request} that you can see")
        return ErasureAnswer(cursor=await as_of(services, snapshot), erasure=_view(found, services))


def _may_see(found: Erasure, call: Call[NoQuery, None], services: Services) -> bool:
    if call.person in (found.person, found.target):
        return True
    return _sees_all(call.me) and found.origin == services.region


def _sees_all(me: Identity) -> bool:
    return bool(me.who.roles & {OFFICER, "region_admin", "auditor"})


def _view(found: Erasure, services: Services) -> ErasureView:
    wanted = services.audience(found.origin, found.lanes)
    receipts = tuple(
        [
            ErasureReceipt(region=given.region, bodies=given.bodies, at=given.at)
            for given in found.receipts
            if given.region in wanted
        ]
    )
    return ErasureView(
        id=found.request,
        scope=found.scope,  # type: ignore[arg-type]
        target=found.target,
        reason=found.reason,
        by=found.person,
        at=found.at,
        posts=found.posts,
        regions=len(wanted),
        receipts=receipts,
        missing=tuple(sorted(wanted - {given.region for given in receipts})),
    )
