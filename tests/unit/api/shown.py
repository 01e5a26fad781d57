"""A site with scoring, views and a community in which people help each other, for tests."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from server.app.scores import Scores
from server.app.views import Views
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from tests.unit.api.site import Site

OPEN = msgspec.structs.replace(DEFAULT, scores="opt_in", boards="opt_in")
SETTLED = bounds("2026-01")[1] + 9 * DAY_MS


class Shown:
    """A site with a community in which people help each other."""

    def __init__(self, site: Site) -> None:
        self.site, self.node = site, site.node
        node = site.node
        self.scores = Scores(node.tap, node.handler, node.reader, now=node.clock)
        self.views = Views(
            node.handler, node.reader, now=node.clock, scored=lambda: self.scores.position
        )
        self.place = ""

    async def settle(self) -> None:
        self.place = await self.node.community("cleo", "Help desk")
        for person in ("asha", "bob"):
            await self.node.do(person, "membership.set", community=self.place[2:], joined=True)
        await self.mode("friendly")
        await self.policy(OPEN)

    async def policy(self, policy: ScoringPolicy) -> None:
        await self.node.handler.append(partial(adopt, policy))

    async def mode(self, mode: str) -> None:
        await self.node.do(
            "cleo", "community.change", community=self.place[2:], name="Help desk", mode=mode
        )

    async def crowd(self, count: int) -> list[str]:
        names = [f"p{n:02}" for n in range(count)]
        for n, name in enumerate(names):
            await self.node.register(name, unit=f"team {n % 3}", country="IN")
        return names

    async def helped(self, author: str, *givers: str, title: str = "Why?", **more: Any) -> str:
        """A question others find helpful."""
        post = await self.node.post(author, self.place, "?", "question", title=title, **more)
        for giver in givers:
            await self.node.do(giver, "reaction.set", target=post, reaction="helpful", on=True)
        return post

    async def draw(self) -> None:
        await self.scores.catch_up()
        await self.views.draw()

    async def board(self, reader: str = "bob", **query: Any) -> Any:
        return await self.site.get(f"/boards/{self.place[2:]}", reader, **query)
