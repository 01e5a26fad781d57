"""Reactions, acceptance, verification, ballots, follows, receipts, stages: who may, and every no."""

from __future__ import annotations

from typing import Any

import pytest

from server.app.handle import Answer
from server.domain import events as e
from tests.support.asking import does, facts
from tests.support.world import START, World, poll_part

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


# ---------------------------------------------------------------- ballots


@pytest.mark.parametrize(
    ("poll", "choices"),
    [("poll", [0]), ("poll", [2]), ("several", [0]), ("several", [2, 0])],
)
async def test_a_ballot(w: World, poll: str, choices: list[int]) -> None:
    asked = getattr(w, poll)
    [(lane, actor, event)] = facts(
        await does(w.node, "cleo", "ballot.cast", poll=asked, choices=choices)
    )
    assert (lane, actor) == ("global", "cleo")
    assert event == e.BallotCast(poll=asked, place=w.tea, rev=1, choices=tuple(choices))
    [record] = await does(w.node, "cleo", "ballot.cast", poll=asked, withdrawn=True)
    assert record.event == e.BallotCast(poll=asked, place=w.tea, rev=2, withdrawn=True)


async def test_a_ranked_ballot_keeps_its_order(w: World) -> None:
    poll = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part("ranked"))
    [record] = await does(w.node, "bob", "ballot.cast", poll=poll, choices=[2, 0, 1])
    assert isinstance(record.event, e.BallotCast)
    assert record.event.choices == (2, 0, 1)


async def test_i11_a_secret_ballot_stays_at_home_whatever_the_audience(w: World) -> None:
    """Also when a poll of another region's making asks for secrecy in a lane all regions read."""
    abroad = e.PostPublished(
        post=w.nowhere,
        kind="poll",
        place=w.kaffee,
        at=START,
        poll=e.PollSpec(method="single", choices=("ja", "nein"), secret=True),
    )
    await w.foreign("dora", abroad)
    [record] = await does(w.node, "bob", "ballot.cast", poll=w.nowhere, choices=[1])
    assert record.id.lane == "local"
    assert isinstance(record.event, e.BallotCast)
    assert record.event.secret


async def test_refused_ballots(w: World) -> None:
    def vote(poll: str, *choices: int, withdrawn: bool = False) -> Switch:
        return ("bob", "ballot.cast", {"poll": poll, "choices": choices, "withdrawn": withdrawn})

    assert await w.refusals(
        {
            "on no poll": vote(w.post, 0),
            "on the unseen": vote(w.secret, 0),
            "too late": vote(w.closed, 0),
            "to take it back, too late": vote(w.closed, withdrawn=True),
            "for nothing": vote(w.poll),
            "for two of a single choice": vote(w.poll, 0, 1),
            "for one thing twice": vote(w.several, 1, 1),
            "for what is not there": vote(w.several, 0, 3),
            "withdrawn, with a choice": vote(w.poll, 0, withdrawn=True),
        }
    ) == {
        "on no poll": ("bad_value", "poll"),
        "on the unseen": ("not_found", "post"),
        "too late": ("closed", "poll"),
        "to take it back, too late": ("closed", "poll"),
        "for nothing": ("bad_value", "choices"),
        "for two of a single choice": ("bad_value", "choices"),
        "for one thing twice": ("bad_value", "choices"),
        "for what is not there": ("bad_value", "choices"),
        "withdrawn, with a choice": ("bad_value", "choices"),
    }


async def test_a_poll_takes_ballots_until_the_moment_it_closes(w: World) -> None:
    closes = w.node.clock.now + 10
    poll = await w.node.post("asha", w.tea, "?", "poll", poll=poll_part(closes_at=closes))
    w.node.clock.now = closes - 2  # the test's node moves on by one for each command
    assert await does(w.node, "bob", "ballot.cast", poll=poll, choices=[0])
    refused = await w.refusals({"then": ("cleo", "ballot.cast", {"poll": poll, "choices": [0]})})
    assert w.node.clock.now == closes
    assert refused == {"then": ("closed", "poll")}


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
    }
