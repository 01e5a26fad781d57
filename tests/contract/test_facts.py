"""Every answer to ``Facts`` is the same answer: the writer's, cached or not, and the readers', loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from server.domain.errors import Mistake
from server.domain.events import LaneEnd
from server.domain.facts import NO_MEMBER, OFF, UNSET, Facts, ReportsFact
from server.storage import tables as t
from server.storage.async_facts import load_facts
from server.storage.facts import TxFacts
from server.storage.sql import Tx
from tests.support.company import HOMES, history
from tests.support.living import Abroad, live
from tests.support.node import TestNode
from tests.support.world import World, build_world

Questions = dict[str, Callable[[Facts], Any]]


@pytest.fixture
async def world(node: TestNode) -> World:
    return await build_world(node)


def about_places(person: str, names: dict[str, list[str]]) -> Questions:
    """What visibility asks about one person and some places and threads."""
    asked: Questions = {f"person {person}": lambda f: f.person(person)}
    for name in names["community"]:
        asked[f"community {name}"] = lambda f, name=name: f.community(name)  # type: ignore[misc]
        asked[f"member {name}"] = lambda f, name=name: f.member(name, person)  # type: ignore[misc]
    for name in names["conversation"]:
        asked[f"conversation {name}"] = lambda f, name=name: f.conversation(name)  # type: ignore[misc]
    for name in names["post"]:
        asked[f"post {name}"] = lambda f, name=name: f.post(name)  # type: ignore[misc]
    return asked


async def known(node: TestNode) -> dict[str, list[str]]:
    """Ids of everything there is, and one of nothing."""
    found = {}
    async with node.reader.snapshot() as snapshot:
        for kind, column in (
            ("community", t.communities.c.community),
            ("conversation", t.conversations.c.conversation),
            ("post", t.posts.c.post),
        ):
            found[kind] = ["nothing", *[row[0] for row in await snapshot.rows(select(column))]]
    return found


def answers(facts: Facts, questions: Questions) -> dict[str, Any]:
    return {name: ask(facts) for name, ask in questions.items()}


async def test_readers_and_the_writer_know_the_same(world: World, seed: int) -> None:
    node = world.node
    await live(node, history(seed, 150), Abroad(world.abroad))
    names = await known(node)
    channels = [
        *["c:" + name for name in names["community"]],
        *["d:" + name for name in names["conversation"]],
        *["t:" + name for name in names["post"]],
    ]
    for person in [*HOMES, "gone", "nobody"]:
        questions = about_places(person, names)

        def ask(tx: Tx, questions: Questions = questions) -> dict[str, Any]:
            return answers(TxFacts().use(tx), questions)

        written = await node.handler.run(ask)
        async with node.reader.snapshot() as snapshot:
            loaded = await load_facts(snapshot, person, channels)
        assert answers(loaded, questions) == written, person
        assert loaded.who == written[f"person {person}"]


async def test_the_writers_cache_is_never_older_than_the_transaction(
    world: World, seed: int
) -> None:
    """After every single event, whoever wrote it, the cached answers are those of a fresh look."""
    node, cached = world.node, world.node.handler._facts
    abroad = Abroad(world.abroad)
    for written in history(seed, 120):
        await live(node, [written], abroad)
        place = getattr(written.event, "community", "") or "tea"
        conversation = getattr(written.event, "conversation", "")
        questions: Questions = {}
        for person in sorted({"asha", written.actor, getattr(written.event, "person", "bob")}):
            names = {"community": [place], "conversation": [conversation], "post": []}
            questions |= about_places(person, names)

        def compare(tx: Tx, questions: Questions = questions) -> bool:
            fresh = answers(TxFacts().use(tx), questions)
            return answers(cached.use(tx), questions) == fresh

        assert await node.handler.run(compare), written


async def test_a_rolled_back_transaction_leaves_nothing_in_the_cache(world: World) -> None:
    """Roles granted in a transaction that failed were never granted."""
    node = world.node

    def fails(tx: Tx) -> None:
        facts = node.handler._facts.use(tx)
        tx.cursor.execute("UPDATE persons SET active = FALSE WHERE person = 'bob'")
        facts.forget_all()
        bob = facts.person("bob")
        assert bob is not None
        assert not bob.active
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await node.handler.run(fails)
    assert await node.do("bob", "profile.change", name="Bob B")


async def test_unknown_objects_are_none_or_a_zero_register(node: TestNode) -> None:
    def ask(tx: Tx) -> list[Any]:
        f = TxFacts().use(tx)
        return [
            f.person("x"),
            f.community("x"),
            f.member("x", "x"),
            f.conversation("x"),
            f.post("x"),
            f.reaction("x", "x", "helpful", ""),
            f.acceptance("x"),
            f.verification("x", "x"),
            f.citation("x", "x"),
            f.follow("x", "person", "x"),
            f.ballot("x", "x"),
            f.ballot_kept("x", "x"),
            f.poll("x"),
            f.casts("x"),
            f.casts("x", "in"),
            f.cast_regions("x"),
            f.holds_ballot("x", LaneEnd(region="in", epoch=1, lane="global", seq=1)),
            f.secret_ballots("x"),
            f.unknown_ballots("x"),
            f.homes("x"),
            f.acknowledged("x", "x"),
            f.idea_stage("x"),
            f.moderation("x", "hide"),
            f.hidden_at_home("x"),
            f.person_role("x", "auditor"),
            f.flag("x", "x"),
            f.reports("x"),
            f.topic_rev("x"),
            f.read_mark("x", "c:x"),
            f.vote_imported("x", "x"),
        ]

    assert await node.handler.run(ask) == [
        *(None, None, NO_MEMBER, None, None),
        *(OFF, UNSET, OFF, OFF, OFF, UNSET),
        *(False, None, [], [], frozenset(), False, [], [], frozenset()),
        *(False, UNSET),
        *(OFF, OFF, OFF, OFF, ReportsFact(0, 0, 0), 0, 0, False),
    ]


async def test_a_reader_that_asks_for_what_was_not_loaded_is_our_mistake(world: World) -> None:
    """Never a quiet no: that would hide a missing look-up for ever."""
    async with world.node.reader.snapshot() as snapshot:
        facts = await load_facts(snapshot, "bob", [world.tea])
    assert facts.community(world.tea[2:])
    asks: list[Callable[[], Any]] = [
        lambda: facts.person("asha"),
        lambda: facts.community(world.vault[2:]),
        lambda: facts.member(world.tea[2:], "asha"),
        lambda: facts.conversation(world.chat[2:]),
        lambda: facts.post(world.post),
        lambda: facts.reaction(world.post, "bob", "helpful", ""),
    ]
    for ask in asks:
        with pytest.raises(Mistake, match="not loaded"):
            ask()
