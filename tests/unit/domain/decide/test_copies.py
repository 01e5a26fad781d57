"""A fact about a person in a copy for each audience; a changed policy tells it anew (I6, I8)."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from server.domain import events as e
from server.domain.decide.copies import adopt
from server.domain.errors import Refusal
from server.domain.events import ResidencyPolicy
from server.domain.residency import DEFAULT, EVERYTHING
from server.storage.digest import shared_digests_at
from server.storage.queries import people
from server.storage.queries.shapes import PersonView
from server.storage.rebuild import rebuild
from tests.support.asking import facts
from tests.support.carrying import carry
from tests.support.node import TestNode, open_test_node

REGIONS = ("br", "de", "in")
GROUPS = {"near": frozenset({"de", "in"})}
SOME = ResidencyPolicy(
    profile=("title",), in_groups={"near": ("unit", "skills")}, audiences=DEFAULT.audiences
)
ABOUT = "Plays the sarod."


class Three(NamedTuple):
    """India, Germany in the same policy group, Brazil outside of it."""

    india: TestNode
    germany: TestNode
    brazil: TestNode

    async def carry(self, *first: str) -> None:
        for target in (self.germany, self.brazil):
            await carry(self.india, target, GROUPS, first)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with (
        open_test_node(tmp_path, "in", groups=GROUPS) as india,
        open_test_node(tmp_path, "de", groups=GROUPS) as germany,
        open_test_node(tmp_path, "br", groups=GROUPS) as brazil,
    ):
        yield Three(india, germany, brazil)


async def take_up(node: TestNode, policy: ResidencyPolicy, groups: object = GROUPS) -> None:
    outcome = await node.handler.append(partial(adopt, policy, REGIONS, groups))
    assert isinstance(outcome, dict), outcome


async def seen(node: TestNode, person: str = "asha") -> PersonView:
    async with node.reader.snapshot() as snapshot:
        return (await people.by_ids(snapshot, {person}))[person]


async def change(node: TestNode, **more: str) -> None:
    profile = {"title": "Chemist", "unit": "tea", "skills": ["pots"], "about": ABOUT} | more
    await node.do("asha", "profile.change", name="Asha", **profile)


async def since(node: TestNode, position: int) -> list[tuple[str, str, e.Event | None]]:
    return facts(await node.tap.read(position, 100))


async def test_a_profile_goes_to_each_audience_as_it_may_know_it(three: Three) -> None:
    await take_up(three.india, SOME)
    await three.india.register("asha")
    before = three.india.tap.position
    await change(three.india)
    whole = e.PersonProfileChanged(
        person="asha",
        rev=2,
        name="Asha",
        title="Chemist",
        unit="tea",
        skills=("pots",),
        about=ABOUT,
    )
    near = msgspec.structs.replace(whole, about="")
    assert await since(three.india, before) == [
        ("local", "asha", whole),
        ("group.near", "asha", near),
        ("global", "asha", msgspec.structs.replace(near, unit="", skills=())),
    ]
    await three.carry()
    home, germany, brazil = [await seen(node) for node in three]
    assert (home.about, home.unit, home.skills) == (ABOUT, "tea", ("pots",))
    assert (germany.about, germany.unit, germany.skills) == ("", "tea", ("pots",))
    assert (brazil.title, brazil.unit, brazil.skills) == ("Chemist", "", ())


async def test_readers_at_home_are_shown_one_event_for_one_change(three: Three) -> None:
    await take_up(three.india, SOME)
    await three.india.register("asha")
    before = three.india.tap.position
    await change(three.india)
    shown = [record for record in await three.india.tap.read(before, 100) if record.channels]
    assert [record.id.lane for record in shown] == ["local"]


@pytest.mark.parametrize("first", list(itertools.permutations(("global", "group.near"))))
async def test_i6_the_order_of_lanes_makes_no_difference(
    three: Three, first: tuple[str, ...]
) -> None:
    """Also of revisions: the second change says less, and is not filled up from the first."""
    await take_up(three.india, SOME)
    await three.india.register("asha", unit="tea")
    await change(three.india)
    await change(three.india, unit="coffee", about="")
    await three.carry(*first)
    germany = await seen(three.germany)
    assert (germany.unit, germany.about) == ("coffee", "")
    digests = [shared_digests_at(node.url) for node in three]
    assert digests[0] == digests[1] == digests[2], "what all regions have is equal in all"
    for node in three:
        assert rebuild(node.url, check=True).different == ()


async def test_what_is_withheld_of_a_new_colleague_follows_their_registration(three: Three) -> None:
    await take_up(three.india, SOME)
    before = three.india.tap.position
    await three.india.register("asha", unit="tea", country="IN")
    assert await since(three.india, before) == [
        ("global", "", e.PersonRegistered(person="asha", home="in", name="Asha")),
        (
            "local",
            "",
            e.PersonProfileChanged(person="asha", rev=1, name="Asha", unit="tea", country="IN"),
        ),
        ("group.near", "", e.PersonProfileChanged(person="asha", rev=1, name="Asha", unit="tea")),
    ]
    await three.carry()
    assert [(await seen(node)).unit for node in three] == ["tea", "tea", ""]
    assert [(await seen(node)).country for node in three] == ["IN", "", ""]


async def test_an_emptied_field_is_empty_at_home_too(three: Three) -> None:
    await three.india.register("asha")
    await change(three.india)
    await change(three.india, about="")
    assert (await seen(three.india)).about == ""


async def test_a_stricter_policy_takes_back_what_is_shown_abroad(three: Three) -> None:
    await take_up(three.india, EVERYTHING)
    await three.india.register("asha")
    await three.india.register("bob")
    await change(three.india)
    await three.carry()
    assert (await seen(three.brazil)).about == ABOUT
    before = three.india.tap.position
    await take_up(three.india, SOME)
    lanes = [(lane, event.person) for lane, _, event in (await since(three.india, before))[1:]]  # type: ignore[union-attr]
    assert lanes == [("local", "asha"), ("group.near", "asha"), ("global", "asha")], (
        "bob is as he was"
    )


async def test_a_wider_policy_tells_what_was_kept(three: Three) -> None:
    await take_up(three.india, SOME)
    await three.india.register("asha")
    await change(three.india)
    await take_up(three.india, EVERYTHING)
    await three.carry()
    assert {(await seen(node)).about for node in three} == {ABOUT}


async def test_a_group_that_came_later_is_told_too(three: Three) -> None:
    await take_up(three.india, SOME, {})
    await three.india.register("asha", unit="tea")
    before = three.india.tap.position
    await take_up(three.india, SOME, GROUPS)
    (lane, actor, event), *copies = await since(three.india, before)
    assert (lane, actor) == ("control", "")
    assert event == e.ResidencyChanged(
        region="in", rev=2, policy=SOME, regions=REGIONS, groups={"near": ("de", "in")}
    )
    assert [lane for lane, _, _ in copies] == ["local", "group.near", "global"]


async def test_groups_of_a_roster_adopted_at_run_time_count_for_what_is_told(three: Three) -> None:
    """The policy is written before anything is decided by the new groups (docs/protocol/federation.md 21)."""
    handler = three.india.handler
    handler.regroup({}, frozenset(REGIONS))
    await take_up(three.india, SOME, {})
    await three.india.register("asha")
    await change(three.india)
    await take_up(three.india, SOME, GROUPS)
    handler.regroup(GROUPS, frozenset(REGIONS))
    await three.carry()
    assert (await seen(three.germany)).unit == "tea"
    before = three.india.tap.position
    await take_up(three.india, SOME, {})
    lanes = [lane for lane, _, _ in await since(three.india, before)]
    assert "group.near" not in lanes, "nobody but us is in it by now"


async def test_the_policy_that_holds_is_not_written_again(three: Three) -> None:
    await take_up(three.india, DEFAULT)
    before = three.india.tap.position
    await take_up(three.india, DEFAULT)
    assert three.india.tap.position == before


async def test_content_that_may_not_leave_is_refused_and_changes_nothing(three: Three) -> None:
    near_only = msgspec.structs.replace(SOME, audiences=("group.near",))
    await three.india.register("asha")
    tea = await three.india.community("asha", "Tea")
    post = await three.india.post("asha", tea)
    await take_up(three.india, near_only)
    before = three.india.tap.position
    for do, arguments in {
        "post.publish": {"place": tea, "kind": "update", "text": "more"},
        "reply.publish": {"parent": post, "text": "more"},
        "community.create": {"name": "Coffee"},
    }.items():
        refusal = await three.india.try_do("asha", do, **arguments)
        assert isinstance(refusal, Refusal), do
        assert refusal.code == "not_exported"
        assert "in lets nothing leave in the lane global" in refusal.message
    assert three.india.tap.position == before
    assert await three.india.do("asha", "post.delete", post=post), "what ended must end abroad too"
    near = await three.india.community("asha", "Near", audience="group.near")
    assert await three.india.post("asha", near)
