"""Tap under test: a node as its operator runs it, on a copy of the company, with clients that say hello.

What a post costs is the whole path: decode, authorise, decide, log, chain, fold, commit with a sync, ring,
fan-out, the author's answer, scoring.
"""

import asyncio
import json
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from server.domain.ids import Cursor
from tests.bench.realtime import company
from tests.bench.realtime.load import TEXT, Load, loading
from tests.bench.realtime.processes import BENCH, until_quiet
from tests.support.processes import rows

REQUEST = (
    "GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tap.v1.json\r\n\r\n"
)
LIVE = '"t":"mark"'
POST_BYTES = 300
MARK_BYTES = 22


class Tap:
    """One node process and the load that talks to it."""

    def __init__(
        self, node: company.PinnedNode, load: Load, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._node, self.load, self._loop = node, load, loop
        self.place = node.place
        self.load.tokens(self.place.folder / company.TOKENS)
        self.load.complaint('"ok":false')

    @property
    def pid(self) -> int:
        return self._node.pid

    def start(self) -> None:
        self._loop.run_until_complete(self._node.start())

    def kill(self) -> None:
        """As a power cut: SIGKILL."""
        self._loop.run_until_complete(self._node.kill())

    def stop(self) -> None:
        self._loop.run_until_complete(self._node.stop())

    # -- what clients say ----------------------------------------------------------------------------------

    def ready(self) -> None:
        """The load's clients are Tap's: they greet with their token and are live after ``mark``."""
        self.load.target(self.place.port, REQUEST.replace("{port}", str(self.place.port)))
        self.greet_from("")

    def greet_from(self, cursor: str) -> None:
        """What clients say first from now on; with a cursor they resume."""
        hello = {"t": "hello", "token": "{token}", "client": "bench"}
        if cursor:
            hello["cursor"] = cursor
        self.load.greet((json.dumps(hello), TEXT, LIVE))

    def posts(
        self,
        place: str,
        size: int = POST_BYTES,
        mentions: Sequence[str] = (),
        modulo: int = 1,
    ) -> None:
        """What authors publish from now on; ``{team}`` as the place is each author's own."""
        text = "{time} " + "a plain update " * (size // 15 + 1)
        command = {
            "do": "post.publish",
            "place": place,
            "kind": "update",
            "text": text[: size - MARK_BYTES + len("{time}")],
            "mentions": list(mentions),
        }
        frame = {"t": "do", "key": f"{secrets.token_hex(8)}-{{seq}}", "command": command}
        self.load.message(json.dumps(frame, separators=(",", ":")), TEXT, modulo)

    # -- what it says of itself ----------------------------------------------------------------------------

    def metrics(self) -> dict[str, float]:
        """``/metrics`` by series, without comments."""
        with urllib.request.urlopen(f"{self.place.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if line and line[0] != "#"]
        return {series: float(value) for series, _, value in pairs}

    def cursor(self) -> str:
        """Where its log stands now, as a client would keep it."""
        wanted = "SELECT (SELECT epoch FROM node), (SELECT max(position) FROM events)"
        [(epoch, position)] = rows(self.place, wanted)
        return str(Cursor(epoch, position))

    def rest(self, share: float = 0.02) -> float:
        return until_quiet(self.pid, share)


@contextmanager
def running_tap(change: Callable[[Path], None] = lambda config: None) -> Iterator[Tap]:
    """A node at rest with a load of its own while the block runs. ``change``: edits its configuration."""
    BENCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=BENCH))
    loop = asyncio.new_event_loop()
    try:
        place = company.settled(folder)
        change(place.config)
        with loading() as load:
            tap = Tap(company.PinnedNode(place), load, loop)
            tap.start()
            try:
                tap.ready()
                tap.rest()
                yield tap
            finally:
                tap.stop()
    finally:
        loop.close()
        shutil.rmtree(folder, ignore_errors=True)
