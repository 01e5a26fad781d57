"""What a restored log says once more, having lost that it had been said: nodes agree in any order (I6, 16.3)."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from server.domain.decide import Context, Decided
from server.domain.decide.cases import Found, open_ring
from server.domain.decide.erase import receipt
from server.domain.errors import Refusal
from server.domain.events import CreditFlow, PersonRegistered
from server.domain.events.base import Source
from server.domain.facts import Facts
from server.domain.import_records import ImportCommunity
from server.domain.visibility import LOCAL
from server.domain.wire import LaneBatch
from server.storage.event_log import lane_tips
from tests.support.node import START, ForeignLog, TestNode, open_test_node
from tests.support.restored import agree, own_batch, restored


class World(NamedTuple):
    """Of before the backup."""

    announcement: str
    request: str
    """Of an erasure."""
    abroad: LaneBatch
    """Germany's."""


Said = Callable[[TestNode, World, bool], Awaitable[None]]
"""Says something; the flag: once more, after the restore."""
DAY_MS = 86_400_000


async def deletes(node: TestNode, world: World, again: bool) -> None:
    await node.do("asha", "post.delete", f"deleting-{again}", post=world.announcement)


async def acknowledges(node: TestNode, world: World, again: bool) -> None:
    key = f"confirming-{again}"
    await node.do("bob", "announcement.acknowledge", key, post=world.announcement)


async def gives_a_receipt(node: TestNode, world: World, again: bool) -> None:
    def given(facts: Facts, context: Context) -> Decided:
        return Decided(receipt(world.request, "asha", int(again), ["control"], facts, context), {})

    await append(node, given)


async def finds_a_circle(node: TestNode, _world: World, again: bool) -> None:
    flows = (CreditFlow(giver="asha", author="ben", contents=3, base=9 - again, counted=9),)
    found = Found("circle", "2026Q1", ("asha", "ben"), "They thank each other.", 9 - again, flows)
    await append(node, lambda facts, context: open_ring(found, facts, context))


async def imports_a_community(node: TestNode, _world: World, again: bool) -> None:
    """The second time from a newer file."""
    record = ImportCommunity(
        source=Source(system="zulip", id="tea"),
        community="tea",
        name="Alpha" if again else "Beta",
        at=5 - again,
    )
    assert await node.handler.import_records([record]) == ["new"]


SAID: tuple[Said, ...] = (
    deletes,
    acknowledges,
    gives_a_receipt,
    finds_a_circle,
    imports_a_community,
)


async def append(node: TestNode, rule: Callable[..., Decided]) -> None:
    assert not isinstance(await node.handler.append(rule), Refusal)


async def founded(node: TestNode) -> World:
    for person in ("asha", "bob"):
        await node.register(person)
    place = await node.community("asha")
    announcement = await node.post(
        "asha", place, kind="announcement", title="Tea", announcement={"acknowledge": True}
    )
    mistake = await node.post("asha", place, "a mistake")
    erased = await node.do("asha", "content.erase", scope="post", target=mistake)
    ben = PersonRegistered(person="ben", home="de", name="Ben")
    abroad = ForeignLog("de").batch(START, ("", ben))
    assert await node.handler.apply(abroad) == 1
    return World(announcement, erased["requests"][0], abroad)


async def told(node: TestNode) -> list[LaneBatch]:
    """All that this node told others in its epoch."""
    async with node.reader.snapshot() as snapshot:
        keys = sorted(key for key in await lane_tips(snapshot) if key.lane != LOCAL)
    return [await own_batch(node, key) for key in keys if key.epoch == node.handler.epoch]


@pytest.mark.parametrize("say", SAID, ids=lambda say: say.__name__.replace("_", " "))
async def test_i6_what_was_said_lost_and_said_again_is_the_same_everywhere(
    tmp_path: Path, say: Said
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    async with open_test_node(first) as node:
        world = await founded(node)
    backup = tmp_path / "backup"
    shutil.copytree(first, backup)
    async with open_test_node(first) as node:
        await say(node, world, False)
        lost = await told(node)
    async with restored(backup, second) as node:
        node.clock.advance(DAY_MS)
        await say(node, world, True)
        anew = await told(node)
        for batch in lost:
            assert await node.handler.apply(batch) == batch.head.seq
    await agree(second, lost, anew, before=[world.abroad])
