"""``tap peers`` and ``tap lanes``: the running node's view, exit codes, and looking again and again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.ops.commands import peers
from server.ops.commands.shared import Exit
from server.ops.doctor_facts import Answer
from tests.unit.ops.test_link_words import FINE, LANE, view

Tap = Callable[..., Result]


@pytest.fixture
def says(node: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``says(view, view ...)``: what the running node answers, one after the other."""

    def answers(*views: dict[str, Any] | str) -> None:
        told: Iterator[dict[str, Any] | str] = iter(views)

        def ask(*_: Any) -> Answer:
            one = next(told)
            if isinstance(one, str):
                return Answer({}, error=one)
            return Answer({"region": "de", "lanes": [LANE]} | one)

        monkeypatch.setattr(peers, "ask_operator", ask)

    return answers


def test_all_is_well(tap: Tap, says: Callable[..., None]) -> None:
    says(view(FINE))
    answer = tap("peers")
    assert answer.exit_code == Exit.DONE
    assert answer.stdout.startswith("1 of 1 links are live.\n\nREGION ")


@pytest.mark.parametrize("changed", [{"state": "backing_off"}, {"forked": ["br:1:global"]}])
def test_what_is_wrong_stands_first_and_is_an_exit_code(
    tap: Tap, says: Callable[..., None], changed: dict[str, Any]
) -> None:
    says(view(FINE | changed))
    answer = tap("peers")
    assert answer.exit_code == Exit.FOUND
    assert answer.stdout.startswith("WRONG  fr: ")


def test_a_warning_is_none(tap: Tap, says: Callable[..., None]) -> None:
    says(view(FINE | {"skew_ms": 9_000}))
    answer = tap("peers")
    assert answer.exit_code == Exit.DONE
    assert answer.stdout.startswith("warn   fr: its clock")


def test_programs_get_every_number(tap: Tap, says: Callable[..., None]) -> None:
    says(view(FINE), view(FINE))
    assert json.loads(tap("peers", "--json").stdout) == [FINE]
    assert json.loads(tap("lanes", "--json").stdout) == [LANE]


def test_a_region_alone_says_so(tap: Tap, says: Callable[..., None]) -> None:
    says(view())
    assert tap("peers").stdout == "No peers are configured.\n"


def test_a_forked_lane_is_an_exit_code(tap: Tap, says: Callable[..., None]) -> None:
    says(view(FINE), view(FINE) | {"lanes": [LANE | {"forked": True}]})
    assert tap("lanes").exit_code == Exit.DONE
    assert tap("lanes").exit_code == Exit.FOUND


def test_a_node_that_does_not_answer_is_said_in_a_sentence(
    tap: Tap, says: Callable[..., None]
) -> None:
    says("Connection refused", {"region": "fr"})
    for why in ("Connection refused", "another region answers"):
        answer = tap("peers")
        assert answer.exit_code == Exit.MACHINE
        assert why in answer.stderr


def test_a_key_that_cannot_be_read_is_said_too(tap: Tap, node: Path) -> None:
    (node / "data/node.key").unlink()
    assert "There is no key" in tap("peers").stderr


@pytest.mark.parametrize("verb", ["peers", "lanes"])
def test_who_follows_sees_a_restart_pass_by(
    tap: Tap, says: Callable[..., None], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(peers.time, "sleep", sleep)
    says(view(FINE), "Connection refused", view(FINE))
    answer = tap(verb, "--follow")
    assert answer.exit_code == Exit.DONE
    assert answer.stdout.count("Connection refused") == 1
    assert looks == [peers.FOLLOW_SECONDS] * 3
