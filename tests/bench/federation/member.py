"""A region as a process that does what it is told, a line of JSON for a line of JSON; and who tells it.

python -m tests.bench.federation.member FOLDER REGION
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
import uvloop

from server.app import metrics
from server.domain import limits
from server.domain.decide import Context, Decided, Draft
from server.domain.errors import Refusal
from server.domain.events import KeyRotated, PostPublished
from server.domain.facts import Facts
from server.domain.ids import LaneKey, object_id
from server.federation.dialled import PeerAddress
from server.federation.forks import ForkProof
from server.federation.links import Links
from server.federation.onlookers import Onlookers
from server.federation.recovery import Phase, Recovery
from server.federation.trust import key_id, succession
from server.ops import listener
from server.storage.event_log import Record
from tests.support.node import Clock, TestNode, open_test_node
from tests.support.processes import until
from tests.unit.federation.lab import LISTED, key_of, public_of
from tests.unit.federation.nodes import GROUPS, links_of, now, served

TEXT = "A plain update of a usual length, as colleagues write them every day. " * 4
COMMIT_EVENTS = 256


class Wall(Clock):
    def __call__(self) -> int:
        return now()


class Member:
    """Each method is something to ask for."""

    def __init__(self, node: TestNode, stack: contextlib.AsyncExitStack) -> None:
        self._node, self._stack = node, stack
        self._place = ""
        self._watched = ""
        self._heard: list[tuple[int, float]] = []
        self._links: Links
        self._fork_at: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._people_at = 0.0
        """When the last news of a person or a community was committed here."""
        node.tap.subscribe(self._committed)

    def _committed(self, records: Sequence[Record]) -> None:
        at = time.monotonic()
        if any(record.type in LISTED for record in records):
            self._people_at = at
        if self._watched:
            self._heard += [
                (record.id.seq, at) for record in records if record.id.lane == self._watched
            ]

    async def found(self) -> str:
        await self._node.register("asha")
        self._place = await self._node.community("asha")
        return self._place

    async def fill(self, lane: str, count: int, people: int = 0) -> int:
        """So many posts, 256 to a commit, and spread over them so many people; where the lane ends then."""
        commits = range(0, count, COMMIT_EVENTS)
        for number, start in enumerate(commits):
            await self._append(lane, min(COMMIT_EVENTS, count - start))
            for one in range(
                people * number // len(commits), people * (number + 1) // len(commits)
            ):
                await self._node.register(f"p{one}")
        return self._node.handler.lane_tip(self._key(self._node.region, lane))

    async def _append(self, lane: str, count: int) -> None:
        drafts = [
            Draft(
                lane,
                "asha",
                PostPublished(post=post, kind="update", place=self._place, at=at, text=TEXT),
                (),
            )
            for at, post in [(now(), object_id(now(), os.urandom(10))) for _ in range(count)]
        ]

        def decided(_facts: Facts, _context: Context) -> Decided:
            return Decided(drafts, {})

        assert not isinstance(await self._node.handler.append(decided), Refusal)

    async def serve(self, peers: list[tuple[str, int, bool]]) -> int:
        """The links to (region, port, whether we dial); the port they answer on."""
        sock = listener.bind("127.0.0.1", 0)
        port = int(sock.getsockname()[1])
        addresses = [
            PeerAddress(region, f"http://127.0.0.1:{to}", (public_of(region),), dials)
            for region, to, dials in peers
        ]
        self._links = links_of(self._node, {}, peers=addresses, on_fork=self._forked)
        await self._stack.enter_async_context(served(self._links, sock))
        gc.freeze()
        return port

    def _forked(self, _proof: ForkProof) -> None:
        self._fork_at.set_result(time.monotonic())

    async def forked(self) -> float:
        """When a fork was proven."""
        return await self._fork_at

    async def recovered(self) -> float:
        """When people may write again after a database was put back."""
        recovery = Recovery(self._node.region, needed=True)
        await until(
            "people may write", lambda: recovery.observe(now(), *self._links.seen) is Phase.OPEN
        )
        return time.monotonic()

    async def rotate(self) -> None:
        """Another key signs from now on: announced first, then used."""
        region = self._node.region
        old, new = key_of(region), key_of(f"the newer key of {region}")
        word = succession(region, new.public_key().public_bytes_raw(), old)
        event = KeyRotated(
            key=word.key,
            key_id=key_id(word.key),
            before=old.public_key().public_bytes_raw(),
            signature=word.signature,
        )
        draft = Draft("control", "", event, ())
        outcome = await self._node.handler.append(lambda _facts, _context: Decided([draft], {}))
        assert not isinstance(outcome, Refusal)
        self._links.rotate(new)

    async def look(self, region: str, count: int) -> None:
        """People here look at so many of a region, or show theirs; without a budget until ``settle``."""
        self._budget = limits.EPHEM_BYTES_PER_S, limits.EPHEM_SECONDS_MIN
        limits.EPHEM_BYTES_PER_S, limits.EPHEM_SECONDS_MIN = 2**30, 0  # not what is measured
        self._links.onlookers.live = self._crowd = Crowd(self._links.onlookers)
        self._links.onlookers.look(region, self._crowd.names(count), [])

    async def settle(self) -> None:
        """Whoever is looked at is known; from now on there is a budget."""
        limits.EPHEM_BYTES_PER_S, limits.EPHEM_SECONDS_MIN = self._budget

    async def storm(
        self, people: int, rate: float, seconds: float, calm: float
    ) -> tuple[int, list[tuple[float, float, float]]]:
        """Posts at this pace, and after ``calm`` seconds so many people change at once. Where the lane ends then;
        and from the storm on, twice a second: when, bytes of EPHEM sent so far, bytes of all frames."""
        said: list[tuple[float, float, float]] = []

        async def flip() -> None:
            await asyncio.sleep(calm)
            self._links.onlookers.changed(dict.fromkeys(self._crowd.names(people), "offline"))
            while time.monotonic() < until_:
                ephemeral = _summed(metrics.FEDERATION_EPHEMERAL_BYTES)
                said.append((time.monotonic(), ephemeral, _summed(metrics.FEDERATION_BYTES)))
                await asyncio.sleep(0.5)

        until_ = time.monotonic() + seconds
        storm = asyncio.ensure_future(flip())
        end = await self.write("global", rate, seconds)
        await storm
        return end, said

    async def shown(self, state: str, count: int) -> float:
        """Waits until so many are shown in a state; when that was."""
        return await self._crowd.reached(state, count)

    async def rejected(self) -> float:
        """What was refused of peers since the start: frames, batches, proofs."""
        [family] = metrics.FEDERATION_REJECTED.collect()
        return sum(s.value for s in family.samples)

    async def watch(self, lane: str) -> None:
        self._watched = lane
        self._heard.clear()

    async def heard(self) -> list[tuple[int, float]]:
        """(seq, when its commit was heard of here) of the watched lane."""
        return self._heard

    async def write(self, lane: str, rate: float, seconds: float) -> int:
        """Posts one by one at this pace; where the lane ends then."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for n in range(int(rate * seconds)):
                await asyncio.sleep(began + n / rate - time.monotonic())
                group.create_task(self._append(lane, 1))
        return self._node.handler.lane_tip(self._key(self._node.region, lane))

    async def holds(self, region: str, epoch: int, lane: str, seq: int) -> float:
        """Waits until a lane reaches ``seq``; when that was."""
        while self._node.handler.lane_tip(LaneKey(region, epoch, lane)) < seq:
            await self._node.tap.moved(self._node.tap.position)
        return time.monotonic()

    async def people_at(self) -> float:
        """When the last news of a person or a community was committed here."""
        return self._people_at

    async def epoch(self) -> int:
        return self._node.handler.epoch

    async def usage(self) -> tuple[float, float]:
        """CPU seconds so far, of all threads; MiB of memory in use."""
        statm = await asyncio.to_thread(Path("/proc/self/statm").read_text, "ascii")
        pages = int(statm.split()[1])
        return time.process_time(), pages * resource.getpagesize() / 2**20

    def _key(self, region: str, lane: str) -> LaneKey:
        return LaneKey(region, self._node.handler.epoch, lane)


def _summed(counter: Any) -> float:
    [family] = counter.collect()
    found = [s for s in family.samples if s.name.endswith("_total")]
    return float(sum(s.value for s in found if s.labels["direction"] == "out"))


class Crowd:
    """The live layer of a region with nothing but names and states."""

    def __init__(self, links: Onlookers) -> None:
        self._links = links
        self._states: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        self._awaited: tuple[str, int, asyncio.Future[float]] | None = None

    @staticmethod
    def names(count: int) -> list[str]:
        return [f"p:person.{n}" for n in range(count)]

    async def reached(self, state: str, count: int) -> float:
        """Waits until so many are in a state; when that was."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited = state, count, future
        self._look_up()
        return await future

    def _look_up(self) -> None:
        state, count, future = self._awaited or ("", 1, None)
        if future and not future.done() and self._count[state] >= count:
            future.set_result(time.monotonic())

    def looked_at(self, region: str, channels: Collection[str]) -> None:
        self._links.allow(region, channels, dict.fromkeys(channels, "online"))

    def seen(self, _region: str, states: Mapping[str, str], _typing: object) -> None:
        self._count.subtract([self._states[name] for name in states if name in self._states])
        self._count.update(states.values())
        self._states.update(states)
        self._look_up()


async def obey(one: object) -> None:
    """Until there is nothing more to read. The answers alone go to standard output."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    while line := await asyncio.to_thread(sys.stdin.readline):
        wish = json.loads(line)
        print(json.dumps(await getattr(one, wish.pop("do"))(**wish)), flush=True)


async def main(folder: Path, region: str) -> None:
    groups = {name: frozenset(them) for name, them in GROUPS.items()}
    async with (
        open_test_node(folder, region, clock=Wall(), groups=groups) as node,
        contextlib.AsyncExitStack() as stack,
    ):
        await obey(Member(node, stack))


class Asked:
    """The other end: a process that is asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, do: str, **more: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")
        line = await self.process.stdout.readline()
        assert line, f"a process of the benchmark ended at {do}"
        return json.loads(line)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def started(module: str, *arguments: object) -> AsyncIterator[Asked]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tests.bench.federation.{module}", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    try:
        yield Asked(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
