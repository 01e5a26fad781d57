"""The node's key file: drawn once, never overwritten, closed to others, refused when damaged."""

import base64
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.ops import keys


def test_a_drawn_key_is_closed_to_others_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "node.key"
    drawn = keys.generate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert keys.public_text(keys.load(path)) == keys.public_text(drawn)
    assert len(base64.b64decode(keys.public_text(drawn))) == 32


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    keys.generate(path)
    before = path.read_bytes()
    with pytest.raises(keys.KeyFileError, match="identity"):
        keys.generate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("draw", [keys.generate, keys.sealing_key])
def test_nothing_is_left_of_a_key_that_found_no_room(tmp_path: Path, draw: Any) -> None:
    """A process of its own, as no file of it may grow: what was half drawn would be taken for the key."""
    path = tmp_path / "node.key"
    words = (
        "import resource, signal, sys; from pathlib import Path; from server.ops import keys\n"
        + (
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
            f"try: keys.{draw.__name__}(Path(sys.argv[1]))\n"
            "except keys.KeyFileError as error: print(error)\n"
        )
    )
    said = subprocess.run(
        [sys.executable, "-c", words, str(path)], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"The key {path} cannot be written: File too large.\n"
    assert not path.exists()
    assert draw(path)


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    keys.generate(path)
    path.chmod(0o640)
    with pytest.raises(keys.KeyFileError, match=r"mode 0640.*chmod 600"):
        keys.load(path)


@pytest.mark.parametrize("text", [b"", b"short", b"!" * 44, base64.b64encode(bytes(31))])
def test_a_damaged_key_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "node.key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(keys.KeyFileError, match="damaged"):
        keys.load(path)


def test_a_missing_key_and_an_unreadable_one_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(keys.KeyFileError, match="tap init"):
        keys.load(tmp_path / "node.key")
    with pytest.raises(keys.KeyFileError, match="cannot be read"):
        keys.load(tmp_path)


def test_what_seals_is_drawn_once_and_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "data" / "sealing.key"
    key = keys.sealing_key(path)
    assert len(key) == 32
    assert keys.sealing_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(keys.KeyFileError, match="chmod 600"):
        keys.sealing_key(path)
    path.chmod(0o600)
    path.write_bytes(key[:31])
    with pytest.raises(keys.KeyFileError, match="damaged"):
        keys.sealing_key(path)
