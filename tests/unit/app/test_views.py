"""What is drawn from the log: boards and nominations, leaders' months, figures that are published once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.domain.scoring_policy import DEFAULT
from server.scoring.rules import DAY_MS
from tests.unit.app.score_world import helpful
from tests.unit.app.view_world import ViewWorld, open_view_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ViewWorld]:
    async with open_view_world(tmp_path) as opened:
        yield opened


# -- merits ---------------------------------------------------------------------------------------------------


async def test_a_board_names_who_helped_and_chose_to_be_named(world: ViewWorld) -> None:
    await world.helped("asha", "ben", "dora", topics=("leaf",))
    await world.helped("dora", "ben")
    await world.draw()
    assert await world.board() == {"asha": (8535, True), "dora": (5000, False)}
    assert await world.board(topic="leaf") == {"asha": (8535, True)}
    assert await world.board("2026Q1") == await world.board()


async def test_drawing_again_changes_nothing_and_a_mark_taken_back_is_gone(
    world: ViewWorld,
) -> None:
    post = await world.helped("asha", "ben")
    await world.draw()
    before = await world.rows()
    again = world.new_views()
    await again.draw()
    assert await world.rows() == before
    await world.world.react("ben", post, on=False)
    await world.draw()
    assert await world.rows() == []


async def test_a_quiet_community_has_no_merits(world: ViewWorld) -> None:
    await world.helped("asha", "ben")
    await world.mode("feedback")
    await world.draw()
    assert await world.rows() == []
    await world.mode("programme")
    await world.draw()
    assert await world.board() == {"asha": (5000, True)}


async def test_who_opts_out_or_leaves_is_listed_no_more(world: ViewWorld) -> None:
    await world.node.register("admin", "region_admin")
    await world.helped("asha", "ben")
    await world.helped("ben", "asha")
    await world.node.do("asha", "scoring.choose", boards=False)
    await world.node.do("admin", "person.set_status", person="ben", active=False)
    await world.draw()
    assert await world.board() == {"asha": (5000, False)}, "who left is not there at all"


async def test_a_policy_made_narrower_takes_everybody_off(world: ViewWorld) -> None:
    await world.helped("asha", "ben")
    await world.policy(DEFAULT)
    await world.draw()
    assert await world.board() == {"asha": (5000, False)}


async def test_another_regions_people_count_alike_from_what_everybody_holds(
    world: ViewWorld,
) -> None:
    """Marks in other regions count here too, and a narrower copy of a profile changes nothing."""
    emil = await world.world.emil()
    post = await world.helped("asha", "ben")
    await world.world.foreign((emil, helpful(post, world.place)))
    await world.draw()
    assert await world.board() == {"asha": (5000 + 6250, True)}
    helped = await world.rows()
    assert {row[5] for row in helped} == {2}, "people"
    assert {row[7] for row in helped} == {2}, "countries"


async def test_old_periods_are_forgotten_after_a_year(world: ViewWorld) -> None:
    await world.helped("asha", "ben")
    await world.draw()
    world.node.clock.advance(100 * DAY_MS)
    await world.helped("ben", "asha")
    await world.draw()
    assert {row[0] for row in await world.rows()} == {"2026-01", "2026Q1", "2026-04", "2026Q2"}
    world.node.clock.advance(500 * DAY_MS)
    await world.helped("asha", "ben")
    await world.draw()
    assert {row[0] for row in await world.rows()} == {"2027-08", "2027Q3"}


async def test_who_began_anew_has_no_merit_of_before(world: ViewWorld) -> None:
    await world.helped("asha", "ben", "dora")
    await world.draw()
    assert (await world.board())["asha"] == (8535, True)
    await world.node.do("asha", "scoring.erase_history")
    await world.draw()
    assert "asha" not in await world.board()
