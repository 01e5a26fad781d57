"""What views ask of large tables they find by an index: a scan of ten years of posts would be minutes."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Select, create_engine
from sqlalchemy.dialects import sqlite

from server.app import views_leaders, views_place, views_store
from server.storage.queries import views
from tests.support.node import new_sqlite

SMALL = {"persons", "communities", "community_roles", "person_roles", "memberships", "merits"}
"""What may be read whole: as many rows as people, or what a board is made of (its periods)."""


def selects(module: ModuleType) -> list[tuple[str, Select[tuple[object, ...]]]]:
    found = vars(module).items()
    return [(f"{module.__name__}.{name}", q) for name, q in found if isinstance(q, Select)]


STATEMENTS = [
    pair for module in (views, views_store, views_leaders, views_place) for pair in selects(module)
]


def plan(url: str, statement: Select[tuple[object, ...]]) -> list[str]:
    text = str(statement.compile(dialect=sqlite.dialect()))
    text = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "('x', 'y')", text)
    with create_engine(url).connect() as connection:
        values = ("1",) * text.count("?")
        rows = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text, values).fetchall()
        found = [row[3] for row in rows]
    connection.engine.dispose()
    return found


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_no_large_table_is_scanned(
    name: str, statement: Select[tuple[object, ...]], tmp_path: Path
) -> None:
    steps = plan(new_sqlite(tmp_path / "empty.db"), statement)
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN")}
    assert scanned <= SMALL, steps
    assert steps


def test_there_are_statements_to_look_at() -> None:
    assert len(STATEMENTS) > 25
