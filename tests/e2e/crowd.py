"""The demo's three regions under a crowd that follows one thread, each region killed in its turn.

    python -m tests.e2e.crowd [CLIENTS]        # 5,000 unless it is said how many; ``make crowd``

People of all regions write without a pause, and so do the demo's own. ``tap demo`` itself starts what was
killed. Most of the crowd are clients of the load of ``tests.bench.realtime``: each comes back from its own
place in the log and counts what it hears. A few ears compare every word, in both encodings, and a browser
shows the thread all the while. In the end all of them have everything, once and in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from server.ops.demo import company
from server.ops.demo.command import demo_places
from server.ops.demo.nodes import Place, configure
from server.realtime.frames import Encoding
from tests.bench.figures import at_least, at_most, emit
from tests.bench.realtime.load import TEXT, Load, loading
from tests.bench.realtime.node import LIVE, REQUEST
from tests.conftest import find_chromium
from tests.e2e.watching_page import shown_by, watched
from tests.stateful.killing import Author, Ear
from tests.support.demo import announced, demo, port_base, restart
from tests.support.processes import SECONDS_MAX, enrol, rows, until

CLIENTS = 5_000
DEVICES = 5
"""Of each who follows; a person may have 20 connections."""
AUTHORS, EARS = 2, 10
"""In each region."""
PAUSE_SECONDS = 1.0
"""Between two replies of an author."""
REPLIES = 20
"""So many are written before each kill, and after the last."""
PAGE_REGION = "de"
HISTORY_SECONDS_MAX = 120
BACK_SECONDS_MAX = 60
BACK_SECONDS_GOAL = 15
FILES_BESIDE = 500
"""What a node or a load has open besides its part of the crowd."""


class Survived(NamedTuple):
    """``seconds``: region -> from its first lost connection until the last was live again."""

    clients: int
    replies: int
    seconds: dict[str, float]


class Follower(Ear):
    """Hears one thread."""

    channel = ""

    def hello(self) -> dict[str, Any]:
        return super().hello() | {"channels": [self.channel]}


class Region:
    """A node of the demo, the crowd that follows there, and its authors."""

    def __init__(self, place: Place, clients: int) -> None:
        self.place, self.clients = place, clients
        self.up = asyncio.Event()
        self.up.set()

    async def enrol(self) -> None:
        """On the stopped node: the people, and the files and lines they come with."""
        names = [f"ear.{n}" for n in range(-(-self.clients // DEVICES))]
        writers = [f"author.{n}" for n in range(AUTHORS)]
        home = f".{self.place.region}"
        tokens = await enrol(self.place, [name + home for name in [*names, *writers, "page"]])
        self.page = tokens["page" + home]
        of_ears = [tokens[name + home] for name in names]
        lines = [f"{of_ears[n // DEVICES]} -\n" for n in range(self.clients)]
        self.tokens = self.place.folder / "tokens"
        self.tokens.write_text("".join(lines), "utf-8")
        self.authors = [
            Author(self.place.port, tokens[name + home], Encoding.JSON, self.up) for name in writers
        ]
        self.ears = [
            Follower(self.place.port, of_ears[n % len(of_ears)], Encoding(n % 2), self.up)
            for n in range(EARS)
        ]

    def open(self, load: Load, channel: str) -> None:
        """The load's clients come fresh, and later with the place they had."""
        self.load = load
        load.tokens(self.tokens)
        load.target(self.place.port, REQUEST.replace("{port}", str(self.place.port)))
        hello = {"t": "hello", "token": "{token}", "client": "crowd", "channels": [channel]}
        load.greet((json.dumps(hello), TEXT, LIVE))
        load.open(0, self.clients)
        [(epoch,)] = rows(self.place, "SELECT epoch FROM node")
        resume = hello | {"cursor": f"{epoch:x}.{{position}}"}
        load.greet((json.dumps(resume), TEXT, LIVE))
        load.keep()

    def knows(self, post: str) -> bool:
        return bool(rows(self.place, "SELECT 1 FROM posts WHERE post = ?", post))

    async def until_live(self) -> None:
        for ear in self.ears:
            await ear.until(lambda ear=ear: ear.is_live)

    async def restart(self, process: asyncio.subprocess.Process) -> float:
        """SIGKILL; when everybody is back, the seconds it took."""
        self.load.survive()
        self.up.clear()
        await restart(self.place, process)
        for ear in self.ears:
            ear.is_live = False
        self.up.set()
        seconds = await self.until_whole(None)
        await self.until_live()
        return seconds

    async def until_whole(self, replies: int | None) -> float:
        """All clients are there and heard so many replies. Raises LoadFailed for a gap or a repeat."""
        survived = self.load.survived
        back, seconds = await asyncio.to_thread(survived, self.clients, replies, BACK_SECONDS_MAX)
        assert back == self.clients, f"{back} of {self.clients} came back to {self.place.region}"
        return seconds

    def check(self, said: list[str]) -> None:
        """Every ear heard each reply once, in this node's order, over two connections and no reset."""
        order = self.ears[0].heard
        assert sorted(order) == sorted(said)
        for ear in self.ears:
            assert ear.heard == order
            assert ear.connections == 2
            assert ear.verdicts["reset"] == 0
            assert ear.verdicts.total() == 2


class Thread:
    """What the authors have written, and are still writing."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.said: list[str] = []
        self._came = asyncio.Condition()
        self._enough = asyncio.Event()

    async def write(self, author: Author, number: int) -> None:
        """One author's replies, in order, until there are enough; the load counts what holds a time."""
        for n in itertools.count():
            text = f"said {number}-{n} @@{time.monotonic_ns():020d}"
            wish = {"do": "reply.publish", "parent": self.root, "text": text}
            await author.do(f"said-{number}-{n}", wish)
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


async def survive(folder: Path, chromium: Path, clients: int) -> Survived:
    """The whole of it. Fails when anybody lacks or repeats a reply, or the page ever shows a gap."""
    base = port_base()
    where = demo_places(folder, base)
    configure(where, demo=True)
    each = -(-clients // len(where))
    regions = [Region(place, each) for place in where]
    for region in regions:
        await region.enrol()
    with no_failure(), contextlib.ExitStack() as stack:
        loads = [stack.enter_context(loading()) for _ in regions]
        async with demo(folder, "--port-base", str(base), "--seed", "1") as process:
            await announced(process)
            history = folder / "history"
            await until("the demo has a history", history.exists, HISTORY_SECONDS_MAX)
            thread = Thread(await found(regions))
            async with crowd(regions, loads, f"t:{thread.root}"):
                home = next(one for one in regions if one.place.region == PAGE_REGION)
                async with watched(chromium, home.place, home.page, thread.root) as page:
                    seconds = await live_through_it(regions, thread, process)
                    check_page(await shown_by(page, len(thread.said)), home.place, thread.root)
            for region in regions:
                region.check(thread.said)
    count = sum(region.clients for region in regions)
    return Survived(count, len(thread.said), seconds)


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


@contextlib.asynccontextmanager
async def crowd(regions: list[Region], loads: list[Load], channel: str) -> AsyncIterator[None]:
    """Everybody follows while the block runs."""
    for region, load in zip(regions, loads, strict=True):
        await asyncio.to_thread(region.open, load, channel)
    ears = [ear for region in regions for ear in region.ears]
    for ear in ears:
        ear.channel = channel
    following = [asyncio.ensure_future(ear.follow()) for ear in ears]
    try:
        for region in regions:
            await region.until_live()
        yield
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        for line in (*ears, *(author for region in regions for author in region.authors)):
            line.cut()


async def live_through_it(
    regions: list[Region], thread: Thread, process: asyncio.subprocess.Process
) -> dict[str, float]:
    """Everybody writes; each region is killed; in the end all have heard all."""
    authors = [author for region in regions for author in region.authors]
    seconds = {}
    async with asyncio.TaskGroup() as group:
        for number, author in enumerate(authors):
            group.create_task(thread.write(author, number))
        for region in regions:
            await thread.until_more()
            seconds[region.place.region] = await region.restart(process)
        await thread.until_more()
        thread.end()
    for region in regions:
        await region.until_whole(len(thread.said))
        for ear in region.ears:
            await ear.until(lambda ear=ear: len(ear.heard) >= len(thread.said))
    return seconds


def check_page(saw: dict[str, Any], place: Place, root: str) -> None:
    query = "SELECT text FROM posts WHERE root = ? AND parent <> '' ORDER BY at, post"
    assert saw["shown"] == [text.partition(" @@")[0] for (text,) in rows(place, query, root)]
    assert saw["gaps"] == []
    assert saw["loads"] == []
    # It was watched all along; how many replies one change brings is the machine's to say.
    assert saw["looks"] >= 10


def main() -> int:
    chromium, clients = find_chromium(), int(sys.argv[1]) if sys.argv[1:] else CLIENTS
    if chromium is None:
        print("no chromium on this machine: see deploy/ci/install-chromium.sh", file=sys.stderr)
        return 1
    files = clients // len(company.REGIONS) + FILES_BESIDE
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < files:
        print(f"a process may open too few files here: ulimit -n {files}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tap-crowd-") as folder:
        survived = asyncio.run(survive(Path(folder), chromium, clients))
    beside = {"clients": survived.clients, "replies": survived.replies}
    for region, seconds in survived.seconds.items():
        emit(at_most(f"crowd_restart_{region}", "s", BACK_SECONDS_GOAL, [seconds], beside))
    whole = [float(survived.clients)]
    emit(at_least("crowd_whole", "clients with everything, once", clients, whole, beside))
    return 0


if __name__ == "__main__":
    sys.exit(main())
