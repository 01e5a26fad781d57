"""How leaders answer, as the log says; and what is published of peers, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.app.views_leaders import Leader, leaders, led_by, measured, zone_of
from server.domain.errors import Code, Refusal, Refused
from server.domain.scoring_policy import DEFAULT
from server.scoring.leading import Month
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from server.storage import tables as t
from tests.unit.app.view_world import ViewWorld, open_view_world

HOUR = 3_600_000
MONDAY_10 = bounds("2026-01")[0] + 4 * DAY_MS + 10 * HOUR
SETTLED = bounds("2026-01")[1] + 9 * DAY_MS


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ViewWorld]:
    async with open_view_world(tmp_path) as opened:
        opened.node.clock.now = MONDAY_10
        yield opened


async def month_of(world: ViewWorld, person: str, month: str = "2026-01") -> Month | None:
    for who, when, _, measures in await world.world.rows(t.leader_months):
        if (who, when) == (person, month):
            return measured(measures)
    return None


async def released(world: ViewWorld, view: str) -> dict[str, dict[str, Any]]:
    """``<period>/<cell>`` -> figures."""
    rows = await world.world.rows(t.published_figures)
    return {f"{row[1]}/{row[2]}": msgspec.json.decode(row[3]) for row in rows if row[0] == view}


async def test_a_leader_is_asked_in_their_community_and_by_name(world: ViewWorld) -> None:
    """chen owns the help desk; ben asks there and elsewhere, once of chen by name."""
    node = world.node
    elsewhere = await node.community("dora", "Garden")
    here = await node.post("ben", world.place, "?", "question", title="Why?")
    named = await node.post("ben", elsewhere, "chen?", "question", title="Who?", mentions=["chen"])
    await node.post("ben", elsewhere, "?", "question", title="Where?")
    await node.post("chen", world.place, "?", "question", title="Own?")
    node.clock.advance(2 * HOUR)
    answer = await node.reply("chen", here)
    node.clock.advance(24 * HOUR)
    await node.reply("chen", named)
    await node.do("ben", "answer.accept", question=here, answer=answer)
    await node.post("chen", world.place, "news")
    await world.draw()
    found = await month_of(world, "chen")
    assert found is not None
    assert (found.questions, found.replied, found.reply_rate) == (2, 2, 1000)
    assert found.reply_ms is not None
    assert found.reply_ms // HOUR == 6, "two hours; and until five, and from nine to noon"
    assert (found.replies, found.broadcasts, found.reply_share) == (2, 1, 667)
    assert (found.closed, found.closed_rate) == (1, 500)
    assert (found.heard, found.countries) == (1, 1)


async def test_who_writes_again_within_a_week_has_come_back(world: ViewWorld) -> None:
    node = world.node
    for who in ("ben", "dora"):
        question = await node.post(who, world.place, "?", "question", title="Why?")
        await node.reply("chen", question)
    node.clock.advance(6 * DAY_MS)
    await node.post("ben", world.place, "thanks")
    node.clock.advance(3 * DAY_MS)
    await node.post("dora", world.place, "late")
    await world.draw()
    found = await month_of(world, "chen")
    assert found is not None
    assert (found.heard, found.returned) == (2, 1)


async def test_what_is_not_for_the_whole_company_is_left_out(world: ViewWorld) -> None:
    node = world.node
    private = await node.community("chen", "Own", visibility="private", audience="local")
    await node.post("chen", private, "hush")
    chat = await node.do("chen", "conversation.start", members=["ben"])
    await node.post("chen", "d:" + chat["conversation"], "hi", "message")
    await world.draw()
    found = await month_of(world, "chen")
    assert found is not None
    assert (found.broadcasts, found.replies) == (0, 0)


async def test_who_leads_and_how_many(world: ViewWorld) -> None:
    node = world.node
    await node.register("cora", "communications_leader", country="IN")
    for who in ("asha", "ben"):
        await node.do(who, "membership.set", community=world.place[2:], joined=True)
    async with node.reader.snapshot() as snapshot:
        found = await leaders(snapshot)
        assert await led_by(snapshot, "chen") == found["chen"].communities
    assert found["cora"] == Leader(frozenset(), 5), "the people of her region"
    assert world.place[2:] in found["chen"].communities
    assert found["chen"].members >= 2
    assert "ben" not in found


async def crowd(world: ViewWorld, count: int) -> list[str]:
    """Leaders of small communities, each asked once; every other one replies."""
    names = []
    for n in range(count):
        who = await world.node.register(f"lead{n:02}", unit="x", country="IN")
        place = await world.node.community(who, f"Place {n}")
        question = await world.node.post("ben", place, "?", "question", title="Why?")
        if n % 2:
            await world.node.reply(who, question)
        names.append(who)
    return names


async def test_quartiles_of_peers_are_published_once_and_stay(world: ViewWorld) -> None:
    await crowd(world, 14)
    await world.draw()
    assert "2026-01/" not in await released(world, "leader"), "January has not settled"
    world.node.clock.now = SETTLED
    await world.draw()
    before = await released(world, "leader")
    spans = {name for name in before if name.startswith("2026-01/") and name != "2026-01/"}
    assert len(spans) >= 1
    shown = [before[name] for name in spans if before[name]["why"] == ""]
    assert [one["people"] for one in shown] == [15], "chen and fourteen others"
    assert shown[0]["quartiles"]["reply_rate"] == {"q1": 0, "median": 500, "q3": 1000}
    for who in ("lead01", "lead03", "lead05"):
        await world.node.do(who, "scoring.choose", leaders=False)
    world.node.clock.advance(DAY_MS)
    await world.draw()
    assert await released(world, "leader") == before


async def test_a_restored_node_publishes_no_figures_before_it_has_back_what_it_lost(
    world: ViewWorld,
) -> None:
    """They would be of a part of the period, and stay so."""
    await crowd(world, 14)
    await world.draw()
    before = await released(world, "leader")
    world.node.clock.now = SETTLED
    world.node.handler.holding = Refusal(Code.RECOVERING, "not yet")
    with pytest.raises(Refused, match="not yet"):
        await world.draw()
    assert await released(world, "leader") == before
    world.node.handler.holding = None
    await world.draw()
    assert (await released(world, "leader")).keys() > before.keys()


async def test_who_does_not_want_to_be_compared_is_not(world: ViewWorld) -> None:
    names = await crowd(world, 14)
    await world.draw()
    for who in names[:5]:
        await world.node.do(who, "scoring.choose", leaders=False)
    world.node.clock.now = SETTLED
    await world.draw()
    figures = await released(world, "leader")
    assert {one.get("why") for name, one in figures.items() if name != "2026-01/"} <= {
        "too_few",
        None,
    }


async def test_a_region_without_comparison_gives_no_peers(world: ViewWorld) -> None:
    await crowd(world, 14)
    await world.draw()
    await world.policy(msgspec.structs.replace(DEFAULT, leaders="off"))
    world.node.clock.now = SETTLED
    await world.draw()
    assert [name for name in await released(world, "leader") if name.startswith("2026-01")] == [
        "2026-01/"
    ]


async def test_bands_of_a_region_need_twenty_people(world: ViewWorld) -> None:
    node = world.node
    for n in range(20):
        who = await node.register(f"p{n:02}", unit="x", country="IN")
        post = await world.helped(who, "ben")
        if n % 2:
            await world.world.react("dora", post)
    await world.draw()
    world.node.clock.now = SETTLED
    await world.draw()
    figures = await released(world, "place")
    assert figures["2026-01/in"]["people"] == 20
    assert list(figures["2026-01/in"]["floors"]) == ["upper_half"]


async def test_where_scores_are_off_there_are_no_bands(world: ViewWorld) -> None:
    await world.policy(msgspec.structs.replace(DEFAULT, scores="off"))
    await world.draw()
    world.node.clock.now = SETTLED
    await world.draw()
    assert (await released(world, "place"))["2026-01/"] == {}
    assert "2026-01/in" not in await released(world, "place")


async def test_what_settled_before_a_node_first_looked_is_never_published(world: ViewWorld) -> None:
    await crowd(world, 14)
    world.node.clock.now = SETTLED
    await world.draw()
    await world.draw()
    assert not [name for name in await released(world, "leader") if not name.endswith("/")]


def test_an_unknown_time_zone_is_utc() -> None:
    assert str(zone_of("Nowhere/Atlantis")) == "UTC"
    assert str(zone_of("../../etc/passwd")) == "UTC"
    assert str(zone_of("Asia/Kolkata")) == "Asia/Kolkata"
