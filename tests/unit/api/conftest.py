from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.api.site import Site, found, open_site


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each site works on a copy."""
    return asyncio.run(found(tmp_path_factory.mktemp("site")))


@pytest.fixture
async def site(tmp_path: Path, database: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, database) as opened:
        yield opened
