"""``tap scoring``: the ledger made anew, and other rules held beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from server.app.handle import Answer
from server.app.scores import Scores
from server.domain.commands import RegisterPerson, from_builtins
from server.domain.decide.cases import Found, open_ring
from server.domain.events import CreditFlow
from server.ops import config_file, core, operator
from server.ops.commands.shared import Exit
from tests.unit.scoring.test_rules import TEXT

Tap = Callable[..., Result]
NEW = TEXT.replace('"2026-1"', '"new"').replace("points = 5\n", "points = 9\n")


@pytest.fixture
def scored(node: Path) -> Path:
    """A node on which ben found a post of ada's helpful today."""
    config = config_file.load(node / "tap.toml", {}).config

    async def talk() -> None:
        async with core.opened(config, "test") as opened:
            for person in ("ada", "ben"):
                await operator.register(opened.handler, RegisterPerson(person=person, name=person))

            async def do(person: str, **wish: Any) -> dict[str, Any]:
                outcome = await opened.handler.handle(
                    person, f"key of {wish['do']}", from_builtins(wish)
                )
                assert isinstance(outcome, Answer), outcome
                return outcome.result

            made = await do("ada", do="community.create", name="Tea")
            place = f"c:{made['community']}"
            post = await do("ada", do="post.publish", place=place, kind="update", text="Boil it.")
            await do("ben", do="reaction.set", target=post["post"], reaction="helpful", on=True)
            scores = Scores(opened.tap, opened.handler, opened.reader, now=core.now)
            await scores.catch_up()

    asyncio.run(talk())
    return node


def rules(folder: Path, text: str) -> str:
    (folder / "new.toml").write_text(text, "utf-8")
    return "new.toml"


def test_a_replay_gives_the_same_ledger(scored: Path, tap: Tap) -> None:
    said = tap("scoring", "replay")
    assert said.exit_code == Exit.DONE
    assert said.output == "1 lines of 1 people, 5.000 points in all: the same as before.\n"


def test_what_new_rules_would_change_names_nobody_unasked(scored: Path, tap: Tap) -> None:
    said = tap("scoring", "what-if", rules(scored, NEW))
    assert said.exit_code == Exit.DONE, said.output
    assert "of 1 people 1 rise, 0 fall" in said.output
    assert "points of helpful: 5 -> 9" in said.output
    assert "+4.000 points by helpful" in said.output
    assert "ada" not in said.output


def test_who_moves_and_why_on_demand(scored: Path, tap: Tap) -> None:
    said = tap("scoring", "what-if", rules(scored, NEW), "--people")
    assert "ada" in said.output
    assert "5.000 -> 9.000" in said.output
    found = json.loads(tap("scoring", "what-if", "new.toml", "--people", "--json").output)
    assert [one["person"] for one in found["people_moved"]] == ["ada"]
    assert found["old_lines_changed"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [("points", "Expected '='"), (TEXT, "different names"), (NEW[:400], "not a rules file")],
)
def test_what_is_no_rules_file_is_a_wrong_usage(
    scored: Path, tap: Tap, text: str, said: str
) -> None:
    answer = tap("scoring", "what-if", rules(scored, text))
    assert answer.exit_code == Exit.USAGE
    assert said in answer.output


# -- cases ---------------------------------------------------------------------------------------------------

CASE = "01kdvdna01xxrz2dw23xegt3k5"


@pytest.fixture
def disputed(node: Path) -> Path:
    """A node on which a circle of ada and ben waits for a decision."""
    config = config_file.load(node / "tap.toml", {}).config
    flow = CreditFlow(giver="ada", author="ben", contents=30, base=150_000, counted=9_800)
    found = Found(CASE, "2026Q1", ("ada", "ben"), "2 people gave each other", 150_000, (flow,))

    async def put() -> None:
        async with core.opened(config, "test") as opened:
            for person in ("ada", "ben"):
                await operator.register(opened.handler, RegisterPerson(person=person, name=person))
            await opened.handler.append(partial(open_ring, found))

    asyncio.run(put())
    return node


def test_cases_are_listed_and_shown_with_who_gave_whom(disputed: Path, tap: Tap) -> None:
    listed = tap("scoring", "cases")
    assert listed.exit_code == Exit.DONE
    assert CASE in listed.output
    shown = tap("scoring", "cases", CASE)
    assert "about: ada, ben" in shown.output
    assert [word for word in shown.output.splitlines() if word.split()[:3] == ["ada", "ben", "30"]]
    assert "not decided yet" in shown.output
    (found,) = json.loads(tap("scoring", "cases", "--json").output)
    assert (found["case"], found["evidence"]["share"]) == (CASE, 1000)


def test_no_case_is_said_in_words_and_an_unknown_one_is_an_error(scored: Path, tap: Tap) -> None:
    assert tap("scoring", "cases").output == "No case is open.\n"
    answer = tap("scoring", "cases", CASE)
    assert answer.exit_code == Exit.FOUND
