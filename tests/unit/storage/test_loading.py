"""Loads say what snapshots say, row for row: names, types and lists of any length."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, literal_column, select

from server.storage import tables as t
from server.storage.reader import Snapshot
from tests.support.node import TestNode, open_test_node
from tests.support.world import build_world

_p = t.persons.c
_PEOPLE = (
    select(_p.person, _p.active, _p.rev)
    .where(_p.person.in_(bindparam("people", expanding=True)), _p.rev >= bindparam("least"))
    .order_by(_p.person)
)
_LAST = (
    select(t.events.c.position)
    .where(t.events.c.type.not_in(["", "unheard.of"]))
    .order_by(t.events.c.position.desc())
    .limit(1)
    .scalar_subquery()
)
_PEOPLE_AND_LAST = select(_p.person, _LAST, _p.bot).order_by(_p.person)
_HASHES = select(t.events.c.hash).order_by(t.events.c.position).limit(3)


async def both(node: TestNode, statement: Any, params: dict[str, Any]) -> tuple[Any, Any]:
    """What a snapshot and a load find."""

    async def load(snapshot: Snapshot) -> Any:
        return await snapshot.rows(statement, params)

    async with node.reader.snapshot() as snapshot:
        return await snapshot.rows(statement, params), await node.reader.load(load)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
async def test_lists_may_have_any_length(count: int, tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)
        people = ["asha", "bob", "cleo", "nobody", "dora"][:count]
        expected, found = await both(node, _PEOPLE, {"people": people, "least": 0})
        assert [tuple(row) for row in expected] == found
        assert {row.person for row in found} == set(people) - {"nobody"}
        assert all(row.active is True for row in found)


async def test_what_a_statement_brings_itself_is_bound_as_well(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)
        expected, found = await both(node, _HASHES, {})
        assert len(found) == 3
        assert [tuple(row) for row in expected] == found
        assert all(isinstance(row.hash, bytes) for row in found)


async def test_a_column_needs_no_name_and_a_statement_may_bring_lists(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await build_world(node)
        expected, found = await both(node, _PEOPLE_AND_LAST, {})
        assert [tuple(row) for row in expected] == found
        assert {row[1] for row in found} == {node.tap.position}


async def test_of_no_row_there_is_none(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:

        async def load(snapshot: Snapshot) -> Any:
            return await snapshot.one(_PEOPLE, {"people": ["nobody"], "least": 0})

        assert await node.reader.load(load) is None


async def test_a_load_that_fails_leaves_the_next_one_be(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:

        async def load(snapshot: Snapshot) -> Any:
            await snapshot.position()
            return await snapshot.rows(select(literal_column("unheard_of")))

        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="no such column"):
                await node.reader.load(load)
        assert await node.reader.load(Snapshot.position) >= 0
