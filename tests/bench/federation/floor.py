"""The floor of every lag: a moment of the clock sent over the same line by a process that does nothing else.

python -m tests.bench.federation.floor
"""

from __future__ import annotations

import asyncio
import struct
import time

import uvloop

from tests.bench.federation.member import obey

STAMP = struct.Struct("d")


class Bare:
    """Each method is something to ask for."""

    def __init__(self) -> None:
        self._lags: list[float] = []
        self._moved = asyncio.Event()

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(STAMP.size):
            if len(data) < STAMP.size:
                data += await reader.readexactly(STAMP.size - len(data))
            self._lags.append((time.monotonic() - STAMP.unpack(data)[0]) * 1000)
            self._moved.set()
        writer.close()

    async def send(self, port: int, rate: float, seconds: float) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        for n in range(int(rate * seconds)):
            await asyncio.sleep(began + n / rate - time.monotonic())
            writer.write(STAMP.pack(time.monotonic()))
        writer.close()

    async def lags(self, count: int) -> list[float]:
        """Milliseconds, once so many came."""
        while len(self._lags) < count:
            self._moved.clear()
            await self._moved.wait()
        return self._lags


if __name__ == "__main__":
    uvloop.run(obey(Bare()))
