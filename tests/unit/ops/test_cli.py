"""The command line: answers on one stream, one sentence for what is wrong, exit codes that hold."""

import errno
import json
import os
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.ops import cli, lock
from server.ops.commands.shared import Exit

Tap = Callable[..., Result]


def test_help_names_every_verb_and_loads_none(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: pytest.fail(f"loads {name}"))
    answer = tap("--help")
    assert answer.exit_code == 0
    assert all(f"\n  {verb} " in answer.output for verb in cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(tap: Tap, verb: str) -> None:
    answer = tap(verb, "--help")
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")


def test_an_unknown_verb_is_a_wrong_usage(tap: Tap) -> None:
    assert tap("serv").exit_code == Exit.USAGE


def test_without_a_configuration_a_verb_says_what_to_do(tap: Tap) -> None:
    answer = tap("config")
    assert answer.exit_code == Exit.USAGE
    assert "tap init" in answer.stderr
    assert answer.stdout == ""


# -- init -------------------------------------------------------------------------------------------------


def test_init_writes_a_file_and_a_key_and_says_what_next(tap: Tap, tmp_path: Path) -> None:
    answer = tap("init", "--region", "de", "--name", "Germany")
    assert answer.exit_code == 0
    assert "tap serve" in answer.stdout
    assert stat.S_IMODE((tmp_path / "data/node.key").stat().st_mode) == 0o600
    assert tap("keys").stdout.strip() in answer.stdout


def test_init_overwrites_nothing(tap: Tap, node: Path) -> None:
    before = (node / "tap.toml").read_text()
    again = tap("init", "--region", "fr", "--name", "France")
    assert again.exit_code == Exit.USAGE
    assert (node / "tap.toml").read_text() == before
    (node / "tap.toml").unlink()
    assert tap("init", "--region", "fr", "--name", "France").exit_code == Exit.MACHINE
    assert not (node / "tap.toml").exists()


def test_init_refuses_what_the_node_would_refuse_and_writes_nothing(
    tap: Tap, tmp_path: Path
) -> None:
    answer = tap("init", "--region", "DE", "--name", "Germany")
    assert answer.exit_code == Exit.USAGE
    assert "node.region" in answer.stderr
    assert os.listdir(tmp_path) == []


def test_init_for_programs(tap: Tap) -> None:
    told = json.loads(tap("init", "--region", "de", "--name", "Germany", "--json").stdout)
    assert told["config"] == "tap.toml"
    assert len(told["public_key"]) == 44


# -- config and keys -----------------------------------------------------------------------------------------


def test_config_says_where_values_come_from(
    tap: Tap, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_LOG__LEVEL", "debug")
    monkeypatch.setenv("TAP_STORAGE__URL", "postgresql://tap:s3cret@db/tap")
    told = json.loads(tap("config", "--json").stdout)
    assert told["http.port"] == {"value": 0, "origin": "file"}
    assert told["log.level"] == {"value": "debug", "origin": "TAP_LOG__LEVEL"}
    assert told["demo.enabled"]["origin"] == "default"
    assert "s3cret" not in tap("config").stdout


def test_config_names_every_problem_at_once(tap: Tap, node: Path) -> None:
    with (node / "tap.toml").open("a") as file:
        file.write('[[peers]]\nregion = "de"\nurl = "x"\npublic_key = "y"\n')
    answer = tap("config")
    assert answer.exit_code == Exit.USAGE
    assert answer.stderr.count("peers[0]") == 3


def test_keys_are_refused_when_others_may_read_them(tap: Tap, node: Path) -> None:
    assert json.loads(tap("keys", "--json").stdout)["region"] == "de"
    (node / "data/node.key").chmod(0o604)
    answer = tap("keys")
    assert answer.exit_code == Exit.MACHINE
    assert "chmod 600" in answer.stderr


# -- doctor --------------------------------------------------------------------------------------------------


def test_doctor_of_a_new_node_finds_nothing(tap: Tap, node: Path) -> None:
    told = json.loads(tap("doctor", "--json").stdout)
    assert [found for found in told["findings"] if found["level"] == "failure"] == []


def test_doctor_finds_a_planted_fault(tap: Tap, node: Path) -> None:
    (node / "data/node.key").unlink()
    answer = tap("doctor", "--quiet")
    assert answer.exit_code == Exit.FOUND
    assert "FAIL  key.file" in answer.stdout


# -- the log --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["rebuild", "digest", "tail"])
def test_a_node_that_never_started_has_no_log_to_read(tap: Tap, node: Path, verb: str) -> None:
    answer = tap(verb)
    assert answer.exit_code == Exit.MACHINE
    assert "never started" in answer.stderr
    assert not (node / "data/tap.db").exists()


def test_rebuild_refuses_a_running_node(tap: Tap, started: Path) -> None:
    with lock.hold(started / "data", "serve"):
        answer = tap("rebuild")
    assert answer.exit_code == Exit.MACHINE
    assert "(serve)" in answer.stderr


def test_the_tables_are_what_the_log_says(tap: Tap, started: Path) -> None:
    told = json.loads(tap("rebuild", "--check", "--json").stdout)
    assert told["different"] == []
    before = tap("digest").stdout
    assert tap("rebuild").exit_code == 0
    assert tap("digest").stdout == before
    assert len(json.loads(tap("digest", "--json").stdout)["digest"]) == 64


def test_a_table_that_says_something_else_is_found_and_made_anew(tap: Tap, started: Path) -> None:
    spoil(started / "data/tap.db", "UPDATE persons SET name = 'Somebody'")
    found = tap("rebuild", "--check")
    assert (found.exit_code, "persons" in found.stdout) == (Exit.FOUND, True)
    assert "persons" in tap("rebuild").stdout
    assert tap("rebuild", "--check").exit_code == 0


def spoil(database: Path, sql: str) -> None:
    import sqlite3

    connection = sqlite3.connect(database)
    connection.execute(sql)
    connection.commit()
    connection.close()


def log(tap: Tap) -> list[dict[str, Any]]:
    """All of it, as CloudEvents."""
    return [json.loads(line) for line in tap("tail", "--json", "--after", "0").stdout.splitlines()]


def test_tail_prints_the_log_in_order(tap: Tap, started: Path) -> None:
    events = log(tap)
    assert [int(event["tapposition"]) for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "company.tap.person.registered"
    assert events[-1]["subject"] == "ada"
    last = tap("tail", "--json", "--after", str(len(events) - 1)).stdout
    assert json.loads(last) == events[-1]
    assert len(tap("tail", "--after", "0", "--limit", "1").stdout.splitlines()) == 1


# -- after a backup was put back ------------------------------------------------------------------------------


def test_a_restored_database_goes_on_in_a_new_epoch(tap: Tap, started: Path) -> None:
    before = log(tap)
    told = json.loads(tap("restored", "--yes", "--json").stdout)
    assert int(told["epoch"], 16) >> 32 == (int(told["before"], 16) >> 32) + 1
    assert tap("user", "add", "bob", "--name", "Bob", "--no-password").exit_code == 0
    after = log(tap)[len(before) :]
    assert [event["type"].removeprefix("company.tap.") for event in after] == [
        "epoch.opened",
        "person.registered",
    ]
    assert after[0]["data"]["previous"] == int(told["before"], 16)
    assert [event["id"] for event in after] == [
        f"de:{told['epoch']}:control:1",
        f"de:{told['epoch']}:global:1",
    ]
    assert json.loads(tap("rebuild", "--check", "--json").stdout)["different"] == []


def test_a_new_epoch_is_asked_for_and_refused_while_the_node_runs(tap: Tap, started: Path) -> None:
    before = log(tap)
    assert tap("restored", input="n\n").exit_code == Exit.FOUND
    with lock.hold(started / "data", "serve"):
        assert tap("restored", "--yes").exit_code == Exit.MACHINE
    assert log(tap) == before


# -- what the front page says -----------------------------------------------------------------------------------


def test_the_readme_s_commands_work(tap: Tap) -> None:
    text = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    block = text.partition("## Run a region")[2].partition("## ")[0]
    verbs = [shlex.split(line)[1:] for line in block.splitlines() if line.startswith("    tap ")]
    assert [verb[0] for verb in verbs] == ["init", "user", "serve"]
    for verb in verbs[:-1]:
        answer = tap(*verb, input="correct horse battery\n" * 2)
        assert answer.exit_code == 0, answer.output
    assert tap(*verbs[-1], "--help").exit_code == 0


# -- what is in the way -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "user list",
        "user moves",
        "user add bo --name Bo --no-password",
        "token list ada",
        "rebuild",
        "restored --yes",
        "digest",
        "erasures",
        "forks",
        "forks resolve de:1:global",
        "residency check",
        "residency report --day 2026-01-01",
        "scoring acts",
        "scoring audit",
        "scoring cases",
        "scoring replay",
        "tail",
        "roster close --yes",
    ],
)
def test_a_database_that_cannot_be_used_gets_one_sentence(
    tap: Tap, started: Path, words: str
) -> None:
    for file in (started / "data").glob("tap.db*"):
        file.write_bytes(b"no database " * 100)
    answer = tap(*words.split())
    assert answer.exit_code == Exit.MACHINE
    assert answer.stderr.startswith("tap: The database ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["keys rotate", "keys new"])
def test_a_key_that_finds_no_room_is_not_taken_for_one_that_is_there(
    tap: Tap, node: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if words == "keys new":
        (node / "data" / "node.key").unlink()
    monkeypatch.setattr(os, "fsync", full)
    answer = tap(*words.split())
    assert answer.exit_code == Exit.MACHINE
    assert "No space left on device" in answer.stderr
