"""Shifting all clocks by some hours changes no score, from the events on (docs/scoring.md section 5)."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from tests.support.node import START, Clock
from tests.unit.app.score_world import ScoreWorld, open_world, workload

HOUR_MS = 3_600_000
FRIDAY_EVENING = START + (8 * 24 + 20) * HOUR_MS
PAUSES = (60_000, 3 * HOUR_MS, 9 * HOUR_MS)
"""Midnights and weekends lie between the steps; all of it is over before the quarter is."""


async def _welcomes(world: ScoreWorld) -> None:
    """Two newcomers are answered, one just in time and one just too late, with a weekend in between."""
    for newcomer, hours in (("dora", 95), ("ben", 97)):
        post = await world.node.post(newcomer, world.place)
        world.node.clock.advance(hours * HOUR_MS)
        await world.react(newcomer, await world.node.reply("chen", post))


async def _ledgers(folder: Path, seed: int, hours: int) -> list[tuple[str, dict[str, Any]]]:
    """Everybody's lines of a workload whose clock began so many hours later, by the clock of hour 0."""
    clock = Clock(FRIDAY_EVENING + hours * HOUR_MS)
    async with open_world(folder, clock) as world:
        await _welcomes(world)
        await workload(world, Random(seed), 100, PAUSES)
        found = [
            (who, line)
            for who in ("asha", "ben", "chen", "dora")
            for line in await world.lines(who)
        ]
    for _, line in found:
        line["at"] -= hours * HOUR_MS
        del line["content"]  # ids of posts begin with the time
    return found


async def test_the_hour_at_which_a_clock_began_changes_no_line(tmp_path: Path, seed: int) -> None:
    found = {}
    for hours in (0, -5, 5, 9, 14):
        folder = tmp_path / str(hours)
        folder.mkdir()
        found[hours] = await _ledgers(folder, seed, hours)
    wanted = found[0]
    assert [line["kind"] for who, line in wanted if who == "chen"][:2] == ["welcomed", "helpful"]
    for hours, lines in found.items():
        assert lines == wanted, hours
