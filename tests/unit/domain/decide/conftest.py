"""One small company per test; see ``tests/support/world.py`` for who is who."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.node import open_test_node
from tests.support.world import World, build_world


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with open_test_node(tmp_path) as node:
        yield await build_world(node)
