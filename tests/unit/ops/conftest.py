"""What the tests of ops share: the command line in process, and a node's folder."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from server.domain.commands import RegisterPerson
from server.ops import config_file, core, operator
from server.ops.cli import cli
from server.ops.demo.nodes import Node
from tests.unit.ops.pairs import running_pair


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A verb configures logging for its process; here the process goes on to the next test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def tap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``tap("config", "--json")``: runs a verb in an empty folder, as a person would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAP_CONFIG", raising=False)

    def run(*arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(cli, arguments, input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def node(tap: Callable[..., Result], tmp_path: Path) -> Path:
    """The folder of a node that was just made, and where ``tap`` runs."""
    assert tap("init", "--region", "de", "--name", "Germany", "--port", "0").exit_code == 0
    return tmp_path


@pytest.fixture
def started(node: Path) -> Path:
    """As ``node``, with a database that holds one person, ada."""
    config = config_file.load(node / "tap.toml", {}).config

    async def register() -> None:
        async with core.opened(config, "test") as opened:
            await operator.register(opened.handler, RegisterPerson(person="ada", name="Ada"))

    asyncio.run(register())
    return node


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[dict[str, Node]]:
    """A pair to do anything to."""
    async with running_pair(tmp_path) as nodes:
        yield nodes
