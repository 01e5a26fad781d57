"""Every region is killed in its turn under a crowd that follows one thread: nobody misses or repeats a thing.

Three hundred websockets and an open page, on two federated nodes, while people of both regions write without
a pause. The long form is ``restart_10k`` (tests/bench/realtime/crowds.py): one node, ten thousand clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.ops.demo.nodes import Node, Place
from server.realtime.frames import Encoding
from tests.stateful.killing import Author, Ear
from tests.support.processes import SECONDS_MAX, enrol, places, rows, running, until, until_level

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

REGIONS = ("in", "de")
PEOPLE, CONNECTIONS = 15, 10
"""Who follows in each region, and how often: a person may have 20 connections."""
AUTHORS = 3
"""In each region."""
PAUSE_SECONDS = 0.3
"""Between two replies of an author: a person may say six in a second for long."""
REPLIES = 20
"""So many are written before each kill, and after the last."""
PAGE_REGION = "de"


class Follower(Ear):
    """Hears one thread."""

    channel = ""

    def hello(self) -> dict[str, Any]:
        return super().hello() | {"channels": [self.channel]}


class Region:
    """A node, the crowd that follows there, and its authors."""

    def __init__(self, node: Node, tokens: dict[str, str]) -> None:
        self.node, self.place = node, node.place
        self.up = asyncio.Event()
        self.up.set()
        name = self.place.region
        self.authors = [
            Author(self.place.port, tokens[f"author.{name}.{n}"], Encoding.JSON, self.up)
            for n in range(AUTHORS)
        ]
        self.crowd = [
            Follower(self.place.port, tokens[f"ear.{name}.{n % PEOPLE}"], Encoding(n % 2), self.up)
            for n in range(PEOPLE * CONNECTIONS)
        ]

    def knows(self, post: str) -> bool:
        return bool(rows(self.place, "SELECT 1 FROM posts WHERE post = ?", post))

    async def until_all_live(self) -> None:
        for follower in self.crowd:
            await follower.until(lambda follower=follower: follower.is_live)

    async def restart(self) -> None:
        """SIGKILL, and again; returns when everybody is back."""
        self.up.clear()
        await self.node.kill()
        for follower in self.crowd:
            await follower.until(lambda follower=follower: follower.wire.ended)
            follower.is_live = False
        await self.node.start()
        self.up.set()
        await self.until_all_live()


class Thread:
    """What the authors have written, and are still writing."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.said: list[str] = []
        self._came = asyncio.Condition()
        self._enough = asyncio.Event()

    async def write(self, author: Author, number: int) -> None:
        """One author's replies, in order, until there are enough."""
        for n in itertools.count():
            text = f"said {number}-{n}"
            await author.do(text, {"do": "reply.publish", "parent": self.root, "text": text})
            async with self._came:
                self.said.append(text)
                self._came.notify_all()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), PAUSE_SECONDS)
            if self._enough.is_set():
                return

    async def until_more(self) -> None:
        wanted = len(self.said) + REPLIES
        async with asyncio.timeout(SECONDS_MAX), self._came:
            await self._came.wait_for(lambda: len(self.said) >= wanted)

    def end(self) -> None:
        self._enough.set()


@contextlib.asynccontextmanager
async def watching_page(
    chromium: Path, place: Place, token: str, thread: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "tests.e2e.watching_page", str(chromium), place.url, token]
    process = await asyncio.create_subprocess_exec(
        *(*command, thread),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        assert await line_of(process) == "open"
        yield process
    finally:
        await process.communicate(b"")  # no more questions: it ends


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(2 * SECONDS_MAX):
        return (await process.stdout.readline()).decode().strip()


async def shown_by(page: asyncio.subprocess.Process, replies: int) -> Any:
    assert page.stdin is not None
    page.stdin.write(b"%d\n" % replies)
    return json.loads(await line_of(page))


@contextlib.contextmanager
def no_failure() -> Iterator[None]:
    """What a connection's callbacks raise ends in the loop's handler."""
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
    yield
    assert not failures, failures[0]


async def found(regions: list[Region]) -> str:
    """A thread that everybody may read and all authors write in; its root."""
    first, *others = [author for region in regions for author in region.authors]
    made = (await first.do("found-it", {"do": "community.create", "name": "Crowd"}))["community"]
    post = {"do": "post.publish", "place": f"c:{made}", "kind": "update", "text": "Talk."}
    root = str((await first.do("the-root", post))["post"])
    for region in regions:
        await until("the root is there", lambda region=region: region.knows(root))
    for author in others:
        await author.do("join-crowd", {"do": "membership.set", "community": made, "joined": True})
    return root


async def test_nothing_is_lost_or_doubled_and_the_page_shows_no_gap(
    tmp_path: Path, chromium: Path
) -> None:
    where = places(tmp_path, *REGIONS)
    tokens: dict[str, str] = {}
    for name, place in where.items():
        people = [f"ear.{name}.{n}" for n in range(PEOPLE)]
        authors = [f"author.{name}.{n}" for n in range(AUTHORS)]
        tokens |= await enrol(place, [*people, *authors, f"page.{name}"])
    with no_failure():
        async with running(where.values()) as nodes:
            regions = [Region(nodes[name], tokens) for name in REGIONS]
            thread = Thread(await found(regions))
            Follower.channel = f"t:{thread.root}"
            token = tokens[f"page.{PAGE_REGION}"]
            async with watching_page(chromium, where[PAGE_REGION], token, thread.root) as page:
                await live_through_it(regions, thread)
                saw = await shown_by(page, len(thread.said))
            await until_level(where.values())
            for region in regions:
                check(region, thread)
            query = "SELECT text FROM posts WHERE root = ? AND parent <> '' ORDER BY at, post"
            assert saw["shown"] == [text for (text,) in rows(where["de"], query, thread.root)]
            assert saw["gaps"] == []
            assert saw["loads"] == []
            # It was watched all along; how many replies one change brings is the machine's to say.
            assert saw["looks"] >= 10


async def live_through_it(regions: list[Region], thread: Thread) -> None:
    """Everybody follows and writes; each region is killed; in the end all have heard all."""
    crowd = [follower for region in regions for follower in region.crowd]
    authors = [author for region in regions for author in region.authors]
    following = [asyncio.ensure_future(follower.follow()) for follower in crowd]
    try:
        for region in regions:
            await region.until_all_live()
        async with asyncio.TaskGroup() as group:
            for number, author in enumerate(authors):
                group.create_task(thread.write(author, number))
            for region in regions:
                await thread.until_more()
                await region.restart()
            await thread.until_more()
            thread.end()
        for follower in crowd:
            await follower.until(lambda one=follower: len(one.heard) >= len(thread.said))
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        for line in (*crowd, *authors):
            line.cut()


def check(region: Region, thread: Thread) -> None:
    """Everyone heard each reply once, in this node's order, over two connections and no reset."""
    order = region.crowd[0].heard
    assert sorted(order) == sorted(thread.said)
    for follower in region.crowd:
        assert follower.heard == order
        assert follower.connections == 2
        assert follower.verdicts["reset"] == 0
        assert follower.verdicts.total() == 2
