"""Real nodes for end-to-end and browser tests: processes, temporary folders, free ports, loopback.

    async with running_nodes(tmp_path, "in", "de") as nodes:
        nodes["in"].place.url
        await nodes["in"].kill(); await nodes["in"].start()

``until`` is the one place where tests ask repeatedly: a node's state seen from outside changes without
telling us. It gives up at a deadline, and says what it waited for.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tap_client import Client, Done, Refused

from server.app.auth import Kind
from server.domain.commands import RegisterPerson
from server.ops import config_file
from server.ops.accounts import desk
from server.ops.demo import founding
from server.ops.demo.nodes import Node, Place, configure, start_all
from tests.support.ports import held_ports

NAMES = {
    "in": ("India", "IN"),
    "de": ("Germany", "DE"),
    "br": ("Brazil", "BR"),
    "fr": ("France", "FR"),
    "us": ("United States", "US"),
}
ASK_SECONDS = 0.05
SECONDS_MAX = 60.0


def places(folder: Path, *regions: str) -> dict[str, Place]:
    """Places on free ports, configured as peers of one another; nothing runs yet."""
    ports = held_ports(len(regions))
    made = {
        region: Place(region, *NAMES[region], folder / region, port)
        for region, port in zip(regions, ports, strict=True)
    }
    configure(list(made.values()))
    return made


@asynccontextmanager
async def running(where: Iterable[Place]) -> AsyncIterator[dict[str, Node]]:
    """The nodes of these places while the block runs; what is left of them is stopped."""
    nodes = {place.region: Node(place) for place in where}
    try:
        await start_all(nodes.values())
        yield nodes
    finally:
        await asyncio.gather(*(node.stop() for node in nodes.values()))


@asynccontextmanager
async def running_nodes(folder: Path, *regions: str) -> AsyncIterator[dict[str, Node]]:
    """Fresh, federated nodes."""
    async with running(places(folder, *regions).values()) as nodes:
        yield nodes


def tap(*arguments: object, stdin: str = "") -> str:
    """Runs the program ``tap``; its standard output. A failure fails the test with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "server.ops.cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX * 4,
        env={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
        check=False,
    )
    assert done.returncode == 0, f"tap {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


async def enrol(place: Place, people: Iterable[str], kind: Kind = "device") -> dict[str, str]:
    """Registers people on a stopped node; person -> token."""
    wishes = [RegisterPerson(person=name, name=name) for name in people]
    async with desk(config_file.load(place.config, {}).config, "test") as node:
        return await founding.enrol(node, wishes, kind)


async def do_when_known(client: Client, command: dict[str, Any], key: str) -> Done:
    """Gives a command; again while its node has not heard of what it refers to."""
    answers: list[Done] = []

    async def accepted() -> bool:
        try:
            answers.append(await client.do(command, key))
        except Refused as refusal:
            if refusal.code != "not_found":
                raise
        return bool(answers)

    await until(f"the node knows what {key} refers to", accepted)
    return answers[0]


async def until(
    what: str,
    holds: Callable[[], bool | Awaitable[bool]],
    seconds: float = SECONDS_MAX,
) -> None:
    """Returns when the condition holds; fails naming it when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = holds()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(ASK_SECONDS)


# -- looking into a node from outside ---------------------------------------------------------------------


def rows(place: Place, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """A read of the node's SQLite file; also while the node runs."""
    with closing(sqlite3.connect(f"file:{place.database}?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


def tips(place: Place) -> Mapping[tuple[str, str], int]:
    """How far the node has every lane that all regions share."""
    query = "SELECT region, lane, seq FROM lanes WHERE lane IN ('global', 'control')"
    return {(region, lane): seq for region, lane, seq in rows(place, query)}


async def until_level(where: Iterable[Place], seconds: float = SECONDS_MAX) -> None:
    """Returns when all nodes hold the same events of every shared lane."""
    everybody = list(where)

    def level() -> bool:
        first, *others = [tips(place) for place in everybody]
        return all(other == first for other in others)

    await until("all nodes hold the same events", level, seconds)
