"""Webhooks: how fast a backlog goes out to a receiver on this machine, and what 49 dead ones cost those who write.

Node and receiver share one process and one processor, so these are floors.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.app.feed import Filter
from server.app.webhook_store import Mode
from server.app.webhook_worker import Means, pause
from server.app.webhooks import Webhooks, Wish
from server.domain import limits
from server.ops.core import now
from server.ops.webhook_sender import WebhookSender, networks_of
from tests.bench.figures import at_least, emit, repeat
from tests.support.node import Entropy, TestNode, open_test_node
from tests.support.processes import until
from tests.support.receivers import ORIGIN, SEAL, http, receiver

BACKLOG = 3_000
WRITTEN = 1_500
AT_ONCE = 32
DEAD = limits.WEBHOOKS_MAX - 1
POSTS = Filter(types=("company.tap.post.*",))


def _agree(what: str, headers: dict[str, str], _body: bytes) -> bytes:
    if what.startswith("OPTIONS"):
        return http(200, WebHook_Allowed_Origin=headers["webhook-request-origin"])
    return http(204)


async def _write(node: TestNode, place: str, posts: int) -> float:
    """Seconds for so many posts, some at once as people do."""
    begun = time.perf_counter()
    for start in range(0, posts, AT_ONCE):
        await asyncio.gather(*[node.post("asha", place, f"cup {start}") for _ in range(AT_ONCE)])
    return time.perf_counter() - begun


@asynccontextmanager
async def _webhooks(node: TestNode) -> AsyncIterator[Webhooks]:
    sender = WebhookSender(networks_of(["127.0.0.1/32"]), None, now)
    means = Means(node.handler, sender, ORIGIN, now, random.random, pause)
    made = Webhooks(
        node.tap, node.reader, means, SEAL, region=node.region, entropy=Entropy("webhooks")
    )
    task = asyncio.ensure_future(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        await sender.close()


async def _is_level(webhooks: Webhooks) -> bool:
    return not (await webhooks.seen())[0].behind


async def _delivered_per_second(mode: Mode) -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with open_test_node(Path(folder)) as node, receiver(_agree) as target:
            await node.register("asha")
            await _write(node, await node.community("asha"), BACKLOG)
            async with _webhooks(node) as webhooks:
                begun = time.perf_counter()
                wish = Wish(f"http://127.0.0.1:{target.port}/", mode=mode, filter=POSTS)
                await webhooks.add(wish._replace(beginning=True), "")
                await until("all of it went out", lambda: _is_level(webhooks))
                return BACKLOG / (time.perf_counter() - begun)


async def _posts_per_second(dead: int) -> float:
    """``dead``: webhooks whose receivers agreed and then went away."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_test_node(Path(folder)) as node:
            await node.register("asha")
            place = await node.community("asha")
            async with _webhooks(node) as webhooks:
                async with receiver(_agree) as target:
                    for _ in range(dead):
                        await webhooks.add(Wish(f"http://127.0.0.1:{target.port}/"), "")
                await _write(node, place, AT_ONCE)  # all of them have failed once
                return WRITTEN / await _write(node, place, WRITTEN)


def main() -> None:
    for mode, goal in (("structured", 300), ("batch", 2_000)):
        runs = repeat(lambda mode=mode: asyncio.run(_delivered_per_second(mode)))  # type: ignore[misc]
        emit(at_least(f"webhook events delivered, {mode}", "events/s", goal, runs))
    alone = repeat(lambda: asyncio.run(_posts_per_second(0)))
    beside = repeat(lambda: asyncio.run(_posts_per_second(DEAD)))
    ratios = [with_dead / without for with_dead, without in zip(beside, alone, strict=True)]
    emit(at_least(f"posts per second beside {DEAD} dead webhooks, against none", "×", 0.9, ratios))
