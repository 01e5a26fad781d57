"""A database that was put back is noticed at the start, whatever the moment (docs/protocol/federation.md 16.1)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from server.domain.commands import RegisterPerson
from server.domain.errors import Code, Refused
from server.domain.ids import LaneKey, incarnation
from server.ops import config_file, core, extents, keys, operator
from server.ops.config import Config
from server.ops.core import Core
from server.ops.extents import Doubt
from server.storage import extent, forks
from server.storage.connection import open_writer


@pytest.fixture
def config(tmp_path: Path) -> Config:
    keys.generate(tmp_path / "data/node.key")
    return config_file.parse('[node]\nregion = "de"\nname = "Germany"', tmp_path).config


def data(config: Config) -> Path:
    return Path(config.node.data_dir)


async def register(node: Core, person: str) -> None:
    await operator.register(node.handler, RegisterPerson(person=person, name=person))


async def lived(config: Config, *people: str) -> int:
    """Opens, registers, closes; the epoch it was in."""
    async with core.opened(config, "test") as node:
        for person in people:
            await register(node, person)
        return node.identity.epoch


async def test_a_node_that_lost_nothing_goes_on_in_its_epoch(config: Config) -> None:
    epoch = await lived(config, "ada")
    async with core.opened(config, "test") as node:
        await register(node, "bob")
        assert node.identity.epoch == epoch
        position = node.tap.position
    found = extents.read(data(config))
    assert found is not None
    assert (found.epoch, found.position) == (epoch, position)
    assert [path.name for path in data(config).glob("tap.extent*")] == ["tap.extent"]


async def test_a_backup_put_back_begins_an_epoch_at_once_and_only_once(config: Config) -> None:
    first = await lived(config, "ada")
    shutil.copy(data(config) / "tap.db", data(config) / "backup.db")
    await lived(config, "bob")
    shutil.copy(data(config) / "backup.db", data(config) / "tap.db")
    async with core.opened(config, "test") as node:
        second = node.identity
        assert incarnation(second.epoch) == incarnation(first) + 1
        assert second.recovering_since > 0
        await register(node, "carla")
    assert await lived(config, "dan") == second.epoch


async def test_what_a_disk_lost_though_it_had_synced_is_noticed(config: Config) -> None:
    """Killed without a word: the extent on the disk is what the last second left."""
    async with core.opened(config, "test") as node:
        await register(node, "ada")
        shutil.copytree(data(config), data(config).with_name("lied"))
        await register(node, "bob")
        await node.keeper.update()
        epoch = node.identity.epoch
        (data(config).with_name("lied") / extents.FILE).write_bytes(
            (data(config) / extents.FILE).read_bytes()
        )
    shutil.rmtree(data(config))
    data(config).with_name("lied").rename(data(config))
    assert await lived(config) != epoch


async def test_commits_after_the_last_extent_are_no_reason_to_doubt(config: Config) -> None:
    async with core.opened(config, "test") as node:
        await node.keeper.update()
        early = (data(config) / extents.FILE).read_bytes()
        await register(node, "ada")
        epoch = node.identity.epoch
    (data(config) / extents.FILE).write_bytes(early)
    assert await lived(config) == epoch


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b'{"region":1}'])
async def test_a_lost_or_damaged_extent_is_doubt(config: Config, content: bytes | None) -> None:
    epoch = await lived(config, "ada")
    path = data(config) / extents.FILE
    path.unlink() if content is None else path.write_bytes(content)
    assert incarnation(await lived(config)) == incarnation(epoch) + 1


async def test_a_lost_database_begins_beyond_the_epoch_of_its_extent(config: Config) -> None:
    epoch = await lived(config, "ada")
    (data(config) / "tap.db").unlink()
    assert incarnation(await lived(config)) == incarnation(epoch) + 1


async def test_a_crash_between_the_new_epoch_and_its_extent_begins_one_more(config: Config) -> None:
    """No number can be given twice: the epoch in between holds nothing but its first event."""
    epoch = await lived(config, "ada")
    before = (data(config) / extents.FILE).read_bytes()
    async with core.opened(config, "test", Doubt("told so")) as node:
        second = node.identity
    (data(config) / extents.FILE).write_bytes(before)
    async with core.opened(config, "test") as node:
        third = node.identity
    assert [incarnation(e) for e in (epoch, second.epoch, third.epoch)] == [1, 2, 3]
    assert third.recovering_since == second.recovering_since


async def test_a_doubt_names_an_epoch_known_from_elsewhere(config: Config) -> None:
    epoch = await lived(config, "ada")
    async with core.opened(config, "test", Doubt("told so", epoch + (5 << 32))) as node:
        assert incarnation(node.identity.epoch) == incarnation(epoch) + 6


async def test_an_epoch_of_which_two_histories_are_proven_is_left(config: Config) -> None:
    async with core.opened(config, "test") as node:
        epoch = node.identity.epoch
        key = LaneKey("de", epoch, "global")
        await node.handler.run(lambda tx: forks.keep(tx, key, 1, b"", 1))
    assert await lived(config) != epoch


async def test_the_extent_never_says_more_than_is_durable(config: Config) -> None:
    written: list[int] = []

    async with core.opened(config, "test") as node:
        for person in ("ada", "bob", "carla"):
            await register(node, person)
            await node.keeper.update()
            found = extents.read(data(config))
            assert found is not None
            written.append(found.position)
            assert found.position == node.tap.position
            connection = open_writer(f"sqlite:///{data(config)}/tap.db")
            with connection.transaction() as tx:
                assert not extent.doubt(tx, found)
            connection.close()
    assert len(set(written)) == 3


async def test_an_extent_that_cannot_be_written_stops_nobody(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    async with core.opened(config, "test") as node:
        before = extents.read(data(config))
        with monkeypatch.context() as patch:
            patch.setattr(extents, "write", full)
            await register(node, "ada")
            await node.keeper.update()
        assert extents.read(data(config)) == before
        await node.keeper.update()
        after = extents.read(data(config))
        assert after is not None
        assert after.position == node.tap.position

        async def refuse(_: Any) -> None:
            raise Refused(Code.READ_ONLY, "the disk failed")

        monkeypatch.setattr(node.handler, "run", refuse)
        await node.keeper.update()
