"""Loading in one turn of a thread: the same view of the database, and no waiting for anything else."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from server.domain.errors import Mistake
from server.storage.reader import Snapshot
from tests.support.node import open_test_node
from tests.support.world import build_world


async def test_a_load_sees_what_a_snapshot_sees(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)

        async def load(snapshot: Snapshot) -> tuple[int, int, str]:
            first = await snapshot.position()
            return first, await snapshot.position(), threading.current_thread().name

        first, second, thread = await node.reader.load(load)
        async with node.reader.snapshot() as snapshot:
            assert first == second == await snapshot.position()
        assert thread.startswith("tap-load")


async def test_a_load_that_waits_for_something_else_is_our_mistake(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:

        async def load(_: Snapshot) -> None:
            await asyncio.sleep(0)

        with pytest.raises(Mistake, match="its snapshot only"):
            await node.reader.load(load)
        assert await node.reader.load(Snapshot.position) >= 0
