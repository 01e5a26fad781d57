"""What tests with real nodes share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.ops import listener
from tests.unit.federation.nodes import SECONDS_MAX


@pytest.fixture
def socks() -> Any:
    found = {region: listener.bind("127.0.0.1", 0) for region in ("de", "fr", "in")}
    yield found
    for sock in found.values():
        sock.close()


@pytest.fixture
async def limit() -> AsyncIterator[None]:
    async with asyncio.timeout(SECONDS_MAX):
        yield
