"""Over each transport alike: a node is killed in the middle, and every event is heard once, in order."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from tap_client import Client, Event, FileStore

from tests.support.processes import enrol, places, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SECONDS_MAX = 60
POSTS = 20


class Ear:
    """Notes the texts of posts, and lets a test wait for so many."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._came = asyncio.Condition()

    async def event(self, event: Event) -> None:
        if event.type in ("post.published", "reply.published"):
            async with self._came:
                self.texts.append(event.body["text"])
                self._came.notify_all()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(SECONDS_MAX), self._came:
            await self._came.wait_for(lambda: len(self.texts) >= count)
        return self.texts


def remembering(path: Path, transport: str) -> FileStore:
    """A store that says this transport worked here a moment ago."""
    store = FileStore(path)
    store.note("transport:any", json.dumps([transport, time.time_ns() // 1_000_000]))
    return store


@pytest.mark.parametrize("transport", ["websocket", "events", "poll"])
async def test_nothing_is_lost_or_doubled_over(transport: str, tmp_path: Path) -> None:
    where = places(tmp_path, "in")
    tokens = await enrol(where["in"], ["asha", "bela"])
    ear = Ear()
    async with running(where.values()) as nodes:
        url = where["in"].url
        store = remembering(tmp_path / "asha.db", transport)
        asha = Client(url, tokens["asha"], on_event=ear.event, store=store)
        async with asha, Client(url, tokens["bela"], store=FileStore(tmp_path / "bela.db")) as bela:
            await asyncio.wait_for(asha.live(), SECONDS_MAX)
            assert asha.transport == transport
            made = await bela.do({"do": "community.create", "name": "Pumps"})
            community = made.answer["community"]
            joining = {"do": "membership.set", "community": community, "joined": True}
            await asyncio.wait_for(asha.do(joining), SECONDS_MAX)
            post = await bela.do(publish(community, "0"))
            await ear.until(1)
            asha.watch("t:" + post.answer["post"], since=post.cursor)
            for number in range(1, POSTS):
                if number == POSTS // 2:
                    await nodes["in"].kill()
                    await nodes["in"].start()
                    asha.network_changed()
                reply = {"do": "reply.publish", "parent": post.answer["post"], "text": str(number)}
                await asyncio.wait_for((bela if number % 2 else asha).do(reply), SECONDS_MAX)
            assert await ear.until(POSTS) == [str(number) for number in range(POSTS)]
            asha.rewind(post.cursor)
            again = [str(number) for number in range(1, POSTS)]
            assert (await ear.until(2 * POSTS - 1))[POSTS:] == again


def publish(community: str, text: str) -> dict[str, Any]:
    return {"do": "post.publish", "place": "c:" + community, "kind": "update", "text": text}
