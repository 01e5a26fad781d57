"""``tap import`` as an operator types it: convert, load a stopped node, read the report."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.ops.cli import cli
from server.ops.importing.command import parse_targets
from tests.unit.importing import samples


def tap(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    return samples.write(tmp_path / "chat-export", samples.CHAT)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    result = tap("init", "--region", "in", "--name", "India", "--dir", tmp_path / "node")
    assert result.exit_code == 0, result.output
    return tmp_path / "node" / "tap.toml"


def test_an_archive_is_converted_loaded_and_known_the_second_time(
    chat: Path, node: Path, tmp_path: Path
) -> None:
    out = tmp_path / "chat.jsonl.gz"
    result = tap("import", "--from", "zulip", chat, "--out", out)
    assert result.exit_code == 0, result.output
    assert len(gzip.decompress(out.read_bytes()).splitlines()) == 11
    first = tap("import", out, "--config", node)
    assert first.exit_code == 0, first.output
    assert "11 new, 0 known before, 0 refused" in first.output
    again = tap("--config", node, "import", "--from", "zulip", chat)
    assert "0 new, 11 known before, 0 refused" in again.output


def test_a_line_out_of_bounds_is_named_and_nothing_is_written(node: Path, tmp_path: Path) -> None:
    source = {"system": "s", "id": "1"}
    person = {"import": "person", "source": source, "person": "NOT OK", "name": "N"}
    lines = samples.write_lines(tmp_path / "people.jsonl", [person])
    result = tap("import", lines, "--config", node)
    assert result.exit_code == 1
    assert "people.jsonl line 1 (field person)" in result.output


def test_a_file_that_cannot_be_converted_leaves_no_half_output(chat: Path, tmp_path: Path) -> None:
    (chat / "messages.jsonl").write_text("{}\n")
    out = tmp_path / "out.jsonl"
    assert tap("import", "--from", "zulip", chat, "--out", out).exit_code == 1
    assert not out.exists()


def test_a_missing_node_is_one_sentence(chat: Path, tmp_path: Path) -> None:
    result = tap(
        "import", "--from", "zulip", chat, "--to", "in=http://127.0.0.1:1", "--home-rule", "x"
    )
    assert result.exit_code in (1, 3)
    assert "Traceback" not in result.output


def test_tokens_are_for_one_region_or_for_all(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("in=abc=\nxyz=\n")
    targets = parse_targets(["in=http://a", "de=http://b"], path)
    assert (targets["in"].token, targets["de"].token) == ("abc=", "xyz=")
