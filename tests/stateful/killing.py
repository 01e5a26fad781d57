"""A real node that is killed while colleagues post, and ears whose connections are cut all the while.

Every ear keeps its cursor as section 6.1 of docs/protocol/client.md says; it hears each post once and in
order, over all connections and all lives of the node. An author says a command again with the same key until
it is answered (I1, I2, I3).
"""

from __future__ import annotations

import asyncio
import itertools
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from server.domain import limits
from server.domain.ids import Cursor
from server.ops.demo.nodes import Node
from server.realtime.frames import Encoding
from tests.stress.proxy import Proxy
from tests.stress.wire import Wire, connected, request
from tests.support.processes import enrol, places, rows

AUTHORS = ("asha", "bob", "cleo")
EARS = 20
POSTS = 60
"""Of one round."""
CUTS = 10
AGAIN_SECONDS = 10 / limits.COMMANDS_PER_10_S
"""A person has one more command by then, on whatever connection."""
SECONDS_MAX = 60.0
FOREIGN = Cursor(5, 1)


class Line(ABC):
    """One person's way to the node: connects again until it is told to end."""

    def __init__(self, port: int, token: str, encoding: Encoding, up: asyncio.Event) -> None:
        self._port, self.token, self.encoding, self._up = port, token, encoding, up
        self.moved = asyncio.Event()
        self.wire: Wire | None = None
        self.is_live = False
        self.connections = 0

    async def open(self) -> None:
        """Returns with a websocket on which hello was said."""
        while True:
            await self._up.wait()
            self.is_live = False
            wire = Wire(self.encoding, self.hear, b"mask", self.moved.set)
            try:
                await connected(wire, self._port)
            except OSError:
                await asyncio.sleep(0.01)  # the node is just being killed
                continue
            await wire.send(request(self.encoding, {}))
            await self.until(lambda wire=wire: wire.status or wire.ended)
            if wire.is_open:
                self.wire = wire
                self.connections += 1
                await wire.say(**self.hello())
                return
            wire.transport.abort()

    async def until(self, holds: Any, seconds: float | None = SECONDS_MAX) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self.moved.clear()
                await self.moved.wait()

    def hello(self) -> dict[str, Any]:
        return {"t": "hello", "token": self.token}

    @abstractmethod
    def hear(self, frame: dict[str, Any]) -> None: ...

    def cut(self) -> None:
        if self.wire is not None:
            self.wire.transport.abort()


class Ear(Line):
    """Hears what is posted; ``lost_cursor`` makes it come back once with another log's."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.cursor: Cursor | None = None
        self.lost_cursor = False
        self.heard: list[str] = []
        self.verdicts: Counter[str] = Counter()
        self._high = 0

    def hello(self) -> dict[str, Any]:
        cursor = FOREIGN if self.lost_cursor else self.cursor
        return super().hello() | ({} if cursor is None else {"cursor": str(cursor)})

    def hear(self, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "welcome":
                self.verdicts[frame["resume"]] += 1
                self._welcome(frame)
            case "event":
                assert frame["position"] > self._high, "twice, or out of order"
                self._reach(frame["position"])
                if frame["type"] in ("post.published", "reply.published"):
                    self.heard.append(frame["body"]["text"])
            case "mark":
                self.is_live = True
                self._reach(Cursor.parse(frame["cursor"]).position)

    def _welcome(self, frame: dict[str, Any]) -> None:
        if self.lost_cursor:
            assert (frame["resume"], frame["reason"]) == ("reset", "unknown_epoch")
        elif self.cursor is not None:
            assert frame["resume"] in ("complete", "paged"), frame
        if self.lost_cursor or self.cursor is None:
            self.lost_cursor = False
            self.cursor = Cursor.parse(frame["cursor"])
            self._high = self.cursor.position

    def _reach(self, position: int) -> None:
        assert self.cursor is not None
        self._high = max(self._high, position)
        self.cursor = Cursor(self.cursor.epoch, self._high)

    async def follow(self) -> None:
        while True:
            await self.open()
            # However long it lives: nobody would come back after the next kill.
            await self.until(lambda: self.wire is None or self.wire.ended, None)


class Author(Line):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._done: dict[str, dict[str, Any]] = {}

    def hear(self, frame: dict[str, Any]) -> None:
        self.is_live |= frame["t"] == "welcome"
        if frame["t"] == "done":
            self._done[frame["key"]] = frame

    async def do(self, key: str, command: dict[str, Any]) -> dict[str, Any]:
        """The answer, however many connections it takes."""
        while key not in self._done:
            if self.wire is None or self.wire.ended:
                await self.open()
                await self.until(lambda: self.is_live or self._is_gone())
                continue
            assert self.wire is not None
            await self.wire.say(t="do", key=key, command=command)
            await self.until(lambda: key in self._done or self._is_gone())
        done = self._done.pop(key)
        if not done["ok"] and done["error"]["retry"]:
            await asyncio.sleep(AGAIN_SECONDS)
            return await self.do(key, command)
        assert done["ok"], done
        answer: dict[str, Any] = done["answer"]
        return answer

    def _is_gone(self) -> bool:
        return self.wire is None or self.wire.ended


async def play(
    folder: Path, chance: random.Random, tally: Counter[str], going: Callable[[], bool]
) -> None:
    """Rounds while ``going``; each one counts ``kills``, ``sockets cut``, ``posts`` and verdicts."""
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
    place = places(folder, "in")["in"]
    tokens = await enrol(place, AUTHORS)
    node, proxy = Node(place), Proxy(place.port, lambda: 0)
    await node.start()
    await proxy.open()
    company = Company(node, proxy, tokens, chance, tally)
    try:
        await company.found()
        for number in itertools.takewhile(lambda _: going(), itertools.count(1)):
            await company.round(number)
            assert not failures, failures
    finally:
        await company.close()
        await proxy.close()
        await node.stop()
    twice = rows(place, "SELECT text, count(*) FROM posts GROUP BY text HAVING count(*) > 1")
    assert not twice, twice


class Company:
    """Who is on the node, and what happens to it and to them."""

    def __init__(
        self,
        node: Node,
        proxy: Proxy,
        tokens: dict[str, str],
        chance: random.Random,
        tally: Counter[str],
    ) -> None:
        self._node, self._proxy, self._chance, self._tally = node, proxy, chance, tally
        self._up = asyncio.Event()
        self._up.set()
        lines = [
            (proxy.port, tokens[AUTHORS[n % len(AUTHORS)]], Encoding(n % 2), self._up)
            for n in range(EARS)
        ]
        self._ears = [Ear(*line) for line in lines]
        self._authors = [Author(*line) for line in lines[: len(AUTHORS)]]
        self._where = ""
        self._written = 0
        self._said = asyncio.Condition()

    async def found(self) -> None:
        """The authors' community; then the ears begin to listen."""
        first, *others = self._authors
        create = {"do": "community.create", "name": "Soak"}
        community = str((await first.do("found-it", create))["community"])
        for author in others:
            join = {"do": "membership.set", "community": community, "joined": True}
            await author.do("join-key", join)
        self._where = "c:" + community
        self._following = [asyncio.ensure_future(ear.follow()) for ear in self._ears]

    async def close(self) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)

    async def round(self, number: int) -> None:
        """Everybody posts, everything breaks; in the end every ear has heard every post once."""
        for ear in self._ears:
            await ear.until(lambda ear=ear: ear.is_live)
            ear.heard.clear()
        self._written = 0
        texts = [f"{number}-{n}" for n in range(POSTS)]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._harm())
            for n, author in enumerate(self._authors):
                group.create_task(self._write(author, texts[n :: len(AUTHORS)]))
        for ear in self._ears:
            await ear.until(lambda ear=ear: len(ear.heard) >= POSTS)
            assert sorted(ear.heard) == sorted(texts)
            assert ear.heard == self._ears[0].heard, "not in the same order"
            self._tally.update({f"resumes {name}": n for name, n in ear.verdicts.items()})
            ear.verdicts.clear()
        self._tally["posts"] += POSTS
        await self._with_another_cursor(self._chance.choice(self._ears))

    async def _write(self, author: Author, texts: Sequence[str]) -> None:
        for text in texts:
            wish = {"do": "post.publish", "place": self._where, "kind": "update", "text": text}
            await author.do(f"soak-{text}", wish)
            async with self._said:
                self._written += 1
                self._said.notify_all()

    async def _harm(self) -> None:
        """Every connection is cut ten times, and the node killed at one of them."""
        kill_at = self._chance.randrange(CUTS)
        for n, after in enumerate(sorted(self._chance.sample(range(POSTS), CUTS))):
            async with self._said:
                await self._said.wait_for(lambda after=after: self._written >= after)
            if n == kill_at:
                await self._kill()
            self._proxy.cut()
            self._tally["sockets cut"] += len(self._ears) + len(self._authors)

    async def _kill(self) -> None:
        self._up.clear()
        await self._node.kill()
        await self._node.start()
        self._up.set()
        self._tally["kills"] += 1

    async def _with_another_cursor(self, ear: Ear) -> None:
        """Between two rounds, when it misses nothing, an ear comes back with a cursor of another log."""
        ear.lost_cursor = True
        ear.is_live = False
        ear.cut()
        await ear.until(lambda: ear.is_live)
        self._tally["sockets cut"] += 1
