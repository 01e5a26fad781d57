"""Many peers of one region in a process: real links that verify everything and store nothing.

python -m tests.bench.federation.peers FOLDER PORT COUNT
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from server.domain.wire import LaneBatch
from server.federation.dialled import PeerAddress
from server.federation.links import Links
from server.federation.steps import State
from tests.bench.federation.member import obey
from tests.support.node import open_test_node
from tests.unit.federation.lab import key_of, public_of
from tests.unit.federation.nodes import now

ORIGIN = "de"


def names(count: int) -> list[str]:
    return [f"p{n}" for n in range(10, 10 + count)]


class Writer:
    """Says that everything is committed."""

    def __init__(self) -> None:
        self.events = 0
        self.moved = asyncio.Event()

    async def apply(self, batch: LaneBatch) -> int:
        self.events += len(batch.events)
        self.moved.set()
        return batch.head.seq


class Log:
    def subscribe(self, _listener: Any) -> None:
        """Nothing is ever committed here."""


class Crowd:
    """Each method is something to ask for."""

    def __init__(self, links: list[Links], writers: list[Writer]) -> None:
        self._links, self._writers = links, writers

    async def live(self) -> list[float]:
        """When each link came to be live."""

        async def one(links: Links) -> float:
            await links.reached(ORIGIN, State.LIVE)
            return time.monotonic()

        return list(await asyncio.gather(*[one(links) for links in self._links]))

    async def lost(self) -> None:
        """Returns when no link is live."""
        await asyncio.gather(*[links.reached(ORIGIN, State.BACKING_OFF) for links in self._links])

    async def hold(self, events: int) -> None:
        """Returns when each has so many."""
        for writer in self._writers:
            while writer.events < events:
                writer.moved.clear()
                await writer.moved.wait()


async def main(folder: Path, port: int, count: int) -> None:
    origin = PeerAddress(ORIGIN, f"http://127.0.0.1:{port}", (public_of(ORIGIN),), True)
    async with (
        open_test_node(folder, "empty") as node,
        contextlib.AsyncExitStack() as stack,
        asyncio.TaskGroup() as group,
    ):
        writers = [Writer() for _ in range(count)]
        crowd = [
            Links(
                region=region,
                epoch=1,
                peers=[origin],
                groups={},
                private=key_of(region),
                reader=node.reader,
                handler=writer,
                tap=Log(),
                clock=now,
                entropy=os.urandom,
            )
            for region, writer in zip(names(count), writers, strict=True)
        ]
        for links in crowd:
            group.create_task(links.run())
        stack.push_async_callback(lambda: asyncio.gather(*[links.close() for links in crowd]))
        await obey(Crowd(crowd, writers))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
