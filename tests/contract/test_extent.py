"""How far a log is known to reach, kept outside its database; and forks, kept inside (section 16)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from server.domain.ids import LaneKey
from server.storage import extent, forks
from server.storage.connection import WriterConnection, open_writer
from server.storage.epochs import begin_epoch
from server.storage.extent import Extent
from server.storage.node import open_node
from server.storage.reader import Reader
from tests.support.node import START, ForeignLog, TestNode


@pytest.fixture
def connection(node: TestNode) -> Iterator[WriterConnection]:
    """Beside the node's own: here nobody writes at the same time."""
    opened = open_writer(node.url)
    yield opened
    opened.close()


async def taken(node: TestNode) -> Extent:
    found = await node.handler.run(extent.take)
    assert found is not None
    return found


def doubt(connection: WriterConnection, found: Extent | None) -> str:
    with connection.transaction() as tx:
        return extent.doubt(tx, found)


async def test_a_log_that_holds_its_extent_and_more_is_not_doubted(
    node: TestNode, connection: WriterConnection
) -> None:
    await node.register("asha")
    found = await taken(node)
    assert found.position == node.tap.position
    assert {lane: seq for lane, (seq, _) in found.lanes.items()} == {"control": 1, "global": 1}
    assert doubt(connection, found) == ""
    await node.community("asha")
    await node.handler.apply(ForeignLog().batch(START))
    assert doubt(connection, found) == ""


async def test_whatever_the_extent_has_and_the_log_has_not_is_doubted(
    node: TestNode, connection: WriterConnection
) -> None:
    await node.register("asha")
    found = await taken(node)
    seq, hash_ = found.lanes["global"]
    for changed, why in (
        (None, "nothing says"),
        (replace(found, position=found.position + 1), "ends at"),
        (replace(found, hash=bytes(32)), "another event"),
        (replace(found, epoch=found.epoch + 1), "in epoch"),
        (replace(found, region="de"), "of de"),
        (replace(found, lanes=found.lanes | {"global": (seq + 1, hash_)}), "event 2 of our lane"),
        (replace(found, lanes=found.lanes | {"global": (seq, bytes(32))}), "event 1 of our lane"),
        (replace(found, lanes=found.lanes | {"pair.de.in": (1, hash_)}), "our lane pair.de.in"),
    ):
        assert why in doubt(connection, changed), why


def test_an_empty_log_has_no_extent_and_needs_none(url: str) -> None:
    connection = open_writer(url)
    with connection.transaction() as tx:
        assert extent.take(tx) is None
        assert extent.doubt(tx, None) == ""
        # The database is gone and made anew, the extent beside it is not.
        open_node(tx, "in", os.urandom(4))
        assert extent.take(tx) is None
        assert extent.doubt(tx, Extent("in", 1 << 32, 9, bytes(32), {}))
    connection.close()


async def test_the_extent_of_an_epoch_names_its_lanes_only(
    node: TestNode, connection: WriterConnection
) -> None:
    await node.register("asha")
    with connection.transaction() as tx:
        begin_epoch(tx, open_node(tx, "in", b""), START, os.urandom)
    with connection.transaction() as tx:
        found = extent.take(tx)
    assert found is not None
    assert set(found.lanes) == {"control"}
    assert doubt(connection, found) == ""


async def test_forks_are_kept_and_resolved_once(
    node: TestNode, connection: WriterConnection
) -> None:
    log = ForeignLog()
    await node.handler.apply(log.batch(START))
    reader = Reader.open(node.url)
    with connection.transaction() as tx:
        forks.keep(tx, log.key, 3, b"first proof", START)
        forks.keep(tx, log.key, 2, b"another proof", START + 1)
        assert forks.forked_lane(tx, "de", log.key.epoch) == "global"
        assert forks.forked_lane(tx, "de", 1) == ""
        assert not forks.resolve(tx, LaneKey("de", 1, "global"), START)
    async with reader.snapshot() as snapshot:
        (fork,) = await forks.every(snapshot)
    assert fork == forks.Fork(log.key, 3, 0, b"first proof", START, 0)
    assert fork.id == "de:700000000:global"
    with connection.transaction() as tx:
        assert forks.resolve(tx, log.key, START + 9)
        assert not forks.resolve(tx, log.key, START + 10), "once"
    async with reader.snapshot() as snapshot:
        (fork,) = await forks.every(snapshot)
    assert fork.resolved_at == START + 9
    await reader.close()
