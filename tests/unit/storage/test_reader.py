"""Loading in one turn of a thread: the same view of the database, and no waiting for anything else. And questions
about more names than a statement may bind."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select

from server.domain.errors import Mistake
from server.storage.reader import NAMES_PER_QUERY, Snapshot, parts
from server.storage.tables import persons
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


async def test_about_however_many_names_each_row_is_found_once(tmp_path: Path) -> None:
    at_home = select(persons.c.person).where(
        persons.c.person.in_(bindparam("names", expanding=True)),
        persons.c.home == bindparam("home"),
    )
    async with open_test_node(tmp_path) as node:
        for person in ("asha", "zoe"):
            await node.register(person)
        names = {"asha", "zoe", *(f"nobody{n}" for n in range(2 * NAMES_PER_QUERY))}
        async with node.reader.snapshot() as snapshot:
            found = await snapshot.named(at_home, names, {"home": node.region})
            assert await snapshot.named(at_home, (), {"home": node.region}) == []
    assert [row.person for row in found] == ["asha", "zoe"]
    assert [len(part) for part in parts(names)] == [NAMES_PER_QUERY, NAMES_PER_QUERY, 2]
