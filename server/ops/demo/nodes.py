"""Real nodes as processes of this machine: configured, started, watched, stopped or killed.

The demo and the end-to-end tests use it. A node says that it is ready as it would tell systemd, by a
datagram to the socket we name (sd_notify(3)), so nothing here guesses or sleeps.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from server.ops import config_file, keys

HOST = "127.0.0.1"
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
LOG_TAIL_LINES = 8


class NodeFailed(Exception):
    """A node did not start, or ended by itself; the text holds the last lines it wrote."""


class Place(NamedTuple):
    """One node on this machine. ``folder`` holds its configuration, key, data and log."""

    region: str
    name: str
    country: str
    folder: Path
    port: int
    scoring: tuple[tuple[str, str], ...] = ()
    """Keys of ``[scoring]`` that are not at their default."""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "tap.toml"

    @property
    def key_file(self) -> Path:
        return self.folder / "data" / "node.key"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "tap.db"

    @property
    def log(self) -> Path:
        return self.folder / "node.log"


def configure(places: Sequence[Place], *, demo: bool = False) -> None:
    """Write each node's configuration, with all the others as peers; keys are drawn once and kept."""
    public = {}
    for place in places:
        private = (
            keys.load(place.key_file) if place.key_file.exists() else keys.generate(place.key_file)
        )
        public[place.region] = keys.public_text(private)
    for place in places:
        peers = [other for other in places if other.region != place.region]
        text = configuration(place, peers, public, demo)
        place.config.write_text(text, encoding="utf-8")


def configuration(place: Place, peers: Sequence[Place], public: dict[str, str], demo: bool) -> str:
    toml = config_file.as_toml
    lines = [
        "# Written at each start; changes are lost.",
        "[node]",
        f"region = {toml(place.region)}",
        f"name = {toml(place.name)}",
        f"country = {toml(place.country)}",
        "[http]",
        f"host = {toml(HOST)}",
        f"port = {place.port}",
        f"public_url = {toml(place.url)}",
        "[scoring]",
        *[f"{key} = {toml(value)}" for key, value in place.scoring],
        "[demo]",
        f"enabled = {toml(demo)}",
    ]
    for peer in peers:
        lines += [
            "[[peers]]",
            f"region = {toml(peer.region)}",
            f"url = {toml(peer.url)}",
            f"public_key = {toml(public[peer.region])}",
        ]
    return "\n".join(lines) + "\n"


class Node:
    """One node's process; may be started again after it ended."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._process: asyncio.subprocess.Process | None = None
        self._log_began = 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Returns when the node is ready. Raises NodeFailed."""
        with tempfile.TemporaryDirectory(prefix="tap-") as folder:
            async with _Ready.listening(os.path.join(folder, "ready")) as ready:
                self._process = await self._spawn(ready.address)
                ended = asyncio.ensure_future(self._process.wait())
                told = asyncio.ensure_future(ready.told.wait())
                try:
                    await asyncio.wait(
                        {ended, told},
                        timeout=START_SECONDS_MAX,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                except asyncio.CancelledError:
                    await self.kill()
                    raise
                is_ready = told.done()
                ended.cancel()
                told.cancel()
        if not is_ready:
            await self.kill()
            raise NodeFailed(f"The node of {self.place.name} does not start:\n{self.last_lines()}")

    async def _spawn(self, ready: str) -> asyncio.subprocess.Process:
        # A session of its own: Ctrl-C is for the parent, which then ends its nodes in order.
        with self.place.log.open("ab") as log:
            self._log_began = log.tell()
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "server.ops.cli"),
                *("--config", str(self.place.config), "serve"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"NOTIFY_SOCKET": ready},
                start_new_session=True,
            )

    async def ended(self) -> int:
        """Waits until the process ends; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """As a service manager does: SIGTERM, and SIGKILL when it takes too long."""
        if self._process is None or not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS_MAX)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """As a power cut does for the process: SIGKILL, without a word."""
        if self._process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def last_lines(self) -> str:
        """The end of what the node wrote since its last start."""
        with contextlib.suppress(OSError):
            lines = self.place.log.read_bytes()[self._log_began :].decode("utf-8", "replace")
            return "\n".join(lines.splitlines()[-LOG_TAIL_LINES:])
        return ""


async def start_all(started: Iterable[Node]) -> None:
    """All of them at once. Raises the first NodeFailed, after every start has come to its end."""
    outcomes = await asyncio.gather(*(node.start() for node in started), return_exceptions=True)
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


class _Ready(asyncio.DatagramProtocol):
    """Hears READY=1."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if b"READY=1" in data:
            self.told.set()

    @classmethod
    @contextlib.asynccontextmanager
    async def listening(cls, address: str) -> AsyncIterator["_Ready"]:
        hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        hearing.setblocking(False)
        hearing.bind(address)
        transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(address), sock=hearing
        )
        try:
            yield protocol
        finally:
            transport.close()


def is_free(port: int) -> bool:
    """Whether somebody could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports the system gives out just now; another program may take one before we do."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def next_free_ports(base: int, count: int) -> int:
    """The first base from ``base`` on with ``count`` free ports in a row; 0 when there is none."""
    for first in range(base, 65_536 - count):
        if all(is_free(port) for port in range(first, first + count)):
            return first
    return 0
