"""Regions that score and publish, for tests: one community for all, in each region a few people who help."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from server.app import public_mirror
from server.app.cloudevents import cloud_event
from server.app.publishing import Computed, Publisher, computed
from server.app.score_audit import Verdict, audit
from server.domain.decide.scoring import adopt
from server.domain.errors import Refusal
from server.domain.events import ScoringRootPublished, StandingPublished
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.storage.queries import scoring
from server.storage.queries.scoring import Standing
from tests.support.node import TestNode
from tests.support.regions import Regions, open_regions

OPEN = msgspec.structs.replace(DEFAULT, scores="opt_in", boards="opt_in")
"""Who wants to is shown."""
NAMES = ("de", "fr", "in")


class Publishing:
    """``people``: two of each region, ``asha_de`` and ``bela_de``."""

    def __init__(self, regions: Regions, folder: Path) -> None:
        self.regions, self.folder = regions, folder
        self.publishers = {name: self._publisher(name) for name in regions.nodes}
        self.computations = 0
        self.place = ""
        self.question = ""

    def __getitem__(self, region: str) -> TestNode:
        return self.regions[region]

    def _publisher(self, region: str) -> Publisher:
        node, file = self.regions[region], self.folder / f"{region}-public.db"

        async def compute(day: int) -> Computed:
            self.computations += 1
            return await computed(node.reader, file, region, day)

        return Publisher(
            node.tap,
            node.handler,
            node.reader,
            now=node.clock,
            compute=compute,
            forget=partial(public_mirror.discard, file),
        )

    def restart(self, region: str) -> None:
        """It remembers nothing but what the database says."""
        self.publishers[region] = self._publisher(region)

    async def policy(self, region: str, policy: ScoringPolicy) -> None:
        answer = await self[region].handler.append(partial(adopt, policy))
        assert not isinstance(answer, Refusal), answer

    async def settle(self) -> None:
        for region, node in self.regions.nodes.items():
            await self.policy(region, OPEN)
            for name in ("asha", "bela"):
                await node.register(f"{name}_{region}", unit=name, country=region.upper())
        if "in" not in self.regions.nodes:
            return
        self.place = await self["in"].community("asha_in")
        await self.regions.everywhere(moving=False)
        # Her second post: who answers a newcomer is credited for that too.
        await self["in"].post("asha_in", self.place, "hello")
        self.question = await self["in"].post(
            "asha_in", self.place, "?", "question", title="Why?", topics=["tea"]
        )
        await self.regions.everywhere(moving=False)

    async def answer(self, who: str, *helped: str) -> str:
        """An answer that these people found helpful, each at home."""
        reply = await self[home(who)].reply(who, self.question)
        await self.regions.everywhere(moving=False)
        for reader in helped:
            await self[home(reader)].do(
                reader, "reaction.set", target=reply, reaction="helpful", on=True
            )
        await self.regions.everywhere(moving=False)
        return reply

    async def choose(self, person: str, **choice: Any) -> None:
        await self[home(person)].do(person, "scoring.choose", **choice)

    async def publish(self, *regions: str) -> dict[str, int]:
        """How many standings each region published; then everybody hears of it."""
        found = {}
        for region in regions or tuple(self.regions.nodes):
            found[region] = await self.publishers[region].publish(self[region].clock())
        await self.regions.everywhere(moving=False)
        return found

    async def audit(self, at: str, region: str) -> Verdict:
        return await audit(self[at].reader, region)

    async def published_events(self, at: str) -> list[dict[str, Any]]:
        """Every event of a region's log that says something about a standing or a ledger, as other systems get it."""
        node = self[at]
        records = await node.tap.read(0, node.tap.position)
        told = (StandingPublished, ScoringRootPublished)
        return [cloud_event(record, 1) for record in records if isinstance(record.event, told)]

    async def shown(self, person: str, at: str = "") -> Standing | None:
        """What is published of somebody, as a region (their home unless named) has it."""
        async with self[at or home(person)].reader.snapshot() as snapshot:
            return (await scoring.standings(snapshot, [person])).get(person)


def home(person: str) -> str:
    return person.rpartition("_")[2]


@asynccontextmanager
async def open_publishing(folder: Path, *names: str) -> AsyncIterator[Publishing]:
    async with open_regions(folder, *(names or NAMES)) as regions:
        world = Publishing(regions, folder)
        await world.settle()
        yield world
