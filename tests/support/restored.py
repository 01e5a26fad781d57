"""A node whose database was put back from a backup, and what peers hold of the log that it lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from server.domain.errors import Refusal
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, genesis
from server.storage import event_log
from server.storage.connection import open_writer
from server.storage.digest import shared_digests_at
from server.storage.epochs import begin_epoch
from server.storage.node import open_node
from tests.support.node import START, TestNode, open_test_node


def own(node: TestNode, lane: str = "global") -> LaneKey:
    return LaneKey(node.region, node.handler.epoch, lane)


async def own_batch(node: TestNode, key: LaneKey) -> LaneBatch:
    """What a peer holds of this node's lane."""
    async with node.reader.snapshot() as snapshot:
        events = await event_log.lane_page(snapshot, key, 0)
    head = SignedHead(*key, len(events), events[-1].hash, "test", b"")
    return LaneBatch(key, 0, genesis(*key), tuple(events), head)


def put_back(folder: Path) -> None:
    """India's log begins another epoch."""
    connection = open_writer(f"sqlite:///{folder}/in.db")
    with connection.transaction() as tx:
        begin_epoch(tx, open_node(tx, "in", b""), START, os.urandom)
    connection.close()


def _copied(backup: Path, folder: Path) -> None:
    folder.mkdir()
    shutil.copy(backup / "in.db", folder / "in.db")
    put_back(folder)


@asynccontextmanager
async def restored(
    backup: Path, folder: Path, groups: Mapping[str, frozenset[str]] | None = None
) -> AsyncIterator[TestNode]:
    """A node on a backup's copy, in a new epoch."""
    _copied(backup, folder)
    async with open_test_node(folder, groups=groups) as node:
        yield node


async def _looked_past(_node: TestNode) -> None:
    pass


async def agree(
    home: Path,
    lost: Sequence[LaneBatch],
    anew: Sequence[LaneBatch],
    *,
    before: Sequence[LaneBatch] = (),
    groups: Mapping[str, frozenset[str]] | None = None,
    look: Callable[[TestNode], Awaitable[None]] = _looked_past,
) -> None:
    """Whoever hears what was lost and what was written anew, in this order or the other, holds what the restored
    node in the folder ``home`` does (I6). ``before``: what they know already; ``look`` is given each of them."""
    for number, batches in enumerate(([*lost, *anew], [*anew, *lost])):
        async with open_test_node(home, f"r{number}", groups=groups) as node:
            for batch in (*before, *batches):
                assert not isinstance(await node.handler.apply(batch), Refusal)
            await look(node)
        held = shared_digests_at(f"sqlite:///{home}/r{number}.db")
        assert held == shared_digests_at(f"sqlite:///{home}/in.db")
