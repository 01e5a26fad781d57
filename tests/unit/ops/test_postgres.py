"""The same node on PostgreSQL: opened, written, checked and compared with the same verbs."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from server.ops import config_file, core
from server.ops.commands.shared import Exit
from tests.support.postgres import Postgres, running_postgres

pytestmark = pytest.mark.postgres

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
