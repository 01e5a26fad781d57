"""The real archives beside the checkout (never in it), and what they themselves say they hold."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.machine import cannot_run

DATA = Path(
    os.environ.get("TAP_TEST_DATA") or Path(__file__).resolve().parents[2] / "../shared/data"
)


def archive(name: str) -> Path:
    """The folder of an archive. Without it the test is skipped aloud; in CI it fails."""
    folder = DATA / name
    if folder.is_dir():
        return folder
    cannot_run(f"no archive {name}: TAP_TEST_DATA names the folder that holds it")
