"""The line between two regions as a long one is: it takes time, is narrow, breaks, and sometimes lies.

A cable is a TCP proxy in front of the region that is dialled. Every way it can fail is one the internet knows:

- ``cut``       both ends see the connection break, in the middle of whatever is under way
- ``hold``      one direction stands still for a while; nothing is lost
- ``deaden``    half open: nothing arrives any more, and neither end is told
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from tests.support.overheard import Overheard, Wiretap

READ_BYTES = 65_536
UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024
"""In one direction; then the sender is held back, as by a router's queue."""
PROVEN = frozenset({"WANT", "HEAD", "ACK", "BATCH", "PACKED", "PING"})
"""What an end says only after a proof (docs/protocol/federation.md 7)."""


class Way:
    """One direction of a cable. ``seconds``: that bytes take; ``bytes_per_second``: 0 for as many as come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.bytes_per_second = 0
        self.overheard: Overheard | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.carried = 0


class _Line:
    """One connection through a cable."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.ends = (near, far)
        self.is_dead = False
        self.proven = asyncio.Event()

    def cut(self) -> None:
        for end in self.ends:
            end.transport.abort()


class Cable:
    """From the region that dials (``there``) to the port of the other (``back`` is what that one says)."""

    def __init__(self, name: str, to: int, *, overhear: bool = False) -> None:
        self.name, self.to = name, to
        self.there, self.back = Way(), Way()
        if overhear:
            self.there.overheard, self.back.overheard = Overheard(), Overheard()
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_at: float | None = None
        self.seconds_down: list[float] = []
        """For each cut: until the next connection was proven."""
        self.connected, self.proven = asyncio.Event(), asyncio.Event()
        """Whether a connection stands that somebody may still be proving; one that is proven."""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        self._cut_all()
        self.mend()
        while self._tasks:
            await asyncio.wait(self._tasks)

    # -- what happens to it ----------------------------------------------------------------------

    def delay(self, seconds: float, bytes_per_second: int = 0) -> None:
        """The same both ways."""
        for way in (self.there, self.back):
            way.seconds, way.bytes_per_second = seconds, bytes_per_second

    def cut(self) -> bool:
        """Whether there was anything to cut."""
        if not self._lines:
            return False
        if self.proven.is_set():
            self._cut_at = time.monotonic()
        self._cut_all()
        return True

    def _cut_all(self) -> None:
        for line in self._lines:
            line.cut()
        self._lines.clear()
        self.connected.clear()
        self.proven.clear()

    async def hold(self, way: Way, seconds: float) -> None:
        way.open.clear()
        await asyncio.sleep(seconds)
        way.open.set()

    def deaden(self) -> None:
        """Those that are open now; who dials anew gets through."""
        for line in self._lines:
            line.is_dead = True
        self.connected.clear()
        self.proven.clear()

    def mend(self) -> None:
        self.delay(0)
        for way in (self.there, self.back):
            way.open.set()

    # -- carrying --------------------------------------------------------------------------------

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, far_writer)
        self._lines.add(line)
        self.connected.set()
        try:
            async with asyncio.TaskGroup() as group:
                for way, source, end in (
                    (self.there, reader, far_writer),
                    (self.back, far_reader, writer),
                ):
                    _Pump(self, line, way).start(group, source, end)
        finally:
            self._lines.discard(line)
            line.cut()

    def is_proven(self, line: _Line) -> None:
        if line.proven.is_set() or line.is_dead:
            return
        line.proven.set()
        self.proven.set()
        if self._cut_at is not None:
            self.seconds_down.append(time.monotonic() - self._cut_at)
            self._cut_at = None


class _Pump:
    """Carries one direction of one connection: each piece after its time, all in order."""

    def __init__(self, cable: Cable, line: _Line, way: Way) -> None:
        self._cable, self._line, self._way = cable, line, way
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._under_way = 0
        self._room = asyncio.Event()
        self._room.set()
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._tap = Wiretap() if way.overheard else None

    def start(
        self, group: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        group.create_task(self._take(reader))
        group.create_task(self._give(writer))

    async def _take(self, reader: asyncio.StreamReader) -> None:
        """An end, or a break, is passed on behind what came before it."""
        data = b"begin"
        while data:
            await self._room.wait()
            try:
                data = await reader.read(READ_BYTES)
            except OSError:
                data = b""
            self._under_way += len(data)
            if self._under_way > UNDER_WAY_BYTES_MAX:
                self._room.clear()
            self._pieces.put_nowait((self._clock() + self._way.seconds, data))

    async def _give(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # uvloop's word for a closed transport
            while True:
                at, data = await self._pieces.get()
                await self._wait(at, len(data))
                self._under_way -= len(data)
                self._room.set()
                if not data:
                    break
                if not self._line.is_dead:
                    self._hear(data)
                    writer.write(data)
                    await writer.drain()
        self._scrap()
        if not self._line.is_dead:
            for end in self._line.ends:
                end.close()

    async def _wait(self, at: float, size: int) -> None:
        if (left := at - self._clock()) > 0:
            await asyncio.sleep(left)
        if pace := self._way.bytes_per_second:
            await asyncio.sleep(size / pace)
        await self._way.open.wait()

    def _hear(self, data: bytes) -> None:
        self._way.carried += len(data)
        if self._tap and self._way.overheard:
            for message in self._tap.feed(data):
                kind = self._way.overheard.message(message)
                if kind in PROVEN and self._way is self._cable.back:
                    self._cable.is_proven(self._line)

    def _scrap(self) -> None:
        """What a cut left of a message was on the wire all the same."""
        if self._tap and self._way.overheard:
            self._way.overheard.scrap(self._tap.rest)
