"""The demo's scenes are played to their end on a real writer: every line is allowed and makes sense."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from server.app.handle import Answer
from server.domain import commands
from server.domain.ids import PERSON_PATTERN
from server.ops.demo import company, conversations
from server.ops.demo.director import TRIES_MAX, Beat, Cast, Director, Ref, filled
from server.ops.demo.stories import STORIES
from server.ops.demo.story import Story
from tests.support.node import TestNode, open_test_node

KINDS = {
    "update",
    "question",
    "article",
    "paper",
    "idea",
    "poll",
    "praise",
    "announcement",
}


def test_names_in_the_stories_exist() -> None:
    assert all(PERSON_PATTERN.fullmatch(person.id) for person in company.PEOPLE)
    for story in STORIES:
        assert story.community in company.COMMUNITY
        assert {story.by, story.to} - {""} <= set(company.PERSON)
        assert all(line[0] in "+*><" for line in story.lines)
    assert {story.kind for story in STORIES} == KINDS


def test_every_region_has_people_and_someone_to_lead_and_administer() -> None:
    for region in company.REGIONS:
        people = company.at_home(region.code)
        assert len(people) == 8
        roles = {role for person in people for role in person.roles}
        assert {"communications_leader", "region_admin", "moderator"} <= roles


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.kind}-{story.text[:20]}")
def test_a_story_refers_to_what_it_made_and_fills_every_slot(story: Story) -> None:
    cast = Cast(story, "0" * 26, Random(7), 0)
    made: dict[int, str] = {}
    for number, beat in enumerate(cast.beats()):
        command = filled(beat.command, made)
        commands.from_builtins(command)
        assert not any(slot in str(command) for slot in ("{site}", "{model}", "{n}"))
        made[number] = f"{number:026}"


async def play(node: TestNode, director: Director, beats_max: int = 5_000) -> list[str]:
    """Performs cues until all is quiet; what was done, in order. A refusal fails the test."""
    done = []
    for number in range(beats_max):
        cue = director.next(node.clock())
        if cue is None:
            assert director.is_quiet
            return done
        command = commands.from_builtins(cue.command)
        node.clock.advance(1)
        answer = await node.handler.handle(cue.person, f"demo-key-{number}", command)
        assert isinstance(answer, Answer), (answer, cue)
        director.done(cue, answer.result)
        done.append(cue.command["do"])
    raise AssertionError("the scenes never end")


async def test_every_story_is_allowed_on_a_real_node(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        for person in company.PEOPLE:
            await node.register(person.id, *person.roles, name=person.name)
        communities = {
            c.key: (await node.community(c.owner, c.name))[2:] for c in company.COMMUNITIES
        }
        director = Director(communities, Random(3))
        for story in STORIES:
            director.open(story, node.clock())
        for talk in conversations.TALKS:
            director.play(conversations.beats(talk))
        done = await play(node, director)
    for act in (
        "answer.accept",
        "verification.set",
        "ballot.cast",
        "announcement.acknowledge",
        "idea.move",
        "reaction.set",
        "conversation.start",
    ):
        assert act in done


def test_the_same_seed_plays_the_same_scenes() -> None:
    assert _cues(Random(5), 200) == _cues(Random(5), 200)
    assert _cues(Random(5), 200) != _cues(Random(6), 200)


def test_stories_rest_before_they_come_again() -> None:
    openings = [c for c in _cues(Random(5), 900) if c["do"] == "post.publish"]
    told = [command["title"] or command["text"][:12] for command in openings]
    assert len(told) > 25
    assert len(set(told[:20])) == 20


def _cues(chance: Random, n: int) -> list[dict[str, Any]]:
    director = Director({c.key: "0" * 26 for c in company.COMMUNITIES}, chance)
    ids = itertools.count(1)
    cues = []
    for _ in range(n):
        director.keep_open(0)
        cue = director.next(0)
        assert cue is not None
        director.done(cue, {"post": f"{next(ids):026}"})
        cues.append(cue.command)
    return cues


def scene(*commands: dict[str, Any]) -> tuple[Director, Sequence[Beat]]:
    director = Director({}, Random(1))
    beats = [Beat("asha.rao", command) for command in commands]
    director.play(beats)
    return director, beats


def test_a_cue_that_came_too_early_comes_again_and_not_for_ever() -> None:
    director, _ = scene({"do": "post.publish"})
    now = 0
    for _ in range(TRIES_MAX):
        cue = director.next(now)
        assert cue is not None
        assert director.next(now) is None
        director.too_early(cue, now)
        assert director.next(now) is None
        now += 500
    assert director.is_quiet


def test_a_refused_reaction_is_left_out_a_refused_post_ends_the_scene() -> None:
    react = {"do": "reaction.set", "target": Ref(0)}
    director, _ = scene({"do": "post.publish"}, react, {"do": "reply.publish", "parent": Ref(0)})
    cue = director.next(0)
    assert cue is not None
    director.done(cue, {"post": "p"})
    cue = director.next(0)
    assert cue is not None
    assert cue.command["target"] == "p"
    director.refused(cue)
    cue = director.next(0)
    assert cue is not None
    assert cue.command == {"do": "reply.publish", "parent": "p"}
    director.refused(cue)
    assert director.is_quiet
