"""One suite, every database: what the writer, its readers, facts and rebuilds promise on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from server.storage.connection import WriterConnection, open_writer
from tests.support.node import TestNode, new_sqlite, open_test_node
from tests.support.postgres import Postgres

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
NewDatabase = Callable[[], str]


@pytest.fixture(scope="module", params=DATABASES)
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> NewDatabase:
    """Addresses of empty, migrated databases of one kind."""
    if request.param == "sqlite":
        return lambda: new_sqlite(tmp_path_factory.mktemp("contract") / "in.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database()


@pytest.fixture
async def node(url: str, tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path, url=url) as opened:
        yield opened


@pytest.fixture(scope="module")
def scratch(new_database: NewDatabase) -> Iterator[WriterConnection]:
    """A connection whose transactions a test rolls back; one database for a module's properties."""
    connection = open_writer(new_database())
    yield connection
    connection.close()
