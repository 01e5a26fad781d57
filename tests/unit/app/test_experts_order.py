"""Who knows is the same whatever arrived first, however often it is read, and after a rebuild (I6, I10)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import update

from server.app import expert_store
from server.domain.events import (
    AnswerAccepted,
    CommunityCreated,
    Event,
    ModerationActed,
    PersonRegistered,
    PostDeleted,
    PostEdited,
    PostPublished,
    ReactionChanged,
    ReplyPublished,
    ScoringChoice,
    ScoringChoiceChanged,
    TopicDefined,
)
from server.scoring.experts import Judged, Reading
from server.scoring.rules import DAY_MS, day_of, parse, rulebook, shipped
from server.storage import tables as t
from server.storage.sql import Tx, statement
from tests.support.node import START, ForeignLog, open_test_node
from tests.support.postgres import running_postgres
from tests.unit.app.expert_world import ExpertWorld, open_world
from tests.unit.scoring.test_rules import TEXT

ASKED, RIGHT, WRONG, GONE = ("01" + letter * 24 for letter in "qrwg")
PLACE = "c:" + "01" + "c" * 24


def _answer(post: str) -> ReplyPublished:
    return ReplyPublished(
        post=post, kind="answer", place=PLACE, root=ASKED, parent=ASKED, at=START, text="!"
    )


def _mark(target: str, author: str, on: bool = True, rev: int = 1) -> ReactionChanged:
    return ReactionChanged(
        target=target,
        root=ASKED,
        place=PLACE,
        author=author,
        reaction="solved",
        rev=rev,
        on=on,
    )


FACTS: list[tuple[str, Event]] = [
    *[
        (name, PersonRegistered(person=name, home="de", name=name, unit=name, country="DE"))
        for name in ("emil", "fay", "gus")
    ],
    ("emil", CommunityCreated(community=PLACE[2:], home="de", name="Tee", audience="global")),
    ("emil", TopicDefined(topic="esim", rev=1, names={"en": "eSIM"}, parent="roaming")),
    ("emil", PostPublished(post=ASKED, kind="question", place=PLACE, at=START, topics=("tea",))),
    (
        "emil",
        PostEdited(
            post=ASKED, root=ASKED, place=PLACE, rev=2, text="?", topics=("esim",), at=START
        ),
    ),
    ("fay", _answer(RIGHT)),
    ("gus", _answer(WRONG)),
    ("gus", _answer(GONE)),
    ("gus", PostDeleted(post=GONE, root=ASKED, place=PLACE, rev=2)),
    ("gus", _mark(RIGHT, "fay")),
    ("emil", _mark(WRONG, "gus")),
    ("emil", _mark(WRONG, "gus", on=False, rev=2)),
    ("emil", AnswerAccepted(question=ASKED, place=PLACE, rev=1, answer=RIGHT, author="fay")),
    (
        "emil",
        ModerationActed(target=WRONG, root=ASKED, place=PLACE, act="hide", rev=1, on=True),
    ),
    ("fay", ScoringChoiceChanged(person="fay", rev=1, choice=ScoringChoice(experts=True))),
]


async def _in_order(folder: Path, order: list[int]) -> dict[str, list[tuple[object, ...]]]:
    """Each fact from a lane of its own, arriving in the given order, taken in one by one."""
    async with open_world(folder) as world:
        for number in order:
            log = ForeignLog("de", "global", epoch=100 + number)
            await world.node.handler.apply(log.batch(START + number, FACTS[number]))
            await world.experts.catch_up()
        return await world.tables()


async def test_any_order_of_arrival_gives_the_same_tables(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    numbers = list(range(len(FACTS)))
    (tmp_path / "first").mkdir()
    wanted = await _in_order(tmp_path / "first", numbers)
    assert [row[:3] for row in wanted["expertise"]] == [
        ("esim", "fay", True),
        ("roaming", "fay", True),
    ]
    assert [row[:3] for row in wanted["first_uses"]] == [
        (RIGHT, "de", "fay"),
        (WRONG, "de", "gus"),
    ]
    orders = [numbers[::-1], *[random.sample(numbers, len(numbers)) for _ in range(8)]]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert await _in_order(folder, order) == wanted, order


# ---------------------------------------------------------------- cursor, restart, rebuild


async def _workload(world: ExpertWorld, random: Random, steps: int) -> None:
    """Colleagues who ask, answer, thank, accept, take back, delete, hide, choose and rename, read now and then."""
    people, questions = ["asha", "ben", "chen", "dora", "eve"], []
    answers: list[tuple[str, str]] = []
    await world.node.register("boss", "region_admin")
    for _ in range(steps):
        who = random.choice(people)
        world.node.clock.advance(random.choice([1, 1_000, DAY_MS]))
        match random.randrange(12):
            case 0 | 1:
                topics = random.sample(["roaming", "esim", "tea"], random.randrange(3))
                named = random.sample(people, random.randrange(3))
                questions.append(await world.ask(who, *topics, mentions=named))
            case 2 | 3 | 4 if questions:
                root = random.choice(questions)
                outcome = await world.node.try_do(who, "reply.publish", parent=root, text="so")
                if not hasattr(outcome, "code"):
                    answers.append((root, outcome.result["post"]))
            case 5 | 6 if answers:
                root, answer = random.choice(answers)
                chosen = random.choice([answer, answer, None])
                for asker in people:
                    await world.node.try_do(asker, "answer.accept", question=root, answer=chosen)
            case 7 if answers and random.random() < 0.3:
                gone = random.choice(random.choice(answers))
                for author in people:
                    await world.node.try_do(author, "post.delete", post=gone)
            case 8 if answers:
                target = random.choice(random.choice(answers))
                act = {"target": target, "act": "hide", "on": random.random() < 0.5}
                await world.node.try_do("chen", "moderation.act", **act, reason="why")
            case 9:
                choice = random.choice([True, False, None])
                await world.node.do(who, "scoring.choose", experts=choice, milestones=choice)
                unit = random.choice(["tea", "rice"])
                await world.node.do(who, "profile.change", name=who, unit=unit)
                parent = random.choice(["roaming", ""])
                names = {"en": "eSIM"}
                await world.node.do(
                    "boss", "topic.define", topic="esim", names=names, parent=parent
                )
            case 10:
                await world.experts.catch_up()
            case _ if answers:
                target, on = random.choice(answers)[1], random.random() < 0.8
                kind = random.choice(["helpful", "solved"])
                await world.node.try_do(who, "reaction.set", target=target, reaction=kind, on=on)
    await world.experts.catch_up()


@pytest.mark.parametrize("salt", range(3))
async def test_bit_by_bit_equals_rebuilt_equals_pure(tmp_path: Path, seed: int, salt: int) -> None:
    async with open_world(tmp_path) as world:
        await _workload(world, Random(seed + salt), 250)
        bit_by_bit = await world.tables()
        assert bit_by_bit["expertise"]
        await world.experts.rebuild()
        assert await world.tables() == bit_by_bit
        assert await _scores(world) == await _pure(world)


async def _scores(world: ExpertWorld) -> dict[tuple[str, str], int]:
    names = [column.name for column in t.expertise.c]
    rows = [dict(zip(names, row, strict=True)) for row in await world.rows(t.expertise)]
    return {(row["topic"], row["person"]): row["score"] for row in rows}


async def _pure(world: ExpertWorld) -> dict[tuple[str, str], int]:
    """The scores from everybody's answers at once, by the pure module alone."""
    by_author: dict[str, list[Judged]] = defaultdict(list)
    async with world.node.reader.snapshot() as snapshot:
        by_author |= await expert_store.answers_of(snapshot, ["asha", "ben", "chen", "dora", "eve"])
    rules, day = shipped().versions[-1].expertise, day_of(world.node.clock())
    readings = [Reading(name, answers, rules, day) for name, answers in by_author.items()]
    return {
        (topic, reading.person): reading.on(topic).score
        for reading in readings
        for topic in reading.topics
    }


@pytest.mark.postgres
async def test_postgres_keeps_the_same(tmp_path: Path, seed: int, postgres_bin: Path) -> None:
    async with open_world(tmp_path) as world:
        await _workload(world, Random(seed), 150)
        wanted = {name: sorted(rows) for name, rows in (await world.tables()).items()}
    with running_postgres(postgres_bin) as server:
        async with open_world(tmp_path, url=server.new_database()) as world:
            await _workload(world, Random(seed), 150)
            for rows in (await world.tables(), await _rebuilt(world)):
                assert {name: sorted(found) for name, found in rows.items()} == wanted


async def _rebuilt(world: ExpertWorld) -> dict[str, list[tuple[object, ...]]]:
    await world.experts.rebuild()
    return await world.tables()


async def test_reading_the_tap_twice_changes_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await _workload(world, Random(7), 80)
        before = await world.tables()
        back = statement(update(t.consumers).values(position=3))
        await world.node.handler.run(lambda tx: tx.execute(back, {}))
        await world.new_experts().catch_up()
        assert await world.tables() == before


async def test_a_crash_in_the_middle_of_a_batch_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        await world.experts.catch_up()
        for asker in ("ben", "chen"):
            await world.answered("asha", asker, "roaming")

        def crash(stands: str, tx: Tx) -> None:
            raise RuntimeError("power cut")

        with monkeypatch.context() as cut:
            cut.setattr(world.experts, "_save", crash)
            with pytest.raises(RuntimeError, match="power cut"):
                await world.experts.catch_up()
        await world.new_experts().catch_up()
        assert await world.knows("roaming") == {"asha": (2, 2)}


async def test_the_cursor_survives_a_restart(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.answered("asha", "ben", "roaming")
        await world.experts.catch_up()
        position = world.experts.position
    async with open_test_node(tmp_path) as node:
        again = ExpertWorld(node)
        await again.experts.catch_up()
        assert position <= again.experts.position == node.tap.position
        ((name, epoch, stored, rules),) = await again.rows(t.consumers)
        assert (name, stored, epoch > 0) == ("experts", position, True)
        assert rules == f"{shipped().fingerprint}/{day_of(START)}"


async def test_changed_rules_read_every_record_anew(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.answered("asha", "ben", "roaming")
        await world.experts.catch_up()
        before = await _scores(world)
        doubtful = rulebook([parse(TEXT.replace("prior_answers = 3", "prior_answers = 30"))])
        await world.new_experts(doubtful).catch_up()
        assert (await _scores(world)).keys() == before.keys()
        assert await _scores(world) != before
