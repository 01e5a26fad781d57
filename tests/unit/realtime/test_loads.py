"""What sessions wait for, against real tables: which channels, and with which code not."""

from __future__ import annotations

from pathlib import Path

from server.app.sync import load_interests
from server.realtime import effects as fx
from server.realtime import loads
from server.realtime.interest import refusals
from tests.support.node import open_test_node
from tests.support.world import build_world


async def test_whose_presence_another_region_knows_is_refused_as_not_here(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        world = await build_world(node)
        asked = ("p:bob", "p:dora", "p:nobody", world.vault)
        key = ("cleo", frozenset(asked))
        permit = (await loads.interests(node.reader, load_interests, [key]))[key]
        refused = (
            ("p:dora", "not_here"),
            ("p:nobody", "forbidden"),
            (world.vault, "forbidden"),
        )
        answer = loads.authorized(fx.Authorize(7, None, "cleo", asked), permit)
        assert answer.allowed == ("p:bob",)
        assert answer.refused == refused
        greeted = loads.greeted(fx.LoadInterests(1, "cleo", frozenset(asked)), permit)
        assert greeted.allowed == {"p:bob"}
        assert refusals(asked[1:], greeted.elsewhere) == refused
