"""Several whole nodes in this process, and a network between them that a test can cut.

Every node has its own database and writer. What travels is what a link would carry: pages of each
origin's lanes, to the regions of their audience and nobody else (I8), in order, some twice.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from server.app.polls import Polls
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, genesis
from server.federation.lanes import Reach
from server.storage import event_log
from tests.support.node import Clock, TestNode, open_test_node


class Federation:
    """Nodes by region; ``away``: regions nothing reaches and nothing leaves."""

    def __init__(
        self,
        nodes: Mapping[str, TestNode],
        groups: Mapping[str, tuple[str, ...]],
        chance: random.Random,
    ) -> None:
        self.nodes, self.away, self.chance = dict(nodes), set[str](), chance
        self.polls = {region: polls_of(node) for region, node in nodes.items()}
        self._reach = Reach(frozenset(nodes), groups)

    def __getitem__(self, region: str) -> TestNode:
        return self.nodes[region]

    def advance(self, milliseconds: int) -> None:
        for clock in {id(node.clock): node.clock for node in self.nodes.values()}.values():
            clock.advance(milliseconds)

    async def deliver(self) -> bool:
        """Carries everything that is missing, in random order; whether anything was."""
        routes = [(a, b) for a in self.nodes for b in self.nodes if a != b]
        self.chance.shuffle(routes)
        moved = False
        for origin, to in routes:
            if not self.away & {origin, to}:
                moved |= await self._carry(self.nodes[origin], self.nodes[to])
        return moved

    async def _carry(self, origin: TestNode, to: TestNode) -> bool:
        async with origin.reader.snapshot() as snapshot:
            tips = await event_log.lane_tips(snapshot)
        moved = False
        for key, tip in tips.items():
            if key.region != origin.region or not self._reach.may_receive(key, to.region):
                continue
            if to.handler.lane_tip(key) < tip.seq:
                await self._send(origin, to, key)
                moved = True
        return moved

    async def _send(self, origin: TestNode, to: TestNode, key: LaneKey) -> None:
        held = to.handler.lane_tip(key)
        after = self.chance.randint(0, held)  # some of it again
        async with origin.reader.snapshot() as snapshot:
            events = await event_log.lane_page(snapshot, key, after)
            before = await event_log.lane_page(snapshot, key, after - 1, 1) if after else []
        previous = before[0].hash if before else genesis(*key)
        head = SignedHead(*key, after + len(events), events[-1].hash, "test", b"")
        tip = await to.handler.apply(LaneBatch(key, after, previous, tuple(events), head))
        assert tip == max(held, head.seq)

    async def settle(self) -> None:
        """Until nothing travels any more and no poll needs a step at this moment."""
        while True:
            before = [node.tap.position for node in self.nodes.values()]
            for region in self.chance.sample(sorted(self.nodes), len(self.nodes)):
                await self.polls[region].step(self.nodes[region].clock())
            moved = await self.deliver()
            if not moved and before == [node.tap.position for node in self.nodes.values()]:
                return


def polls_of(node: TestNode) -> Polls:
    return Polls(node.tap, node.handler, node.reader, region=node.region, now=node.clock)


@asynccontextmanager
async def open_federation(
    folder: Path,
    *regions: str,
    groups: Mapping[str, tuple[str, ...]] | None = None,
    clocks: Mapping[str, Clock] | None = None,
    seed: int = 0,
) -> AsyncIterator[Federation]:
    """Nodes that share one clock, except those given their own."""
    shared, groups = Clock(), groups or {}
    sets = {name: frozenset(members) for name, members in groups.items()}
    async with AsyncExitStack() as stack:
        nodes = {
            region: await stack.enter_async_context(
                open_test_node(
                    folder,
                    region,
                    clock=(clocks or {}).get(region, shared),
                    groups=sets,
                    peers=set(regions) - {region},
                )
            )
            for region in regions
        }
        yield Federation(nodes, groups, random.Random(seed))
