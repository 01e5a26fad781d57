"""Answers become records of who knows: what counts, what is left out, who is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from server.app.expert_touches import Touches
from server.domain.errors import Refusal
from server.domain.import_records import import_record
from server.scoring.rules import DAY_MS
from server.storage import tables as t
from tests.support.node import START
from tests.unit.app.expert_world import ExpertWorld, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ExpertWorld]:
    async with open_world(tmp_path) as world:
        yield world


async def test_what_asks_nothing_is_told_by_the_records_alone(world: ExpertWorld) -> None:
    """A batch of them costs no look into the tables, and yet moves the place in the log."""
    await world.experts.catch_up()
    tap, before = world.node.tap, world.experts.position
    root = await world.node.post("asha", world.place, "an update")
    await world.node.reply("ben", root)
    assert not Touches(await tap.read(before, 10))
    await world.experts.catch_up()
    assert world.experts.position == tap.position > before
    await world.ask("asha")
    assert Touches(await tap.read(world.experts.position, 10))


# ---------------------------------------------------------------- what counts


async def test_accepted_or_best_rated_answers_are_good_ones(world: ExpertWorld) -> None:
    await world.answered("asha", "ben", "roaming")
    helped = await world.answered("asha", "chen", "roaming", accept=False)
    await world.helpful("dora", helped)
    await world.answered("asha", "dora", "roaming", accept=False)
    assert await world.knows("roaming") == {"asha": (2, 3)}
    (row,) = await world.rows(t.expertise)
    named = dict(zip([column.name for column in t.expertise.c], row, strict=True))
    assert (named["expert"], named["askers"], named["units"]) == (True, 3, 3)
    assert named["last_at"] == world.node.clock.now


async def test_an_answer_to_oneself_is_no_record(world: ExpertWorld) -> None:
    await world.answered("asha", "asha", "roaming", accept=False)
    assert await world.knows("roaming") == {}


async def test_a_mark_taken_back_and_an_answer_no_longer_accepted(world: ExpertWorld) -> None:
    question = await world.ask("ben", "roaming")
    answer = await world.node.reply("asha", question)
    await world.node.do("ben", "answer.accept", question=question, answer=answer)
    assert await world.knows("roaming") == {"asha": (1, 1)}
    await world.node.do("ben", "answer.accept", question=question, answer=None)
    assert await world.knows("roaming") == {"asha": (0, 1)}
    await world.helpful("dora", answer, kind="solved")
    assert await world.knows("roaming") == {"asha": (1, 1)}
    await world.helpful("dora", answer, kind="solved", on=False)
    assert await world.knows("roaming") == {"asha": (0, 1)}


async def test_a_parent_topic_has_its_childrens_answers(world: ExpertWorld) -> None:
    await world.node.register("boss", "region_admin")
    await world.answered("asha", "ben", "esim")
    assert await world.knows("roaming") == {}
    for topic, parent in (("roaming", ""), ("esim", "roaming")):
        names = {"en": topic.title()}
        await world.node.do("boss", "topic.define", topic=topic, names=names, parent=parent)
    assert await world.knows("roaming") == await world.knows("esim") == {"asha": (1, 1)}
    await world.node.do("boss", "topic.define", topic="esim", names={"en": "eSIM"}, parent="")
    assert await world.knows("roaming") == {}


async def test_a_question_that_gets_another_topic_takes_its_answers_along(
    world: ExpertWorld,
) -> None:
    question = await world.ask("ben", "roaming")
    await world.node.reply("asha", question)
    assert await world.knows("roaming") == {"asha": (0, 1)}
    await world.node.do("ben", "post.edit", post=question, title="How?", text="?", topics=["esim"])
    assert await world.knows("roaming") == {}
    assert await world.knows("esim") == {"asha": (0, 1)}


# ---------------------------------------------------------------- what is left out


async def test_what_is_deleted_or_hidden_is_no_answer(world: ExpertWorld) -> None:
    first, second = [await world.answered("asha", "ben", "roaming") for _ in "ab"]
    await world.node.do("asha", "post.delete", post=first)
    assert await world.knows("roaming") == {"asha": (1, 1)}
    hide = {"target": second, "act": "hide", "reason": "why"}
    await world.node.do("chen", "moderation.act", on=True, **hide)
    assert await world.knows("roaming") == {}
    await world.node.do("chen", "moderation.act", on=False, **hide)
    assert await world.knows("roaming") == {"asha": (1, 1)}


async def test_who_answered_a_question_that_is_withdrawn_keeps_the_answer(
    world: ExpertWorld,
) -> None:
    """But not its topic, which went with the question."""
    question = await world.ask("ben", "roaming")
    answer = await world.node.reply("asha", question)
    await world.node.do("ben", "answer.accept", question=question, answer=answer)
    await world.node.do("ben", "post.delete", post=question)
    assert await world.knows("roaming") == {}
    ((_, _, author, *_, good),) = await world.rows(t.expertise_answers)
    assert (author, good) == ("asha", True)


async def test_places_that_not_everybody_may_read_count_for_nothing(world: ExpertWorld) -> None:
    secret = await world.node.community("chen", "Secret", visibility="private")
    grant = {"community": secret[2:], "person": "asha", "role": "member"}
    await world.node.do("chen", "community.set_role", **grant)
    question = await world.ask("chen", "roaming", place=secret)
    await world.node.reply("asha", question)
    assert await world.knows("roaming") == {}
    settings = {"name": "Secret", "visibility": "open"}
    await world.node.do("chen", "community.change", community=secret[2:], **settings)
    assert await world.knows("roaming") == {"asha": (0, 1)}


async def test_bots_know_nothing(world: ExpertWorld) -> None:
    await world.node.register("robot", bot=True)
    await world.answered("robot", "ben", "roaming")
    assert await world.knows("roaming") == {}


async def test_what_was_imported_is_no_record(world: ExpertWorld) -> None:
    question = await world.ask("ben", "roaming")
    record = {
        "import": "reply",
        "source": {"system": "old", "id": "1"},
        "community": world.place[2:],
        "post": "01" + "a" * 24,
        "author": "asha",
        "at": START,
        "kind": "answer",
        "root": question,
        "parent": question,
        "text": "so",
    }
    raw = msgspec.json.encode(record)
    outcome = await world.node.handler.import_records([import_record(raw)])
    assert not any(isinstance(one, Refusal) for one in outcome), outcome
    assert await world.knows("roaming") == {}


# ---------------------------------------------------------------- who is shown


async def test_nobody_is_listed_who_did_not_say_so_where_scores_are_private(
    world: ExpertWorld,
) -> None:
    for who in ("asha", "dora"):
        await world.answered(who, "ben", "roaming")
    assert await world.shown("roaming") == []
    await world.show("dora")
    assert await world.shown("roaming") == ["dora"]
    await world.show("dora", experts=False)
    assert await world.shown("roaming") == []


async def test_a_region_may_list_whoever_does_not_object_or_nobody(world: ExpertWorld) -> None:
    for who in ("asha", "dora"):
        await world.answered(who, "ben", "roaming")
    await world.show("dora", experts=False)
    await world.policy(scores="public")
    assert await world.shown("roaming") == ["asha"]
    await world.policy(scores="off")
    assert await world.knows("roaming") == {}, "where scores are off there is no record at all"
    await world.policy(scores="public")
    assert await world.shown("roaming") == ["asha"], "and at once again where they are not"


async def test_whoever_begins_anew_has_no_record_from_before(world: ExpertWorld) -> None:
    await world.answered("dora", "ben", "roaming")
    await world.node.do("dora", "scoring.erase_history")
    assert await world.knows("roaming") == {}
    await world.answered("dora", "chen", "roaming")
    assert await world.knows("roaming") == {"dora": (1, 1)}


async def test_who_left_is_listed_no_more(world: ExpertWorld) -> None:
    await world.node.register("boss", "region_admin")
    await world.answered("dora", "ben", "roaming")
    await world.show("dora")
    assert await world.shown("roaming") == ["dora"]
    await world.node.do("boss", "person.set_status", person="dora", active=False)
    assert await world.shown("roaming") == []


async def test_the_better_one_stands_first(world: ExpertWorld) -> None:
    await world.show("asha", "dora")
    for asker in ("ben", "chen", "eve"):
        question = await world.ask(asker, "roaming")
        await world.node.reply("asha", question)
        right = await world.node.reply("dora", question)
        await world.node.do(asker, "answer.accept", question=question, answer=right)
    assert await world.shown("roaming") == ["dora", "asha"]


# ---------------------------------------------------------------- open calls


async def test_a_question_calls_whom_it_names_until_they_or_somebody_answer(
    world: ExpertWorld,
) -> None:
    question = await world.ask("ben", "roaming", mentions=["asha", "dora"])
    await world.experts.catch_up()
    at = world.node.clock.now
    calls = [("asha", question, "ben", at), ("dora", question, "ben", at)]
    assert await world.rows(t.expertise_calls) == calls
    answer = await world.node.reply("asha", question)
    await world.experts.catch_up()
    assert await world.rows(t.expertise_calls) == calls[1:]
    await world.node.do("ben", "answer.accept", question=question, answer=answer)
    await world.experts.catch_up()
    assert await world.rows(t.expertise_calls) == []


# ---------------------------------------------------------------- days


async def test_scores_age_by_the_day(world: ExpertWorld) -> None:
    for asker in ("ben", "chen", "eve"):
        await world.answered("asha", asker, "roaming")
    await world.experts.catch_up()
    score = [column.name for column in t.expertise.c].index("score")
    ((*young,),) = await world.rows(t.expertise)
    world.node.clock.advance(540 * DAY_MS)
    await world.experts.catch_up()
    ((*old,),) = await world.rows(t.expertise)
    assert old[score] < young[score]
    await world.experts.rebuild()
    assert await world.rows(t.expertise) == [tuple(old)]
