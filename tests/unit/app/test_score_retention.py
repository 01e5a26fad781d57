"""After how long a ledger line says no more than its day, kind and points."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from server.app.score_retention import bare_before, tidy
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT
from server.scoring.rules import DAY_MS, day_of
from tests.unit.app.score_world import ScoreWorld, open_world

YEAR = msgspec.structs.replace(DEFAULT, retention_days=365)


def test_a_time_is_counted_in_whole_days_and_none_is_for_ever() -> None:
    noon = 20_000 * DAY_MS + DAY_MS // 2
    assert bare_before(DEFAULT, noon) == 0
    assert bare_before(YEAR, noon) == (20_000 - 365) * DAY_MS
    assert bare_before(YEAR, 5 * DAY_MS) == 0


async def total(w: ScoreWorld, person: str) -> tuple[int, list[dict[str, Any]]]:
    lines = await w.lines(person)
    return sum(line["milli_points"] for line in lines), lines


async def test_old_lines_are_bare_and_still_add_up(tmp_path: Path) -> None:
    async with open_world(tmp_path) as w:
        w.scores = w.new_scores(retains=w.node.clock)
        await w.node.handler.append(partial(adopt, YEAR))
        question = await w.question()
        await w.react("ben", question)
        before, [told] = await total(w, "asha")
        assert told["content"] == question
        assert await tidy(w.node.handler, w.node.reader, w.node.clock()) == 0
        w.node.clock.advance(400 * DAY_MS)
        await w.react("chen", question)
        await w.scores.catch_up()
        assert await tidy(w.node.handler, w.node.reader, w.node.clock()) == 1
        after, lines = await total(w, "asha")
        assert after > before
        old, new = sorted(lines, key=lambda line: line["at"])
        assert (old["content"], old["content_title"], old["by"], old["factors"]) == (
            "",
            "",
            None,
            [],
        )
        assert (old["at"], old["kind"], old["milli_points"]) == (told["at"], "helpful", before)
        assert new["content"] == question
        assert await tidy(w.node.handler, w.node.reader, w.node.clock()) == 0


async def test_a_line_that_is_scored_anew_stays_bare(tmp_path: Path) -> None:
    async with open_world(tmp_path) as w:
        await w.node.handler.append(partial(adopt, YEAR))
        question = await w.question()
        await w.react("ben", question)
        await w.scores.catch_up()
        w.node.clock.advance(400 * DAY_MS)
        w.scores = w.new_scores(retains=w.node.clock)
        await w.scores.rebuild()
        [line] = await w.lines("asha")
        assert (line["content"], line["milli_points"]) == ("", 5_000)
        assert day_of(line["at"]) < day_of(w.node.clock()) - 365
