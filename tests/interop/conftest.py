"""A real node, its people, and a proxy whose cable can be pulled."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.ops.demo.nodes import Place
from server.realtime.frames import Encoding
from server.realtime.websocket import PATH
from tests.stress.proxy import Proxy
from tests.stress.wire import request
from tests.support.processes import enrol, places, running

PEOPLE = ("author", "aiohttp", "picows", "node", "browser", "curl")
OFFER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class Here:
    """The node, and what is done there by others."""

    def __init__(self, place: Place, tokens: dict[str, str], proxy: Proxy) -> None:
        self.place, self.tokens, self.proxy = place, tokens, proxy
        self.compresses = False
        """Whether the node does."""
        self._keys = itertools.count(1)

    @property
    def live(self) -> str:
        return f"ws://127.0.0.1:{self.proxy.port}{PATH}"

    async def do(self, person: str, do: str, **arguments: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.place.url) as http:
            answer = await http.post(
                "/api/v1/commands",
                headers={"Authorization": f"Bearer {self.tokens[person]}"},
                json={"key": f"interop-{next(self._keys)}", "command": {"do": do, **arguments}},
            )
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()["answer"]
        return made

    async def community(self, person: str) -> str:
        """A place of the author's that a person has joined."""
        made = (await self.do("author", "community.create", name=f"For {person}"))["community"]
        await self.do(person, "membership.set", community=made, joined=True)
        return f"c:{made}"

    async def post(self, place: str, text: str) -> str:
        made = await self.do("author", "post.publish", place=place, kind="update", text=text)
        return str(made["post"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    place = places(tmp_path_factory.mktemp("interop"), "in")["in"]
    tokens = await enrol(place, PEOPLE)
    async with running([place]):
        proxy = Proxy(place.port, lambda: 0)
        await proxy.open()
        here = Here(place, tokens, proxy)
        here.compresses = await _compresses(place.port)
        yield here
        await proxy.close()


async def _compresses(port: int) -> bool:
    """Whether the node accepts permessage-deflate as the protocol offers it (section 3.3)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(Encoding.JSON, {"Sec-WebSocket-Extensions": OFFER}))
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return b"permessage-deflate" in head
