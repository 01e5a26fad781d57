"""Clients nobody here wrote hold the whole conversation: connect, hear, act, be cut, resume (I2, I3).

The same conversation for all of them, with a real node, through a proxy whose cable can be pulled.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import aiohttp
import picows
import pytest

from hatch_build import find_node
from server.domain.ids import Cursor
from server.realtime.frames import Encoding
from tests.interop.conftest import Here
from tests.interop.talkers import Aiohttp, Picows, Talker, by_lines
from tests.support.machine import cannot_run

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

HERE = Path(__file__).parent
BOTH = pytest.mark.parametrize("encoding", list(Encoding), ids=lambda e: e.name)


class Following:
    """Keeps what a talker hears, and the cursor as section 6.1 says."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self.cursor: str | None = None
        self.posts: list[str] = []
        self.done: dict[str, Any] = {}

    async def until(self, name: str) -> dict[str, Any]:
        while True:
            frame = await self.talker.hear()
            match frame["t"]:
                case "welcome" | "mark":
                    self.cursor = frame["cursor"]
                case "event":
                    assert self.cursor is not None
                    epoch = Cursor.parse(self.cursor).epoch
                    self.cursor = str(Cursor(epoch, frame["position"]))
                    if frame["type"] == "post.published":
                        self.posts.append(frame["body"]["text"])
                case "done":
                    self.done[frame["key"]] = frame
            if frame["t"] == name:
                return frame

    async def until_heard(self, *posts: str) -> None:
        while self.posts != list(posts):
            await self.until("event")

    async def greet(self, here: Here, person: str) -> dict[str, Any]:
        await self.talker.connect(here.live, here.tokens[person])
        hello: dict[str, Any] = {"t": "hello", "token": here.tokens[person], "client": "interop"}
        if self.cursor:
            hello["cursor"] = self.cursor
        await self.talker.say(**hello)
        welcome = await self.until("welcome")
        await self.until("mark")
        return welcome


async def converse(here: Here, talker: Talker, person: str) -> None:
    place = await here.community(person)
    follower = Following(talker)
    welcome = await follower.greet(here, person)
    assert (welcome["resume"], welcome["person"]) == ("fresh", person)
    if talker.offers:
        assert ("permessage-deflate" in talker.extensions) is here.compresses, talker.extensions
    first = "grüße, 世界 👋 " + "and much that repeats. " * 200
    await here.post(place, first)
    await follower.until_heard(first)
    wish = {"do": "post.publish", "place": place, "kind": "update", "text": "from here"}
    await talker.say(t="do", key=f"by-{person}-{talker.encoding.name}", command=wish)
    while not follower.done or len(follower.posts) < 2:
        await follower.until("done" if not follower.done else "event")
    assert [frame["ok"] for frame in follower.done.values()] == [True]

    here.proxy.cut()
    await follower.until("closed")
    await here.post(place, "missed 1")
    await here.post(place, "missed 2")
    welcome = await follower.greet(here, person)
    assert welcome["resume"] == "complete"
    await talker.say(t="do", key=f"by-{person}-{talker.encoding.name}", command=wish)
    assert (await follower.until("done"))["repeated"]
    await here.post(place, "after")
    await follower.until_heard(first, "from here", "missed 1", "missed 2", "after")
    await talker.close()


@BOTH
async def test_aiohttp(here: Here, encoding: Encoding) -> None:
    async with aiohttp.ClientSession() as session:
        await converse(here, Aiohttp(session, encoding), "aiohttp")


@BOTH
async def test_picows(here: Here, encoding: Encoding) -> None:
    await converse(here, Picows(picows, encoding), "picows")


async def test_the_websocket_of_node(here: Here) -> None:
    node = find_node()
    if node is None:
        cannot_run("no Node here: `make setup` brings one")
    async with by_lines([str(node.program), str(HERE / "node_client.js")]) as talker:
        await converse(here, talker, "node")


async def test_the_websocket_of_a_page(here: Here, chromium: Path) -> None:
    command = [sys.executable, "-m", "tests.interop.browser_client", str(chromium)]
    async with by_lines(command) as talker:
        await converse(here, talker, "browser")
