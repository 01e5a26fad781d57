"""People vote, change their minds and move back and forth, also by way of regions that may not see the poll, while
lanes arrive in any order: whatever the schedule, everybody has one ballot at most, and it is counted (I11)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sqlalchemy import select

from server.app.handle import Answer
from server.app.polls import Polls
from server.storage import tables as t
from server.storage.event_log import lane_tips
from server.storage.queries.polls import poll_values
from tests.support.federated import polls_of
from tests.support.regions import Regions, open_regions

REGIONS = ("br", "de", "fr", "in")
GROUPS = {"eu": frozenset({"br", "de", "fr"})}
PEOPLE = {"asha": "in", "dora": "de", "fred": "fr"}
KINDS = (("de", "group.eu", True), ("fr", "global", True), ("de", "group.eu", False))
"""(home, audience, secret) of each poll."""
STEPS = 200


class Voters:
    def __init__(self, r: Regions, chance: random.Random) -> None:
        self.r, self.chance = r, chance
        self.polls: dict[str, bool] = {}
        """Whether each is secret."""
        self.closing: dict[str, Polls] = {}

    async def open(self) -> None:
        self.closing = {region: polls_of(node) for region, node in self.r.nodes.items()}
        for region, node in self.r.nodes.items():
            await node.register(f"admin-{region}", "region_admin")
        for person, region in PEOPLE.items():
            await self.r[region].register(person)
        await self.r.everywhere()
        for number, (home, audience, secret) in enumerate(KINDS):
            node, author = self.r[home], f"admin-{home}"
            place = await node.community(author, f"Place {number}", audience=audience)
            spec = {"method": "single", "choices": ["a", "b"], "secret": secret}
            self.polls[await node.post(author, place, "?", "poll", poll=spec)] = secret

    async def step(self) -> None:
        match self.chance.randrange(12):
            case 0 | 1 | 2:
                await self.vote()
            case 3 | 4 | 5:
                await self.move()
            case 6 | 7:
                region = self.chance.choice(REGIONS)
                if self.chance.random() < 0.5:
                    self.r.moves[region] = self.r.fresh_moves(region)
                await self.r.moves[region].catch_up()
            case 8 if self.chance.random() < 0.3:
                await self.r.everywhere()
            case _:
                await self.deliver()

    async def vote(self) -> None:
        """At home by their own node's belief; on the move, nowhere. Refusals are part of the play."""
        person, poll = self.chance.choice(sorted(PEOPLE)), self.chance.choice(sorted(self.polls))
        ballot = {"choices": [self.chance.randrange(2)]}
        wish = ballot if self.chance.random() < 0.75 else {"withdrawn": True}
        for region in REGIONS:
            if (await self.r.person(region, person)).home == region:
                await self.r[region].try_do(person, "ballot.cast", poll=poll, **wish)

    async def move(self) -> None:
        person, to = self.chance.choice(sorted(PEOPLE)), self.chance.choice(REGIONS)
        for region in REGIONS:
            on = self.chance.random() < 0.8
            do, more = ("person.hand_over", {"to": to}) if on else ("person.call_off", {})
            await self.r[region].try_do(f"admin-{region}", do, person=person, **more)

    async def deliver(self) -> None:
        origin, to = self.chance.sample(REGIONS, 2)
        async with self.r[origin].reader.snapshot() as snapshot:
            lanes = sorted({key.lane for key in await lane_tips(snapshot) if key.region == origin})
        some = [self.chance.choice(lanes)] if lanes and self.chance.random() < 0.5 else []
        await self.r.carry(origin, to, *some)

    async def standing(self, poll: str) -> list[str]:
        """Whose ballot counts, once for each region that would count one."""
        found = []
        regions = REGIONS if self.polls[poll] else ("de",)
        for region in regions:
            async with self.r[region].reader.snapshot() as snapshot:
                found += await snapshot.rows(select(t.ballots).where(t.ballots.c.poll == poll))
        return sorted(row.person for row in found if row.choices != "[]" and not row.withdrawn)

    async def close(self) -> None:
        for poll in self.polls:
            for region in REGIONS:
                wish = await self.r[region].try_do(f"admin-{region}", "poll.close", poll=poll)
                assert isinstance(wish, Answer) or wish.code in ("forbidden", "not_found")
        before = -1
        while before != (before := sum(node.tap.position for node in self.r.nodes.values())):
            for region in REGIONS:
                await self.closing[region].step(self.r[region].clock())
            await self.r.everywhere()


@pytest.mark.parametrize("n", range(4))
async def test_i11_everybody_has_one_ballot_whatever_the_schedule(
    tmp_path: Path, seed: int, n: int
) -> None:
    async with open_regions(tmp_path, *REGIONS, groups=GROUPS) as r:
        voters = Voters(r, random.Random(seed + n))
        await voters.open()
        for _ in range(STEPS):
            await voters.step()
        await r.everywhere()
        standing = {poll: await voters.standing(poll) for poll in voters.polls}
        for people in standing.values():
            assert len(set(people)) == len(people), "two ballots of one person"
        await voters.close()
        async with r["de"].reader.snapshot() as snapshot:
            shown = await poll_values(snapshot, list(voters.polls))
        for poll, value in shown.items():
            assert value.result is not None
            assert (value.voters, value.result.late) == (len(standing[poll]), ())
            assert value.result.differing == ()
