"""A writer to be killed: ``python -m tests.support.kill_target FOLDER FIRST RUN``.

Writes posts number FIRST, FIRST + 1, ... through the handler, a few at a time, and prints a line for each
acknowledged one: its number and the post's id. It never stops by itself. Clock and entropy follow from
RUN: two runs with the same one would mint the same ids.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from server.app.handle import Answer
from tests.support.node import START, Clock, TestNode, open_test_node

AUTHORS = 8
"""Commands under way at once: what is killed is a batch, not one command."""
RUN_MS = 3_600_000
PLACE = "place"


def key_of(number: int) -> str:
    return f"kill-{number:06}"


async def publish(node: TestNode, place: str, number: int) -> Answer:
    wish = {"place": place, "kind": "update", "text": f"post {number}"}
    answer = await node.try_do("asha", "post.publish", key_of(number), **wish)
    assert isinstance(answer, Answer), answer
    return answer


@asynccontextmanager
async def opened(folder: Path, run: int) -> AsyncIterator[TestNode]:
    async with open_test_node(folder, clock=Clock(START + run * RUN_MS)) as node:
        yield node


async def prepare(folder: Path) -> None:
    """The database, its author and the community to write to."""
    async with opened(folder, 0) as node:
        await node.register("asha")
        place = await node.community("asha")
    (folder / PLACE).write_text(place, "utf-8")


async def _write(folder: Path, place: str, first: int, run: int) -> None:
    async with opened(folder, run) as node:

        async def author(number: int) -> None:
            while True:
                answer = await publish(node, place, number)
                print(number, answer.result["post"], flush=True)
                number += AUTHORS

        await asyncio.gather(*[author(first + n) for n in range(AUTHORS)])


if __name__ == "__main__":
    where = Path(sys.argv[1])
    numbers = [int(argument) for argument in sys.argv[2:4]]
    asyncio.run(_write(where, (where / PLACE).read_text("utf-8"), *numbers))
