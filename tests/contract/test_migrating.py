"""A database of an earlier version is brought to this one whole, or stays what it was; its folds with it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.operations import Operations
from sqlalchemy import create_engine, inspect

from server.storage import migrate
from server.storage.connection import open_writer
from server.storage.digest import digests
from server.storage.rebuild import rebuild, upgrade_on
from tests.support.company import history
from tests.support.living import Abroad, live
from tests.support.node import open_test_node
from tests.support.world import build_world


def downgrade(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        command.downgrade(migrate.config(connection), revision)
    engine.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def folded(url: str) -> dict[str, str]:
    with closing(open_writer(url)) as connection, connection.transaction() as tx:
        return digests(tx)


async def test_i6_a_database_of_the_first_version_has_all_tables_after_the_start(
    url: str, tmp_path: Path
) -> None:
    """What a revision makes anew or adds to is folded from the log without anybody's asking."""
    async with open_test_node(tmp_path, url=url) as node:
        world = await build_world(node)
        await live(node, history(5, 250), Abroad(world.abroad))
    before = folded(url)
    downgrade(url, "0001")
    migrate.upgrade(url)
    with closing(open_writer(url)) as connection:
        assert upgrade_on(connection) is not None
    assert folded(url) == before
    assert rebuild(url, check=True).different == ()


def test_an_upgrade_that_was_cut_short_is_made_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its steps may be the last one before the power fails."""
    downgrade(url, "0001")
    first = tables(url)
    create_table = Operations.create_table

    class Cut(Exception):
        pass

    for last in (1, 4, 9):
        left = [last]

        def cut(self: Operations, *args: Any, left: list[int] = left, **more: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            return create_table(self, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Operations, "create_table", cut)
            with pytest.raises(Cut):
                migrate.upgrade(url)
        assert tables(url) == first
    migrate.upgrade(url)
    assert tables(url) > first
