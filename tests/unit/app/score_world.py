"""A node with scoring on it, for tests: people, a community, and what the ledgers say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from sqlalchemy import select

from server.app.score_rows import Move
from server.app.scores import Scores, _keep
from server.domain.errors import Refusal
from server.domain.events import Event, PersonRegistered, ReactionChanged
from server.scoring.rules import Rulebook
from server.storage import tables as t
from tests.support.node import Clock, ForeignLog, TestNode, open_test_node


class ScoreWorld:
    """Asha asks and writes; everybody else judges. ``told`` is what the listener heard."""

    def __init__(self, node: TestNode, rulebook: Rulebook | None = None) -> None:
        self.node = node
        self.told: list[tuple[str, int, dict[str, Any] | None]] = []
        self.scores = self.new_scores(rulebook)
        self.place = ""
        self.abroad = ForeignLog("de")

    def new_scores(
        self, rulebook: Rulebook | None = None, retains: Callable[[], int] | None = None
    ) -> Scores:
        """Another consumer on the same tables, as after a restart."""
        node = self.node
        return Scores(
            node.tap,
            node.handler,
            node.reader,
            now=node.clock,
            listener=lambda *heard: self.told.append(heard),
            rulebook=rulebook,
            retains=retains,
        )

    async def settle(self) -> None:
        units = {"asha": "tea", "ben": "tea", "chen": "rice", "dora": "corn"}
        for person, unit in units.items():
            await self.node.register(person, unit=unit, country="IN")
        self.place = await self.node.community("chen")
        await self.scores.catch_up()

    async def foreign(self, *events: tuple[str, Event], log: ForeignLog | None = None) -> None:
        """What another region did, as it arrives here."""
        self.node.clock.advance(1)
        batch = (log or self.abroad).batch(self.node.clock(), *events)
        outcome = await self.node.handler.apply(batch)
        assert not isinstance(outcome, Refusal), outcome

    async def emil(self) -> str:
        """A colleague at home in Germany."""
        event = PersonRegistered(person="emil", home="de", name="Emil", unit="tea", country="DE")
        await self.foreign(("emil", event))
        return "emil"

    async def react(
        self, who: str, target: str, reaction: str = "helpful", on: bool = True
    ) -> None:
        await self.node.do(who, "reaction.set", target=target, reaction=reaction, on=on)

    async def ruled(self, move: Move) -> None:
        """A ruling, as a batch of the tap would bring it."""
        await self.scores.catch_up()
        last = await self.node.tap.read(self.node.tap.position - 1, 1)
        kept = await self.node.handler.run(lambda tx: _keep(tx, [move]))
        await self.scores._score(last, kept)

    async def question(self, who: str = "asha", title: str = "Why is it red?") -> str:
        return await self.node.post(who, self.place, "?", "question", title=title)

    async def rows(self, table: Any) -> list[tuple[Any, ...]]:
        async with self.node.reader.snapshot() as snapshot:
            found = await snapshot.rows(select(table).order_by(*table.primary_key))
        return [tuple(row) for row in found]

    async def lines(self, person: str) -> list[dict[str, Any]]:
        """The person's stored lines in order, once everything is scored."""
        await self.scores.catch_up()
        c = t.credits_.c
        async with self.node.reader.snapshot() as snapshot:
            rows = await snapshot.rows(
                select(c.line, c.milli_points)
                .where(c.person == person)
                .order_by(c.at, c.milli_points)
            )
        found = [msgspec.json.decode(row.line) for row in rows]
        assert [line["milli_points"] for line in found] == [row.milli_points for row in rows]
        return found

    async def points(self, person: str) -> list[tuple[str, int]]:
        """(kind, milli-points) of each line."""
        return [(line["kind"], line["milli_points"]) for line in await self.lines(person)]


def helpful(
    target: str, place: str, *, root: str = "", author: str = "asha", rev: int = 1, on: bool = True
) -> ReactionChanged:
    """A mark of somebody abroad, on a post or on a reply below ``root``."""
    return ReactionChanged(
        target=target,
        root=root or target,
        place=place,
        author=author,
        reaction="helpful",
        rev=rev,
        on=on,
    )


@asynccontextmanager
async def open_world(
    folder: Path, clock: Clock | None = None, rulebook: Rulebook | None = None, url: str = ""
) -> AsyncIterator[ScoreWorld]:
    async with open_test_node(folder, clock=clock, url=url) as node:
        world = ScoreWorld(node, rulebook)
        await world.settle()
        yield world


async def tables(world: ScoreWorld) -> tuple[list[tuple[object, ...]], ...]:
    return await world.rows(t.score_acts), await world.rows(t.credits_)


PAUSES = (1, 1_000, 3 * 86_400_000)
"""Milliseconds from one step to the next; a day on the average."""


async def workload(
    world: ScoreWorld, random: Random, steps: int, pauses: Sequence[int] = PAUSES
) -> None:
    """Colleagues who post, answer, thank, take back, edit, report, delete, erase, hide and move, scored now and
    then."""
    people, posts, answers = ["asha", "ben", "chen", "dora"], [], []
    for _ in range(steps):
        who = random.choice(people)
        world.node.clock.advance(random.choice(pauses))
        match random.randrange(17):
            case 0:
                posts.append(await world.question(who))
            case 1 if posts:
                root = random.choice(posts)
                outcome = await world.node.try_do(who, "reply.publish", parent=root, text="so")
                if not hasattr(outcome, "code"):
                    answers.append((root, outcome.result["post"]))
            case 2 if answers:
                root, answer = random.choice(answers)
                chosen = random.choice([answer, None])
                for asker in people:
                    await world.node.try_do(asker, "answer.accept", question=root, answer=chosen)
            case 3 if posts and random.random() < 0.2:
                await world.node.try_do(who, "post.delete", post=random.choice(posts))
            case 4 if posts:
                target, on = random.choice(posts), random.random() < 0.5
                act = {"target": target, "act": "hide", "on": on, "reason": "why"}
                await world.node.try_do("chen", "moderation.act", **act)
            case 5 if random.random() < 0.3:
                unit = random.choice(["tea", "rice"])
                await world.node.do(
                    who, "profile.change", name=who, unit=unit, country=random.choice(["IN", "DE"])
                )
            case 6:
                await world.scores.catch_up()
            case 7 if posts:
                edit = {"title": "Why?", "text": "?", "topics": [random.choice(["tea", "pots"])]}
                await world.node.try_do(who, "post.edit", post=random.choice(posts), **edit)
            case 8 if posts:
                flag = {"target": random.choice(posts), "reason": "why"}
                await world.node.try_do(who, "flag.raise", **flag)
            case 9 if posts:
                target, upheld = random.choice(posts), random.random() < 0.7
                await world.node.try_do("chen", "flag.resolve", target=target, upheld=upheld)
            case 10:
                to = random.choice([person for person in people if person != who])
                praise = {"to": to, "behaviour": "b", "value": "v", "impact": "i"}
                more = {"place": world.place, "text": "x", "praise": praise}
                outcome = await world.node.try_do(who, "post.publish", kind="praise", **more)
                if not hasattr(outcome, "code"):
                    posts.append(outcome.result["post"])
            case 11 if posts:
                target = random.choice(posts)
                for author in people:
                    await world.node.try_do(author, "content.erase", scope="post", target=target)
            case _ if posts:
                targets = posts + [answer for _, answer in answers]
                target, on = random.choice(targets), random.random() < 0.85
                kind = random.choice(["helpful", "solved"])
                await world.node.try_do(who, "reaction.set", target=target, reaction=kind, on=on)
    await world.scores.catch_up()
