"""Root does not write where the node runs as somebody else, and what the node may not read is named."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from server.ops import extents, lock
from server.ops.commands.shared import Exit
from server.ops.config_file import load
from server.ops.core import StartError, opened

Tap = Callable[..., Result]
NOBODY = 65534


@pytest.fixture
def as_root(started: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Root, in a folder that belongs to somebody else."""
    if os.geteuid() == 0:
        os.chown(started / "data", NOBODY, NOBODY)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    return started


@pytest.mark.parametrize(
    "words",
    [
        "user role ada moderator",
        "token create phone --person ada",
        "rebuild",
        "restored --yes",
        "keys rotate",
        "keys new",
        "roster close --yes --force",
        "scoring replay",
    ],
)
def test_root_writes_nothing_the_node_could_not_read(tap: Tap, as_root: Path, words: str) -> None:
    before = contents(as_root / "data")
    answer = tap(*words.split())
    assert answer.exit_code == Exit.MACHINE
    assert "run this as" in answer.stderr
    assert contents(as_root / "data") == before


@pytest.mark.parametrize("verb", ["doctor", "keys", "digest", "erasures", "tail", "user list"])
def test_root_may_look(tap: Tap, as_root: Path, verb: str) -> None:
    assert tap(*verb.split()).exit_code == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != lock.FILE}


async def test_an_extent_that_may_not_be_read_is_named(
    started: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(file: Path) -> bytes:  # root, who may run the tests, may read everything
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(StartError, match=f"{extents.FILE} cannot be used: Permission denied"):
        async with opened(load(started / "tap.toml", {}).config, "test"):
            pass
