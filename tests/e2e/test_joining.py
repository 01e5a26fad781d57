"""Three nodes with a history, and a fourth that joins: its people read today's post long before it has all (19)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tap_client import Http

from server.domain import limits
from server.domain.commands import from_builtins
from server.domain.decide import Context, Decided, Draft
from server.domain.errors import Refusal
from server.domain.events import PostPublished
from server.domain.facts import Facts
from server.domain.ids import derived_object_id
from server.ops import config_file
from server.ops.accounts import desk
from server.ops.demo.nodes import Node, Place
from tests.support.processes import enrol, places, rows, running, until, until_level

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HISTORY = 4 * limits.FRESH_EVENTS
"""Posts of one region; a few seconds of filling."""
AT_ONCE = 256
TEXT = "A plain update of a usual length, as colleagues write them every day. " * 4


def _post(place: str, number: int) -> PostPublished:
    at = 1_700_000_000_000 + number
    return PostPublished(
        post=derived_object_id(at, "history", str(number)),
        kind="update",
        place=place,
        at=at,
        text=TEXT,
    )


async def with_history(place: Place) -> tuple[str, str]:
    """An open community of ``ada``'s and years of her posts, on a stopped node: (community, the newest post)."""
    async with desk(config_file.load(place.config, {}).config, "test") as node:
        handler = node.core.handler
        wish = from_builtins({"do": "community.create", "name": "Tea", "audience": "global"})
        made: Any = await handler.handle("ada", "community-key-1", wish)
        community = "c:" + made.result["community"]
        for start in range(0, HISTORY, AT_ONCE):
            posts = [_post(community, number) for number in range(start, start + AT_ONCE)]
            drafts = [Draft("global", "ada", post, (post.post,)) for post in posts]

            def decided(_facts: Facts, _context: Context, drafts: Any = drafts) -> Decided:
                return Decided(drafts, {})

            assert not isinstance(await handler.append(decided), Refusal)
    return community, posts[-1].post


async def read(node: Node, token: str, path: str) -> Any:
    """What the node answers; None while it does not know of it."""

    def ask() -> Any:
        with Http(node.place.url, token) as api:
            return api.get(path)

    try:
        return await asyncio.to_thread(ask)
    except Exception as error:
        if getattr(error, "code", "") in ("not_found", "forbidden", "not_here"):
            return None
        raise


def missing(place: Place) -> int:
    """Events of Germany's lane that stand before what came first."""
    found = rows(
        place,
        "SELECT base - lanes.seq FROM leads JOIN lanes ON lanes.id = lane_id WHERE region = 'de'",
    )
    return int(found[0][0]) if found else 0


async def test_the_newest_post_is_read_before_the_oldest_has_come(tmp_path: Path) -> None:
    made = places(tmp_path, "de", "in", "br", "fr")
    await enrol(made["de"], ["ada"])
    tokens = await enrol(made["fr"], ["fay"])
    community, newest = await with_history(made["de"])
    joins = made.pop("fr")
    async with running(made.values()) as nodes:
        await until_level(made.values())
        async with running([joins]) as fourth:
            fr = fourth["fr"]
            shown: list[Any] = []

            async def is_shown() -> bool:
                shown[:] = [await read(fr, tokens["fay"], f"/posts/{newest}")]
                return shown[0] is not None

            await until("the newest post is shown in fr", is_shown)
            behind = missing(joins)
            assert behind > 0, "it was shown once everything was there"
            view = await read(fr, tokens["fay"], f"/communities/{community[2:]}/posts")
            assert view["order"][0] == newest
            assert view["people"]["ada"]["name"] == "ada"
            # A crash in the middle of it: it goes on.
            await fr.kill()
            await fr.start()
            await until_level([*made.values(), joins])
            assert missing(joins) == 0
            count = "SELECT count(*) FROM posts WHERE kind != ''"
            assert rows(joins, count) == rows(made["de"], count) == [(HISTORY,)]
        assert set(nodes) == {"de", "in", "br"}
