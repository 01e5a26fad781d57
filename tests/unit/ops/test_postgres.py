"""The same node on PostgreSQL: opened, written, checked and compared with the same verbs."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy.engine import make_url

from server.ops import config_file, core
from server.ops.commands.shared import Exit
from server.storage.connection import open_writer
from tests.support.postgres import Postgres, running_postgres

pytestmark = pytest.mark.postgres

Patch = pytest.MonkeyPatch
Tap = Callable[..., Result]


@pytest.fixture(scope="module")
def postgres(postgres_bin: Path) -> Iterator[Postgres]:
    with running_postgres(postgres_bin) as server:
        yield server


@pytest.fixture
def on_postgres(node: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """``tap`` works on an empty database; its address."""
    url = postgres.new_database()
    monkeypatch.setenv("TAP_STORAGE__URL", url)
    return url


def test_the_verbs_work_on_postgresql(tap: Tap, on_postgres: str) -> None:
    assert tap("user", "add", "ada", "--name", "Ada", "--no-password").exit_code == 0
    assert "ada" in tap("user", "list").stdout
    assert json.loads(tap("rebuild", "--check", "--json").stdout)["different"] == []
    assert json.loads(tap("tail", "--json").stdout.splitlines()[-1])["subject"] == "ada"
    found = {one["check"]: one for one in json.loads(tap("doctor", "--json").stdout)["findings"]}
    assert found["database.opens"]["level"] == "ok"
    assert found["database.region"]["message"] == "it belongs to region de"


def test_a_database_that_another_machine_writes_is_named(tap: Tap, on_postgres: str) -> None:
    with closing(open_writer(on_postgres, alone=True)):
        for verb in (
            ("user", "add", "ada", "--name", "Ada", "--no-password"),
            ("restored", "--yes"),
        ):
            answer = tap(*verb)
            assert answer.exit_code == Exit.MACHINE
            assert "another node has this database open" in answer.stderr.lower()


def test_a_backup_is_put_back_and_noticed(
    tap: Tap, on_postgres: str, postgres: Postgres, monkeypatch: Patch
) -> None:
    """As docs/operations/install.md says it: the log goes on in another epoch, with what the backup had."""
    second = "tap_put_back"
    assert tap("user", "add", "ada", "--name", "Ada", "--no-password").exit_code == 0
    dump = str(postgres.folder / "tap.dump")
    server = f"postgresql://postgres@/{{}}?host={postgres.folder}"
    postgres.run(
        "pg_dump",
        "--format=custom",
        f"--file={dump}",
        server.format(make_url(on_postgres).database),
    )
    digest = tap("digest").stdout
    assert tap("user", "add", "bob", "--name", "Bob", "--no-password").exit_code == 0
    postgres.sql(f"CREATE DATABASE {second}")
    postgres.run(
        *("pg_restore", "--no-owner", "--role=postgres", "--exit-on-error"),
        f"--dbname={server.format(second)}",
        dump,
    )
    monkeypatch.setenv("TAP_STORAGE__URL", postgres.url(second))
    assert tap("digest").stdout == digest
    assert tap("user", "add", "cleo", "--name", "Cleo", "--no-password").exit_code == 0
    opened = [e for e in told(tap) if e["type"].endswith("epoch.opened")]
    assert [bool(event["data"]["previous"]) for event in opened] == [False, True]
    assert json.loads(tap("rebuild", "--check", "--json").stdout)["different"] == []


def told(tap: Tap) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tap("tail", "--after", "0", "--json").stdout.splitlines()]


def test_the_digest_is_that_of_sqlite(
    tap: Tap, node: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("user", "add", "ada", "--name", "Ada", "--no-password")
    assert tap(*add).exit_code == 0
    here = tap("digest").stdout
    # Another database beside what the first one reached would be taken for a restored one.
    next(node.rglob("tap.extent")).unlink()
    monkeypatch.setenv("TAP_STORAGE__URL", postgres.new_database())
    assert tap(*add).exit_code == 0
    assert tap("digest").stdout == here


def test_a_server_out_of_reach_is_named(
    tap: Tap, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_STORAGE__URL", "postgresql://tap:s3cret@127.0.0.1:1/tap")
    answer = tap("user", "list")
    assert answer.exit_code == Exit.MACHINE
    assert "storage.url" in answer.stderr
    assert "s3cret" not in answer.output


def test_the_region_of_a_database_is_checked(tap: Tap, node: Path, on_postgres: str) -> None:
    assert tap("user", "add", "ada", "--name", "Ada", "--no-password").exit_code == 0
    text = (node / "tap.toml").read_text()
    (node / "tap.toml").write_text(text.replace('region = "de"', 'region = "fr"'))
    config = config_file.load(node / "tap.toml", {"TAP_STORAGE__URL": on_postgres}).config

    async def start() -> None:
        async with core.opened(config, "test"):
            pass

    with pytest.raises(core.StartError, match="region de"):
        asyncio.run(start())
