"""The wheel is the product: what regional IT installs holds the server, its web client and the SDK."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.e2e
def test_wheel_holds_the_server_its_web_client_and_the_sdk(tmp_path: Path) -> None:
    assert (ROOT / "clients/web/dist/index.html").exists(), "build the web client first: make setup"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    environment = {**os.environ, "TAP_WEB": "prebuilt"}
    subprocess.run([*command, "--wheel-dir", tmp_path, ROOT], env=environment, check=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert "server/web/index.html" in names
    assert any(name.startswith("server/web/assets/") and name.endswith(".js") for name in names)
    assert "server/__init__.py" in names
    assert "tap_client/__init__.py" in names
    rooms = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert rooms == {"server", "tap_client"}, "nothing else may land in site-packages"
