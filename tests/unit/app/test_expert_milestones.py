"""First steps, from what everybody may read; nobody's past is rewritten, and nobody else's post is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app import expert_milestones
from server.domain.events import AnswerAccepted, PersonRegistered, ReactionChanged
from server.scoring.milestones import Milestone
from tests.support.node import ForeignLog
from tests.unit.app.expert_world import ExpertWorld, open_world

PAPER = {"abstract": "why", "coauthors": [], "link": ""}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ExpertWorld]:
    async with open_world(tmp_path) as world:
        emil = PersonRegistered(person="emil", home="de", name="Emil", unit="tea", country="DE")
        await world.foreign(("emil", emil), log=ForeignLog("de"))
        yield world


async def reached(world: ExpertWorld, person: str = "asha") -> list[tuple[str, str]]:
    """(name, post) in the order of time."""
    await world.experts.catch_up()
    async with world.node.reader.snapshot() as snapshot:
        found = await expert_milestones.of_people(snapshot, [person])
    milestones: list[Milestone] = found.get(person, [])
    assert [one.at for one in milestones] == sorted(one.at for one in milestones)
    return [(one.name, one.content) for one in milestones]


def solved(world: ExpertWorld, post: str, author: str) -> ReactionChanged:
    return ReactionChanged(
        target=post,
        root=post,
        place=world.place,
        author=author,
        reaction="solved",
        rev=1,
        on=True,
    )


async def test_each_first_step_with_its_post(world: ExpertWorld) -> None:
    hello = await world.node.post("asha", world.place)
    asked = await world.ask("asha", "roaming")
    answer = await world.answered("asha", "ben", "roaming")
    paper = await world.node.post("asha", world.place, "..", "paper", title="On", paper=PAPER)
    await world.answered("asha", "ben", "roaming")
    await world.foreign(("emil", solved(world, paper, "asha")), log=ForeignLog("de", epoch=9))
    assert await reached(world) == [
        ("started", hello),
        ("question", asked),
        ("answer", answer),
        ("accepted", answer),
        ("paper", paper),
        ("abroad", paper),
    ]
    await world.node.do("asha", "post.delete", post=hello)
    assert (await reached(world))[0] == ("started", asked)


async def test_a_mark_taken_back_rewrites_no_past(world: ExpertWorld) -> None:
    question = await world.ask("ben", "roaming")
    answer = await world.node.reply("asha", question)
    for chosen in (answer, None):
        await world.node.do("ben", "answer.accept", question=question, answer=chosen)
    assert ("accepted", answer) in await reached(world)


async def test_whoever_begins_anew_has_first_steps_again(world: ExpertWorld) -> None:
    await world.ask("asha", "roaming")
    await world.node.do("asha", "scoring.erase_history")
    again = await world.ask("asha", "roaming")
    assert await reached(world) == [("started", again), ("question", again)]


async def test_use_at_home_is_none_abroad(world: ExpertWorld) -> None:
    post = await world.node.post("asha", world.place)
    await world.helpful("dora", post, kind="solved")
    assert await reached(world) == [("started", post)]


async def test_what_an_event_says_of_another_s_post_is_not_believed(world: ExpertWorld) -> None:
    post = await world.node.post("chen", world.place)
    forged = [
        solved(world, post, "asha"),
        AnswerAccepted(question=post, place=world.place, rev=1, answer=post, author="asha"),
    ]
    log = ForeignLog("de", epoch=9)
    await world.foreign(*[("emil", event) for event in forged], log=log)
    assert await reached(world) == []
    assert await reached(world, "chen") == [("started", post)]


async def test_private_places_tell_nothing(world: ExpertWorld) -> None:
    secret = await world.node.community("asha", "Secret", visibility="private")
    await world.node.post("asha", secret)
    assert await reached(world) == []
