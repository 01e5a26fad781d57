"""A node without its network: what opening it makes, and what it says when something is in the way."""

import asyncio
import os
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from server.domain.commands import RegisterPerson, SetPersonRole, SetPersonStatus
from server.domain.errors import Code, Refusal
from server.ops import config_file, core, keys, operator, watch
from server.ops.certificate import Certificate
from server.ops.config import Config
from server.ops.notify import notify
from server.storage.async_facts import load_person


@pytest.fixture
def config(tmp_path: Path) -> Config:
    keys.generate(tmp_path / "data/node.key")
    return config_file.parse('[node]\nregion = "de"\nname = "Germany"', tmp_path).config


def data(config: Config) -> Path:
    return Path(config.node.data_dir)


async def test_opening_makes_a_database_for_nobody_else(config: Config) -> None:
    before = os.umask(0o022)
    try:
        async with core.opened(config, "test") as node:
            assert node.identity.region == "de"
            assert node.tap.epoch == node.identity.epoch
        assert stat.S_IMODE(os.stat(data(config) / "tap.db").st_mode) == 0o600
    finally:
        os.umask(before)


async def test_what_was_committed_is_there_at_the_next_start(config: Config) -> None:
    async with core.opened(config, "test") as node:
        await operator.register(node.handler, RegisterPerson(person="ada", name="Ada"))
        position, epoch = node.tap.position, node.identity.epoch
    assert "tap.db-wal" not in os.listdir(data(config)), "the stop checkpoints"
    async with core.opened(config, "test") as node:
        assert (node.tap.position, node.identity.epoch) == (position, epoch)


async def test_what_an_earlier_version_could_not_read_is_read_at_the_start(config: Config) -> None:
    async with core.opened(config, "test") as node:
        await operator.register(node.handler, RegisterPerson(person="ada", name="Ada"))
        before = node.tap.epoch
    with closing(sqlite3.connect(data(config) / "tap.db")) as database, database:
        database.execute("UPDATE node SET vocabulary = 'earlier', unread = 1")
        database.execute("DELETE FROM persons")
    async with core.opened(config, "test") as node:
        async with node.reader.snapshot() as snapshot:
            assert (await load_person(snapshot, "ada")) is not None
        assert node.handler.epoch == node.identity.epoch == before, "the log is the same one"
        assert node.tap.epoch > before, "who read the tables before has to load anew"


# -- what may be in the way -------------------------------------------------------------------------------


async def test_a_second_process_is_refused(config: Config) -> None:
    async with core.opened(config, "serve"):
        with pytest.raises(core.StartError, match=r"\(serve\).*stop it first"):
            async with core.opened(config, "user"):
                pass


async def test_a_database_of_another_region_is_refused(config: Config) -> None:
    async with core.opened(config, "test"):
        pass
    node = msgspec.structs.replace(config.node, region="fr")
    with pytest.raises(core.StartError, match=r"region de.*fr.*node\.data_dir"):
        async with core.opened(msgspec.structs.replace(config, node=node), "test"):
            pass


async def test_a_locked_database_is_named(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    async with core.opened(config, "test"):
        pass
    monkeypatch.setattr("server.storage.connection.BUSY_MS", 1)
    other = sqlite3.connect(data(config) / "tap.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(core.StartError, match=r"locked.*another program"):
        async with core.opened(config, "test"):
            pass
    other.close()


async def test_a_damaged_database_is_named(config: Config) -> None:
    (data(config) / "tap.db").write_bytes(b"not a database at all, but long enough" * 100)
    with pytest.raises(core.StartError, match="restore the last backup"):
        async with core.opened(config, "test"):
            pass


async def test_a_database_of_a_later_version_is_refused(config: Config) -> None:
    async with core.opened(config, "test"):
        pass
    connection = sqlite3.connect(data(config) / "tap.db", isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(core.StartError, match="another version of Tap"):
        async with core.opened(config, "test"):
            pass


async def test_a_folder_that_cannot_be_made_is_named(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    node = msgspec.structs.replace(config.node, data_dir=str(tmp_path / "file" / "data"))
    with pytest.raises(core.StartError, match="mounted writable"):
        async with core.opened(msgspec.structs.replace(config, node=node), "test"):
            pass


# -- what the operator decides ------------------------------------------------------------------------------


async def test_the_operator_registers_and_changes_people(config: Config) -> None:
    async with core.opened(config, "test") as node:
        handler = node.handler
        assert await operator.register(handler, RegisterPerson(person="ada", name="Ada")) == {
            "person": "ada"
        }
        await operator.set_role(handler, SetPersonRole(person="ada", role="moderator", on=True))
        await operator.set_status(handler, SetPersonStatus(person="ada", active=False))
        await operator.set_status(handler, SetPersonStatus(person="ada", active=False))
        async with node.reader.snapshot() as snapshot:
            ada = await load_person(snapshot, "ada")
        records = await node.tap.read(0, 100)
    assert ada is not None
    assert (ada.active, ada.roles, ada.status_rev) == (False, {"moderator"}, 1)
    assert {record.actor for record in records} == {operator.OPERATOR}


async def test_the_operator_is_refused_like_anybody(config: Config) -> None:
    async with core.opened(config, "test") as node:
        await operator.register(node.handler, RegisterPerson(person="ada", name="Ada"))
        outcomes = [
            await operator.register(node.handler, RegisterPerson(person="ada", name="Ada")),
            await operator.set_role(
                node.handler, SetPersonRole(person="bob", role="auditor", on=True)
            ),
            await operator.set_status(node.handler, SetPersonStatus(person="bob", active=False)),
        ]
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == [
        Code.CONFLICT,
        Code.NOT_FOUND,
        Code.NOT_FOUND,
    ]
    assert all(isinstance(outcome, Refusal) for outcome in outcomes)


# -- small parts -----------------------------------------------------------------------------------------------


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")  # nobody listens: silent
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    notify("STOPPING=1")  # the manager went away: the node goes on
    monkeypatch.setenv("NOTIFY_SOCKET", "@tap-test-nobody")
    notify("STOPPING=1")


async def test_the_node_measures_itself(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.0)
    measured = asyncio.Event()
    monkeypatch.setattr(watch.metrics.DISK_FREE_BYTES, "set", lambda free: measured.set())
    async with core.opened(config, "test") as node:
        looks: list[int] = []
        certificate = Certificate("")
        certificate.until = core.now() + 5_000_000
        task = asyncio.ensure_future(watch.watch(node, certificate, lambda: looks.append(1)))
        await asyncio.wait_for(measured.wait(), 5)
        task.cancel()
        assert looks, "links are looked at each time, whatever happens on them"
        assert 4_000 < watch.metrics.CERTIFICATE_SECONDS._value.get() <= 5_000
        assert watch.metrics.POSITION._value.get() == node.tap.position


def test_a_full_disk_is_among_what_a_failed_read_may_mean(config: Config) -> None:
    """SQLite says this of a disk without room for the file its readers share, too."""
    with pytest.raises(core.StartError, match="full"), core.explained(config):
        raise sqlite3.OperationalError("disk I/O error")
