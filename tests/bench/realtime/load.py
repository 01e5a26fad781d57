"""The driver of ``load.c``: one method per command, named tuples back."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.realtime.processes import LOAD_CORE, Skipped, build, on_core

ADDRESSES = 4
"""Each has 28,000 ports of its own: enough for any crowd, also while old ones linger."""
WINDOW = 100
"""Connections in the making at once; a node greets in the order they come."""
TIMEOUT_SECONDS = 60
GREETING_MS_MAX = 20
"""Per client of a crowd, on a busy machine."""
TEXT, BINARY = 1, 2


class Opened(NamedTuple):
    ready: int
    failed: int
    seconds: float


class Published(NamedTuple):
    """``bytes``: of the frames that brought the deliveries, headers included. Latencies are from the
    moment a publisher said it until a client read it."""

    deliveries: int
    frames: int
    reads: int
    refused: int
    bytes: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float


class Stormed(NamedTuple):
    done: int
    failed: int
    deliveries: int
    seconds: float


class LoadFailed(Exception):
    """The load did not get what the figure needs; the figure would be wrong."""


class Load:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def _do(self, *words: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise LoadFailed(f"the load ended at {words[0]}")
        found: dict[str, Any] = json.loads(answer)
        return found

    # -- what clients are ----------------------------------------------------------------------------------

    def target(self, port: int, request: str) -> None:
        self._do("target", port, ADDRESSES)
        self._do("request", request.encode().hex())

    def encrypt(self) -> None:
        """Clients speak TLS from now on. Raises Skipped when the load was built without."""
        if not self._do("tls", "on")["tls"]:
            raise Skipped(
                "the load was built without TLS: OpenSSL's headers are missing (libssl-dev)"
            )

    def tokens(self, path: Path) -> None:
        self._do("tokens", path)

    def greet(self, *steps: tuple[str, int, str]) -> None:
        """For each step what is said, as text or binary, and what must be heard before the next."""
        self._do("greet", "none")
        for say, opcode, hear in steps:
            self._do("greet", say.encode().hex() or "-", opcode, hear.encode().hex())

    def message(self, text: str, opcode: int = TEXT, modulo: int = 1) -> None:
        self._do("message", opcode, modulo, text.encode().hex())

    def complaint(self, text: str) -> None:
        self._do("complaint", text.encode().hex())

    def receive_buffer(self, size: int) -> None:
        self._do("receive", size)

    @contextmanager
    def every(self, clients: int) -> Iterator[None]:
        """Meanwhile ranges of clients, and publishers, are so far apart."""
        self._do("stride", clients)
        try:
            yield
        finally:
            self._do("stride", 1)

    def plain(self, index: int) -> None:
        self._do("plain", index)

    # -- what they do --------------------------------------------------------------------------------------

    def open(self, first: int, count: int, window: int = WINDOW) -> Opened:
        """Raises LoadFailed unless all of them were greeted."""
        timeout_ms = TIMEOUT_SECONDS * 1000 + count * GREETING_MS_MAX
        opened = Opened(**self._do("open", first, count, window, timeout_ms))
        if opened.ready != count:
            raise LoadFailed(f"of {count} clients {opened.ready} were greeted: {opened}")
        return opened

    def close(self, first: int, count: int) -> None:
        self._do("close", first, count)

    def publish(
        self, authors: int, events: int, per_second: float, deliveries: int, first: int = 0
    ) -> Published:
        """By clients in turn; ``per_second`` 0: back to back. Raises LoadFailed for a missing delivery."""
        gap_us = int(1e6 / per_second) if per_second else 0
        timeout_ms = int(TIMEOUT_SECONDS * 1000 + events * gap_us / 1000)
        told = self._do("publish", first, authors, events, gap_us, deliveries, timeout_ms)
        published = Published(**told)
        if published.deliveries != deliveries or published.refused:
            raise LoadFailed(f"expected {deliveries} deliveries: {published}")
        return published

    def stall(self, first: int, count: int) -> None:
        self._do("stall", first, count)

    def storm(self, total: int, first: int, count: int, window: int) -> Stormed:
        """Clients in turn connect, are greeted and leave. Raises LoadFailed when one was not greeted."""
        told = self._do("storm", total, first, count, window, TIMEOUT_SECONDS * 1000)
        stormed = Stormed(**told)
        if stormed.done != total:
            raise LoadFailed(f"of {total} clients some were not greeted: {stormed}")
        return stormed

    def survive(self) -> None:
        """From now on lost clients come back as ours do, with backoff."""
        self._do("survive", "on")

    def keep(self) -> None:
        """From now on what a client has heard outlives its connection, and so does its {position}."""
        self._do("keep", "on")

    def survived(self, count: int, each: int | None, seconds_max: float) -> tuple[int, float]:
        """How many were greeted again, and the seconds from the first loss until the last of them was.
        Raises LoadFailed unless each of these has heard exactly so many deliveries, if it is said how many,
        and in the log's order. Who is lost from now on stays away."""
        wanted = -1 if each is None else each
        told = self._do("survive", count, wanted, int(seconds_max * 1000))
        if told["whole"] != told["ready"]:
            raise LoadFailed(f"of those who are back some lack or repeat what they missed: {told}")
        return int(told["ready"]), float(told["seconds"])

    def rest(self, seconds: float) -> None:
        """Nothing happens but the answering of pings."""
        self._do("pass", int(seconds * 1000))


@contextmanager
def loading() -> Iterator[Load]:
    """A load on its core while the block runs."""
    with subprocess.Popen(
        [*on_core(LOAD_CORE), str(build("load"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Load(process)
        finally:
            process.kill()
