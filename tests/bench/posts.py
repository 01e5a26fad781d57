"""Durable posts: the whole path from a frame's bytes to the answer's bytes, at 64 concurrent authors.

Measured: CPU time of the process (both threads) per post = posts per second and core. The floor is one
bare INSERT of the same text per post with the same group commit and ``synchronous=FULL``.
"""

import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosqlite
import msgspec
import uvloop

from server.app.handle import Answer, Handler
from server.app.tap import Tap
from server.domain.commands import from_json
from server.domain.ids import object_id
from server.storage.reader import Reader
from tests.bench.figures import at_least, at_most, compare, emit, repeat
from tests.bench.writers import AiosqliteConnection, AiosqliteWriter
from tests.support.node import Entropy, TestNode, open_test_node

AUTHORS = 64
POSTS = 12_800
TEXT = "A plain update of a usual length, as colleagues write them every day. " * 4
SINGLES = 400


async def _publish(handler: Handler, author: str, key: str, raw: bytes) -> bytes:
    """What an edge does for one command: decode and validate, handle, encode the answer."""
    outcome = await handler.handle(author, key, from_json(raw))
    assert isinstance(outcome, Answer), outcome
    return msgspec.json.encode({"t": "done", "key": key, "ok": True, "answer": outcome.result})


async def _authors(handler: Handler, place: str, root: str) -> float:
    """CPU seconds for all posts: half posts, half replies to one thread."""
    post = {"do": "post.publish", "place": place, "kind": "update", "text": TEXT, "topics": ["it"]}
    frames = [
        json.dumps(post).encode(),
        json.dumps({"do": "reply.publish", "parent": root, "text": TEXT}).encode(),
    ]

    async def author(n: int) -> None:
        for k in range(POSTS // AUTHORS):
            # Keys as our clients make them: ULIDs, growing with time.
            key = object_id(1_700_000_000_000 + k, n.to_bytes(10, "big"))
            await _publish(handler, f"p{n}", key, frames[k % 2])

    began = time.process_time()
    await asyncio.gather(*[author(n) for n in range(AUTHORS)])
    return time.process_time() - began


async def _seed(node: TestNode) -> tuple[str, str]:
    await node.register("p0", "region_admin")
    for n in range(1, AUTHORS):
        await node.register(f"p{n}")
    place = await node.community("p0")
    return place, await node.post("p0", place)


async def _thread_design(folder: Path) -> float:
    async with open_test_node(folder) as node:
        place, root = await _seed(node)
        return POSTS / await _authors(node.handler, place, root)


async def _aiosqlite_design(folder: Path) -> float:
    async with open_test_node(folder) as node:
        place, root = await _seed(node)
        url, epoch = node.url, node.handler.epoch
    path = url.removeprefix("sqlite:///")
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute("PRAGMA cache_size = -65536")
        reader = Reader.open(url)
        handler = AiosqliteWriter(
            AiosqliteConnection(connection),
            Tap(reader),
            region="in",
            epoch=epoch,
            groups={},
            now=lambda: 1_800_000_000_000,
            entropy=Entropy("aiosqlite"),
        )
        await handler.start_here()
        rate = POSTS / await _authors(handler, place, root)
        await reader.close()
        return rate


async def _single_author(folder: Path) -> float:
    """p99 in ms of one author's post on an idle node."""
    async with open_test_node(folder) as node:
        _, root = await _seed(node)
        raw = json.dumps({"do": "reply.publish", "parent": root, "text": TEXT}).encode()
        waits = []
        for k in range(SINGLES):
            began = time.perf_counter()
            await _publish(node.handler, "p1", f"single-{k:06d}", raw)
            waits.append((time.perf_counter() - began) * 1000)
        return statistics.quantiles(waits, n=100)[98]


def _floor(folder: Path) -> float:
    """One INSERT per post, 64 to a transaction, on the same settings: nothing else can be cheaper."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, text TEXT)")
    began = time.process_time()
    for _ in range(POSTS // AUTHORS):
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(AUTHORS):
            connection.execute("INSERT INTO post (text) VALUES (?)", (TEXT,))
        connection.execute("COMMIT")
    spent = time.process_time() - began
    connection.close()
    return POSTS / spent


def _in_fresh_folder(measure: Callable[[Path], Awaitable[float]]) -> Callable[[], float]:
    def run() -> float:
        with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
            return uvloop.run(measure(Path(folder)))

    return run


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        floor = _floor(Path(folder))
    hopping = repeat(_in_fresh_folder(_aiosqlite_design))
    thread = repeat(_in_fresh_folder(_thread_design))
    beside = {"bare_insert_per_s_core": floor, "aiosqlite_task": statistics.median(hopping)}
    emit(at_least("durable_posts", "posts/s/core", 4_000, thread, beside))
    emit(compare("durable_posts_aiosqlite_task", "posts/s/core", hopping, {"bare": floor}))
    emit(at_most("single_author_p99", "ms", 25, repeat(_in_fresh_folder(_single_author))))
