"""``tap scoring acts``: what a node's ledgers are computed from, replayed by the standalone module."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select

from server.app import public_mirror
from server.app.handle import Answer
from server.app.score_public import public_part
from server.app.scores import Scores
from server.domain.commands import RegisterPerson, SetPersonRole, from_builtins
from server.domain.decide.cases import Found, open_ring
from server.domain.events import CreditFlow
from server.ops import config_file, core, operator
from server.ops.core import Core
from server.scoring.__main__ import main
from server.scoring.rules import day_of, quarter_of, shipped
from server.storage import tables as t

Tap = Callable[..., Result]
Do = Callable[..., Awaitable[dict[str, Any]]]
PEOPLE = {"ada": ("tea", "IN"), "ben": ("tea", "DE"), "cleo": ("rice", "DE"), "dan": ("corn", "FR")}


CASE = "01kdvdna01xxrz2dw23xegt3k5"


async def talk(do: Do) -> None:
    """Thanks to and fro in an open community, an accepted answer, and thanks in a place of the region's own."""
    open_place = f"c:{(await do('ada', do='community.create', name='Tea'))['community']}"
    inside = {"name": "Canteen", "audience": "local"}
    canteen = f"c:{(await do('ada', do='community.create', **inside))['community']}"

    async def thanked(author: str, *givers: str, place: str = open_place) -> str:
        post = await do(author, do="post.publish", place=place, kind="update", text="Boil it.")
        for giver in givers:
            await do(giver, do="reaction.set", target=post["post"], reaction="helpful", on=True)
        return str(post["post"])

    for _ in range(4):  # a circle of two, which the factor ``mutual`` damps
        await thanked("ada", "ben")
        await thanked("ben", "ada")
    regretted = await thanked("ada", "cleo", "dan")
    await do("dan", do="reaction.set", target=regretted, reaction="helpful", on=False)
    await do("ben", do="post.delete", post=await thanked("ben", "cleo"))
    await thanked("cleo", "ada", "dan", place=canteen)
    asked = {"kind": "question", "title": "How?", "text": "?", "topics": ["tea"]}
    question = (await do("dan", do="post.publish", place=open_place, **asked))["post"]
    answer = await do("cleo", do="reply.publish", parent=question, text="So.")
    await do("dan", do="answer.accept", question=question, answer=answer["post"])


async def scored(opened: Core) -> None:
    """What was said counts, but for what one gave another and somebody looks into."""
    for person, (unit, country) in PEOPLE.items():
        who = RegisterPerson(person=person, name=person, unit=unit, country=country)
        await operator.register(opened.handler, who)
    keys = count()

    async def do(person: str, **wish: Any) -> dict[str, Any]:
        outcome = await opened.handler.handle(person, str(next(keys)), from_builtins(wish))
        assert isinstance(outcome, Answer), outcome
        return outcome.result

    await talk(do)
    await operator.register(opened.handler, RegisterPerson(person="olga", name="Olga"))
    olga = SetPersonRole(person="olga", role="auditor", on=True)
    await operator.set_role(opened.handler, olga)
    flow = CreditFlow(giver="ada", author="cleo", contents=1, base=5_000, counted=5_000)
    quarter = quarter_of(core.now())
    found = Found(CASE, quarter, ("ada", "cleo"), "2 people gave each other", 5_000, (flow,))
    await opened.handler.append(partial(open_ring, found))
    await do("olga", do="case.hold", case=CASE, on=True)
    await Scores(opened.tap, opened.handler, opened.reader, now=core.now).catch_up()


async def stored(opened: Core) -> dict[str, int]:
    c = t.credits_.c
    async with opened.reader.snapshot() as snapshot:
        sums = select(c.person, func.sum(c.milli_points)).group_by(c.person)
        return {person: int(total) for person, total in await snapshot.rows(sums)}


async def public(opened: Core, folder: Path) -> dict[str, int]:
    cut, day = await public_mirror.cut_here(opened.reader), day_of(core.now())
    file = folder / "mirror.db"
    part = await public_part(opened.reader, file, "de", cut, day, shipped())
    return {who: sum(line.milli_points for line in lines) for who, lines in part.credits.items()}


@pytest.fixture
def totals(node: Path) -> dict[str, dict[str, int]]:
    """Of a node on which ``talk`` happened: by person, as its tables say, and as its public lanes do."""
    config = config_file.load(node / "tap.toml", {}).config

    async def run() -> dict[str, dict[str, int]]:
        async with core.opened(config, "test") as opened:
            await scored(opened)
            return {"stored": await stored(opened), "public": await public(opened, node)}

    return asyncio.run(run())


@pytest.fixture
def replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], dict[str, int]]:
    def replay(acts: str) -> dict[str, int]:
        file = tmp_path / "acts.jsonl"
        file.write_text(acts, "utf-8")
        assert main(["replay", str(file), "--day", "2100-01-01"]) == 0
        ledgers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {ledger["person"]: ledger["total"] for ledger in ledgers}

    return replay


def test_replayed_elsewhere_they_give_the_totals_of_the_stored_lines(
    totals: dict[str, dict[str, int]], tap: Tap, replayed: Callable[[str], dict[str, int]]
) -> None:
    said = tap("scoring", "acts")
    assert said.exit_code == 0, said.output
    assert replayed(said.output) == totals["stored"]
    assert set(totals["stored"]) == set(PEOPLE), "dan closed the loop"


def test_of_the_public_lanes_they_give_the_public_ledgers(
    totals: dict[str, dict[str, int]], tap: Tap, replayed: Callable[[str], dict[str, int]]
) -> None:
    said = tap("scoring", "acts", "--public")
    assert replayed(said.output) == totals["public"]
    assert totals["public"]["cleo"] != totals["stored"]["cleo"], "thanked in the canteen too"
    assert len(said.output.splitlines()) < len(tap("scoring", "acts").output.splitlines())
    assert all(json.loads(line).get("public", True) for line in said.output.splitlines())


def test_they_say_who_gave_and_the_help_says_so(
    totals: dict[str, dict[str, int]], tap: Tap
) -> None:
    acts = [json.loads(line) for line in tap("scoring", "acts").output.splitlines()]
    assert [act["author"] for act in acts if act["kind"] == "held"] == ["cleo"]
    assert acts == sorted(acts, key=lambda act: (act["at"], act["id"]))
    assert {act["giver"] for act in acts if act["kind"] == "helpful"} == {
        "ada",
        "ben",
        "cleo",
        "dan",
    }
    assert "names who gave what to whom" in tap("scoring", "acts", "--help").output
