"""Profiles, people, their roles, topics; flags and moderation: who may, and every no."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain import events as e
from server.domain.errors import Code, Refusal
from tests.support.asking import does, facts
from tests.support.world import World

Wish = tuple[str, str, dict[str, Any]]


async def test_a_profile_is_ones_own_and_whole(w: World) -> None:
    for rev in (2, 3):
        [(lane, actor, event)] = facts(
            await does(
                w.node, "asha", "profile.change", name=" Asha R ", title="Lead", skills=["tea"]
            )
        )
        assert (lane, actor) == ("global", "asha")
        assert event == e.PersonProfileChanged(
            person="asha", rev=rev, name="Asha R", title="Lead", skills=("tea",)
        )


async def test_an_admin_registers_a_colleague_of_this_region(w: World) -> None:
    wish = {"person": "eve", "name": "Eve ", "unit": "tea", "country": "IN", "bot": True}
    [(lane, actor, event)] = facts(await does(w.node, "mod", "person.register", **wish))
    assert (lane, actor) == ("global", "mod")
    assert event == e.PersonRegistered(
        person="eve", home="in", name="Eve", unit="tea", country="IN", bot=True
    )


async def test_an_admin_gives_and_takes_roles_and_access(w: World) -> None:
    for rev, on in ((1, True), (2, False)):
        role = {"person": "bob", "role": "auditor", "on": on}
        [record] = await does(w.node, "mod", "person.set_role", **role)
        assert record.event == e.PersonRoleChanged(rev=rev, **role)
        assert await does(w.node, "mod", "person.set_role", **role) == []
    for rev, active in ((1, False), (2, True)):
        status = {"person": "bob", "active": active, "reason": "leave"}
        told = facts(await does(w.node, "mod", "person.set_status", **status))
        assert told == [
            ("local", "mod", e.PersonStatusChanged(rev=rev, **status)),
            ("global", "mod", e.PersonStatusChanged(person="bob", rev=rev, active=active)),
        ]
        assert await does(w.node, "mod", "person.set_status", **status) == []


async def test_who_left_does_nothing_until_they_are_back(w: World) -> None:
    text = {"place": w.tea, "kind": "update", "text": "x"}
    refused = await w.refusals({"gone": ("gone", "post.publish", text)})
    assert refused == {"gone": ("forbidden", None)}
    await w.node.do("mod", "person.set_status", person="gone", active=True)
    assert await does(w.node, "gone", "post.publish", **text)


async def test_a_stranger_does_nothing(w: World) -> None:
    refused = await w.refusals({"x": ("nobody", "profile.change", {"name": "Nobody"})})
    assert refused == {"x": ("unauthenticated", None)}


@pytest.mark.parametrize("who", ["mod", "lead"])
async def test_topics_are_kept_by_admins_and_communications_leaders(w: World, who: str) -> None:
    for rev in (1, 2):
        [record] = await does(
            w.node, who, "topic.define", topic="TEA", names={"de": "Tee"}, synonyms=["chai"]
        )
        assert record.event == e.TopicDefined(
            topic="tea", rev=rev, names={"de": "Tee"}, synonyms=("chai",)
        )


async def test_a_topic_is_one_however_its_letters_are_written(w: World) -> None:
    await does(w.node, "lead", "topic.define", topic="tea", names={})
    [below] = await does(w.node, "lead", "topic.define", topic="chai", names={}, parent="Tea")
    assert isinstance(below.event, e.TopicDefined)
    assert below.event.parent == "tea"
    wish = {"kind": "topic", "on": True}
    [followed] = await does(w.node, "asha", "follow.set", target="TEA", **wish)
    assert followed.event == e.FollowChanged(kind="topic", target="tea", rev=1, on=True)
    assert followed.id.lane == "global"
    assert await does(w.node, "asha", "follow.set", target="tea", **wish) == []


async def test_refusals_about_people_and_topics(w: World) -> None:
    status, role = {"active": False}, {"role": "region_admin", "on": True}
    assert await w.refusals(
        {
            "register as anybody": ("asha", "person.register", {"person": "eve", "name": "Eve"}),
            "register twice": ("mod", "person.register", {"person": "bob", "name": "Bob"}),
            "register who lives abroad": (
                "mod",
                "person.register",
                {"person": "dora", "name": "D"},
            ),
            "send somebody away": ("asha", "person.set_status", {"person": "bob", **status}),
            "send nobody away": ("mod", "person.set_status", {"person": "nobody", **status}),
            "a role for oneself": ("asha", "person.set_role", {"person": "asha", **role}),
            "a role for nobody": ("mod", "person.set_role", {"person": "nobody", **role}),
            "a topic by anybody": ("asha", "topic.define", {"topic": "tea", "names": {}}),
        }
    ) == {
        "register as anybody": ("forbidden", None),
        "register twice": ("conflict", "person"),
        "register who lives abroad": ("conflict", "person"),
        "send somebody away": ("forbidden", None),
        "send nobody away": ("not_found", "person"),
        "a role for oneself": ("forbidden", None),
        "a role for nobody": ("not_found", "person"),
        "a topic by anybody": ("forbidden", None),
    }


# ---------------------------------------------------------------- flags and moderation


async def test_any_reader_may_flag_and_again(w: World) -> None:
    for rev in (1, 2):
        [(lane, actor, event)] = facts(
            await does(w.node, "cleo", "flag.raise", target=w.reply, reason="rude")
        )
        assert (lane, actor) == ("global", "cleo")
        assert event == e.FlagRaised(
            target=w.reply, root=w.post, place=w.tea, rev=rev, reason="rude"
        )


@pytest.mark.parametrize("who", ["asha", "mod"])
async def test_moderators_resolve_flags(w: World, who: str) -> None:
    for rev in (1, 2):
        [record] = await does(w.node, who, "flag.resolve", target=w.reply, upheld=True, note="yes")
        assert record.event == e.FlagResolved(
            target=w.reply, place=w.tea, rev=rev, upheld=True, note="yes"
        )


async def test_an_answer_says_how_far_it_goes(w: World) -> None:
    """As far as the moderator saw; never beyond what is known here, nor behind what was answered."""
    for who in ("bob", "cleo", "cleo"):
        await w.node.do(who, "flag.raise", target=w.reply, reason="rude")
    for said, seen in (({"seen": 2}, 2), ({"seen": 1}, 2), ({"seen": 9}, 3), ({}, 3)):
        [record] = await does(w.node, "asha", "flag.resolve", target=w.reply, upheld=False, **said)
        assert isinstance(record.event, e.FlagResolved)
        assert record.event.seen == seen
    await w.node.do("mod", "flag.raise", target=w.reply, reason="rude")
    [record] = await does(w.node, "asha", "flag.resolve", target=w.reply, upheld=False, seen=0)
    assert isinstance(record.event, e.FlagResolved)
    assert record.event.seen == 4, "all there are, where nothing is said"


@pytest.mark.parametrize("act", ["hide", "lock", "pin"])
async def test_moderators_act_and_undo(w: World, act: str) -> None:
    for rev, on in ((1, True), (2, False), (3, True)):
        wish = {"target": w.post, "act": act, "on": on, "reason": "rude"}
        [record] = await does(w.node, "mod", "moderation.act", **wish)
        assert record.event == e.ModerationActed(root=w.post, place=w.tea, rev=rev, **wish)
        assert await does(w.node, "mod", "moderation.act", **wish) == []


@pytest.mark.parametrize(("act", "done"), [("lock", "locked"), ("pin", "pinned")])
async def test_whole_threads_are_locked_and_pinned_not_replies(
    w: World, act: str, done: str
) -> None:
    """On a reply it would do nothing, and who did it would believe it had. One of an older release can be ended."""
    wish = {"target": w.reply, "act": act}
    outcome = await w.node.try_do("mod", "moderation.act", **wish, on=True)
    assert outcome == Refusal(Code.BAD_VALUE, f"only whole threads can be {done}", "target")
    assert await does(w.node, "mod", "moderation.act", **wish, on=False) == [], "it is not on"
    about = {"root": w.post, "place": w.tea, "act": act, "rev": 1, "on": True}
    batch = w.abroad.batch(w.node.clock.now, ("dora", e.ModerationActed(target=w.reply, **about)))
    assert await w.node.handler.apply(batch) == w.abroad.seq
    assert await does(w.node, "mod", "moderation.act", **wish, on=False)


async def test_a_region_hides_a_thing_at_home_also_of_another_region(w: World) -> None:
    for target, place in ((w.german_post, w.kaffee), (w.secret, w.vault)):
        for rev, on in ((1, True), (2, False)):
            wish = {"target": target, "on": on, "reason": "law"}
            [(lane, actor, event)] = facts(
                await does(w.node, "mod", "moderation.hide_at_home", **wish)
            )
            assert (lane, actor) == ("local", "mod"), "nobody else hears of it"
            assert event == e.HiddenAtHome(root=target, place=place, rev=rev, **wish)
            assert await does(w.node, "mod", "moderation.hide_at_home", **wish) == []


async def test_refusals_about_moderation(w: World) -> None:
    hide = {"act": "hide", "on": True, "reason": "rude"}
    resolve = {"upheld": False}
    assert await w.refusals(
        {
            "flag the unseen": ("bob", "flag.raise", {"target": w.secret, "reason": "x"}),
            "flag the gone": ("bob", "flag.raise", {"target": w.deleted, "reason": "x"}),
            "resolve as a member": ("bob", "flag.resolve", {"target": w.post, **resolve}),
            "resolve the unseen": ("mod", "flag.resolve", {"target": w.secret, **resolve}),
            "resolve in a conversation": ("asha", "flag.resolve", {"target": w.message, **resolve}),
            "hide as a member": ("bob", "moderation.act", {"target": w.post, **hide}),
            "hide the unseen": ("bob", "moderation.act", {"target": w.secret, **hide}),
            "hide in a conversation": ("asha", "moderation.act", {"target": w.message, **hide}),
            "hide without a reason": (
                "asha",
                "moderation.act",
                {"target": w.reply, **hide, "reason": " "},
            ),
            "hide the gone": ("asha", "moderation.act", {"target": w.deleted, **hide}),
            "at home as anybody": (
                "asha",
                "moderation.hide_at_home",
                {"target": w.post, "on": True},
            ),
            "at home what is not": (
                "mod",
                "moderation.hide_at_home",
                {"target": w.nowhere, "on": True},
            ),
        }
    ) == {
        "flag the unseen": ("not_found", "post"),
        "flag the gone": ("gone", "post"),
        "resolve as a member": ("forbidden", "target"),
        "resolve the unseen": ("not_found", "post"),
        "resolve in a conversation": ("forbidden", "target"),
        "hide as a member": ("forbidden", "target"),
        "hide the unseen": ("not_found", "post"),
        "hide in a conversation": ("forbidden", "target"),
        "hide without a reason": ("bad_value", "reason"),
        "hide the gone": ("gone", "post"),
        "at home as anybody": ("forbidden", "target"),
        "at home what is not": ("not_found", "target"),
    }


async def test_to_show_again_needs_no_reason(w: World) -> None:
    hide = {"target": w.reply, "act": "hide"}
    await w.node.do("asha", "moderation.act", on=True, reason="rude", **hide)
    assert await does(w.node, "asha", "moderation.act", on=False, **hide)


async def test_reports_of_what_its_author_deleted_can_still_be_closed(w: World) -> None:
    """They stay in the moderators' queue; those of what was erased are gone with it."""
    await w.node.do("cleo", "flag.raise", target=w.reply, reason="rude")
    await w.node.do("bob", "post.delete", post=w.reply)
    assert await does(w.node, "asha", "flag.resolve", target=w.reply, upheld=True)
    await w.node.do("bob", "content.erase", scope="post", target=w.reply)
    resolve = {"again": ("asha", "flag.resolve", {"target": w.reply, "upheld": True})}
    assert await w.refusals(resolve) == {"again": ("gone", "post")}


@pytest.mark.parametrize("end", ["post.delete", "content.erase"])
async def test_a_thread_whose_top_is_gone_can_be_locked_and_opened(w: World, end: str) -> None:
    """What is below it stays, and goes on."""
    wish = {"scope": "post", "target": w.post} if end == "content.erase" else {"post": w.post}
    await w.node.do("asha", "moderation.act", target=w.post, act="pin", on=True)
    await w.node.do("asha", end, **wish)
    lock = {"target": w.post, "act": "lock"}
    below = {"below": ("bob", "reply.publish", {"parent": w.reply, "text": "and"})}
    assert await does(w.node, "asha", "moderation.act", on=True, **lock)
    assert await w.refusals(below) == {"below": ("locked", "parent")}
    assert await does(w.node, "asha", "moderation.act", on=False, **lock)
    assert await w.refusals(below) == {"below": ("ok", None)}
    pin = {"target": w.post, "act": "pin"}
    assert await does(w.node, "asha", "moderation.act", on=False, **pin)
    again = {"pin": ("asha", "moderation.act", pin | {"on": True})}
    assert await w.refusals(again) == {"pin": ("gone", "post")}
