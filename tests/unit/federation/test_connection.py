"""A connection's writer, and who notices that it stands still."""

from __future__ import annotations

import asyncio

import pytest

from server.domain import limits
from server.federation.connection import Connection, Gone


class Line:
    """A socket that takes what comes, until it takes nothing any more."""

    take_bytes = 0
    certificate_until = None

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.blocked = False
        self.waiting = asyncio.Event()

    async def send(self, *messages: bytes) -> None:
        if self.blocked:
            self.waiting.set()
            await asyncio.Future()
        self.taken += messages
        self.waiting.set()

    async def receive(self) -> bytes:
        raise Gone("not in this test")

    async def close(self, code: int, reason: str) -> None:
        self.taken.append(f"{code} {reason}".encode())


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINK_SILENCE_SECONDS_MAX", 0.02)


async def test_a_peer_that_takes_nothing_is_gone(short_silence: None) -> None:
    line = Line()
    line.blocked = True
    connection = Connection(1, line)
    connection.send(b"for nobody")
    writing = asyncio.create_task(connection.write())
    with pytest.raises(Gone, match="the peer takes nothing"):
        await asyncio.wait_for(connection.watch(), 20)
    writing.cancel()


async def test_a_peer_that_takes_everything_stays_however_little_is_said(
    short_silence: None,
) -> None:
    line = Line()
    connection = Connection(1, line)
    writing = asyncio.create_task(connection.write())
    watching = asyncio.create_task(connection.watch())
    for number in range(8):
        line.waiting.clear()
        connection.send(bytes([number]))
        await line.waiting.wait()
        # Longer than the watcher's whole patience, in its own steps.
        _, still = await asyncio.wait([watching], timeout=limits.LINK_SILENCE_SECONDS_MAX)
        assert still == {watching}
    connection.close(4001, "enough")
    with pytest.raises(Gone, match="closed by us: enough"):
        await writing
    watching.cancel()
    assert line.taken == [*[bytes([number]) for number in range(8)], b"4001 enough"]
