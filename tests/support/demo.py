"""``tap demo`` as a process of its own, as ``make run`` starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.ops.demo import company
from server.ops.demo.nodes import Place
from tests.support.ports import held_row
from tests.support.processes import SECONDS_MAX


def port_base() -> int:
    """The first of as many free ports as the demo has regions."""
    return held_row(len(company.REGIONS))


@asynccontextmanager
async def demo(folder: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``tap demo`` in this folder; interrupted at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server.ops.cli", "demo", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"TAP_DEMO_DIR": str(folder)},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.communicate(), SECONDS_MAX)
            except TimeoutError:
                process.kill()
                await process.communicate()


async def announced(process: asyncio.subprocess.Process) -> tuple[dict[str, str], str]:
    """Region -> address from the ready lines, and the password from the table."""
    assert process.stdout is not None
    ready: dict[str, str] = {}
    async with asyncio.timeout(SECONDS_MAX * 2):
        async for raw in process.stdout:
            words = raw.decode().split()
            if words[:1] == ["ready"]:
                assert words[1] not in ready
                ready[words[1]] = words[2]
            elif words and words[0].startswith("http"):
                return ready, words[2]
    raise AssertionError((await process.communicate())[1].decode())


def holder(place: Place) -> int:
    """The process that holds the node's data, as the lock names it."""
    return int((place.database.parent / "tap.lock").read_text().split()[0])


async def restart(place: Place, process: asyncio.subprocess.Process) -> None:
    """SIGKILL; returns when the demo has reported it and started the node again."""
    os.kill(holder(place), signal.SIGKILL)
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS_MAX):
        async for raw in process.stderr:
            if b"is back" in raw:
                return
    raise AssertionError("the demo ended")
