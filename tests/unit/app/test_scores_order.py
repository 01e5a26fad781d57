"""Order, repeats, restarts and regions change nothing: I7, I10 and at-least-once (docs/protocol/tap.md)."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import update

from server.app.score_desk import Desk
from server.app.score_rows import from_columns
from server.app.scores import account
from server.domain.events import (
    AnswerAccepted,
    PersonHandedOver,
    PersonProfileChanged,
    PersonRegistered,
    PostPublished,
    ReactionChanged,
    ReplyPublished,
)
from server.scoring.rules import parse, rulebook
from server.scoring.score import Book, lines
from server.storage import tables as t
from server.storage.sql import Tx, statement
from tests.support.node import START, ForeignLog, open_test_node
from tests.support.postgres import running_postgres
from tests.unit.app.score_world import ScoreWorld, helpful, open_world, tables, workload
from tests.unit.scoring.test_rules import TEXT

POST, ANSWER, OTHER = ("01" + letter * 24 for letter in "pab")


# ---------------------------------------------------------------- regions


async def test_only_people_at_home_here_have_a_ledger_here(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        emil = await world.emil()
        await world.foreign(
            (emil, PostPublished(post=POST, kind="update", place=world.place, at=1))
        )
        await world.react("asha", POST)
        mine = await world.node.post("asha", world.place)
        reaction = helpful(mine, world.place)
        await world.foreign((emil, reaction))
        (line,) = await world.lines("asha")
        assert (line["milli_points"], line["by_text"]) == (6_250, "a colleague in another country")
        assert await world.points(emil) == [], "his ledger is written in Germany"


async def test_who_was_registered_in_two_epochs_counts_the_same_in_any_order(
    tmp_path: Path,
) -> None:
    """A home that was restored had lost them, and knows another unit by now."""
    found = []
    for order in ((1, 2), (2, 1)):
        folder = tmp_path / str(order[0])
        await asyncio.to_thread(folder.mkdir)
        async with open_world(folder) as world:
            post = await world.node.post("asha", world.place)
            for ordinal in order:
                unit, country = ("rice", "DE") if ordinal == 1 else ("tea", "IN")
                emil = PersonRegistered(
                    person="emil", home="de", name="Emil", unit=unit, country=country
                )
                await world.foreign(("", emil), log=ForeignLog("de", epoch=ordinal << 32 | 7))
            await world.foreign(("emil", helpful(post, world.place)))
            found.append(await world.points("asha"))
    assert found[0] == found[1]


async def test_a_line_never_names_who_gave_a_mark(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        post = await world.node.post("asha", world.place)
        await world.react("chen", post)
        await world.react("dora", post)
        stored = repr(await world.lines("asha"))
        assert "chen" not in stored
        assert "dora" not in stored


async def test_who_is_handed_over_takes_the_ledger_along(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        post = await world.node.post("asha", world.place)
        await world.react("chen", post)
        assert len(await world.lines("asha")) == 1
        moved = PersonHandedOver(person="asha", to="in", rev=1)
        await world.foreign(("", moved))
        assert await world.lines("asha") == []


# ---------------------------------------------------------------- order of arrival


def _judged(place: str, rev: int, on: bool) -> ReactionChanged:
    return helpful(ANSWER, place, root=POST, rev=rev, on=on)


async def _in_order(folder: Path, order: tuple[int, ...]) -> list[tuple[object, ...]]:
    """Foreign facts about Asha's answer, each from a lane of its own, arriving in the given order."""
    async with open_world(folder) as world:
        place = world.place
        facts = [
            ("emil", PersonRegistered(person="emil", home="de", name="Emil", country="DE")),
            ("emil", PostPublished(post=POST, kind="question", place=place, at=START)),
            (
                "asha",
                ReplyPublished(
                    post=ANSWER, kind="answer", place=place, root=POST, parent=POST, at=1, text="!"
                ),
            ),
            (
                "chen",
                ReplyPublished(
                    post=OTHER, kind="answer", place=place, root=POST, parent=POST, at=2, text="?"
                ),
            ),
            ("emil", _judged(place, 1, True)),
            (
                "emil",
                AnswerAccepted(question=POST, place=place, rev=1, answer=OTHER, author="chen"),
            ),
            ("emil", AnswerAccepted(question=POST, place=place, rev=2)),
            (
                "emil",
                AnswerAccepted(question=POST, place=place, rev=3, answer=ANSWER, author="asha"),
            ),
        ]
        for number in order:
            log = ForeignLog("de", "global", epoch=100 + number)
            batch = log.batch(START + number * 1_000, facts[number])
            await world.node.handler.apply(batch)
            await world.scores.catch_up()
        return [
            (line["kind"], line["at"], line["milli_points"], line["factors"], line["by"])
            for person in ("asha", "chen")
            for line in await world.lines(person)
        ]


async def test_any_order_of_arrival_gives_the_same_ledger(tmp_path: Path, seed: int) -> None:
    def orders() -> itertools.chain[tuple[int, ...]]:
        random = Random(seed)
        some = [tuple(random.sample(range(8), 8)) for _ in range(10)]
        return itertools.chain([tuple(reversed(range(8)))], some)

    (tmp_path / "first").mkdir()
    wanted = await _in_order(tmp_path / "first", tuple(range(8)))
    assert [line[0] for line in wanted] == ["accepted"]
    assert wanted[0][1:3] == (START + 4_000, 18_750)
    for number, order in enumerate(orders()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert await _in_order(folder, order) == wanted, order


async def test_a_mark_waits_for_its_post(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        emil = await world.emil()
        early = helpful(POST, world.place)
        await world.foreign((emil, early))
        assert await world.lines("asha") == []
        post = PostPublished(post=POST, kind="update", place=world.place, at=1, text="late")
        await world.foreign(("asha", post), log=ForeignLog("fr"))
        (line,) = await world.lines("asha")
        assert (line["milli_points"], line["content_title"]) == (6_250, "late")


async def test_a_mark_that_names_another_author_counts_for_nobody(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        emil = await world.emil()
        post = await world.node.post("chen", world.place)
        forged = ReactionChanged(
            target=post,
            root=post,
            place=world.place,
            author="asha",
            reaction="solved",
            rev=1,
            on=True,
        )
        await world.foreign((emil, forged))
        assert await world.points("asha") == await world.points("chen") == []


async def test_a_copy_in_a_second_lane_counts_once(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        emil = await world.emil()
        post = await world.node.post("asha", world.place)
        event = helpful(post, world.place)
        for lane in ("pair.de.in", "pair.de.fr"):
            await world.foreign((emil, event), log=ForeignLog("de", lane))
        assert await world.points("asha") == [("helpful", 6_250)]


async def test_units_and_countries_are_those_of_the_time(tmp_path: Path) -> None:
    """Moving abroad changes later lines, not earlier ones, whenever the news of it arrives."""
    async with open_world(tmp_path) as world:
        emil = await world.emil()
        first, second = [await world.node.post("asha", world.place) for _ in "ab"]

        def mark(post: str) -> ReactionChanged:
            return helpful(post, world.place)

        await world.foreign((emil, mark(first)))
        news_at = world.node.clock()
        world.node.clock.advance(10)
        await world.foreign((emil, mark(second)))
        assert await world.points("asha") == [("helpful", 3_125), ("helpful", 6_250)][::-1]
        moved = PersonProfileChanged(person=emil, rev=2, name="Emil", country="IN")
        late = ForeignLog("de", "group.eu").batch(news_at + 1, (emil, moved))
        await world.node.handler.apply(late)
        assert await world.points("asha") == [("helpful", 6_250), ("helpful", 2_500)]


# ---------------------------------------------------------------- cursor, restart, rebuild


@pytest.mark.parametrize("salt", range(3))
async def test_scored_bit_by_bit_equals_replayed_equals_pure(
    tmp_path: Path, seed: int, salt: int
) -> None:
    async with open_world(tmp_path) as world:
        await workload(world, Random(seed + salt), 250)
        bit_by_bit = await tables(world)
        await world.scores.rebuild()
        assert await tables(world) == bit_by_bit
        async with world.node.reader.snapshot() as snapshot:
            rows = [from_columns(row) for row in await world.rows(t.score_acts)]
            acts = await Desk(snapshot).acts([row for row in rows if row.content])
        whole = Book(acts, world.scores._rulebook)
        for person in ("asha", "ben", "chen", "dora"):
            pure = [(line.kind, line.milli_points) for line in lines(whole, person)]
            assert sorted(await world.points(person)) == sorted(pure)


@pytest.mark.postgres
async def test_postgres_keeps_the_same_acts_and_lines(
    tmp_path: Path, seed: int, postgres_bin: Path
) -> None:
    async with open_world(tmp_path) as world:
        await workload(world, Random(seed), 150)
        wanted = [sorted(rows) for rows in await tables(world)]
    with running_postgres(postgres_bin) as server:
        async with open_world(tmp_path, url=server.new_database()) as world:
            await workload(world, Random(seed), 150)
            assert [sorted(rows) for rows in await tables(world)] == wanted
            await world.scores.rebuild()
            assert [sorted(rows) for rows in await tables(world)] == wanted


async def test_reading_the_tap_twice_changes_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await workload(world, Random(7), 60)
        before, told = await tables(world), len(world.told)
        back = statement(update(t.consumers).values(position=3))
        await world.node.handler.run(lambda tx: tx.execute(back, {}))
        await world.new_scores().catch_up()
        assert await tables(world) == before
        assert len(world.told) == told


async def test_a_crash_between_keeping_and_writing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_world(tmp_path) as world:
        post = await world.node.post("asha", world.place)
        await world.react("chen", post)

        def crash(*_: object) -> dict[str, int]:
            raise RuntimeError("power cut")

        with monkeypatch.context() as cut:
            cut.setattr(world.scores, "_commit", crash)
            with pytest.raises(RuntimeError, match="power cut"):
                await world.scores.catch_up()
        assert await world.rows(t.credits_) == []
        await world.new_scores().catch_up()
        assert await world.points("asha") == [("helpful", 5_000)]


async def test_the_cursor_survives_a_restart(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        post = await world.node.post("asha", world.place)
        await world.react("chen", post)
        await world.scores.catch_up()
        scored, told = world.scores.position, len(world.told)
    async with open_test_node(tmp_path) as node:
        again = ScoreWorld(node)
        await again.scores.catch_up()
        assert scored <= again.scores.position == node.tap.position
        ((name, epoch, position, rules),) = await again.rows(t.consumers)
        assert (name, position) == ("scores", scored)
        assert (epoch > 0, rules) == (True, again.scores._rulebook.fingerprint)
        assert told == 1
        assert again.told == [], "what was told is not told again"


async def test_changed_rules_score_every_ledger_anew_without_telling(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        post = await world.node.post("asha", world.place)
        await world.react("chen", post)
        await world.scores.catch_up()
        dearer = rulebook([parse(TEXT.replace("points = 5", "points = 7"))])
        told = len(world.told)
        await world.new_scores(dearer).catch_up()
        assert [row[3] for row in await world.rows(t.credits_)] == [7_000]
        assert len(world.told) == told


async def test_run_follows_the_tap_and_outlives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.tap.RETRY_SECONDS", 0)
    async with open_world(tmp_path) as world:
        heard: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        fails = iter([True])
        whole = world.scores._commit

        def commit(tx: Tx, *rest: object) -> dict[str, int]:
            if next(fails, False):
                raise RuntimeError("once")
            return whole(tx, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(world.scores, "_commit", commit)
        world.scores.listener = lambda person, total, _: heard.set_result((person, total))
        running = asyncio.ensure_future(world.scores.run())
        try:
            post = await world.node.post("asha", world.place)
            await world.react("chen", post)
            assert await asyncio.wait_for(heard, 20) == ("asha", 5_000)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_account_says_standing_and_level(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        question = await world.question("asha")
        answer = await world.node.reply("chen", question)
        await world.node.do("asha", "answer.accept", question=question, answer=answer)
        await world.scores.catch_up()
        async with world.node.reader.snapshot() as snapshot:
            now = world.node.clock()
            today = await account(snapshot, "chen", now)
            later = await account(snapshot, "chen", now + 180 * 86_400_000)
            nobody = await account(snapshot, "nobody", now)
        assert (today.standing, today.level, today.rules) == (15_000, 1, "2026-1")
        assert (later.standing, later.level) == (7_500, 0)
        assert (nobody.standing, nobody.next_level) == (0, 10_356)
