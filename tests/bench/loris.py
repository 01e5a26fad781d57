"""Slow-loris: 2,000 sockets that keep a real node waiting, each in its way, while people work.

Measured: after how many seconds the last of them was let go, and how much longer the 99th percentile of
people's requests takes meanwhile. The attacker is a process of its own (``python -m tests.bench.loris``).
"""

import asyncio
import json
import resource
import select
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import uvloop
from tap_client import Client

from server.realtime.frames import Encoding
from tests.bench.figures import at_most, emit
from tests.stress.wire import request
from tests.support.processes import enrol, places, running

SOCKETS = 2_000
UNREAD = 20
"""Of them, those that ask for much and read nothing: to make them costs the node work, which is another
attack than waiting."""
WORKERS = 10
OPEN_AT_ONCE = 100
"""Connects under way: the point is waiting, not a flood of SYNs."""
GONE_SECONDS_MAX = 30
"""The longest deadline is a body's, 25 s (``guarded_http``)."""
GIVE_UP_SECONDS = 45
QUIET_SECONDS = 15
PACE_SECONDS = 0.2
"""Five commands a second and person: below their rate limit."""
SLOWER_MAX = 2.0

_HEAD = "{} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {}\r\n"


def _kinds(token: str) -> dict[str, Callable[[], bytes]]:
    """What each kind of socket says, and then no more."""
    get, post = _HEAD.format("GET /healthz", token), _HEAD.format("POST /api/v1/commands", token)
    upgrade = request(Encoding.JSON, {})
    large = _HEAD.format("GET /api/v1/openapi.json", token) + "\r\n"
    return {
        "silent": lambda: b"",
        "half_headers": lambda: get.encode(),
        "half_body": lambda: (post + "Content-Length: 999\r\n\r\n{").encode(),
        "half_handshake": lambda: upgrade[:-2],
        "no_hello": lambda: upgrade,
        "empty_lines": lambda: (get + "\r\n").encode(),
        "unread": lambda: (large * 50).encode(),
    }


# -- the attacker ------------------------------------------------------------------------------------------


class Attack:
    """Raw sockets on one epoll. Those that are never read never hear of their end: what the node has closed,
    the kernel still wants to deliver; so the kernel is asked who is connected yet."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._kinds = port, _kinds(token)
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, str, float]] = {}
        self.gone: dict[str, float] = dict.fromkeys(self._kinds, 0.0)

    def run(self) -> dict[str, float]:
        """Seconds until the last socket of each kind was let go, or we gave up."""
        *names, unread = self._kinds
        for n in range(SOCKETS):
            self._start(unread if n % (SOCKETS // UNREAD) == 0 else names[n % len(names)])
            if n % OPEN_AT_ONCE == 0:
                self._look(0.01)
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self._open and time.monotonic() < deadline:
            self._look(1)
            self._count_unread()
        for _, kind, since in self._open.values():
            self.gone[kind] = time.monotonic() - since
        return self.gone

    def _start(self, kind: str) -> None:
        one = socket.socket()
        if kind == "unread":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", self._port))
        one.setblocking(False)
        one.sendall(self._kinds[kind]())
        self._open[one.fileno()] = (one, kind, time.monotonic())
        self._poll.register(one.fileno(), 0 if kind == "unread" else select.EPOLLIN)

    def _look(self, seconds: float) -> None:
        for number, events in self._poll.poll(seconds):
            one, kind, _ = self._open[number]
            if events & (select.EPOLLHUP | select.EPOLLERR) or self._has_ended(one, kind):
                self._end(number)

    def _end(self, number: int) -> None:
        one, kind, since = self._open.pop(number)
        self.gone[kind] = max(self.gone[kind], time.monotonic() - since)
        one.close()

    def _count_unread(self) -> None:
        connected = _connected_to(self._port)
        unread = [n for n, (_, kind, _) in self._open.items() if kind == "unread"]
        for number in unread:
            if self._open[number][0].getsockname()[1] not in connected:
                self._end(number)

    def _has_ended(self, one: socket.socket, kind: str) -> bool:
        try:
            heard = one.recv(65_536)
            if heard and kind == "empty_lines":
                one.sendall(b"\r\n")
        except OSError:
            return True
        return not heard


def _connected_to(port: int) -> set[int]:
    """The ports whose connection with ours the listening side still holds (proc(5), state 01)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(remote.rpartition(":")[2], 16)
        for _, local, remote, state, *_ in rows
        if state == "01" and int(local.rpartition(":")[2], 16) == port
    }


def attack() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * SOCKETS)), hard))
    print(json.dumps(Attack(int(sys.argv[1]), sys.stdin.readline().strip()).run()))


# -- the people --------------------------------------------------------------------------------------------


async def _works(clients: list[Client], place: str, going: Callable[[], bool]) -> list[float]:
    """Milliseconds from each command to its answer; everybody one at a time, at a person's pace."""

    async def work(client: Client) -> list[float]:
        waits = []
        while going():
            began = time.perf_counter()
            await client.do(
                {"do": "post.publish", "place": place, "kind": "update", "text": "on time"}
            )
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PACE_SECONDS)
        return waits

    found = await asyncio.gather(*[work(client) for client in clients])
    return [wait for waits in found for wait in waits]


def _p99(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=100)[98]


async def _attacked(
    port: int, token: str, works: Callable[[Callable[[], bool]], Awaitable[list[float]]]
) -> tuple[dict[str, float], list[float]]:
    attacker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.bench.loris", str(port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    waits, (said, _) = await asyncio.gather(
        works(lambda: attacker.returncode is None), attacker.communicate(token.encode() + b"\n")
    )
    return json.loads(said), waits


async def _measure(folder: Path) -> tuple[dict[str, float], float, float]:
    """Seconds until gone by kind, p99 in ms when it is quiet, and under attack."""
    where = places(folder, "in")["in"]
    workers = [f"worker{n}" for n in range(WORKERS)]
    tokens = await enrol(where, [*workers, "loris"])
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running([where]))
        clients = [
            await stack.enter_async_context(Client(where.url, tokens[name])) for name in workers
        ]
        made = await clients[0].do({"do": "community.create", "name": "Work"})
        community = str(made.answer["community"])
        for client in clients[1:]:
            await client.do({"do": "membership.set", "community": community, "joined": True})
        works = partial(_works, clients, "c:" + community)
        until = time.monotonic() + QUIET_SECONDS
        quiet = await works(lambda: time.monotonic() < until)
        gone, busy = await _attacked(where.port, tokens["loris"], works)
    return gone, _p99(quiet), _p99(busy)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        gone, quiet, busy = uvloop.run(_measure(Path(folder)))
    emit(at_most("loris_gone", "s", GONE_SECONDS_MAX, [max(gone.values())], gone))
    beside = {"quiet_p99_ms": quiet, "attacked_p99_ms": busy}
    emit(at_most("loris_p99_ratio", "x", SLOWER_MAX, [busy / quiet], beside))


if __name__ == "__main__":
    attack()
