"""Bytes leave in order, whoever writes them: our own system calls, or the transport."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from server.realtime.outlet import GONE, NOWHERE, Outlet, broadcast

SECONDS_MAX = 20
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Line(Outlet, asyncio.Protocol):
    def __init__(self) -> None:
        super().__init__()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.attach(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.detach()
        self.lost.set()


@pytest.fixture(params=sorted(LOOPS))
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = LOOPS[request.param]()
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


class Ends:
    """A line, and the socket at its other end."""

    def __init__(self, line: Line, peer: socket.socket) -> None:
        self.line, self.peer = line, peer

    async def heard(self, size: int) -> bytes:
        loop, found = asyncio.get_running_loop(), b""
        async with asyncio.timeout(SECONDS_MAX):
            while len(found) < size:
                some = await loop.sock_recv(self.peer, 65536)
                assert some, "the line ended early"
                found += some
        return found


async def ends() -> Ends:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    _, line = await loop.create_connection(Line, sock=ours)
    return Ends(line, theirs)


def runs(loop: asyncio.AbstractEventLoop, story: Any) -> None:
    async def told() -> None:
        found = await ends()
        try:
            await story(found)
        finally:
            found.line._transport.abort()
            async with asyncio.timeout(SECONDS_MAX):
                await found.line.lost.wait()
            found.peer.close()

    loop.run_until_complete(told())


def test_what_was_written_before_the_hand_over_goes_first(loop: asyncio.AbstractEventLoop) -> None:
    async def story(found: Ends) -> None:
        head = b"h" * 200_000
        found.line._transport.write(head)
        first = found.peer.recv(65_536)  # now the kernel has room again, without a turn of the loop
        other = Line()
        other.attach(found.line._transport)
        other.write(b"body")
        rest = await found.heard(len(head) + 4 - len(first))
        assert first + rest == head + b"body"

    runs(loop, story)


def test_what_fits_leaves_at_once_past_the_transport(loop: asyncio.AbstractEventLoop) -> None:
    async def story(e: Ends) -> None:
        e.line.write(b"one")
        broadcast(b"two", [e.line])
        assert e.peer.recv(6) == b"onetwo"  # without a turn of the loop
        assert e.line.direct != NOWHERE

    runs(loop, story)


def test_what_does_not_fit_keeps_its_place(loop: asyncio.AbstractEventLoop) -> None:
    """Once the transport holds something back, everything goes through it until it holds nothing."""

    async def story(e: Ends) -> None:
        parts = [bytes([65 + n]) * 30_000 for n in range(20)]
        for number, part in enumerate(parts):
            (e.line.write if number % 2 else lambda data: broadcast(data, [e.line]))(part)
        assert e.line.direct == NOWHERE
        assert e.line._transport.get_write_buffer_size() > 0
        assert await e.heard(600_000) == b"".join(parts)
        e.line.write(b"again")
        assert e.line.direct != NOWHERE, "the transport is empty: past it again"
        assert await e.heard(5) == b"again"

    runs(loop, story)


def test_what_is_held_leaves_together(loop: asyncio.AbstractEventLoop) -> None:
    async def story(e: Ends) -> None:
        e.line.hold()
        e.line.write(b"one")
        e.line.write(b"two")
        with pytest.raises(BlockingIOError):
            e.peer.recv(1)
        e.line.flush()
        assert e.peer.recv(100) == b"onetwo"
        e.line.write(b"three")
        e.line.release()
        e.line.write(b"four")
        assert e.peer.recv(100) == b"threefour"
        e.line.hold()
        e.line.write(b"last")
        e.line.close()
        assert e.peer.recv(100) == b"last"

    runs(loop, story)


def test_who_holds_first_releases(loop: asyncio.AbstractEventLoop) -> None:
    """A session that is asked while its connection is about to ping: its mark leaves with the ping."""

    async def story(e: Ends) -> None:
        assert e.line.hold()
        e.line.write(b"mark")
        assert not e.line.hold(), "the second leaves it to the first"
        e.line.write(b"ping")
        with pytest.raises(BlockingIOError):
            e.peer.recv(1)
        e.line.release()
        assert e.peer.recv(100) == b"markping"
        assert e.line.hold(), "it is released"

    runs(loop, story)


def test_a_reader_that_is_gone_is_the_transports_to_notice(
    loop: asyncio.AbstractEventLoop,
) -> None:
    async def story(e: Ends) -> None:
        e.peer.close()
        e.line.write(b"to nobody")
        broadcast(b"to nobody", [e.line])
        async with asyncio.timeout(SECONDS_MAX):
            await e.line.lost.wait()
        e.line.write(b"late")  # no error, and nobody else's descriptor
        assert e.line.direct == GONE

    runs(loop, story)


def test_the_descriptor_is_still_ours_when_the_loss_is_told(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Rule 2: no other connection can have got its number before."""

    class Checked(Line):
        def connection_lost(self, exc: Exception | None) -> None:
            self.inode_when_lost = os.fstat(self.direct).st_ino
            super().connection_lost(exc)

    async def told() -> None:
        running = asyncio.get_running_loop()
        for ending in ("close", "abort", "reset"):
            ours, theirs = socket.socketpair()
            inode = os.fstat(ours.fileno()).st_ino
            transport, line = await running.create_connection(Checked, sock=ours)
            assert os.fstat(line.direct).st_ino == inode
            if ending == "reset":
                theirs.close()
            else:
                getattr(transport, ending)()
            async with asyncio.timeout(SECONDS_MAX):
                await line.lost.wait()
            assert line.inode_when_lost == inode, ending
            assert line.direct == GONE
            theirs.close()

    loop.run_until_complete(told())


def test_an_encrypted_line_never_writes_past_its_transport() -> None:
    class Encrypted:
        def __init__(self) -> None:
            self.sent: list[bytes] = []

        def get_extra_info(self, name: str) -> object:
            return object() if name == "sslcontext" else None

        def get_write_buffer_size(self) -> int:
            return 0

        def write(self, data: bytes) -> None:
            self.sent.append(data)

    outlet, transport = Outlet(), Encrypted()
    outlet.attach(transport)  # type: ignore[arg-type]
    outlet.write(b"one")
    broadcast(b"two", [outlet])
    assert transport.sent == [b"one", b"two"]
