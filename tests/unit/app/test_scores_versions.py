"""New rules at a node: what came before keeps its own, and bit by bit is all at once on both sides of their first day."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from server.app.score_desk import Desk
from server.app.score_rows import from_columns
from server.scoring.rules import DAY_MS, Rulebook
from server.scoring.score import Book, lines
from server.storage import tables as t
from tests.unit.app.score_world import ScoreWorld, open_world, tables, workload
from tests.unit.scoring.acts import APRIL
from tests.unit.scoring.books import TWO, with_two_versions

BOUNDARY = APRIL * DAY_MS
FRIENDS = ("fay", "gil")
"""Whom nobody else has to do with."""
PEOPLE = ("asha", "ben", "chen", "dora", *FRIENDS)
BOTH = {"2026-1", "2026-2"}
AT, LINE = (list(t.credits_.c).index(column) for column in (t.credits_.c.at, t.credits_.c.line))
"""Where a stored row has them."""


async def _circle(world: ScoreWorld, posts: int) -> None:
    """Two friends thank each other for so many posts each, and every thanks is scored as it comes."""
    for author, giver in [FRIENDS, FRIENDS[::-1]] * posts:
        await world.react(giver, await world.node.post(author, world.place))
        await world.scores.catch_up()


async def _damped(world: ScoreWorld) -> list[str]:
    """By which version's rules the friends' lines are damped."""
    found = [line for who in FRIENDS for line in await world.lines(who)]
    return [line["rules"] for line in found for step in line["factors"] if step["name"] == "mutual"]


def _split(rows: list[tuple[Any, ...]]) -> tuple[list[Any], list[Any]]:
    """Stored lines of before the second version, and of after."""
    return (
        [row for row in rows if row[AT] < BOUNDARY],
        [row for row in rows if row[AT] >= BOUNDARY],
    )


async def _over_the_boundary(world: ScoreWorld, random: Random) -> None:
    """Colleagues at work for some 50 days before the second quarter and 50 days in it; friends who thank each other
    in both, just as often as closes a circle."""
    for friend in FRIENDS:
        await world.node.register(friend, unit="tea", country="IN")
    world.node.clock.now = BOUNDARY - 50 * DAY_MS
    await _circle(world, 3)
    await workload(world, random, 100)
    world.node.clock.now = max(world.node.clock.now, BOUNDARY)
    await _circle(world, 2)


@with_two_versions
@pytest.mark.parametrize("salt", range(2))
async def test_bit_by_bit_equals_rebuilt_equals_pure_over_two_versions(
    tmp_path: Path, seed: int, salt: int, rules: Rulebook
) -> None:
    async with open_world(tmp_path, rulebook=rules) as world:
        await _over_the_boundary(world, Random(seed + salt))
        assert sorted(await _damped(world)) == ["2026-1"] * 6 + ["2026-2"] * 4
        found = {who: await world.lines(who) for who in PEOPLE}
        assert {line["rules"] for mine in found.values() for line in mine} == BOTH
        bit_by_bit = await tables(world)
        await world.scores.rebuild()
        assert await tables(world) == bit_by_bit
        async with world.node.reader.snapshot() as snapshot:
            rows = [from_columns(row) for row in await world.rows(t.score_acts)]
            acts = await Desk(snapshot).acts([row for row in rows if row.content])
        whole = Book(acts, rules)
        for person, mine in found.items():
            pure = [(line.kind, line.rules, line.milli_points) for line in lines(whole, person)]
            stored = [(line["kind"], line["rules"], line["milli_points"]) for line in mine]
            assert sorted(stored) == sorted(pure)


async def test_a_second_version_leaves_every_earlier_line_as_it_was(
    tmp_path: Path, seed: int
) -> None:
    """Byte for byte; and whoever goes back to one version has the lines of one version."""
    async with open_world(tmp_path) as world:
        await _over_the_boundary(world, Random(seed))
        one = await world.rows(t.credits_)
        await world.new_scores(TWO).catch_up()
        two = await world.rows(t.credits_)
        before, after = _split(one), _split(two)
        assert before[0] == after[0] != []
        assert before[1] != after[1]
        assert {json.loads(row[LINE])["rules"] for row in two} == BOTH
        switched = world.new_scores(TWO)
        await switched.rebuild()
        assert await world.rows(t.credits_) == two, (
            "it is what it would be had there always been two"
        )
        await world.new_scores().catch_up()
        assert await world.rows(t.credits_) == one
