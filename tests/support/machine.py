"""What a test needs of the machine, and what becomes of it without."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true"


def cannot_run(reason: str) -> NoReturn:
    """Skips the test aloud; in CI it fails, since nobody reads skips there."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of a program, also of root's; without it the test cannot run."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return shutil.which(name, path=path) or cannot_run(
        f"no {name} on this machine: see deploy/ci/install-nginx-curl.sh"
    )
