"""Where a key and a log end, in each lane and in all epochs (docs/protocol/federation.md 17.3, 17.4)."""

from __future__ import annotations

import shutil
from pathlib import Path

from server.app import succession
from server.domain.durations import DAY_MS
from server.domain.errors import Code, Refusal
from server.domain.events import EpochEnd, KeyRetired, KeyRotated, LogClosed
from server.domain.ids import LaneKey
from server.storage import event_log
from server.storage.event_log import Record
from tests.support.node import START, TestNode, open_test_node
from tests.support.restored import own, own_batch, restored

LATER = START + 30 * DAY_MS
ROTATED = KeyRotated(key=b"n" * 32, key_id="new", before=b"o" * 32, signature=b"s" * 64)


async def _tips(node: TestNode) -> dict[LaneKey, int]:
    async with node.reader.snapshot() as snapshot:
        return {key: tip.seq for key, tip in (await event_log.lane_tips(snapshot)).items()}


async def _retired(node: TestNode, now: int = LATER) -> list[str]:
    return await succession.retire(node.handler, node.reader, "new", now)


async def _said(node: TestNode, kind: type = KeyRetired) -> list[Record]:
    every = await succession.about_company(node.reader)
    return [record for record in every if isinstance(record.event, kind)]


async def _talks(node: TestNode) -> None:
    """Something in ``global`` and in ``local``."""
    await node.register("asha")
    place = await node.community("asha")
    await node.do("asha", "read.mark", channel=place, up_to=1)


def _backup(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "backup"))


async def test_each_lane_says_where_the_key_ends_in_each_epoch_and_names_no_other(
    tmp_path: Path,
) -> None:
    """``global`` is of the earlier epoch only, and is opened for it."""
    folder = tmp_path / "first"
    folder.mkdir()
    async with open_test_node(folder) as node:
        await _talks(node)
        assert await succession.announce(node.handler, node.reader, ROTATED) is None
        first = node.handler.epoch
    async with restored(_backup(folder, tmp_path), tmp_path / "second") as node:
        before = await _tips(node)
        assert len(await _retired(node)) == 1
        said = await _said(node)
        assert [record.id.lane for record in said] == ["global", "control"]
        assert {record.id.epoch for record in said} == {node.handler.epoch}
        for record in said:
            assert isinstance(record.event, KeyRetired)
            key = LaneKey("in", first, record.id.lane)
            assert record.event.earlier == (EpochEnd(epoch=first, seq=before[key]),)
        assert await _retired(node) == [], "once"


async def test_a_lane_that_came_later_is_ended_as_well(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await succession.announce(node.handler, node.reader, ROTATED)
        assert len(await _retired(node)) == 1
        await _talks(node)
        assert len(await _retired(node)) == 1
        assert await _retired(node) == []
        assert [record.id.lane for record in await _said(node)] == ["control", "global"]


async def test_what_an_older_version_ended_is_ended_in_earlier_epochs_too(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await _talks(node)
        await succession.announce(node.handler, node.reader, ROTATED)
        name = succession.key_id(ROTATED.before)
        old = [(lane, KeyRetired(key_id=name)) for lane in ("global", "control")]
        assert await succession._append(node.handler, old) is None
        assert await _retired(node) == [name]
        assert await _retired(node) == []
        assert [record.id.lane for record in await _said(node)] == ["global", "control"] * 2


async def test_a_retirement_that_came_back_in_part_is_made_whole(tmp_path: Path) -> None:
    """``global`` came back with the end in it; that of ``control`` was lost with the disk."""
    folder = tmp_path / "first"
    folder.mkdir()
    async with open_test_node(folder) as node:
        await _talks(node)
        await succession.announce(node.handler, node.reader, ROTATED)
    backup = _backup(folder, tmp_path)
    async with open_test_node(folder) as node:
        assert len(await _retired(node)) == 1
        lost = await own_batch(node, own(node))
    async with restored(backup, tmp_path / "second") as node:
        assert await node.handler.apply(lost) == lost.head.seq
        assert len(await _retired(node)) == 1
        again = [record for record in await _said(node) if record.id.epoch == node.handler.epoch]
        assert [record.id.lane for record in again] == ["global", "control"]


async def test_nothing_ends_while_a_restored_log_gets_back_what_it_lost(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        await succession.announce(node.handler, node.reader, ROTATED)
        node.handler.holding = Refusal(Code.RECOVERING, "restored")
        assert await _retired(node) == []
        refused = await succession.close_log(node.handler, node.reader, "sold")
        assert refused == node.handler.holding
        node.handler.holding = None
        assert len(await _retired(node)) == 1


async def test_a_closed_log_ends_in_each_lane_of_each_epoch(tmp_path: Path) -> None:
    folder = tmp_path / "first"
    folder.mkdir()
    async with open_test_node(folder) as node:
        await _talks(node)
        first = node.handler.epoch
    async with restored(_backup(folder, tmp_path), tmp_path / "second") as node:
        before = await _tips(node)
        assert await succession.close_log(node.handler, node.reader, "sold") is None
        said = await _said(node, LogClosed)
        assert [record.id.lane for record in said] == ["global", "control"]
        for record in said:
            assert isinstance(record.event, LogClosed)
            key = LaneKey("in", first, record.id.lane)
            assert record.event.earlier == (EpochEnd(epoch=first, seq=before[key]),)
