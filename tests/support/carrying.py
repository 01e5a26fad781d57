"""Carrying one node's log to another as a link would, without one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from server.domain.ids import LaneKey
from server.domain.visibility import lane_audience
from server.domain.wire import LaneBatch, SignedHead, genesis
from server.storage import event_log
from tests.support.node import TestNode

Groups = Mapping[str, Collection[str]]


async def carry(
    source: TestNode, target: TestNode, groups: Groups, lanes: Collection[str] = ()
) -> None:
    """Every lane of ``source`` that ``target`` may have, whole; ``lanes``: these first, in this order."""
    regions = {source.region, target.region}
    async with source.reader.snapshot() as snapshot:
        tips = await event_log.lane_tips(snapshot)
    own = [key for key in tips if key.region == source.region]
    for key in sorted(own, key=lambda key: _place(key.lane, lanes)):
        if target.region in lane_audience(key.lane, key.region, regions, groups):
            await _carry_lane(source, target, key)


def _place(lane: str, first: Collection[str]) -> tuple[int, str]:
    order = list(first)
    return (order.index(lane) if lane in order else len(order), lane)


async def _carry_lane(source: TestNode, target: TestNode, key: LaneKey) -> None:
    after, previous = 0, genesis(*key)
    while True:
        async with source.reader.snapshot() as snapshot:
            events = await event_log.lane_page(snapshot, key, after)
        if not events:
            return
        last = after + len(events)
        head = SignedHead(*key, last, events[-1].hash, "test", b"")
        batch = LaneBatch(key, after, previous, tuple(events), head)
        assert await target.handler.apply(batch) == last
        after, previous = last, events[-1].hash
