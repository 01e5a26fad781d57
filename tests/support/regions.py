"""Several regions' nodes in one process, and a network that brings just what a test says.

Real databases, real writers; instead of links, lanes are carried from one log to another, only those the
receiver may have (I8), whole or up to an event: so every order of arrival can be told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from server.app.moves import Moves
from server.domain.facts import PersonFact
from server.domain.ids import LaneKey
from server.domain.visibility import lane_audience
from server.domain.wire import LaneBatch, SignedHead, decode_header, genesis
from server.storage.async_facts import load_person
from server.storage.event_log import lane_page, lane_tips
from tests.support.node import Clock, TestNode, open_test_node


class Regions:
    """Nodes by region. ``moves``: each node's part in people's moves, driven by the test."""

    def __init__(self, nodes: Mapping[str, TestNode], groups: Mapping[str, frozenset[str]]) -> None:
        self.nodes, self.groups = nodes, groups
        self.moves = {region: self.fresh_moves(region) for region in nodes}

    def __getitem__(self, region: str) -> TestNode:
        return self.nodes[region]

    def fresh_moves(self, region: str, accept: bool = True) -> Moves:
        """As after a restart: it remembers nothing but what the database says."""
        node = self.nodes[region]
        return Moves(
            handler=node.handler, tap=node.tap, reader=node.reader, now=node.clock, accept=accept
        )

    async def carry(self, origin: str, to: str, *lanes: str) -> None:
        """What ``to`` lacks of the named lanes of ``origin`` (all, unless named)."""
        source, target = self.nodes[origin], self.nodes[to]
        async with source.reader.snapshot() as snapshot:
            keys = sorted(key for key in await lane_tips(snapshot) if key.region == origin)
        for key in keys:
            audience = lane_audience(key.lane, origin, self.nodes, self.groups)
            if to in audience and (not lanes or key.lane in lanes):
                await self._carry(key, source, target)

    async def _carry(self, key: LaneKey, source: TestNode, target: TestNode) -> None:
        held = target.handler.lane_tip(key)
        previous = genesis(*key)
        async with source.reader.snapshot() as snapshot:
            if held:
                previous = (await lane_page(snapshot, key, held - 1, 1))[0].hash
            while page := await lane_page(snapshot, key, held):
                last = decode_header(page[-1].header).seq
                head = SignedHead(*key, last, page[-1].hash, "test", b"")
                batch = LaneBatch(key, held, previous, tuple(page), head)
                assert await target.handler.apply(batch) == last
                held, previous = last, page[-1].hash

    async def everywhere(self, *, moving: bool = True) -> None:
        """Every lane to everybody who may have it, and every node does its part, until all is quiet."""
        before = -1
        while before != (before := sum(node.tap.position for node in self.nodes.values())):
            for origin in self.nodes:
                for to in self.nodes:
                    if origin != to:
                        await self.carry(origin, to)
            if moving:
                for moves in self.moves.values():
                    await moves.catch_up()

    async def person(self, region: str, person: str) -> PersonFact:
        async with self.nodes[region].reader.snapshot() as snapshot:
            found = await load_person(snapshot, person)
        assert found is not None
        return found

    async def homes(self, person: str) -> set[str]:
        """Where each region believes the person to be at home."""
        return {(await self.person(region, person)).home for region in self.nodes}


@asynccontextmanager
async def open_regions(
    folder: Path, *names: str, groups: Mapping[str, frozenset[str]] | None = None
) -> AsyncIterator[Regions]:
    """One clock for all: whose clock is right is not what these tests are about."""
    clock, found = Clock(), groups or {}
    async with AsyncExitStack() as stack:
        nodes = {
            name: await stack.enter_async_context(
                open_test_node(folder, name, clock=clock, groups=found, peers=set(names) - {name})
            )
            for name in names
        }
        yield Regions(nodes, found)
