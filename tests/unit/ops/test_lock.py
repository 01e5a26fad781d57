"""One process per data folder."""

import os
from pathlib import Path

import pytest

from server.ops import lock


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, "serve"),
        pytest.raises(lock.Locked, match=f"process {os.getpid()} \\(serve\\)"),
        lock.hold(tmp_path, "user"),
    ):
        pass


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "data", "serve"):
        assert lock.holder(tmp_path / "data") == f"{os.getpid()} serve"
    assert lock.holder(tmp_path / "data") is None
    with lock.hold(tmp_path / "data", "user"):
        pass


def test_a_file_left_behind_by_a_dead_process_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / lock.FILE).write_text("999999 serve\n")
    assert lock.holder(tmp_path) is None
    with lock.hold(tmp_path, "serve"):
        assert lock.holder(tmp_path) == f"{os.getpid()} serve"


def test_nobody_holds_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert lock.holder(tmp_path / "none") is None
