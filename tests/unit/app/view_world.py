"""A node whose views are drawn, for tests: a community with a board, and people who may stand on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from server.app.views import Views
from server.domain.decide.scoring import adopt
from server.domain.errors import Refusal
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.storage import tables as t
from tests.unit.app.score_world import ScoreWorld, open_world

OPEN = msgspec.structs.replace(DEFAULT, scores="opt_in", boards="opt_in")


class ViewWorld:
    """A community with a board, in a region whose policy allows one; asha and ben chose to be on it."""

    def __init__(self, world: ScoreWorld) -> None:
        self.world, self.node = world, world.node
        self.views = self.new_views()
        self.place = ""

    def new_views(self) -> Views:
        node = self.node
        return Views(
            node.handler, node.reader, now=node.clock, scored=lambda: self.world.scores.position
        )

    async def settle(self) -> None:
        self.place = await self.node.community("chen", "Help desk")
        await self.mode("friendly")
        await self.policy(OPEN)
        for person in ("asha", "ben"):
            await self.node.do(person, "scoring.choose", boards=True)

    async def mode(self, mode: str, place: str = "") -> None:
        community = (place or self.place)[2:]
        await self.node.do("chen", "community.change", community=community, name="Help", mode=mode)

    async def policy(self, policy: ScoringPolicy) -> None:
        """This region's from here on."""
        outcome = await self.node.handler.append(partial(adopt, policy))
        assert not isinstance(outcome, Refusal), outcome

    async def draw(self) -> None:
        await self.world.scores.catch_up()
        await self.views.draw()

    async def board(self, period: str = "2026-01", topic: str = "") -> dict[str, tuple[int, bool]]:
        """Person -> (milli-points, may be listed)."""
        rows = [row for row in await self.rows() if row[:3] == (period, self.place[2:], topic)]
        return {row[3]: (row[4], bool(row[9])) for row in rows}

    async def rows(self) -> list[tuple[Any, ...]]:
        return await self.world.rows(t.merits)

    async def helped(self, author: str, *givers: str, topics: tuple[str, ...] = ()) -> str:
        """A question of somebody's that others find helpful."""
        title = "Why is it red?"
        post = await self.node.post(
            author, self.place, "?", "question", title=title, topics=list(topics)
        )
        for giver in givers:
            await self.world.react(giver, post)
        return post


@asynccontextmanager
async def open_view_world(folder: Path, url: str = "") -> AsyncIterator[ViewWorld]:
    async with open_world(folder, url=url) as opened:
        world = ViewWorld(opened)
        await world.settle()
        yield world
