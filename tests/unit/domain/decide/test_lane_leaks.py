"""I8: no event stands in a lane wider than the audience of anything it names, in ids or in words.

People do whatever they may, at random, in places of every audience; then the whole log is searched.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from server.app.handle import Answer
from server.domain import events as e
from server.domain.visibility import GLOBAL, LOCAL, is_within, pair_lane
from server.domain.wire import decode_header
from server.storage import event_log
from tests.support.node import ForeignLog, TestNode, open_test_node

GROUPS = {"near": frozenset({"de", "in"}), "far": frozenset({"br", "in"})}
PEOPLE = ("asha", "bob", "mod")


class Thing(NamedTuple):
    """Something with an audience, found by its id or by a word that stands nowhere else."""

    id: str
    place: str
    lanes: tuple[str, ...]


class Play:
    """Knows every place and post, and whose they are, without asking the node."""

    def __init__(self, node: TestNode, chance: random.Random) -> None:
        self.node, self.chance = node, chance
        self.places: list[Thing] = []
        self.posts: list[tuple[str, Thing]] = []
        """Id and place of each."""
        self.words: dict[str, Thing] = {}

    def word(self, place: Thing) -> str:
        word = f"word{len(self.words)}x"
        self.words[word] = place
        return word

    async def open(self) -> None:
        await self.node.register("mod", "region_admin", "moderator", "communications_leader")
        for person in PEOPLE[:2]:
            await self.node.register(person)
        abroad = [("de", "dora"), ("br", "bruna")]
        for region, person in abroad:
            known = e.PersonRegistered(person=person, home=region, name=person)
            batch = ForeignLog(region).batch(self.node.clock.now, ("", known))
            assert await self.node.handler.apply(batch) == 1
        for audience in ("global", "local", "group.near", "group.far"):
            name = self.chance.choice(["Tea", "Pots"])
            place = await self.node.community("mod", name, audience=audience)
            self.places.append(Thing(place[2:], place, (audience,)))
        for members, lanes in (
            (["bob", "mod"], (LOCAL,)),
            (["bob", "dora"], (pair_lane("in", "de"),)),
            (["dora", "bruna"], (pair_lane("in", "de"), pair_lane("in", "br"))),
        ):
            answer = await self.node.do("asha", "conversation.start", members=members)
            name = answer["conversation"]
            self.places.append(Thing(name, f"d:{name}", lanes))

    async def act(self) -> None:
        """One wish, allowed or not."""
        pick = self.chance.choice
        person, place = pick(PEOPLE), pick(self.places)
        post, where = pick(self.posts) if self.posts else ("", place)
        cites = [pick(self.posts)[0]] if self.posts and self.chance.random() < 0.5 else []
        wishes: list[tuple[str, dict[str, Any]]] = [
            ("post.publish", self._post(place, cites)),
            ("post.publish", self._post(place, cites)),
            ("reply.publish", {"parent": post, "text": self.word(where), "cites": cites}),
            ("post.edit", {"post": post, "text": self.word(where), "title": "T"}),
            ("reaction.set", {"target": post, "reaction": "helpful", "on": True}),
            ("follow.set", {"kind": "post", "target": post, "on": self.chance.random() < 0.7}),
            ("follow.set", {"kind": "topic", "target": self.topic(), "on": True}),
            ("read.mark", {"channel": place.place, "up_to": self.node.clock.now}),
            ("flag.raise", {"target": post, "reason": self.word(where)}),
            ("moderation.act", {"target": post, "act": "pin", "on": True, "reason": "r"}),
            ("moderation.hide_at_home", {"target": post, "on": True, "reason": self.word(where)}),
            ("verification.set", {"target": post, "on": True}),
            ("membership.set", {"community": place.id, "joined": self.chance.random() < 0.7}),
            ("answer.accept", {"question": post, "answer": pick(self.posts)[0] if post else ""}),
            ("ballot.cast", {"poll": post, "choices": [0]}),
            ("idea.move", {"post": post, "stage": "accepted", "note": self.word(where)}),
            ("announcement.acknowledge", {"post": post}),
            ("profile.change", {"name": person, "about": "about"}),
        ]
        do, arguments = pick(wishes)
        if not post and any(value == "" for value in arguments.values()):
            return
        outcome = await self.node.try_do(person, do, **arguments)
        if isinstance(outcome, Answer) and do in ("post.publish", "reply.publish"):
            at = place if do == "post.publish" else where
            self.posts.append((outcome.result["post"], at))

    def _post(self, place: Thing, cites: list[str]) -> dict[str, Any]:
        kinds = ["message"] if place.place[0] == "d" else ["update", "question", "poll", "idea"]
        kind = self.chance.choice([*kinds, kinds[-1]])
        more: dict[str, Any] = {}
        if kind == "poll":
            more["poll"] = {"method": "single", "choices": [self.word(place), self.word(place)]}
        topic = self.word(place)
        return {
            "place": place.place,
            "kind": kind,
            "text": self.word(place),
            "title": "" if kind in ("message", "update") else self.word(place),
            "topics": [topic],
            "cites": cites,
        } | more

    def topic(self) -> str:
        """A word somebody read somewhere."""
        return self.chance.choice(sorted(self.words)) if self.words else "tea"


async def log_of(node: TestNode) -> list[tuple[str, str, tuple[str, ...], str]]:
    """(type, lane, refs, body as text) of every event of the node."""
    found = []
    async with node.reader.snapshot() as snapshot:
        for key, tip in (await event_log.lane_tips(snapshot)).items():
            after = 0
            while key.region == node.region and after < tip.seq:
                for event in await event_log.lane_page(snapshot, key, after):
                    header = decode_header(event.header)
                    body = str(msgspec.msgpack.decode(event.body or b"\xc0"))
                    found.append((header.type, key.lane, header.refs, body))
                    after = header.seq
    return found


def inside(lane: str, lanes: tuple[str, ...]) -> bool:
    return any(is_within(lane, other, "in", GROUPS) for other in lanes)


NAMING = {"citation.changed", "follow.changed", "flag.raised"}
"""Events that name what may be narrower than they are: each has to happen, whatever the chance."""
ROUNDS_MAX = 6


@pytest.mark.parametrize("n", range(4))
async def test_i8_nothing_is_named_in_a_lane_wider_than_its_own(
    tmp_path: Path, seed: int, n: int
) -> None:
    async with open_test_node(tmp_path, groups=GROUPS) as node:
        play = Play(node, random.Random(seed + n))
        await play.open()
        for _ in range(ROUNDS_MAX):
            for _ in range(150):
                await play.act()
            log = await log_of(node)
            if {type_ for type_, *_ in log} >= NAMING:
                break
    names = play.words | {place.id: place for place in play.places}
    names |= dict(play.posts)
    leaks = [
        (type_, lane, name)
        for type_, lane, refs, body in log
        for name, thing in names.items()
        if (name in body or name in refs) and not inside(lane, thing.lanes)
    ]
    assert leaks == []
    assert {lane for _, lane, _, _ in log} > {GLOBAL, LOCAL, "group.near", "pair.de.in"}
    assert {type_ for type_, *_ in log} >= NAMING
