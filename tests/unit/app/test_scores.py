"""What people do to each other's posts becomes ledger lines: each kind, its reversal, who is left out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app.score_rules import compared
from server.domain.errors import Refusal
from server.domain.import_records import import_record
from server.storage import tables as t
from tests.support.node import START
from tests.unit.app.score_world import ScoreWorld, open_world, tables
from tests.unit.scoring.test_rules import TEXT


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ScoreWorld]:
    async with open_world(tmp_path) as world:
        yield world


# ---------------------------------------------------------------- each kind of act


async def test_a_helpful_mark_is_a_line_that_explains_itself(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place, "Boil it first.\nThen wait.")
    await world.react("chen", post)
    (line,) = await world.lines("asha")
    position = world.node.tap.position
    assert line == {
        "act": str(position),
        "at": world.node.clock.now,
        "kind": "helpful",
        "what": "Somebody found it helpful.",
        "content": post,
        "content_title": "Boil it first.",
        "by": None,
        "by_text": "a colleague",
        "base": 5,
        "factors": [],
        "milli_points": 5_000,
        "rules": "2026-1",
        "status": "counted",
        "status_text": "",
        "topics": [],
    }
    assert world.told == [("asha", 5_000, line)]


async def test_posting_reading_voting_and_emoji_earn_nothing(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.node.reply("chen", post)
    await world.node.do("chen", "reaction.set", target=post, reaction="emoji", emoji="👍", on=True)
    await world.node.do("chen", "follow.set", kind="person", target="asha", on=True)
    poll = {"method": "single", "choices": ["a", "b"]}
    vote = await world.node.post("asha", world.place, "?", "poll", poll=poll)
    await world.node.do("chen", "ballot.cast", poll=vote, choices=[0])
    await world.scores.catch_up()
    assert await world.rows(t.credits_) == []
    assert world.told == []


async def test_accepting_credits_the_answer_and_closes_the_loop(world: ScoreWorld) -> None:
    question = await world.question("asha")
    answer = await world.node.reply("chen", question, "It is the tomatoes.")
    await world.node.do("asha", "answer.accept", question=question, answer=answer)
    (accepted,) = await world.lines("chen")
    (closed,) = await world.lines("asha")
    assert (accepted["kind"], accepted["milli_points"], accepted["by"]) == (
        "accepted",
        15_000,
        "asha",
    )
    assert (closed["kind"], closed["milli_points"], closed["by"]) == ("loop_closed", 2_000, "chen")
    assert accepted["content_title"] == "It is the tomatoes."
    assert closed["content_title"] == "Why is it red?"
    assert accepted["act"] != closed["act"]


async def test_ones_own_answer_closes_nothing(world: ScoreWorld) -> None:
    question = await world.question("asha")
    answer = await world.node.reply("asha", question)
    await world.node.do("asha", "answer.accept", question=question, answer=answer)
    assert await world.points("asha") == []


async def test_accepting_another_answer_moves_the_credit(world: ScoreWorld) -> None:
    question = await world.question("asha")
    first = await world.node.reply("chen", question)
    second = await world.node.reply("dora", question)
    for answer, chen, dora, asha in (
        (first, [("accepted", 15_000)], [], [("loop_closed", 2_000)]),
        (second, [], [("accepted", 15_000)], [("loop_closed", 2_000)]),
        (first, [("accepted", 15_000)], [], [("loop_closed", 2_000)]),
        (None, [], [], []),
        (second, [], [("accepted", 15_000)], [("loop_closed", 2_000)]),
    ):
        await world.node.do("asha", "answer.accept", question=question, answer=answer)
        assert await world.points("chen") == chen
        assert await world.points("dora") == dora
        assert await world.points("asha") == asha


async def test_a_steward_of_another_team_verifies(world: ScoreWorld) -> None:
    post, other = [await world.node.post(who, world.place) for who in ("asha", "ben")]
    await world.node.do("chen", "verification.set", target=post, on=True)
    assert await world.points("asha") == [("verified", 10_000)]
    community = world.place[2:]
    await world.node.do(
        "chen", "community.set_role", community=community, person="asha", role="moderator"
    )
    await world.node.do("asha", "verification.set", target=other, on=True)
    assert await world.points("ben") == [], "asha and ben are one team"


async def test_a_citation_credits_what_was_built_on(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.node.post("chen", world.place, "more", cites=[post])
    assert await world.points("asha") == [("cited", 6_000)]


async def test_praise_credits_the_person_praised(world: ScoreWorld) -> None:
    praise = {"to": "asha", "behaviour": "stayed late to help"}
    post = await world.node.post("chen", world.place, "Thanks!", "praise", praise=praise)
    (line,) = await world.lines("asha")
    assert (line["kind"], line["milli_points"], line["by"]) == ("praised", 6_000, "chen")
    assert line["content_title"] == "stayed late to help"
    await world.node.do("chen", "post.delete", post=post)
    (line,) = await world.lines("asha")
    assert (line["status"], line["milli_points"], line["content_title"]) == ("lapsed", 0, "")


async def test_an_idea_counts_for_the_stage_it_is_at(world: ScoreWorld) -> None:
    idea = await world.node.post("asha", world.place, "Do it.", "idea", title="Idea")
    community = world.place[2:]
    await world.node.do(
        "chen", "community.set_role", community=community, person="dora", role="moderator"
    )
    for mover, stage, points in (
        ("chen", "reviewed", []),
        ("chen", "shortlisted", [("idea_shortlisted", 10_000)]),
        ("chen", "accepted", [("idea_accepted", 20_000)]),
        ("chen", "piloted", [("idea_accepted", 20_000)]),
        ("dora", "shipped", [("idea_shipped", 40_000)]),
        ("chen", "declined", []),
    ):
        await world.node.do(mover, "idea.move", post=idea, stage=stage)
        assert await world.points("asha") == points, stage


# ---------------------------------------------------------------- one credit per giver and content


async def test_a_stronger_act_takes_the_line_over_in_its_place(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.react("chen", post)
    (before,) = await world.lines("asha")
    world.node.clock.advance(1_000)
    await world.react("chen", post, "solved")
    (after,) = await world.lines("asha")
    assert (after["act"], after["at"]) == (before["act"], before["at"])
    assert (after["kind"], after["milli_points"]) == ("solved", 8_000)
    assert world.told[-1] == ("asha", 8_000, after)


async def test_taking_back_removes_the_line_and_tells_the_total(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.react("chen", post)
    await world.react("dora", post)
    await world.scores.catch_up()
    await world.react("chen", post, on=False)
    assert await world.points("asha") == [("helpful", 5_000)]
    assert world.told[-1] == ("asha", 5_000, None)


async def test_off_and_on_again_gives_the_same_line(world: ScoreWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.react("chen", post)
    before = await world.lines("asha")
    await world.react("chen", post, on=False)
    world.node.clock.advance(200 * 86_400_000)
    await world.react("chen", post, on=True)
    assert await world.lines("asha") == before


async def test_the_fourth_thanks_of_a_colleague_counts_a_quarter(world: ScoreWorld) -> None:
    for _ in range(4):
        await world.react("chen", await world.node.post("asha", world.place))
    assert await world.points("asha") == [
        ("helpful", 5_000),
        ("helpful", 2_500),
        ("helpful", 1_666),
        ("helpful", 1_250),
    ]


async def test_a_giver_who_leaves_takes_nobodys_line_along(world: ScoreWorld) -> None:
    """Nor the damping of what they gave: a circle does not open by one of two leaving."""
    await world.node.register("boss", "region_admin")
    question = await world.question("dora")
    answer = await world.node.reply("asha", question)
    await world.node.do("dora", "answer.accept", question=question, answer=answer)
    for giver, author in [("dora", "asha"), ("asha", "dora")] * 3:
        await world.react(giver, await world.node.post(author, world.place))
    people = ("asha", "dora")
    before = {who: await world.lines(who) for who in people}
    assert [line["kind"] for line in before["asha"]] == ["accepted"] + ["helpful"] * 3
    assert all(line["factors"] for line in before["asha"])
    told = len(world.told)
    await world.node.do("boss", "person.set_status", person="dora", active=False)
    assert {who: await world.lines(who) for who in people} == before
    assert len(world.told) == told
    await world.react("chen", answer, "solved")
    assert (await world.lines("asha"))[:-1] == before["asha"], (
        "what comes later changes none of them"
    )
    stored = await tables(world)
    await world.scores.rebuild()
    assert await tables(world) == stored


# ---------------------------------------------------------------- what happens to the content


async def test_deleting_and_hiding_leave_a_line_with_a_reason(world: ScoreWorld) -> None:
    mine, hidden = [await world.node.post("asha", world.place, "mine") for _ in "ab"]
    answer = await world.node.reply("dora", mine)
    for target in (mine, hidden, answer):
        await world.react("chen", target)
    await world.node.do("asha", "post.delete", post=mine)
    await world.node.do(
        "chen", "moderation.act", target=hidden, act="hide", on=True, reason="off topic"
    )
    lines = {line["content"]: line for line in await world.lines("asha")}
    assert (lines[mine]["status"], lines[mine]["milli_points"]) == ("lapsed", 0)
    assert (lines[mine]["content_title"], lines[mine]["status_text"]) == (
        "",
        "Its author deleted this.",
    )
    assert (lines[hidden]["status"], lines[hidden]["milli_points"]) == ("reversed", 0)
    assert await world.points("dora") == [("helpful", 5_000)], "others' credits stay"
    await world.node.do("chen", "moderation.act", target=hidden, act="hide", on=False)
    assert ("helpful", 5_000) in await world.points("asha")


async def test_an_edited_title_is_shown_anew(world: ScoreWorld) -> None:
    question = await world.question("asha")
    await world.react("chen", question)
    assert (await world.lines("asha"))[0]["content_title"] == "Why is it red?"
    await world.node.do("asha", "post.edit", post=question, title="Why is it blue?", text="?")
    assert (await world.lines("asha"))[0]["content_title"] == "Why is it blue?"


# ---------------------------------------------------------------- who and what never scores


async def test_bots_neither_give_nor_get(world: ScoreWorld) -> None:
    await world.node.register("robo", bot=True)
    post, robot = [await world.node.post(who, world.place) for who in ("asha", "robo")]
    await world.react("robo", post)
    await world.react("chen", robot)
    assert await world.points("asha") == await world.points("robo") == []


async def test_announcements_never_score(world: ScoreWorld) -> None:
    post = await world.node.post("chen", world.place, "!", "announcement", title="News")
    await world.react("asha", post)
    assert await world.points("chen") == []


async def test_coauthors_do_not_credit_their_own_paper(world: ScoreWorld) -> None:
    paper = {"abstract": "short", "coauthors": ["chen"]}
    post = await world.node.post("asha", world.place, "x", "paper", title="Tea", paper=paper)
    await world.react("chen", post)
    await world.react("dora", post)
    assert await world.points("asha") == [("helpful", 5_000)]


async def test_imported_acceptance_never_scores_but_new_use_of_old_posts_does(
    world: ScoreWorld,
) -> None:
    community = world.place[2:]
    ids = {name: f"01{name * 24}" for name in "qa"}
    records = [
        _post(ids["q"], community, "question"),
        _reply(ids["a"], ids["q"], community),
        {
            "import": "acceptance",
            "source": {"system": "old", "id": "3"},
            "by": "asha",
            "community": community,
            "question": ids["q"],
            "answer": ids["a"],
            "author": "chen",
        },
    ]
    import msgspec

    done = await world.node.handler.import_records(
        [import_record(msgspec.json.encode(record)) for record in records]
    )
    assert not [outcome for outcome in done if isinstance(outcome, Refusal)], done
    assert await world.points("chen") == await world.points("asha") == []
    await world.react("dora", ids["a"], "solved")
    assert await world.points("chen") == [("solved", 8_000)]


def _post(post: str, community: str, kind: str) -> dict[str, object]:
    return {
        "import": "post",
        "source": {"system": "old", "id": "1"},
        "post": post,
        "author": "asha",
        "community": community,
        "kind": kind,
        "at": START,
        "text": "?",
        "title": "Old",
    }


def _reply(post: str, root: str, community: str) -> dict[str, object]:
    return {
        "import": "reply",
        "source": {"system": "old", "id": "2"},
        "post": post,
        "author": "chen",
        "community": community,
        "root": root,
        "parent": root,
        "kind": "answer",
        "at": START,
        "text": "!",
    }


async def test_other_rules_are_held_beside_what_is_left_of_a_ledger(world: ScoreWorld) -> None:
    """Whoever began anew has nothing of before in what an operator prints."""
    new = TEXT.replace('"2026-1"', '"new"').replace("points = 5", "points = 9")
    await world.react("chen", await world.node.post("asha", world.place))
    await world.react("chen", await world.node.post("ben", world.place))
    await world.node.do("asha", "scoring.erase_history")
    world.node.clock.advance(1)
    await world.react("chen", await world.node.post("asha", world.place))
    assert await world.points("asha") == [("helpful", 2_500)]
    found = await compared(world.node.reader, "in", new, world.node.clock())
    assert not isinstance(found, Refusal), found
    totals = {
        one["person"]: (one["before"]["total"], one["after"]["total"]) for one in found.people
    }
    assert totals == {"asha": (2_500, 4_500), "ben": (5_000, 9_000)}
