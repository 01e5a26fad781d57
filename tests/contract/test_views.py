"""Views are drawn and looked up alike on every database."""

from __future__ import annotations

from pathlib import Path

import msgspec

from server.app import boards, impact, leader, recognition
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from server.storage.queries import places, views
from tests.unit.app.view_world import OPEN, open_view_world

SETTLED = bounds("2026-01")[1] + 9 * DAY_MS


async def test_every_view_is_drawn_and_looked_up(url: str, tmp_path: Path) -> None:
    async with open_view_world(tmp_path, url) as world:
        node, community = world.node, world.place[2:]
        await world.mode("programme")
        people = [await node.register(f"p{n}", unit=f"u{n % 3}", country="IN") for n in range(6)]
        question = await world.helped("asha", *people, topics=("leaf",))
        await world.helped("asha", *people)
        reply = await node.reply("chen", question)
        await world.world.react("asha", reply)
        await node.do("asha", "scoring.choose", boards=True, recognition=True)
        await world.draw()
        async with node.reader.snapshot() as snapshot:
            now = node.clock()
            month, trend = await impact.lately(snapshot, "asha", now)
            assert (month.people, len(month.contents), trend[-1].lines) == (6, 2, 12)
            page = await views.ledger(snapshot, "asha", views.NEWEST, 7)
            rest = await views.ledger(snapshot, "asha", page[-1].key, 7)
            assert len({one.key for one in (*page, *rest)}) == 12
            placed = await impact.placed(snapshot, page)
            assert {line["mode"] for line in placed} == {"programme"}
            assert [one.mine for one in await impact.useful(snapshot, "chen")] == [True, False]
            view = (await places.communities(snapshot, [community]))[community]
            for topic in ("", "leaf"):
                board = await boards.board(snapshot, view, topic, "2026-01")
                assert [(one.person, one.helped) for one in board.people] == [("asha", 6)]
            led = await leader.view(snapshot, "chen", frozenset(), "in", now)
            assert led is not None
            assert [(one.reply, one.helpful) for one in led.followed] == [(reply, 1)]
            assert led.months[-1].replied == 1
            found = await recognition.nominees(snapshot, "2026Q1", "in", provisional=True)
            assert [(one.person, len(one.evidence)) for one in found.nominees] == [("asha", 2)]
        await recognition.write_down(node.handler, "cora", found, now)
        await world.policy(msgspec.structs.replace(OPEN, leaders="off"))
        node.clock.now = SETTLED
        await world.draw()
        async with node.reader.snapshot() as snapshot:
            assert [row.reader for row in await views.named(snapshot, "asha", 5)] == ["cora"]
            assert await views.figures(snapshot, "place", ["2026-01"]) == {"2026-01": {"": "{}"}}
