"""docs/howto/webhooks.md: its receiver is run as it stands there, against a node that sends over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from email.message import Message
from http.server import ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest

from server.app.webhook_signature import headers
from server.app.webhook_steps import Answered, State
from server.app.webhook_store import Mode
from server.app.webhooks import Made, Webhooks, Wish
from server.ops.webhook_sender import WebhookSender, networks_of
from tests.support.archives import archive
from tests.support.node import Entropy, TestNode, open_test_node
from tests.support.receivers import SEAL, means_of

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "webhooks.md"
MODES: tuple[Mode, ...] = ("structured", "binary", "batch")


class Program(SimpleNamespace):
    """The page's program, on a free port."""

    url: str
    file: Path

    def held(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        database = sqlite3.connect(self.file)
        try:
            rows = database.execute("SELECT event FROM events").fetchall()
        finally:
            database.close()
        return [json.loads(event) for (event,) in rows]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(text, str(PAGE), "exec"), names)
    names["Receiver"].file = str(tmp_path / "events.db")
    server = ThreadingHTTPServer(("127.0.0.1", 0), names["Receiver"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    # Functions look their globals up in ``names``: that is where the test sets them.
    yield Program(url=url, file=tmp_path / "events.db", names=names, server=server)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[TestNode]:
    async with open_test_node(tmp_path) as node:
        await node.register("asha")
        yield node


async def sending(node: TestNode) -> tuple[Webhooks, WebhookSender]:
    sender = WebhookSender(networks_of(["127.0.0.1/32"]), None, node.clock)
    means = means_of(node, sender)
    webhooks = Webhooks(
        node.tap, node.reader, means, SEAL, region=node.region, entropy=Entropy("webhooks")
    )
    return webhooks, sender


@pytest.mark.parametrize("mode", MODES)
async def test_the_receiver_holds_each_event_once(
    node: TestNode, program: Program, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.names["time"] = SimpleNamespace(time=lambda: node.clock.now / 1000)
    webhooks, sender = await sending(node)
    made = await webhooks.add(Wish(program.url, mode=mode, names="shown", beginning=True), "")
    assert isinstance(made, Made)
    # Nobody has told it the secret yet.
    assert await webhooks.test(made.webhook) == Answered(
        401, 0, "this is not signed with a secret we know"
    )
    program.names["SECRETS"] = [made.secret]
    assert await webhooks.test(made.webhook) == Answered(204)
    place = await node.community("asha")
    for number in range(7):
        await node.post("asha", place, f"cup {number} ☕", title='100 % "tea"')
    task = asyncio.ensure_future(webhooks.run())
    async with asyncio.timeout(20):
        while (await webhooks.seen())[0].behind:
            pass
    assert (await webhooks.seen())[0].place.state is State.ACTIVE
    task.cancel()
    await asyncio.wait([task])
    await sender.close()
    held = program.held()
    positions = [int(one["tapposition"]) for one in held if "tapposition" in one]
    assert positions == list(range(1, node.tap.position + 1))
    texts = [one["data"]["text"] for one in held if one["type"].endswith("post.published")]
    assert texts == [f"cup {number} ☕" for number in range(7)]


def test_the_receiver_reads_the_requests_of_the_conformance_suite(program: Program) -> None:
    text = (archive("vectors") / "cloudevents/features/http-protocol-binding.feature").read_text()
    requests = re.findall(r'an HTTP request\n *"""\n(.*?)"""', text, re.S)
    assert len(requests) == 2
    for request in requests:
        head, _, body = dedent(request).partition("\n\n")
        headers = Message()
        for line in head.splitlines()[1:]:
            name, _, value = line.partition(": ")
            kind = "application/json" if "ce-id" in head else "application/cloudevents+json"
            headers[name] = value.replace("<contentType>", kind)
        assert program.names["events_of"](headers, body.encode()) == [
            {
                "id": "1234-1234-1234",
                "specversion": "1.0",
                "type": "com.example.someevent",
                "source": "/mycontext/subcontext",
                "time": "2018-04-05T03:56:24Z",
                "datacontenttype": "application/json",
                "data": {"message": "Hello World!"},
            }
        ]


@pytest.mark.parametrize(
    ("change", "ours"),
    [
        ({}, True),
        ({"body": b"{}"}, False),
        ({"now": 1_767_225_600 + 301}, False),
        ({"secrets": ["whsec_AAAA"]}, False),
        ({"secrets": ["whsec_AAAA", "whsec_c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMhISEhISE="]}, True),
    ],
)
def test_the_receiver_believes_what_is_signed_and_recent(
    program: Program, change: dict[str, Any], ours: bool
) -> None:
    secret = b"secret of a test, 32 bytes!!!!!!"
    program.names["SECRETS"] = change.get(
        "secrets", ["whsec_c2VjcmV0IG9mIGEgdGVzdCwgMzIgYnl0ZXMhISEhISE="]
    )
    given = Message()
    for name, value in headers("msg_1", 1_767_225_600_000, b'{"a":1}', [secret]).items():
        given[name] = value
    body, now = change.get("body", b'{"a":1}'), change.get("now", 1_767_225_600)
    assert program.names["is_ours"](given, body, now) is ours
