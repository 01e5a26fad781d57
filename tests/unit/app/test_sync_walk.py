"""I4 on a random walk: people do what they like, clients catch up when they like, and all of them agree."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tap_client.fold import fold_answer, install

from server.app.handle import Answer
from server.app.sync import Sync
from server.domain.commands import from_builtins
from server.domain.errors import Refusal
from tests.support.node import TestNode, open_test_node
from tests.unit.app.test_sync_fold import Json, fetched, first_load, tail

PEOPLE = ("asha", "bob", "cleo", "mod")
STEPS = 400


class Walk:
    """Does one random thing after the other; refusals are part of life."""

    def __init__(self, node: TestNode, chance: random.Random) -> None:
        self.node, self.chance = node, chance
        self.places: list[str] = []
        self.posts: list[str] = []
        self.roots: list[str] = []
        self.polls: list[str] = []
        self.done = 0

    async def step(self) -> None:
        wish = self.chance.choice(WISHES)(self)
        person = self.chance.choice(PEOPLE)
        self.node.clock.advance(self.chance.randrange(3))
        outcome = await self.node.handler.handle(
            person, f"walk-{self.node.tap.position}-{self.chance.random()}", from_builtins(wish)
        )
        if isinstance(outcome, Answer):
            self.done += 1
            self._remember(wish, outcome.result)

    def _remember(self, wish: Json, result: Json) -> None:
        if "community" in result:
            self.places.append("c:" + result["community"])
        if "conversation" in result:
            self.places.append("d:" + result["conversation"])
        if wish["do"] in ("post.publish", "reply.publish"):
            self.posts.append(result["post"])
            if wish["do"] == "post.publish":
                self.roots.append(result["post"])
            if wish.get("kind") == "poll":
                self.polls.append(result["post"])

    def place(self) -> str:
        return self.chance.choice(self.places)

    def post(self) -> str:
        return self.chance.choice(self.posts[-30:])

    def switch(self) -> bool:
        return self.chance.random() < 0.6


def _publish(w: Walk) -> Json:
    place = w.place()
    kind = "message" if place.startswith("d:") else w.chance.choice(["update", "question", "idea"])
    wish = {"do": "post.publish", "place": place, "kind": kind, "text": f"t{w.done}", "title": "T"}
    return wish | {"mentions": w.chance.sample(PEOPLE, 1)}


def _poll(w: Walk) -> Json:
    poll = {"method": "single", "choices": ["a", "b"], "hidden_until_close": not w.switch()}
    return {"do": "post.publish", "place": w.place(), "kind": "poll", "text": "?", "poll": poll}


def _role(w: Walk) -> Json:
    role = w.chance.choice(["none", "member", "moderator"])
    who = w.chance.choice(PEOPLE)
    return {"do": "community.set_role", "community": w.place()[2:], "person": who, "role": role}


def _moderate(w: Walk) -> Json:
    act = w.chance.choice(["hide", "lock", "pin"])
    wish = {"do": "moderation.act", "target": w.chance.choice(w.roots[-20:]), "act": act}
    return wish | {"on": w.switch(), "reason": "x"}


def _change(w: Walk) -> Json:
    seen = "open" if w.switch() else "private"
    return {"do": "community.change", "community": w.place()[2:], "name": "N", "visibility": seen}


def _react(w: Walk) -> Json:
    reaction, emoji = w.chance.choice([("helpful", ""), ("solved", ""), ("emoji", "👍")])
    wish = {"do": "reaction.set", "target": w.post(), "reaction": reaction, "on": w.switch()}
    return wish | {"emoji": emoji}


WISHES: list[Callable[[Walk], Json]] = [
    *[_publish] * 6,
    *[_react] * 4,
    *[lambda w: {"do": "reply.publish", "parent": w.post(), "text": "r"}] * 4,
    _poll,
    _role,
    _change,
    _moderate,
    lambda w: {"do": "membership.set", "community": w.place()[2:], "joined": w.switch()},
    lambda w: {"do": "membership.set", "community": w.place()[2:], "joined": True},
    lambda w: {"do": "post.edit", "post": w.post(), "text": f"e{w.done}", "title": "E"},
    lambda w: {"do": "post.delete", "post": w.post()},
    lambda w: {"do": "ballot.cast", "poll": w.chance.choice(w.polls), "choices": [0]},
    lambda w: {"do": "ballot.cast", "poll": w.chance.choice(w.polls), "withdrawn": True},
    lambda w: {"do": "answer.accept", "question": w.chance.choice(w.roots), "answer": w.post()},
    lambda w: {"do": "verification.set", "target": w.post(), "on": w.switch()},
    lambda w: {"do": "idea.move", "post": w.post(), "stage": "accepted"},
    lambda w: {"do": "follow.set", "kind": "post", "target": w.post(), "on": w.switch()},
    lambda w: {"do": "read.mark", "channel": w.place(), "up_to": w.done},
    lambda w: {"do": "read.mark", "channel": "t:" + w.chance.choice(w.roots), "up_to": w.done},
    lambda w: {"do": "conversation.start", "members": [w.chance.choice(PEOPLE)]},
    lambda w: {"do": "community.create", "name": "C", "visibility": w.chance.choice(SEEN)},
    lambda w: {"do": "profile.change", "name": f"N{w.done}"},
    lambda w: {"do": "moderation.hide_at_home", "target": w.post(), "on": w.switch()},
]
SEEN = ("open", "private")


async def caught_up(node: TestNode, sync: Sync, person: str, had: Json, limit: int) -> Json:
    """What a client holds after it caught up and fetched what it named as stale or missing."""
    folded = had
    for page in await tail(sync, person, had["cursor"], limit):
        folded = fold_answer(folded, page)
    if "order" in folded.get("stale", ()):
        return await first_load(sync, person)
    for answer in await fetched(node, person, folded):
        folded = install(folded, answer)
    return folded


async def test_clients_that_catch_up_whenever_they_like_hold_what_a_fresh_one_gets(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with open_test_node(tmp_path) as node:
        await node.register("mod", "region_admin", "moderator")
        for person in PEOPLE[:3]:
            await node.register(person)
        walk, sync = Walk(node, chance), Sync(node.reader, node.tap, node.region, node.clock)
        walk.places.append(await node.community("mod", "Tea"))
        walk.posts.append(await node.post("mod", walk.places[0]))
        walk.roots += walk.posts
        walk.polls += walk.posts
        held: dict[str, Any] = {person: await first_load(sync, person) for person in PEOPLE}
        for _ in range(STEPS):
            await walk.step()
            if chance.random() < 0.15:
                person = chance.choice(PEOPLE)
                limit = chance.choice([2, 200])
                held[person] = await caught_up(node, sync, person, held[person], limit)
                assert held[person] == await first_load(sync, person), (person, node.tap.position)
        assert walk.done > STEPS / 4
        for person in PEOPLE:
            assert not isinstance(await sync.snapshot(person), Refusal)
