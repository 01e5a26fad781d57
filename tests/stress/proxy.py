"""What stands between clients and a node in a company: a proxy that delays, joins, splits, and cuts.

It cuts a connection on which nothing went either way for 60 s of the world's time, as common ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.stress.wire import Chop, whole

SILENCE_MS_MAX = 60_000
READ_BYTES = 65_536


class _Link:
    """One client's way through."""

    def __init__(self, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter], now: int) -> None:
        self.ends, self.heard_at = ends, now

    def cut(self) -> None:
        for end in self.ends:
            end.transport.abort()


class Proxy:
    """``turns``: of the loop that bytes wait, so that what follows joins them. ``chop``: how they are passed
    on. ``cut_after``: bytes for the client after which its connection ends, mid-frame or not."""

    def __init__(
        self,
        to: int,
        steady: Callable[[], int],
        *,
        turns: int = 0,
        chop: Chop = whole,
        cut_after: Callable[[], int] | None = None,
    ) -> None:
        self._to, self._steady, self._turns, self._chop = to, steady, turns, chop
        self._cut_after = cut_after
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        self.cut()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """The cable is pulled."""
        for link in list(self._links):
            link.cut()

    def judge(self) -> None:
        for link in list(self._links):
            if self._steady() - link.heard_at >= SILENCE_MS_MAX:
                self.cuts += 1
                link.cut()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self._to)
        link = _Link((writer, node_writer), self._steady())
        self._links.add(link)
        left = self._cut_after() if self._cut_after else None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, node_writer, None))
                group.create_task(self._pump(link, node_reader, writer, left))
        finally:
            self._links.discard(link)

    async def _pump(
        self,
        link: _Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        left: int | None,
    ) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                link.heard_at = self._steady()
                for _ in range(self._turns):
                    await asyncio.sleep(0)
                if left is not None and len(data) >= left:
                    writer.write(data[:left])
                    break
                left = None if left is None else left - len(data)
                for piece in self._chop(data):
                    writer.write(piece)
                    await writer.drain()
        except (OSError, RuntimeError):  # uvloop's word for a closed transport
            pass
        # What was passed on still arrives: an end, no reset. The other direction follows.
        for end in link.ends:
            end.close()
