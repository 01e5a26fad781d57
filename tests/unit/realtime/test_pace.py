"""How many commands a person may give: one count, whatever way they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest_asyncio

from server.domain import limits
from server.realtime.replies import TOO_FAST
from tests.unit.realtime.live import Answer, LiveNode, ask, live_node
from tests.unit.realtime.test_websocket import metric

WISH = {"do": "profile.change", "name": "Asha"}
HALF = limits.COMMANDS_BURST // 2


@pytest_asyncio.fixture
async def live(tmp_path: Path) -> AsyncIterator[LiveNode]:
    async with live_node(tmp_path) as node:
        yield node


async def by_http(live: LiveNode, person: str, key: str) -> Answer:
    body = msgspec.json.encode({"key": key, "command": WISH})
    return await ask(live.port, "POST", "/api/v1/commands", person, body)


async def status(answer: Answer) -> int:
    await answer.json()
    return answer.status


async def by_socket(device: Any, key: str) -> Any:
    await device.say(t="do", key=key, command=WISH)
    return await device.hear("done")


async def test_what_comes_by_http_counts_as_what_comes_by_the_socket(live: LiveNode) -> None:
    hit = metric("tap_limits_hit_total", limit="COMMANDS_PER_10_S")
    async with live.device() as device, live.device() as another:
        await device.live()
        await another.live()
        for n in range(HALF):
            assert await status(await by_http(live, "asha", f"by-http-{n}")) == 200
            assert (await by_socket(device, f"by-socket-{n}"))["ok"]
        answer = await by_http(live, "asha", "one-too-many")
        assert (answer.status, answer.headers["retry-after"]) == (429, "5")
        error = (await answer.json())["error"]
        assert (error["code"], error["message"]) == (TOO_FAST.code, TOO_FAST.message)
        for one in (device, another):
            said = (await by_socket(one, "one-too-many"))["error"]
            assert said | {"field": None} == error
    assert metric("tap_limits_hit_total", limit="COMMANDS_PER_10_S") == hit + 1


async def test_who_comes_anew_has_given_what_they_gave(live: LiveNode) -> None:
    for n in range(limits.COMMANDS_BURST):
        async with live.device() as device:
            await device.live()
            assert (await by_socket(device, f"before-{n}"))["ok"]
    assert await status(await by_http(live, "asha", "one-too-many")) == 429
    assert await status(await by_http(live, "bob", "somebody-else")) == 200, (
        "others are not held back"
    )
    live.pass_time(1)
    assert await status(await by_http(live, "asha", "one-too-many")) == 200
