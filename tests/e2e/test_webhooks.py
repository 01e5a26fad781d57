"""A real node that sends to a real receiver, both of which fail: nothing is lost, order holds, one waits for no other."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tap_client import Client

from tests.support.processes import enrol, places, rows, running, tap, until
from tests.support.receivers import Receiver, http, receiver

pytestmark = pytest.mark.e2e
POSTS = 60
TYPE = "company.tap.post.published"


def agrees(what: str, headers: dict[str, str], _body: bytes) -> bytes:
    if what.startswith("OPTIONS"):
        return http(200, WebHook_Allowed_Origin=headers["webhook-request-origin"])
    return http(204)


def ids(target: Receiver) -> list[str]:
    """Of the events that came, in the order of their first coming; refused ones come again."""
    batches = [json.loads(body) for what, _, body in target.heard if what.startswith("POST")]
    return list(dict.fromkeys(event["id"] for batch in batches for event in batch))


async def test_a_node_and_its_receiver_fail_and_nothing_is_lost(tmp_path: Path) -> None:
    place = places(tmp_path, "in")["in"]
    with place.config.open("a", encoding="utf-8") as file:
        file.write('\n[webhooks]\nnetworks = ["127.0.0.1/32"]\n')
    token = (await enrol(place, ["asha"]))["asha"]

    async def webhook(*arguments: str) -> str:
        return await asyncio.to_thread(tap, "--config", place.config, "webhook", *arguments)

    async with (
        receiver(agrees) as target,
        receiver(agrees) as silent,
        running([place]) as nodes,
        Client(place.url, token) as asha,
    ):
        made = await webhook(
            "add", f"http://127.0.0.1:{target.port}/", "--mode", "batch", "--type", TYPE
        )
        assert made.split()[1].startswith("whsec_")
        await webhook("add", f"http://127.0.0.1:{silent.port}/")
        silent.answer = lambda *_: None  # from now on: it holds each request until it is cut

        tea = await asha.do({"do": "community.create", "name": "Tea"}, "make-tea-community")
        post = {
            "do": "post.publish",
            "place": f"c:{tea.answer['community']}",
            "kind": "update",
        }
        for number in range(POSTS):
            await asha.do(post | {"text": f"{number}"}, f"post-number-{number}")
            if number == POSTS // 3:
                await nodes["in"].kill()
                await nodes["in"].start()
            if number == POSTS // 2:
                target.answer = lambda *_: http(503)
        target.answer = agrees
        await until("all posts came", lambda: len(ids(target)) == POSTS)
        log = await asyncio.to_thread(
            tap, "--config", place.config, "tail", "--json", "--after", "0", "--type", TYPE
        )
        assert ids(target) == [json.loads(line)["id"] for line in log.splitlines()]
        assert silent.heard
        first, second = rows(place, "SELECT state, position FROM webhooks ORDER BY webhook")
        assert first[0] == "active"
        assert second[1] < first[1]
