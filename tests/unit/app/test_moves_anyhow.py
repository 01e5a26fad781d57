"""People move back and forth while lanes arrive in any order and nodes restart: whatever the schedule, nothing
is lost, and in the end every node holds the same (I6)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from server.app.handle import Answer
from server.storage import tables as t
from server.storage.digest import digests
from server.storage.event_log import lane_tips
from server.storage.tables import PROJECTIONS
from tests.support.regions import Regions, open_regions

REGIONS = ("de", "fr", "in")
PEOPLE = {"asha": "in", "bob": "in", "dora": "de", "fred": "fr"}
STEPS = 60
PRIVATE = {"conversations", "conversation_members", "releases", "read_marks", "hidden_at_home"}
"""What not every node may have; the content of conversations is compared among their members' homes."""
OF_PLACES = {
    "posts", "post_revisions", "post_counts", "reactions", "follows", "post_topics", "emoji_counts",
}  # fmt: skip


class Company:
    def __init__(self, r: Regions, chance: random.Random) -> None:
        self.r, self.chance = r, chance
        self.tea = ""
        self.chats: dict[str, list[str]] = {}
        self.posts: list[tuple[str, str]] = []
        """(place, post)."""
        self.refused = 0

    async def open(self) -> None:
        for region in REGIONS:
            await self.r[region].register(f"admin-{region}", "region_admin")
        for person, region in PEOPLE.items():
            await self.r[region].register(person)
        self.tea = await self.r["in"].community("bob", "Tea")
        await self.r.everywhere()
        for members in (("asha", "bob"), ("asha", "dora"), ("asha", "dora", "fred")):
            home = PEOPLE[members[0]]
            answer = await self.r[home].do(
                members[0], "conversation.start", members=list(members[1:])
            )
            self.chats["d:" + answer["conversation"]] = list(members)
            await self.r.everywhere()

    async def act(self, person: str, do: str, **arguments: Any) -> dict[str, Any] | None:
        """Wherever the person is at home by their own node's belief; on the move, nowhere."""
        for region in REGIONS:
            if (await self.r.person(region, person)).home == region:
                outcome = await self.r[region].try_do(person, do, **arguments)
                if isinstance(outcome, Answer):
                    return outcome.result
                self.refused += 1
                return None
        return None

    async def step(self) -> None:
        person = self.chance.choice(sorted(PEOPLE))
        match self.chance.randrange(9):
            case 0 | 1:
                await self.write(person)
            case 2:
                await self.edit()
            case 3:
                await self.react(person)
            case 4:
                await self.hand_over(person)
            case 5:
                region = self.chance.choice(REGIONS)
                if self.chance.random() < 0.5:
                    self.r.moves[region] = self.r.fresh_moves(region)
                await self.r.moves[region].catch_up()
            case _:
                await self.deliver()

    async def write(self, person: str) -> None:
        mine = [place for place, members in self.chats.items() if person in members]
        place = self.chance.choice([self.tea, *mine])
        kind = "update" if place == self.tea else "message"
        text = f"{person} {len(self.posts)}"
        answer = await self.act(person, "post.publish", place=place, kind=kind, text=text)
        if answer:
            self.posts.append((place, answer["post"]))

    async def edit(self) -> None:
        if self.posts:
            _, post = self.chance.choice(self.posts)
            for person in PEOPLE:  # only its author may
                await self.act(person, "post.edit", post=post, text=f"edit {self.r['in'].clock()}")

    async def react(self, person: str) -> None:
        if self.posts:
            _, post = self.chance.choice(self.posts)
            on = self.chance.random() < 0.5
            await self.act(person, "reaction.set", target=post, reaction="helpful", on=on)

    async def hand_over(self, person: str) -> None:
        to = self.chance.choice(REGIONS)
        for region in REGIONS:
            admin = f"admin-{region}"
            do = self.chance.choice(["person.hand_over", "person.hand_over", "person.call_off"])
            to_ = {"to": to} if do == "person.hand_over" else {}
            await self.r[region].try_do(admin, do, person=person, **to_)

    async def deliver(self) -> None:
        origin, to = self.chance.sample(REGIONS, 2)
        async with self.r[origin].reader.snapshot() as snapshot:
            lanes = sorted({key.lane for key in await lane_tips(snapshot) if key.region == origin})
        await self.r.carry(origin, to, self.chance.choice(lanes))


async def rows(r: Regions, region: str, table: Any) -> list[Any]:
    async with r[region].reader.snapshot() as snapshot:
        return list(await snapshot.rows(select(table).order_by(*table.primary_key)))


@pytest.mark.parametrize("n", range(6))
async def test_i6_whatever_the_schedule(tmp_path: Path, seed: int, n: int) -> None:
    async with open_regions(tmp_path, *REGIONS) as r:
        company = Company(r, random.Random(seed + n))
        await company.open()
        for _ in range(STEPS):
            await company.step()
        await r.everywhere()
        await settled(company)


async def settled(company: Company) -> None:
    r = company.r
    homes = {}
    for person in PEOPLE:
        (homes[person],) = await r.homes(person)
        assert homes[person] in REGIONS
    shared = [table for table in PROJECTIONS if table.name not in PRIVATE | OF_PLACES]
    found = [
        await node.handler.run(lambda tx: digests(tx, shared, local=False))
        for node in r.nodes.values()
    ]
    different = [name for name in found[0] if len({one[name] for one in found}) > 1]
    assert different == []
    for place in (company.tea, *company.chats):
        members = company.chats.get(place)
        where = REGIONS if members is None else sorted({homes[person] for person in members})
        written = sorted(post for at, post in company.posts if at == place)
        views = [await view(r, region, place) for region in where]
        assert [post["post"] for post, _ in views[0]] == written, f"something is lost in {place}"
        assert all(one == views[0] for one in views), f"{place} is not the same in {where}"
    for region in REGIONS:
        for other in REGIONS:
            await nothing_leaked(company, region, other)


Seen = tuple[dict[str, Any], list[tuple[Any, ...]]]


async def view(r: Regions, region: str, place: str) -> list[Seen]:
    """What a node holds of a place: posts, and who reacted to them how."""
    reactions = [tuple(row) for row in await rows(r, region, t.reactions)]
    return [
        (post._asdict() | {"local_position": 0}, [one for one in reactions if one[0] == post.post])
        for post in await rows(r, region, t.posts)
        if post.place == place
    ]


async def nothing_leaked(company: Company, origin: str, to: str) -> None:
    """I8: whatever lane of another region lies here is one whose audience we are in."""
    async with company.r[to].reader.snapshot() as snapshot:
        for key in await lane_tips(snapshot):
            if key.region == origin != to:
                assert key.lane in ("control", "global") or to in key.lane.split("."), key
