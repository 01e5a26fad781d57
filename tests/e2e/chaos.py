"""Five real nodes, a bad line between each two of them, and people who write all the while.

    python -m tests.e2e.chaos [CUTS]           # 1,000 unless it is said how many; ``make chaos``

Lines are cut in the middle of a handshake, a batch or an acknowledgement, they are slow and narrow, stand still one
way, and one goes half open; nodes get SIGKILL, SIGTERM and SIGSTOP. When everything works again, every region holds
every event it may have, once, and no word was on a wire to a region which it was not for. The seed decides what
breaks when; what the machine makes of it is another matter, so a seed repeats a run only roughly.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tap_client import Client, Event

from server.ops import keys
from server.ops.demo.nodes import Node, Place, configuration
from tests.bench.figures import at_most, compare, emit
from tests.conftest import SEED
from tests.e2e.level import (
    AUDIENCES,
    GROUPS,
    REGIONS,
    check_content,
    check_lanes,
    check_shown,
    check_wires,
    differing,
)
from tests.support.cables import Cable
from tests.support.processes import do_when_known, enrol, places, running, until

CUTS = 1_000
PAUSE_SECONDS = 0.25
"""Between two posts of an author."""
QUICK_CUTS_MAX = 3
"""So many in a row come before the link has settled; the next finds it live."""
EARLY_SHARE = 0.4
"""Of these: whoever dialled may still be proving who they are."""
SETTLED_SECONDS = (4.2, 5.0)
"""By then a link has begun its pauses anew: the next loss is mended soon."""
SLOW = ((0.0, 0), (0.02, 0), (0.125, 0), (0.05, 50_000))
"""(seconds one way, bytes a second)."""
HALF_OPEN_SECONDS = 27.0
"""Longer than LINK_SILENCE_SECONDS_MAX: only silence tells."""
NODE_HARM_EVERY = 40
"""Cuts."""
CHAOS_SECONDS_MAX = 900.0
HEAL_SECONDS_MAX = 120.0


class Survived(NamedTuple):
    """``down``: seconds after each cut until that link was proven again; ``heal``: until all were level."""

    tally: Counter[str]
    down: list[float]
    heal: float


class Author:
    """One person in one region: writes, and hears what all write."""

    def __init__(self, place: Place, person: str, token: str, chance: random.Random) -> None:
        self.region, self.person, self._chance = place.region, person, chance
        self.client = Client(place.url, token, on_event=self._heard)
        self.places: dict[str, str] = {}
        """Lane -> the place in which it writes there."""
        self.published: list[str] = []
        """For everybody, in this order; so it is to be heard."""
        self.heard: list[str] = []
        self.posts: list[str] = []

    def _heard(self, event: Event) -> None:
        if event.type == "post.published" and event.body["text"].startswith("mark-global-"):
            self.heard.append(event.body["text"])
            self.posts.append(event.body["post"])

    async def write(self, said: dict[str, list[str]], done: asyncio.Event) -> None:
        """Until it is enough; what was answered is said."""
        for n in itertools.count():
            if done.is_set():
                return
            lane = self._chance.choice(sorted(self.places))
            text = f"mark-{lane}-{self.region}-{n}"
            wish: dict[str, Any] = {"text": text}
            if lane == "global" and self.posts and self._chance.random() < 0.3:
                wish |= {"do": "reply.publish", "parent": self._chance.choice(self.posts)}
            else:
                kind = "message" if lane.startswith("pair.") else "update"
                wish |= {"do": "post.publish", "place": self.places[lane], "kind": kind}
            await do_when_known(self.client, wish, f"said-{self.region}-{n}")
            said[lane].append(text)
            if lane == "global" and wish["do"] == "post.publish":
                self.published.append(text)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), PAUSE_SECONDS)


class Network:
    """A cable between each two regions, in front of the one that is dialled."""

    def __init__(self, where: Mapping[str, Place]) -> None:
        self.cables = {
            (a, b): Cable(f"{a}-{b}", where[b].port, overhear=True)
            for a, b in itertools.combinations(sorted(where), 2)
        }

    async def lay(self, where: Mapping[str, Place]) -> None:
        """Every node is configured to dial through its cables."""
        for cable in self.cables.values():
            await cable.open()
        public = {
            name: keys.public_text(keys.load(place.key_file)) for name, place in where.items()
        }
        groups = "".join(f"{name} = {json.dumps(them)}\n" for name, them in GROUPS.items())
        for region, place in where.items():
            peers = [
                other._replace(port=self.cables[region, name].port) if region < name else other
                for name, other in where.items()
                if name != region
            ]
            text = configuration(place, peers, public, demo=False)
            place.config.write_text(f"{text}[lanes.groups]\n{groups}", encoding="utf-8")

    @property
    def seconds_down(self) -> list[float]:
        return [seconds for cable in self.cables.values() for seconds in cable.seconds_down]

    def mend(self) -> float:
        """When it was."""
        for cable in self.cables.values():
            cable.mend()
        return time.monotonic()

    async def take_up(self) -> None:
        for cable in self.cables.values():
            await cable.close()


class Harm:
    """Breaks lines and nodes until ``goal`` cuts were made."""

    def __init__(
        self, nodes: Mapping[str, Node], network: Network, goal: int, chance: random.Random
    ) -> None:
        self._nodes, self._network, self._goal, self._chance = nodes, network, goal, chance
        self.tally: Counter[str] = Counter()
        self.done = asyncio.Event()
        self._moved = asyncio.Condition()

    async def run(self) -> None:
        async with asyncio.timeout(CHAOS_SECONDS_MAX), asyncio.TaskGroup() as group:
            group.create_task(self._half_open())
            group.create_task(self._harm_nodes())
            for cable in self._network.cables.values():
                group.create_task(self._harm_cable(cable, random.Random(self._chance.random())))

    async def _harm_cable(self, cable: Cable, chance: random.Random) -> None:
        quick = 0
        while not self.done.is_set():
            early = quick and chance.random() < EARLY_SHARE
            standing = cable.connected if early else cable.proven
            if not await self._unless_done(standing.wait(), 1.0):
                continue
            if quick:
                quick -= 1
                await self._pause(chance.random() * 0.3)
            else:
                quick = chance.randint(1, QUICK_CUTS_MAX)
                await self._pause(chance.uniform(*SETTLED_SECONDS))
                if chance.random() < 0.3:
                    self.tally["held one way"] += 1
                    way = chance.choice((cable.there, cable.back))
                    await cable.hold(way, chance.uniform(0.5, 4.0))
            cable.delay(*chance.choice(SLOW))
            if not self.done.is_set() and cable.cut():
                await self._was_cut()

    async def _was_cut(self) -> None:
        async with self._moved:
            self.tally["cuts"] += 1
            if self.tally["cuts"] >= self._goal:
                self.done.set()
            self._moved.notify_all()

    async def _half_open(self) -> None:
        """One link dies without a word: others carry its events, until silence tells (9.5, 11)."""
        cable = self._chance.choice(list(self._network.cables.values()))
        if await self._unless_done(cable.proven.wait(), HALF_OPEN_SECONDS):
            cable.deaden()
            self.tally["half open"] += 1
            await self._pause(HALF_OPEN_SECONDS)

    async def _harm_nodes(self) -> None:
        acts = itertools.cycle(self._chance.sample([self._kill, self._stop, self._freeze], 3))
        for after, act in zip(itertools.count(NODE_HARM_EVERY // 2, NODE_HARM_EVERY), acts):
            async with self._moved:
                await self._moved.wait_for(
                    lambda after=after: self.tally["cuts"] >= after or self.done.is_set()
                )
            if self.done.is_set():
                return
            await act(self._nodes[self._chance.choice(sorted(self._nodes))])

    async def _kill(self, node: Node) -> None:
        self.tally["SIGKILL"] += 1
        await node.kill()
        await self._start(node)

    async def _stop(self, node: Node) -> None:
        self.tally["SIGTERM"] += 1
        await node.stop()
        await self._start(node)

    async def _start(self, node: Node) -> None:
        await asyncio.sleep(self._chance.random())
        await node.start()

    async def _freeze(self, node: Node) -> None:
        assert node._process is not None
        self.tally["SIGSTOP"] += 1
        node._process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self._chance.uniform(1.0, 5.0))
        node._process.send_signal(signal.SIGCONT)

    async def _pause(self, seconds: float) -> None:
        await self._unless_done(asyncio.sleep(seconds), None)

    async def _unless_done(self, waiting: Any, seconds: float | None) -> bool:
        """Whether it came in time and before the end."""
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self.done.wait())]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        came = tasks[0].done() and not self.done.is_set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return came


async def survive(folder: Path, cuts: int, seed: int) -> Survived:
    """The whole of it. Fails when a region lacks, doubles, or should not have had a thing."""
    chance = random.Random(seed)
    where = places(folder, *REGIONS)
    network = Network(where)
    await network.lay(where)
    tokens = {}
    for region, place in where.items():
        tokens |= await enrol(place, [f"author.{region}"])
    try:
        async with running(where.values()) as nodes:
            survived, texts = await live_through_it(nodes, tokens, network, cuts, chance)
    finally:
        await network.take_up()
    check_content(where, texts)
    check_lanes(where)
    check_shown(where)
    check_wires(network.cables)
    return survived


async def live_through_it(
    nodes: Mapping[str, Node],
    tokens: Mapping[str, str],
    network: Network,
    cuts: int,
    chance: random.Random,
) -> tuple[Survived, Mapping[str, list[str]]]:
    """And what was answered, by the lane it belongs to."""
    authors = {}
    for region, node in nodes.items():
        person = f"author.{region}"
        own = random.Random(chance.random())
        authors[region] = Author(node.place, person, tokens[person], own)
    texts: dict[str, list[str]] = defaultdict(list)
    where = {region: node.place for region, node in nodes.items()}
    async with contextlib.AsyncExitStack() as stack:
        for author in authors.values():
            await stack.enter_async_context(author.client)
        await found(authors)
        harm = Harm(nodes, network, cuts, chance)
        async with asyncio.TaskGroup() as group:
            writing = [
                group.create_task(author.write(texts, harm.done)) for author in authors.values()
            ]
            await harm.run()
            began = network.mend()
            await asyncio.gather(*writing)
        await until("every region is level", lambda: not differing(where), HEAL_SECONDS_MAX)
        heal = time.monotonic() - began
        await check_ears(authors.values())
    harm.tally["posts"] = sum(map(len, texts.values()))
    return Survived(harm.tally, network.seconds_down, heal), texts


async def found(authors: Mapping[str, Author]) -> None:
    """Communities for all, for the group and for one region alone, and a conversation of two."""
    de, us = authors["de"], authors["us"]
    made = {
        "global": await create(de, "global"),
        "group.eu": await create(de, "group.eu"),
        "local": await create(us, "local"),
    }
    for lane, community in made.items():
        for region in AUDIENCES[lane]:
            author = authors[region]
            join = {"do": "membership.set", "community": community, "joined": True}
            await do_when_known(author.client, join, f"join-{lane}")
            author.places[lane] = f"c:{community}"
    start = {"do": "conversation.start", "members": [authors["fr"].person]}
    talk = (await do_when_known(de.client, start, "start-talk")).answer["conversation"]
    for region in AUDIENCES["pair.de.fr"]:
        authors[region].places["pair.de.fr"] = f"d:{talk}"
    for author in authors.values():
        await author.client.live()


async def create(author: Author, lane: str) -> str:
    wish = {"do": "community.create", "name": f"mark-{lane}-community", "audience": lane}
    return str((await do_when_known(author.client, wish, f"found-{lane}")).answer["community"])


# -- afterwards --------------------------------------------------------------------------------------------


async def check_ears(authors: Collection[Author]) -> None:
    """In between, too: each post is heard once, and each author's in the order they were written."""
    due = Counter(text for author in authors for text in author.published)
    for ear in authors:
        await until(
            f"{ear.person} has heard all",
            lambda ear=ear: len(ear.heard) >= due.total(),
            HEAL_SECONDS_MAX,
        )
        assert Counter(ear.heard) == due
        for author in authors:
            own = [text for text in ear.heard if text.split("-")[2] == author.region]
            assert own == author.published, (ear.region, author.region)


def main() -> int:
    cuts = int(sys.argv[1]) if sys.argv[1:] else CUTS
    print(f"seed {SEED}: again with TAP_TEST_SEED={SEED}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="tap-chaos-") as folder:
        survived = asyncio.run(survive(Path(folder), cuts, SEED))
    beside = {name: float(count) for name, count in survived.tally.items()}
    down = sorted(survived.down)
    p99 = down[int(len(down) * 0.99)]
    emit(compare("chaos_down_p50", "s", [down[len(down) // 2]], beside))
    emit(compare("chaos_down_p99", "s", [p99], {"longest": down[-1]}))
    emit(at_most("chaos_heal", "s", 60, [survived.heal]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
