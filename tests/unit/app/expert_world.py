"""A node that keeps who knows, for tests: people of several units, a community, topics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from server.app.experts import Experts
from server.domain.decide.scoring import adopt
from server.domain.errors import Refusal
from server.domain.events import Event
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.scoring.rules import Rulebook
from server.storage import tables as t
from tests.support.node import Clock, ForeignLog, TestNode, open_test_node

UNITS = {"asha": "tea", "ben": "tea", "chen": "rice", "dora": "corn", "eve": ""}
TABLES = (
    t.expertise_answers,
    t.expertise,
    t.expertise_calls,
    t.first_uses,
    t.milestone_medians,
)


class ExpertWorld:
    """Chen owns the community; who is to be seen says so with ``show``."""

    def __init__(self, node: TestNode) -> None:
        self.node = node
        self.experts = self.new_experts()
        self.place = ""

    def new_experts(self, rulebook: Rulebook | None = None) -> Experts:
        """Another consumer on the same tables, as after a restart."""
        node = self.node
        return Experts(node.tap, node.handler, node.reader, now=node.clock, rulebook=rulebook)

    async def settle(self) -> None:
        for person, unit in UNITS.items():
            await self.node.register(person, unit=unit, country="IN")
        self.place = await self.node.community("chen")
        await self.policy()

    async def policy(self, **changes: Any) -> None:
        policy = ScoringPolicy(**{name: getattr(DEFAULT, name) for name in _FIELDS} | changes)
        outcome = await self.node.handler.append(partial(adopt, policy))
        assert not isinstance(outcome, Refusal), outcome

    async def show(self, *people: str, **choice: bool) -> None:
        for person in people:
            await self.node.do(person, "scoring.choose", **(choice or {"experts": True}))

    async def ask(self, who: str, *topics: str, place: str = "", **more: Any) -> str:
        more |= {"title": "How?", "topics": list(topics)}
        return await self.node.post(who, place or self.place, "?", "question", **more)

    async def answered(self, who: str, asker: str, *topics: str, accept: bool = True) -> str:
        """An answer of somebody's to a new question, accepted or not."""
        question = await self.ask(asker, *topics)
        answer = await self.node.reply(who, question)
        if accept:
            await self.node.do(asker, "answer.accept", question=question, answer=answer)
        return answer

    async def helpful(self, who: str, target: str, on: bool = True, kind: str = "helpful") -> None:
        await self.node.do(who, "reaction.set", target=target, reaction=kind, on=on)

    async def foreign(self, *events: tuple[str, Event], log: ForeignLog) -> None:
        self.node.clock.advance(1)
        outcome = await self.node.handler.apply(log.batch(self.node.clock(), *events))
        assert not isinstance(outcome, Refusal), outcome

    async def rows(self, table: Any) -> list[tuple[Any, ...]]:
        async with self.node.reader.snapshot() as snapshot:
            found = await snapshot.rows(select(table).order_by(*table.primary_key))
        return [tuple(row) for row in found]

    async def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table.name: await self.rows(table) for table in TABLES}

    async def knows(self, topic: str) -> dict[str, tuple[int, int]]:
        """Person -> (good, answers) of everybody with a record on a topic, shown or not."""
        await self.experts.catch_up()
        rows = await self.rows(t.expertise)
        names = [column.name for column in t.expertise.c]
        plain = [dict(zip(names, row, strict=True)) for row in rows]
        return {
            row["person"]: (row["good"], row["answers"]) for row in plain if row["topic"] == topic
        }

    async def shown(self, topic: str) -> list[str]:
        """The ids of a topic's people that others may see, the best first."""
        await self.experts.catch_up()
        c = t.expertise.c
        query = select(c.person).where(c.topic == topic, c.shown).order_by(c.place, c.person)
        async with self.node.reader.snapshot() as snapshot:
            return [row.person for row in await snapshot.rows(query)]


_FIELDS = ("scores", "boards", "leaders", "recognition", "k", "retention_days", "agreement")


@asynccontextmanager
async def open_world(
    folder: Path, clock: Clock | None = None, url: str = ""
) -> AsyncIterator[ExpertWorld]:
    async with open_test_node(folder, clock=clock, url=url) as node:
        world = ExpertWorld(node)
        await world.settle()
        yield world
