"""I1, I2: kill -9 at any moment loses nothing that was acknowledged, and resending doubles nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from server.domain.wire import chain, decode_header, genesis
from server.storage import tables as t
from server.storage.rebuild import rebuild
from tests.support.kill_target import AUTHORS, opened, prepare, publish
from tests.support.node import TestNode

pytestmark = pytest.mark.e2e
ROUNDS = 10
ACKNOWLEDGED_MAX = 120
"""At most so many acknowledgements are awaited before the kill; the seed says how many."""
ROOT = Path(__file__).parents[2]


def killed_after(folder: Path, first: int, run: int, acknowledgements: int) -> dict[int, str]:
    """Starts the writer and kills it as soon as it acknowledged so many; all it had printed by then."""
    command = [sys.executable, "-m", "tests.support.kill_target", str(folder), str(first), str(run)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(acknowledgements)]
        writer.kill()
        rest = writer.stdout.read()
    # The last line may have been cut by the kill itself: then it was not acknowledged.
    whole = "".join(lines) + rest
    done = [line.split() for line in whole.splitlines(keepends=True) if line.endswith("\n")]
    return {int(number): post for number, post in done}


async def posts_of(node: TestNode) -> dict[int, list[str]]:
    """Number -> the ids of the posts that carry it."""
    found: dict[int, list[str]] = {}
    async with node.reader.snapshot() as snapshot:
        rows = await snapshot.rows(select(t.posts.c.post, t.posts.c.text))
    for post, text in rows:
        found.setdefault(int(text.removeprefix("post ")), []).append(post)
    return found


async def chain_holds(node: TestNode) -> None:
    """I5, from the stored rows alone."""
    tips: dict[int, tuple[int, bytes]] = {}
    async with node.reader.snapshot() as snapshot:
        rows = await snapshot.rows(
            select(t.events.c.lane_id, t.events.c.seq, t.events.c.header, t.events.c.hash).order_by(
                t.events.c.position
            )
        )
    for lane, seq, header, hash_ in rows:
        id = decode_header(header).id
        before, previous = tips.get(lane, (0, genesis(id.region, id.epoch, id.lane)))
        assert seq == id.seq == before + 1
        assert hash_ == chain(previous, header)
        tips[lane] = (seq, hash_)


async def test_i1_i2_kill_9_loses_nothing_acknowledged_and_doubles_nothing(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    await prepare(tmp_path)
    place = (tmp_path / "place").read_text("utf-8")
    acknowledged: dict[int, str] = {}
    first = 0
    for round_ in range(ROUNDS):
        wanted = chance.randint(1, ACKNOWLEDGED_MAX)
        done = killed_after(tmp_path, first, 2 * round_ + 1, wanted)
        assert len(done) >= wanted, "the writer died of something else"
        acknowledged |= done
        async with opened(tmp_path, 2 * round_ + 2) as node:
            held = await posts_of(node)
            for number, post in acknowledged.items():
                assert held.get(number) == [post], f"round {round_}: post {number}"
            # What was sent and not acknowledged may be there or not; sent again it is there once.
            for number in range(first, max(done) + AUTHORS + 1):
                answer = await publish(node, place, number)
                assert answer.repeated == (number in held), number
                assert held.get(number, [answer.result["post"]]) == [answer.result["post"]]
                acknowledged[number] = answer.result["post"]
            assert {n: [post] for n, post in acknowledged.items()} == await posts_of(node)
            await chain_holds(node)
        first = max(acknowledged) + 1
        assert rebuild(node.url, check=True).different == ()
