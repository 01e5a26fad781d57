"""What left, told from the log: equal to what went over; and every event that should not be where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from server.app.residency import Left, OwnLog, Reach, Wrong, check, destinations
from server.app.score_desk import Desk, Profile
from server.domain import events as e
from server.domain.decide import Context, Decided, Draft
from server.domain.decide.copies import adopt
from server.domain.durations import DAY_MS
from server.domain.events import Event, ResidencyPolicy
from server.domain.facts import Facts
from server.domain.residency import DEFAULT
from server.storage import tables as t
from tests.support.carrying import carry
from tests.support.node import START, TestNode, open_test_node

GROUPS = {"near": frozenset({"de", "in"})}
REGIONS = ("br", "de", "in")
REACH = Reach(REGIONS, {"near": ("de", "in")})


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path, groups=GROUPS) as node:
        await take_up(node, DEFAULT)
        yield node


async def take_up(node: TestNode, policy: ResidencyPolicy) -> None:
    outcome = await node.handler.append(partial(adopt, policy, REGIONS, GROUPS))
    assert isinstance(outcome, dict), outcome


def log_of(node: TestNode) -> OwnLog:
    return OwnLog(node.reader, node.region, REACH)


async def left(node: TestNode, day: int | None = None) -> dict[str, Left]:
    log, found = log_of(node), {}
    policies = await log.policies()
    async for page in log.pages(day):
        for own in page:
            for region in destinations(own, policies.at(own.id.epoch, own.hlc)):
                found.setdefault(region, Left()).add(own)
    return found


async def live(node: TestNode) -> dict[str, str]:
    """Some of everything, and the places it happened in."""
    for person in ("asha", "bob"):
        await node.register(person)
    await node.do("asha", "profile.change", name="Asha", about="Plays the sarod.")
    places = {}
    for name, audience in (("Tea", "global"), ("Near", "group.near"), ("Home", "local")):
        places[name] = await node.community("asha", name, audience=audience)
    post = await node.post("asha", places["Near"], "near")
    await node.post("bob", places["Home"], "home")
    await node.post("bob", places["Tea"], "tea", cites=[post])
    await node.do("bob", "follow.set", kind="post", target=post, on=True)
    return places | {"post": post}


# -- what left -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["br", "de"])
async def test_the_report_is_what_another_region_gets(
    node: TestNode, tmp_path: Path, region: str
) -> None:
    await live(node)
    reported = (await left(node))[region]
    async with open_test_node(tmp_path, region, groups=GROUPS) as other:
        await carry(node, other, GROUPS)
        columns = (t.events.c.type, t.events.c.header, t.events.c.salt, t.events.c.body)
        async with other.reader.snapshot() as snapshot:
            foreign = select(t.lanes.c.id).where(t.lanes.c.region == "in")
            rows = await snapshot.rows(select(*columns).where(t.events.c.lane_id.in_(foreign)))
    assert reported.types == Counter(row[0] for row in rows)
    assert reported.bytes == sum(len(row[1]) + len(row[2]) + len(row[3]) for row in rows)
    assert reported.events == len(rows)
    assert reported.people == {"asha", "bob"}
    assert ("group.near" in reported.lanes) == (region == "de")


async def test_a_day_is_found_by_its_bounds(node: TestNode) -> None:
    place = (await live(node))["Tea"]
    days = {}
    for n in (1, 2, 4):
        node.clock.now = START + n * DAY_MS
        for _ in range(n):
            await node.post("asha", place, f"day {n}")
        days[n] = n
    for n in (1, 2, 3, 4, 5):
        found = await left(node, START + n * DAY_MS)
        assert (found["br"].types if found else Counter()) == Counter(
            {"post.published": days[n]} if n in days else {}
        )


async def test_who_a_lane_was_for_is_told_by_the_policy_of_its_time(node: TestNode) -> None:
    await live(node)
    wider = {"near": frozenset({"br", "de", "in"})}
    await node.handler.append(partial(adopt, DEFAULT, REGIONS, wider))
    assert "group.near" not in (await left(node))["br"].lanes
    await node.community("asha", "Nearer", audience="group.near")
    assert (await left(node))["br"].lanes["group.near"] == 2, "the community and its owner"


# -- was it allowed ------------------------------------------------------------------------------------


async def append(node: TestNode, lane: str, event: Event) -> str:
    """An event that no rule would have decided so; its id."""

    def decided(_facts: Facts, _context: Context) -> Decided:
        return Decided([Draft(lane, "asha", event, ())], {})

    await node.handler.append(decided)
    [record] = await node.tap.read(node.tap.position - 1, 1)
    return str(record.id)


async def test_all_that_rules_decide_is_where_it_should_be(node: TestNode) -> None:
    await live(node)
    verdict = await check(log_of(node))
    assert verdict.wrong == []
    assert verdict.unjudged == 0
    assert verdict.judged == node.tap.position


def post_in(place: str) -> Event:
    return e.PostPublished(post="p", kind="update", place=place, at=START)


async def test_each_wrong_is_named_with_its_reason(node: TestNode) -> None:
    places = await live(node)
    narrow = ResidencyPolicy(profile=("title",), in_groups={}, audiences=("group.near",))
    about = e.PersonProfileChanged(person="bob", rev=9, name="Bob", unit="tea", about="!")
    citation = e.CitationChanged(
        citing="p", cited=places["post"], place=places["Tea"], author="asha", rev=9, on=True
    )
    allowed = [
        await append(node, "global", post_in(places["Tea"])),
        await append(node, "group.near", citation),
        await append(node, "global", msgspec.structs.replace(about, about="")),
    ]
    expected = {
        await append(
            node, "global", post_in(places["Near"])
        ): f"it names {places['Near']}, which is for group.near, and stands in global",
        await append(
            node, "group.near", post_in(places["Home"])
        ): f"it names {places['Home']}, which is for local, and stands in group.near",
        await append(
            node, "global", citation
        ): f"it names {places['Near']}, which is for group.near, and stands in global",
        await append(
            node, "global", e.ReadMarked(channel="g", up_to=1)
        ): "it is for its own region alone and stands in global",
        await append(node, "global", about): "policy 1 keeps about out of global",
    }
    await take_up(node, narrow)
    expected |= {
        await append(
            node, "global", post_in(places["Tea"])
        ): "policy 2 lets no such content leave in global",
        await append(node, "global", about): "policy 2 keeps unit, about out of global",
    }
    verdict = await check(log_of(node))
    assert {wrong.id: wrong.why for wrong in verdict.wrong} == expected
    assert not expected.keys() & set(allowed)
    assert all(isinstance(wrong, Wrong) and wrong.at >= START for wrong in verdict.wrong)


async def test_a_community_opens_in_its_own_audience(node: TestNode) -> None:
    created = e.CommunityCreated(community="x", home="in", name="X", audience="local")
    id_ = await append(node, "global", created)
    assert (id_, "it opens a place for local and stands in global") in {
        (wrong.id, wrong.why) for wrong in (await check(log_of(node))).wrong
    }


async def test_a_check_of_one_day_looks_at_no_other(node: TestNode) -> None:
    await append(node, "global", e.ReadMarked(channel="g", up_to=1))
    node.clock.now = START + DAY_MS
    assert (await check(log_of(node), START + DAY_MS)).judged == 0
    assert len((await check(log_of(node), START)).wrong) == 1


# -- scoring -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flipped", [False, True])
def test_of_two_copies_of_a_profile_scoring_takes_the_one_that_says_more(flipped: bool) -> None:
    """A unit that does not leave still tells who works together at home; the order says nothing."""
    copies = [Profile(1, 10, "", "IN"), Profile(1, 11, "tea", "IN"), Profile(2, 20, "", "")]
    desk = Desk(None)  # type: ignore[arg-type]
    desk._profiles = {"asha": copies[::-1] if flipped else copies}
    assert desk._profile("asha", 5) == copies[1]
    assert desk._profile("asha", 10) == copies[1], "also when the fuller one was appended later"
    assert desk._profile("asha", 20) == copies[2]
    assert desk._profile("bob", 20) is None
