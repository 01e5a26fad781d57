"""Reactions, acceptance, verification, follows, receipts, stages: who may, and every no."""

from __future__ import annotations

from typing import Any

from server.app.handle import Answer
from server.domain import events as e
from tests.support.asking import does
from tests.support.world import START, World

Switch = tuple[str, str, dict[str, Any]]


# ---------------------------------------------------------------- switches: on, off, and no repeats


def switches(w: World) -> dict[str, tuple[Switch, str, type[e.Event]]]:
    """Name -> (who does what with what, the lane of the event, its kind); each is off at first."""
    helpful = {"target": w.post, "reaction": "helpful"}
    emoji = {"target": w.post, "reaction": "emoji", "emoji": "👍"}
    return {
        "helpful": (("bob", "reaction.set", helpful), "global", e.ReactionChanged),
        "solved": (
            ("bob", "reaction.set", helpful | {"reaction": "solved"}),
            "global",
            e.ReactionChanged,
        ),
        "emoji": (("bob", "reaction.set", emoji), "global", e.ReactionChanged),
        "emoji on one's own": (("asha", "reaction.set", emoji), "global", e.ReactionChanged),
        "verify": (
            ("asha", "verification.set", {"target": w.reply}),
            "global",
            e.VerificationChanged,
        ),
        "verify as the region's moderator": (
            ("mod", "verification.set", {"target": w.reply}),
            "global",
            e.VerificationChanged,
        ),
        "follow a person": (
            ("bob", "follow.set", {"kind": "person", "target": "asha"}),
            "global",
            e.FollowChanged,
        ),
        "follow a topic that is not in the tree": (
            ("bob", "follow.set", {"kind": "topic", "target": "tea"}),
            "local",
            e.FollowChanged,
        ),
        "follow a post": (
            ("bob", "follow.set", {"kind": "post", "target": w.post}),
            "local",
            e.FollowChanged,
        ),
    }


async def test_a_switch_counts_its_changes_and_ignores_what_it_is_already(w: World) -> None:
    for name, ((actor, do, arguments), lane, kind) in switches(w).items():
        for rev, on in ((1, True), (2, False), (3, True)):
            [record] = await does(w.node, actor, do, on=on, **arguments)
            assert isinstance(record.event, kind), name
            assert (record.id.lane, record.actor) == (lane, actor), name
            assert (record.event.rev, record.event.on) == (rev, on), name  # type: ignore[attr-defined]
            again = await w.node.try_do(actor, do, on=on, **arguments)
            assert isinstance(again, Answer)
            assert again.result == {"rev": rev}, name
            assert w.node.tap.position == record.position, name


async def test_off_before_ever_on_is_nothing(w: World) -> None:
    for (actor, do, arguments), _, _ in switches(w).values():
        assert await does(w.node, actor, do, on=False, **arguments) == []


async def test_what_is_gone_can_be_let_go_of(w: World) -> None:
    wish = {"kind": "post", "target": w.post}
    await does(w.node, "bob", "follow.set", on=True, **wish)
    await w.node.do("asha", "post.delete", post=w.post)
    [record] = await does(w.node, "bob", "follow.set", on=False, **wish)
    assert record.event == e.FollowChanged(kind="post", target=w.post, rev=2, on=False)


async def test_a_reaction_tells_whose_post_it_is_on(w: World) -> None:
    [record] = await does(
        w.node, "bob", "reaction.set", target=w.answer, reaction="helpful", on=True
    )
    assert record.event == e.ReactionChanged(
        target=w.answer,
        root=w.question,
        place=w.tea,
        author="asha",
        reaction="helpful",
        rev=1,
        on=True,
    )


async def test_refused_reactions(w: World) -> None:
    def react(target: str, **more: Any) -> dict[str, Any]:
        return {"target": target, "reaction": "helpful", "on": True} | more

    assert await w.refusals(
        {
            "unseen": ("bob", "reaction.set", react(w.secret)),
            "gone": ("bob", "reaction.set", react(w.deleted)),
            "helpful to oneself": ("asha", "reaction.set", react(w.post)),
            "solved by oneself": ("asha", "reaction.set", react(w.post, reaction="solved")),
            "an emoji of nothing": ("bob", "reaction.set", react(w.post, reaction="emoji")),
            "an emoji of a space": (
                "bob",
                "reaction.set",
                react(w.post, reaction="emoji", emoji=" "),
            ),
            "helpful with an emoji": ("bob", "reaction.set", react(w.post, emoji="👍")),
        }
    ) == {
        "unseen": ("not_found", "post"),
        "gone": ("gone", "post"),
        "helpful to oneself": ("forbidden", "target"),
        "solved by oneself": ("forbidden", "target"),
        "an emoji of nothing": ("bad_value", "emoji"),
        "an emoji of a space": ("bad_value", "emoji"),
        "helpful with an emoji": ("bad_value", "emoji"),
    }


async def test_refused_verifications_and_follows(w: World) -> None:
    on = {"on": True}
    assert await w.refusals(
        {
            "verify as a member": ("bob", "verification.set", {"target": w.answer, **on}),
            "verify oneself": ("asha", "verification.set", {"target": w.post, **on}),
            "verify the unseen": ("bob", "verification.set", {"target": w.secret, **on}),
            "verify a message": ("bob", "verification.set", {"target": w.message, **on}),
            "follow oneself": ("bob", "follow.set", {"kind": "person", "target": "bob", **on}),
            "follow nobody": ("bob", "follow.set", {"kind": "person", "target": "nobody", **on}),
            "follow the unseen": ("bob", "follow.set", {"kind": "post", "target": w.secret, **on}),
            "follow the gone": ("bob", "follow.set", {"kind": "post", "target": w.deleted, **on}),
        }
    ) == {
        "verify as a member": ("forbidden", "target"),
        "verify oneself": ("forbidden", "target"),
        "verify the unseen": ("not_found", "post"),
        "verify a message": ("forbidden", "target"),
        "follow oneself": ("bad_value", "target"),
        "follow nobody": ("not_found", "target"),
        "follow the unseen": ("not_found", "target"),
        "follow the gone": ("gone", "target"),
    }


# ---------------------------------------------------------------- acceptance


async def test_the_asker_accepts_another_answer_and_none(w: World) -> None:
    other = await w.node.reply("cleo", w.question)
    for rev, answer, author in ((1, w.answer, "asha"), (2, other, "cleo"), (3, None, "")):
        [record] = await does(w.node, "bob", "answer.accept", question=w.question, answer=answer)
        assert record.event == e.AnswerAccepted(
            question=w.question, place=w.tea, rev=rev, answer=answer, author=author
        )
        assert await does(w.node, "bob", "answer.accept", question=w.question, answer=answer) == []


async def test_refused_acceptances(w: World) -> None:
    def accept(actor: str, question: str, answer: str | None) -> Switch:
        return (actor, "answer.accept", {"question": question, "answer": answer})

    assert await w.refusals(
        {
            "for another": accept("asha", w.question, w.answer),
            "of an update": accept("asha", w.post, w.reply),
            "of another thread": accept("bob", w.question, w.reply),
            "of the question": accept("bob", w.question, w.question),
            "of the unknown": accept("bob", w.question, w.nowhere),
            "of the deleted": accept("bob", w.question, w.deleted),
            "in the unseen": accept("bob", w.secret, None),
        }
    ) == {
        "for another": ("forbidden", "question"),
        "of an update": ("bad_value", "question"),
        "of another thread": ("bad_value", "answer"),
        "of the question": ("bad_value", "answer"),
        "of the unknown": ("not_found", "answer"),
        "of the deleted": ("gone", "answer"),
        "in the unseen": ("not_found", "post"),
    }


# ---------------------------------------------------------------- receipts and ideas


async def test_an_announcement_is_acknowledged_once(w: World) -> None:
    [record] = await does(w.node, "bob", "announcement.acknowledge", post=w.notice)
    assert record.event == e.AnnouncementAcknowledged(post=w.notice, place=w.tea)
    assert await does(w.node, "bob", "announcement.acknowledge", post=w.notice) == []


async def test_an_idea_moves_with_an_owner_and_a_date(w: World) -> None:
    move = {"owner": "bob", "due": START, "note": "nice"}
    for rev, (who, stage) in enumerate((("asha", "accepted"), ("mod", "shipped")), 1):
        [record] = await does(w.node, who, "idea.move", post=w.idea, stage=stage, **move)
        assert record.event == e.IdeaStageChanged(
            post=w.idea, place=w.tea, author="bob", rev=rev, stage=stage, **move
        )


async def test_refused_receipts_and_moves(w: World) -> None:
    plain = await w.node.post("lead", w.tea, "fyi", "announcement", title="FYI")
    move = {"stage": "accepted"}
    assert await w.refusals(
        {
            "of an update": ("bob", "announcement.acknowledge", {"post": w.post}),
            "of one that does not ask": ("bob", "announcement.acknowledge", {"post": plain}),
            "of the unseen": ("bob", "announcement.acknowledge", {"post": w.secret}),
            "of the gone": ("bob", "announcement.acknowledge", {"post": w.deleted}),
            "an idea, by its author": ("bob", "idea.move", {"post": w.idea, **move}),
            "an idea, by a colleague": ("cleo", "idea.move", {"post": w.idea, **move}),
            "no idea": ("asha", "idea.move", {"post": w.post, **move}),
            "an idea nobody has": ("asha", "idea.move", {"post": w.nowhere, **move}),
            "to nobody": ("asha", "idea.move", {"post": w.idea, "owner": "zoe", **move}),
        }
    ) == {
        "of an update": ("bad_value", "post"),
        "of one that does not ask": ("bad_value", "post"),
        "of the unseen": ("not_found", "post"),
        "of the gone": ("gone", "post"),
        "an idea, by its author": ("forbidden", "post"),
        "an idea, by a colleague": ("forbidden", "post"),
        "no idea": ("bad_value", "post"),
        "an idea nobody has": ("not_found", "post"),
        "to nobody": ("not_found", "owner"),
    }
