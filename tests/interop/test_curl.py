"""curl: polling, acting, and following the stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.interop.conftest import Here
from tests.interop.talkers import SECONDS_MAX
from tests.support.machine import program

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

EVENTS = "/api/v1/live/events"


@pytest.fixture
def curl() -> str:
    return program("curl")


async def ask(here: Here, curl: str, *arguments: str) -> tuple[int, Any]:
    """Status and JSON of one call of curl by its person."""
    process = await asyncio.create_subprocess_exec(
        curl,
        *("--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"),
        *("--header", f"Authorization: Bearer {here.tokens['curl']}", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    body, _, status = said.rpartition(b"\n")
    assert process.returncode == 0, said
    return int(status), json.loads(body)


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
async def test_curl_polls(here: Here, curl: str, version: str) -> None:
    """With ``--http2`` it offers an upgrade (h2c) that the node leaves alone."""
    api = here.place.url + "/api/v1"
    place = await here.community("curl")
    _, first = await ask(here, curl, version, f"{api}/sync")
    await here.post(place, f"for curl {version}")
    status, page = await ask(here, curl, version, f"{api}/sync?since={first['cursor']}")
    assert status == 200
    assert [e["body"]["text"] for e in page["events"]] == [f"for curl {version}"]


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
async def test_curl_acts(here: Here, curl: str, version: str) -> None:
    place = await here.community("curl")
    wish = {"do": "post.publish", "place": place, "kind": "update", "text": "by curl"}
    body = json.dumps({"key": f"by-curl-{version}", "command": wish})
    url = here.place.url + "/api/v1/commands"
    for repeated in (False, True):
        status, done = await ask(here, curl, version, "--json", body, "--compressed", url)
        assert (status, done.get("repeated")) == (200, repeated)


# -- the stream --------------------------------------------------------------------------------------------


class Stream:
    """What ``curl -N`` prints of an event stream (HTML Living Standard 9.2.6)."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines
        self.last_id = ""

    async def frame(self) -> dict[str, Any]:
        while True:
            async with asyncio.timeout(SECONDS_MAX):
                line = (await self._lines.readline()).decode()
            assert line, "the stream ended"
            field, _, value = line.rstrip("\r\n").partition(": ")
            if field == "id":
                self.last_id = value
            elif field == "data":
                frame: dict[str, Any] = json.loads(value)
                return frame

    async def until(self, name: str) -> list[dict[str, Any]]:
        heard = [await self.frame()]
        while heard[-1]["t"] != name:
            heard.append(await self.frame())
        return heard


@asynccontextmanager
async def streaming(here: Here, curl: str, *arguments: str) -> AsyncIterator[Stream]:
    process = await asyncio.create_subprocess_exec(
        curl,
        *("--silent", "--no-buffer", "--header", f"Authorization: Bearer {here.tokens['curl']}"),
        *(*arguments, here.place.url + EVENTS),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield Stream(process.stdout)
    finally:
        process.kill()
        await process.communicate()


async def test_the_stream_is_followed_and_resumed(here: Here, curl: str) -> None:
    place = await here.community("curl")
    async with streaming(here, curl) as stream:
        assert (await stream.frame())["t"] == "stream"
        await stream.until("mark")
        await here.post(place, "streamed")
        (event,) = await stream.until("event")
        assert event["body"]["text"] == "streamed"
        last_id = stream.last_id
    await here.post(place, "missed")
    async with streaming(here, curl, "--header", f"Last-Event-ID: {last_id}") as stream:
        heard = await stream.until("mark")
        assert [f["body"]["text"] for f in heard if f["t"] == "event"] == ["missed"]
