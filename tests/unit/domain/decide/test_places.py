"""Communities, who belongs to them, conversations, read marks: who may, and every no."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.domain import events as e
from server.domain import limits
from tests.support.asking import does, facts
from tests.support.node import ForeignLog, open_test_node
from tests.support.world import DAY, START, World, build_world


async def test_a_community_is_created_with_its_owner(w: World) -> None:
    [(lane, actor, created), (also, _, role)] = facts(
        await does(w.node, "cleo", "community.create", name=" Coffee ", visibility="private")
    )
    assert isinstance(created, e.CommunityCreated)
    assert (lane, also, actor) == ("global", "global", "cleo")
    assert (created.name, created.home, created.owner) == ("Coffee", "in", "cleo")
    assert role == e.CommunityRoleChanged(
        community=created.community, person="cleo", rev=1, role="owner"
    )


async def test_a_community_lives_in_the_lane_of_its_audience(tmp_path: Path) -> None:
    groups = {"asia": frozenset({"in", "jp"}), "eu": frozenset({"de", "fr"})}
    async with open_test_node(tmp_path, groups=groups) as node:
        w = await build_world(node)
        for audience in ("local", "group.asia"):
            place = await node.community("asha", audience=audience)
            for record in await does(
                node, "asha", "post.publish", place=place, kind="update", text="x"
            ):
                assert record.id.lane == audience
        wish = {"name": "Tee", "audience": "group.eu"}
        assert await w.refusals(
            {
                "of a group we are not in": ("asha", "community.create", wish),
                "of a group that is not": (
                    "asha",
                    "community.create",
                    wish | {"audience": "group.x"},
                ),
            }
        ) == {
            "of a group we are not in": ("bad_value", "audience"),
            "of a group that is not": ("bad_value", "audience"),
        }


@pytest.mark.parametrize("who", ["asha", "mod"])
async def test_owners_and_admins_change_a_community(w: World, who: str) -> None:
    for rev in (2, 3):
        [record] = await does(
            w.node, who, "community.change", community=w.tea[2:], name=" Tea ", about="leaves"
        )
        assert record.event == e.CommunityChanged(
            community=w.tea[2:], rev=rev, settings=e.EditedCommunity(name="Tea", about="leaves")
        )


async def test_roles_are_given_and_taken_by_owners(w: World) -> None:
    wish = {"community": w.vault[2:], "person": "bob"}
    for rev, role in enumerate(("member", "moderator", "none"), 1):
        [record] = await does(w.node, "asha", "community.set_role", role=role, **wish)
        assert record.event == e.CommunityRoleChanged(rev=rev, role=role, **wish)
        assert await does(w.node, "asha", "community.set_role", role=role, **wish) == []


async def test_joining_and_leaving_are_ones_own(w: World) -> None:
    wish = {"community": w.tea[2:]}
    for rev, joined in ((1, True), (2, False)):
        [record] = await does(w.node, "cleo", "membership.set", joined=joined, **wish)
        assert record.event == e.MembershipChanged(person="cleo", rev=rev, joined=joined, **wish)
        assert await does(w.node, "cleo", "membership.set", joined=joined, **wish) == []


async def test_who_may_not_read_a_community_any_more_can_still_leave_it(w: World) -> None:
    """Else they were in it again with the day it opens. Of others it is as unknown as before."""
    await w.node.do("asha", "community.change", community=w.tea[2:], name="T", visibility="private")
    wish = {"community": w.tea[2:], "joined": False}
    refused = await w.refusals({"never in": ("cleo", "membership.set", wish)})
    assert refused == {"never in": ("not_found", "community")}
    [record] = await does(w.node, "bob", "membership.set", **wish)
    assert record.event == e.MembershipChanged(
        community=w.tea[2:], person="bob", rev=2, joined=False
    )
    again = {"again": ("bob", "membership.set", wish | {"joined": True})}
    assert await w.refusals(again) == {"again": ("not_found", "community")}


@pytest.mark.parametrize("role", ["member", "moderator", "owner"])
async def test_whoever_was_given_a_role_can_lay_it_down(w: World, role: str) -> None:
    """There is no other way out of a private community. None makes it a greater one."""
    wish = {"community": w.vault[2:], "person": "bob"}
    await w.node.do("asha", "community.set_role", role=role, **wish)
    await w.node.do("asha", "community.set_role", **wish | {"person": "cleo"}, role="member")
    if role != "owner":
        raised = await w.refusals(
            {
                "up": ("bob", "community.set_role", wish | {"role": "owner"}),
                "another": (
                    "bob",
                    "community.set_role",
                    wish | {"person": "cleo", "role": "none"},
                ),
            }
        )
        assert raised == dict.fromkeys(("up", "another"), ("forbidden", "community"))
    [record] = await does(w.node, "bob", "community.set_role", role="none", **wish)
    assert record.event == e.CommunityRoleChanged(rev=2, role="none", **wish)
    out = {"out": ("bob", "community.set_role", wish | {"role": "none"})}
    assert await w.refusals(out) == {"out": ("not_found", "community")}


async def test_refusals_about_communities(w: World) -> None:
    change = {"name": "Mine"}
    role = {"person": "bob", "role": "owner"}
    tea, vault, nowhere = ({"community": place[2:]} for place in (w.tea, w.vault, "c:" + w.nowhere))
    await w.node.do("asha", "community.set_role", **tea, person="bob", role="moderator")
    assert await w.refusals(
        {
            "changed by a moderator": ("bob", "community.change", tea | change),
            "changed by a colleague": ("cleo", "community.change", tea | change),
            "changed unseen": ("cleo", "community.change", vault | change),
            "changed, unknown": ("asha", "community.change", nowhere | change),
            "changed, unknown to admins too": ("mod", "community.change", nowhere | change),
            "a role taken by oneself": ("bob", "community.set_role", tea | role),
            "a role unseen": ("bob", "community.set_role", vault | role),
            "a role for nobody": ("asha", "community.set_role", tea | role | {"person": "nobody"}),
            "joined unseen": ("bob", "membership.set", vault | {"joined": True}),
            "joined, unknown": ("bob", "membership.set", nowhere | {"joined": True}),
        }
    ) == {
        "changed by a moderator": ("forbidden", "community"),
        "changed by a colleague": ("forbidden", "community"),
        "changed unseen": ("not_found", "community"),
        "changed, unknown": ("not_found", "community"),
        "changed, unknown to admins too": ("not_found", "community"),
        "a role taken by oneself": ("forbidden", "community"),
        "a role unseen": ("not_found", "community"),
        "a role for nobody": ("not_found", "person"),
        "joined unseen": ("not_found", "community"),
        "joined, unknown": ("not_found", "community"),
    }


# ---------------------------------------------------------------- conversations


async def test_a_conversation_at_home_stays_at_home(w: World) -> None:
    [(lane, actor, event)] = facts(
        await does(w.node, "bob", "conversation.start", members=["cleo", "bob", "cleo"], title="x")
    )
    assert (lane, actor) == ("local", "bob")
    assert isinstance(event, e.ConversationStarted)
    assert [(member.person, member.region) for member in event.members] == [
        ("bob", "in"),
        ("cleo", "in"),
    ]


async def test_i8_a_conversation_goes_to_the_regions_of_its_members_and_no_other(w: World) -> None:
    """One copy per pair lane; what is said in it goes the same way."""
    await w.foreign("emma", e.PersonRegistered(person="emma", home="de", name="Emma"))
    [one] = await does(w.node, "asha", "conversation.start", members=["dora", "emma"])
    assert one.id.lane == "pair.de.in"
    two = ["dora", "bob", "fred"]
    refused = await w.refusals({"x": ("asha", "conversation.start", {"members": two})})
    assert refused == {"x": ("not_found", "members")}


async def test_a_message_to_three_regions_is_copied_per_pair_and_shown_once(w: World) -> None:
    france = ForeignLog("fr")
    fred = e.PersonRegistered(person="fred", home="fr", name="Fred")
    await w.node.handler.apply(france.batch(START, ("", fred)))
    started = await does(w.node, "asha", "conversation.start", members=["dora", "fred"])
    assert [record.id.lane for record in started] == ["pair.de.in", "pair.fr.in"]
    [first, copy] = started
    assert first.event == copy.event
    assert first.channels
    assert copy.channels == ()
    assert isinstance(first.event, e.ConversationStarted)
    place = "d:" + first.event.conversation
    said = await does(w.node, "asha", "post.publish", place=place, kind="message", text="hi")
    assert [record.id.lane for record in said] == ["pair.de.in", "pair.fr.in"]
    assert [bool(record.channels) for record in said] == [True, False]


async def test_refused_conversations(w: World) -> None:
    def start(*members: str) -> tuple[str, str, dict[str, object]]:
        return ("bob", "conversation.start", {"members": members})

    assert await w.refusals(
        {
            "with oneself": start("bob"),
            "with nobody": start("nobody"),
            "with who left": start("gone"),
        }
    ) == {
        "with oneself": ("bad_value", "members"),
        "with nobody": ("not_found", "members"),
        "with who left": ("not_found", "members"),
    }


# ---------------------------------------------------------------- read marks


async def test_a_read_mark_only_moves_forward_and_never_leaves(w: World) -> None:
    for channel in (w.tea, w.chat, "t:" + w.question):
        [(lane, actor, event)] = facts(
            await does(w.node, "bob", "read.mark", channel=channel, up_to=5)
        )
        assert (lane, actor) == ("local", "bob")
        assert event == e.ReadMarked(channel=channel, up_to=5)
        for up_to in (5, 4):
            assert await does(w.node, "bob", "read.mark", channel=channel, up_to=up_to) == []


async def test_a_read_mark_of_a_clock_that_is_wrong_hides_nothing_that_is_yet_to_come(
    w: World,
) -> None:
    """It only grows: taken as said, nothing would ever be new again."""
    [(_, _, event)] = facts(
        await does(w.node, "bob", "read.mark", channel=w.tea, up_to=START + 9_000 * DAY)
    )
    assert isinstance(event, e.ReadMarked)
    assert event.up_to <= w.node.clock.now + limits.CLOCK_AHEAD_SECONDS_MAX * 1000
    w.node.clock.advance(DAY)
    assert await does(w.node, "bob", "read.mark", channel=w.tea, up_to=w.node.clock.now)


async def test_refused_read_marks(w: World) -> None:
    def mark(channel: str) -> tuple[str, str, dict[str, object]]:
        return ("cleo", "read.mark", {"channel": channel, "up_to": 5})

    refused = ("not_found", "channel")
    assert await w.refusals(
        {
            "a private community": mark(w.vault),
            "others' conversation": mark(w.chat),
            "a thread of a private community": mark("t:" + w.secret),
            "a thread that is not": mark("t:" + w.nowhere),
        }
    ) == dict.fromkeys(
        (
            "a private community",
            "others' conversation",
            "a thread of a private community",
            "a thread that is not",
        ),
        refused,
    )
