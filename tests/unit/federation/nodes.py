"""Real nodes with real links on loopback: logs on disk, the writer, uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from server.domain import limits
from server.domain.ids import LaneKey
from server.federation.dialled import PATH, PeerAddress
from server.federation.links import Links
from server.federation.status import LinkStatus
from server.federation.steps import State
from server.ops import listener
from server.storage.connection import open_writer
from server.storage.epochs import begin_epoch
from server.storage.node import open_node
from tests.support.node import TestNode, open_test_node
from tests.unit.federation.lab import key_of, public_of

GROUPS: Mapping[str, tuple[str, ...]] = {"eu": ("de", "fr")}
SECONDS_MAX = 20
"""Everything here takes milliseconds; this only ends a test that hangs."""


def now() -> int:
    return time.time_ns() // 1_000_000


class Region:
    """A node, its links and the port they answer on."""

    def __init__(self, node: TestNode, between: Links, port: int) -> None:
        self.node, self.links, self.port = node, between, port

    async def holds(self, key: LaneKey, seq: int) -> None:
        """Returns once a lane's copy here reaches ``seq``."""
        while self.node.handler.lane_tip(key) < seq:
            await self.node.tap.moved(self.node.tap.position)

    def own(self, lane: str = "global") -> tuple[LaneKey, int]:
        key = LaneKey(self.node.region, self.node.handler.epoch, lane)
        return key, self.node.handler.lane_tip(key)

    def status(self, peer: str) -> LinkStatus:
        return next(status for status in self.links.status() if status.region == peer)


def links_of(node: TestNode, ports: dict[str, int], **changed: Any) -> Links:
    others = [region for region in ports if region != node.region]
    settings: dict[str, Any] = {
        "region": node.region,
        "epoch": node.handler.epoch,
        "peers": [
            PeerAddress(
                other, f"http://127.0.0.1:{ports[other]}", (public_of(other),), node.region < other
            )
            for other in others
        ],
        "groups": GROUPS,
        "private": key_of(node.region),
        "reader": node.reader,
        "handler": node.handler,
        "tap": node.tap,
        "clock": now,
        "entropy": os.urandom,
    }
    return Links(**(settings | changed))


def put_back(database: Path, backup: Path) -> None:
    """An older copy of a stopped region's disk, opened in its next epoch (docs/protocol/federation.md 16.1)."""
    shutil.copy(backup, database)
    connection = open_writer(f"sqlite:///{database}")
    with connection.transaction() as tx:
        begin_epoch(tx, open_node(tx, database.stem, b""), now(), os.urandom)
    connection.close()


@contextlib.asynccontextmanager
async def served(
    between: Links, sock: Any, *, websockets: bool = True, tls: Mapping[str, Any] | None = None
) -> AsyncIterator[None]:
    """The links running, and their endpoint under uvicorn; perhaps one that no websocket gets through to."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await between.polls(scope, receive, send)
        elif websockets:
            await between.endpoint(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})  # answers 403

    http = listener.server(
        app,
        {PATH: listener.asgi_websocket},
        ws_max_size=limits.PEER_FRAME_BYTES_MAX,
        ws_ping_interval=None,
        **(tls or {}),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(http.serve(sockets=[sock]))
        tasks.create_task(between.run())
        await http.ready.wait()
        try:
            yield
        finally:
            await between.close()
            http.stop()


@contextlib.asynccontextmanager
async def region_of(
    folder: Path, name: str, socks: dict[str, Any], *, websockets: bool = True, **changed: Any
) -> AsyncIterator[Region]:
    ports = {region: sock.getsockname()[1] for region, sock in socks.items()}
    groups = {name: frozenset(members) for name, members in GROUPS.items()}
    async with open_test_node(folder, name, groups=groups) as node:
        between = links_of(node, ports, **changed)
        async with served(between, socks[name], websockets=websockets):
            yield Region(node, between, ports[name])


async def live(*regions: Region) -> None:
    for a in regions:
        for b in regions:
            if a is not b:
                await a.links.reached(b.node.region, State.LIVE)
