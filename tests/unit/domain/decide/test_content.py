"""Posts, replies, messages; edits and deletions: who may, what becomes of it, and every no."""

from __future__ import annotations

import pytest

from server.domain import events as e
from server.domain import limits
from server.domain.decide.content import week_start
from tests.support.asking import does, facts
from tests.support.world import DAY, World, poll_part


def publish(place: str, kind: str = "update", text: str = "x", **more: object) -> dict[str, object]:
    return {"place": place, "kind": kind, "text": text, **more}


async def test_a_post_is_one_event_in_the_lane_of_its_place(w: World) -> None:
    wish = publish(w.tea, title="  Leaves ", topics=["Leaf", "leaf", "Tea"], lang="en")
    [(lane, actor, event)] = facts(await does(w.node, "bob", "post.publish", **wish))
    assert (lane, actor) == ("global", "bob")
    assert isinstance(event, e.PostPublished)
    assert (event.kind, event.place, event.text) == ("update", w.tea, "x")
    assert event.title == "Leaves"
    assert event.topics == ("leaf", "tea"), "one topic, however it is written"
    assert event.at == w.node.clock.now
    records = await does(w.node, "bob", "post.publish", **publish(w.home))
    assert [record.id.lane for record in records] == ["local"]


async def test_a_colleague_who_is_mentioned_is_told_if_they_may_read_the_place(w: World) -> None:
    mentions = {"mentions": ["bob", "cleo", "asha", "bob", "nobody"]}
    [opened] = await does(w.node, "asha", "post.publish", **publish(w.tea), **mentions)
    [private] = await does(w.node, "asha", "post.publish", **publish(w.vault), **mentions)
    assert isinstance(opened.event, e.PostPublished)
    assert isinstance(private.event, e.PostPublished)
    assert opened.event.notify == ("bob", "cleo", "nobody"), "each once, and never oneself"
    assert private.event.notify == ()
    assert private.event.mentions == ("bob", "cleo", "asha", "bob", "nobody")


async def test_every_kind_of_post_with_its_part(w: World) -> None:
    praise = {"to": "bob", "behaviour": "stayed late"}
    paper = {"abstract": "leaves", "coauthors": ["bob"], "link": "https://example.com/1"}
    for kind, more in {
        "update": {},
        "question": {"title": "Why?"},
        "article": {"title": "On tea"},
        "idea": {"title": "Cups"},
        "paper": {"title": "On tea", "paper": paper},
        "poll": {"poll": poll_part()},
        "praise": {"praise": praise},
        "announcement": {"title": "Read", "announcement": {"acknowledge": True}},
    }.items():
        [record] = await does(w.node, "asha", "post.publish", **publish(w.tea, kind, **more))
        assert isinstance(record.event, e.PostPublished)
        assert record.event.kind == kind
        assert record.event.praise is None or record.event.notify == ("bob",)


async def test_a_citation_is_a_fact_of_its_own(w: World) -> None:
    records = await does(
        w.node, "cleo", "post.publish", **publish(w.tea), cites=[w.answer, w.post, w.answer]
    )
    cited = [record.event for record in records[1:]]
    assert [(c.cited, c.author, c.on) for c in cited if isinstance(c, e.CitationChanged)] == [
        (w.answer, "asha", True),
        (w.post, "asha", True),
    ]


async def test_an_open_community_takes_posts_of_every_colleague(w: World) -> None:
    assert await does(w.node, "cleo", "post.publish", **publish(w.tea))


async def test_a_message_goes_to_its_conversation_and_nowhere_else(w: World) -> None:
    [(lane, _, event)] = facts(
        await does(w.node, "bob", "post.publish", **publish(w.chat, "message"))
    )
    assert lane == "local", "both live here"
    assert isinstance(event, e.PostPublished)


async def test_announcements_are_for_moderators_and_communications_leaders(w: World) -> None:
    wish = publish(w.tea, "announcement", title="Read")
    for person in ("asha", "mod", "lead"):
        assert await does(w.node, person, "post.publish", **wish)


async def test_three_praises_a_week_and_what_is_not_given_lapses(w: World) -> None:
    wish = publish(w.tea, "praise", praise={"to": "asha", "behaviour": "stayed late"})
    week, day = 7 * 86_400_000, 86_400_000
    w.node.clock.advance(week - (w.node.clock() - 4 * day) % week)
    for _ in range(limits.PRAISE_PER_WEEK_MAX):
        [record, *_] = await does(w.node, "bob", "post.publish", **wish)
        w.node.clock.advance(day)
    assert isinstance(record.event, e.PostPublished)
    await does(w.node, "bob", "post.delete", post=record.event.post)
    found = await w.refusals({"a fourth": ("bob", "post.publish", wish)})
    assert found == {"a fourth": ("allowance_spent", "praise")}, (
        "what is deleted was given all the same"
    )
    assert await does(w.node, "cleo", "post.publish", **wish), "each has an allowance"
    w.node.clock.advance(4 * day)
    assert await does(w.node, "bob", "post.publish", **wish), "the next Monday"


@pytest.mark.parametrize(("day", "monday"), [(4, 4), (10, 4), (11, 11), (0, -3)])
def test_weeks_begin_on_monday_at_midnight_utc(day: int, monday: int) -> None:
    """Days since Thursday 1970-01-01."""
    at = 86_400_000
    assert week_start(day * at) == week_start(day * at + at - 1) == monday * at


async def test_refused_posts(w: World) -> None:
    poll = {"poll": poll_part()}
    paper = {"abstract": "x"}
    no_answer: dict[str, object] = {"method": "single", "choices": ["only"]}
    cases = {
        "unknown place": ("bob", publish("c:" + w.nowhere), "not_found place"),
        "unknown conversation": ("bob", publish("d:" + w.nowhere, "message"), "not_found place"),
        "private community": ("bob", publish(w.vault), "not_found place"),
        "others' conversation": ("cleo", publish(w.chat, "message"), "not_found place"),
        "an update in a conversation": ("bob", publish(w.chat), "bad_value kind"),
        "a message in a community": ("bob", publish(w.tea, "message"), "bad_value kind"),
        "a member's announcement": (
            "bob",
            publish(w.tea, "announcement", title="Read"),
            "forbidden kind",
        ),
        "archived": ("asha", publish(w.old), "locked place"),
        "a question without a title": ("bob", publish(w.tea, "question"), "bad_value title"),
        "a title of spaces": ("bob", publish(w.tea, "idea", title="  "), "bad_value title"),
        "nothing said": ("bob", publish(w.tea, text=" \n"), "bad_value text"),
        "a poll without choices": ("bob", publish(w.tea, "poll"), "bad_value poll"),
        "praise without a part": ("bob", publish(w.tea, "praise"), "bad_value praise"),
        "a paper without a part": ("bob", publish(w.tea, "paper", title="T"), "bad_value paper"),
        "an update with a poll": ("bob", publish(w.tea, **poll), "bad_value poll"),
        "a poll that announces": (
            "bob",
            publish(w.tea, "poll", **poll, announcement={}),
            "bad_value announcement",
        ),
        "one choice": ("bob", publish(w.tea, "poll", poll=no_answer), "bad_value poll.choices"),
        "31 choices": (
            "bob",
            publish(w.tea, "poll", poll=poll_part() | {"choices": [str(n) for n in range(31)]}),
            "bad_value poll.choices",
        ),
        "an empty choice": (
            "bob",
            publish(w.tea, "poll", poll=poll_part() | {"choices": ["a", " "]}),
            "bad_value poll.choices",
        ),
        "a choice too long": (
            "bob",
            publish(w.tea, "poll", poll=poll_part() | {"choices": ["a", "b" * 201]}),
            "bad_value poll.choices",
        ),
        "a choice twice": (
            "bob",
            publish(w.tea, "poll", poll=poll_part() | {"choices": ["a", " a"]}),
            "bad_value poll.choices",
        ),
        "secret over several regions": (
            "bob",
            publish(w.tea, "poll", poll=poll_part("ranked", secret=True, count="instant_runoff")),
            "bad_value poll.count",
        ),
        "ranks counted of a single choice": (
            "bob",
            publish(w.tea, "poll", poll=poll_part(count="instant_runoff")),
            "bad_value poll.count",
        ),
        "an abstract too long": (
            "bob",
            publish(
                w.tea,
                "paper",
                title="T",
                paper={"abstract": "x" * (limits.ABSTRACT_CHARS_MAX + 1)},
            ),
            "bad_value paper.abstract",
        ),
        "a paper behind a script": (
            "bob",
            publish(w.tea, "paper", title="T", paper=paper | {"link": "javascript:alert(1)"}),
            "bad_value paper.link",
        ),
        "a link too long": (
            "bob",
            publish(
                w.tea,
                "paper",
                title="T",
                paper=paper | {"link": "https://" + "x" * limits.LINK_CHARS_MAX},
            ),
            "bad_value paper.link",
        ),
        "a coauthor who cannot exist": (
            "bob",
            publish(w.tea, "paper", title="T", paper=paper | {"coauthors": ["No One"]}),
            "bad_value paper.coauthors",
        ),
        "51 coauthors": (
            "bob",
            publish(w.tea, "paper", title="T", paper=paper | {"coauthors": ["bob"] * 51}),
            "bad_value paper.coauthors",
        ),
        "praise for oneself": (
            "bob",
            publish(w.tea, "praise", praise={"to": "bob", "behaviour": "x"}),
            "bad_value praise.to",
        ),
        "praise for nobody": (
            "bob",
            publish(w.tea, "praise", praise={"to": "nobody", "behaviour": "x"}),
            "not_found praise.to",
        ),
        "praise for nothing": (
            "bob",
            publish(w.tea, "praise", praise={"to": "asha", "behaviour": " "}),
            "bad_value praise.behaviour",
        ),
        "praise without end": (
            "bob",
            publish(w.tea, "praise", praise={"to": "asha", "behaviour": "x" * 501}),
            "bad_value praise.behaviour",
        ),
        "a citation of what one cannot see": (
            "bob",
            publish(w.tea, cites=[w.secret]),
            "not_found cites",
        ),
        "a citation of what is gone": ("bob", publish(w.tea, cites=[w.deleted]), "gone cites"),
    }
    found = await w.refusals(
        {name: (actor, "post.publish", wish) for name, (actor, wish, _) in cases.items()}
    )
    expected = {name: tuple(code.split(" ")) for name, (_, _, code) in cases.items()}
    assert found == expected


async def test_secret_and_ranked_polls_are_for_every_audience(w: World) -> None:
    for place in (w.home, w.tea):
        for part in (
            poll_part(secret=True),
            poll_part("ranked", secret=True),
            poll_part("ranked", count="instant_runoff"),
        ):
            assert await does(w.node, "bob", "post.publish", **publish(place, "poll", poll=part))


# ---------------------------------------------------------------- replies


async def test_a_reply_names_root_and_parent_and_tells_both_authors(w: World) -> None:
    [(lane, actor, event)] = facts(
        await does(w.node, "cleo", "reply.publish", parent=w.answer, text="thanks")
    )
    assert (lane, actor) == ("global", "cleo")
    assert isinstance(event, e.ReplyPublished)
    assert (event.root, event.parent, event.place) == (w.question, w.answer, w.tea)
    assert event.kind == "reply"
    assert event.notify == ("asha", "bob")


async def test_a_direct_child_of_a_question_is_an_answer(w: World) -> None:
    for parent, kind in ((w.question, "answer"), (w.answer, "reply"), (w.post, "reply")):
        [record] = await does(w.node, "cleo", "reply.publish", parent=parent, text="x")
        assert isinstance(record.event, e.ReplyPublished)
        assert record.event.kind == kind


async def test_refused_replies(w: World) -> None:
    old = await w.node.post("asha", w.tea, "soon archived")
    change = {"community": w.tea[2:], "name": "Tea"}
    assert await w.refusals(
        {
            "unknown": ("bob", "reply.publish", {"parent": w.nowhere, "text": "x"}),
            "in a private community": ("bob", "reply.publish", {"parent": w.secret, "text": "x"}),
            "in others' conversation": (
                "cleo",
                "reply.publish",
                {"parent": w.message, "text": "x"},
            ),
            "to a deleted post": ("bob", "reply.publish", {"parent": w.deleted, "text": "x"}),
            "in a locked thread": ("asha", "reply.publish", {"parent": w.locked, "text": "x"}),
            "of spaces": ("bob", "reply.publish", {"parent": old, "text": " \n"}),
        }
    ) == {
        "unknown": ("not_found", "post"),
        "in a private community": ("not_found", "post"),
        "in others' conversation": ("not_found", "post"),
        "to a deleted post": ("gone", "post"),
        "in a locked thread": ("locked", "parent"),
        "of spaces": ("bad_value", "text"),
    }
    below = await w.node.reply("bob", old)
    await w.node.do("asha", "moderation.act", target=old, act="lock", on=True)
    await w.node.do("asha", "community.change", **change, archived=True)
    assert await w.refusals(
        {
            "below a reply of a locked thread": (
                "bob",
                "reply.publish",
                {"parent": below, "text": "x"},
            ),
            "in an archived community": ("bob", "reply.publish", {"parent": w.post, "text": "x"}),
            "an edit there": ("bob", "post.edit", {"post": below, "text": "x"}),
        }
    ) == {
        "below a reply of a locked thread": ("locked", "parent"),
        "in an archived community": ("locked", "place"),
        "an edit there": ("locked", "place"),
    }
    assert await does(w.node, "bob", "post.delete", post=below)


async def test_a_thread_may_be_unlocked(w: World) -> None:
    await w.node.do("asha", "moderation.act", target=w.locked, act="lock", on=False)
    assert await does(w.node, "bob", "reply.publish", parent=w.locked, text="at last")


# ---------------------------------------------------------------- edits and deletions


async def test_an_edit_is_the_next_revision_and_tells_who_is_mentioned(w: World) -> None:
    w.node.clock.advance(DAY)
    for rev in (2, 3):
        [(lane, actor, event)] = facts(
            await does(
                w.node,
                "asha",
                "post.edit",
                post=w.post,
                text=f"version {rev}",
                topics=["Leaf", "LEAF"],
                mentions=["bob"],
                reason="a typo",
            )
        )
        assert (lane, actor) == ("global", "asha")
        assert isinstance(event, e.PostEdited)
        assert (event.rev, event.topics, event.notify) == (rev, ("leaf",), ("bob",))
        assert event.at == w.node.clock.now


async def test_a_deletion_is_the_last_revision(w: World) -> None:
    [record] = await does(w.node, "bob", "post.delete", post=w.reply)
    assert record.event == e.PostDeleted(post=w.reply, root=w.post, place=w.tea, rev=2)


async def test_refused_edits_and_deletions(w: World) -> None:
    text = {"text": "y"}
    assert await w.refusals(
        {
            "edit another's": ("bob", "post.edit", {"post": w.post, **text}),
            "edit another's as its moderator": ("asha", "post.edit", {"post": w.reply, **text}),
            "edit the unknown": ("bob", "post.edit", {"post": w.nowhere, **text}),
            "edit the unseen": ("bob", "post.edit", {"post": w.secret, **text}),
            "edit the deleted": ("asha", "post.edit", {"post": w.deleted, **text}),
            "edit to nothing": ("asha", "post.edit", {"post": w.post, "text": " "}),
            "edit away the title": ("bob", "post.edit", {"post": w.question, **text}),
            "delete another's": ("bob", "post.delete", {"post": w.post}),
            "delete as moderator": ("mod", "post.delete", {"post": w.reply}),
            "delete the unknown": ("bob", "post.delete", {"post": w.nowhere}),
            "delete twice": ("asha", "post.delete", {"post": w.deleted}),
        }
    ) == {
        "edit another's": ("forbidden", "post"),
        "edit another's as its moderator": ("forbidden", "post"),
        "edit the unknown": ("not_found", "post"),
        "edit the unseen": ("not_found", "post"),
        "edit the deleted": ("gone", "post"),
        "edit to nothing": ("bad_value", "text"),
        "edit away the title": ("bad_value", "title"),
        "delete another's": ("forbidden", "post"),
        "delete as moderator": ("forbidden", "post"),
        "delete the unknown": ("not_found", "post"),
        "delete twice": ("gone", "post"),
    }


async def test_an_unknown_and_an_unseen_post_are_refused_in_the_same_words(w: World) -> None:
    """Otherwise the refusal itself would say that there is something."""
    unseen = await w.node.try_do("bob", "post.delete", post=w.secret)
    unknown = await w.node.try_do("bob", "post.delete", post=w.nowhere)
    assert str(unseen).replace(w.secret, "it") == str(unknown).replace(w.nowhere, "it")
