"""``tap webhook``: what it asks the running node, what it prints, and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.ops import own_node
from server.ops.commands.shared import Exit

Tap = Callable[..., Result]
HOOK = {
    "webhook": "01kdvdna01xxrz2dw23xegt3k5",
    "state": "active",
    "behind": 0,
    "dead": 0,
    "names": "pseudonyms",
    "mode": "batch",
    "url": "https://sink.example.com/",
    "reason": "503: busy",
}
LETTER = {"position": 7, "type": "company.tap.post.published", "attempts": 1, "at": 0, "error": "x"}


class Answers:
    """In the running node's place: what it is asked, and what it says."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.says: list[Any] = []

    def ask(self, _: object, method: str, path: str, wish: Any = None, **query: Any) -> Any:
        self.asked.append((method, path, wish, query))
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def answers(node: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers()
    monkeypatch.setattr(own_node, "ask", made.ask)
    return made


@pytest.mark.parametrize(
    ("change", "code", "shown"),
    [
        ({}, Exit.DONE, "active"),
        ({"state": "failing"}, Exit.FOUND, "503: busy"),
        ({"dead": 2}, Exit.FOUND, "active"),
    ],
)
def test_what_is_not_well_is_an_exit_code(
    tap: Tap, answers: Answers, change: dict[str, Any], code: Exit, shown: str
) -> None:
    answers.says = [{"webhooks": [HOOK | change]}]
    answer = tap("webhook", "list")
    assert (answer.exit_code, shown in answer.stdout) == (code, True)
    assert ("503" in answer.stdout) is (shown != "active")


def test_a_new_one_is_asked_for_as_it_was_said(tap: Tap, answers: Answers) -> None:
    answers.says = [{"webhook": "w", "secret": "whsec_x"}]
    answer = tap(
        *("webhook", "add", "https://sink.example.com/", "--type", "company.tap.post.*"),
        *("--lane", "global", "--names", "none", "--mode", "binary", "--from-beginning"),
    )
    assert answer.stdout == "w  whsec_x\n"
    ((method, path, wish, _),) = answers.asked
    assert (method, path) == ("POST", "/webhooks")
    assert json.loads(json.dumps(wish)) == {
        "url": "https://sink.example.com/",
        "label": "",
        "mode": "binary",
        "names": "none",
        "filter": {"types": ["company.tap.post.*"], "lanes": ["global"], "subjects": []},
        "start": "beginning",
    }


def test_all_dead_letters_are_sent_again_unless_some_are_named(tap: Tap, answers: Answers) -> None:
    taken, refused = (
        {"delivered": True, "said": "it answered 204"},
        {"delivered": False, "said": "x"},
    )
    other = LETTER | {"position": 9}
    pages = [{"dead": [LETTER], "next": 7}, {"dead": [other], "next": None}]
    answers.says = [*pages, taken, refused]
    answer = tap("webhook", "retry", "w")
    assert answer.exit_code == Exit.FOUND
    assert answer.stdout == "7: it answered 204\n9: x\n"
    assert [one[1] for one in answers.asked[2:]] == [
        "/webhooks/w/dead/7/retry",
        "/webhooks/w/dead/9/retry",
    ]
    answers.says = [taken]
    assert tap("webhook", "retry", "w", "9").exit_code == Exit.DONE


def test_dead_letters_are_listed(tap: Tap, answers: Answers) -> None:
    answers.says = [{"dead": [LETTER], "next": None}, {"dead": [], "next": None}]
    assert "1970-01-01 00:00:00Z" in tap("webhook", "dead", "w").stdout
    assert tap("webhook", "dead", "w").stdout == "There are none.\n"


def test_a_test_that_is_not_taken_is_an_exit_code(tap: Tap, answers: Answers) -> None:
    answers.says = [{"delivered": False, "said": "500: boom"}]
    answer = tap("webhook", "test", "w")
    assert (answer.exit_code, answer.stdout) == (Exit.FOUND, "500: boom\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (own_node.NotAnswered("This node does not answer."), Exit.MACHINE),
        (own_node.Refusing("there is no such webhook (not_found)"), Exit.FOUND),
    ],
)
def test_what_is_in_the_way_is_a_sentence(
    tap: Tap, answers: Answers, error: Exception, code: Exit
) -> None:
    for arguments in (("remove", "w"), ("resume", "w", "--skip"), ("rotate", "w")):
        answers.says = [error]
        answer = tap("webhook", *arguments)
        assert answer.exit_code == code
        assert answer.stderr == f"tap: {error}\n"


def test_without_a_node_there_is_nobody_to_ask(tap: Tap, node: Path) -> None:
    answer = tap("webhook", "list")
    assert answer.exit_code == Exit.MACHINE
    assert "does not answer on" in answer.stderr
