"""Cases over HTTP: who reads which, how much of it, and a line of one's own that says it is under review."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from server.app.ring_watch import RingWatch
from server.domain.decide.scoring import adopt
from server.domain.scoring_policy import DEFAULT
from tests.unit.api.shown import Shown
from tests.unit.api.site import Site

TIMES = 14


@pytest.fixture
async def shown(site: Site) -> Shown:
    made = Shown(site)
    await made.settle()
    return made


async def circle(shown: Shown) -> str:
    """Asha and Bob thank each other and nobody else; the id of their case."""
    for _ in range(TIMES):
        await shown.helped("asha", "bob")
        await shown.helped("bob", "asha")
    node = shown.node
    watch = RingWatch(node.handler, node.reader, scored=shown.scores.catch_up, now=node.clock)
    assert await watch.look() == 1
    (case,) = (await shown.site.get("/cases", "admin"))["cases"]
    return str(case["case"])


async def test_who_decides_reads_all_of_it(shown: Shown) -> None:
    name = await circle(shown)
    case = (await shown.site.get(f"/cases/{name}", "admin"))["case"]
    assert (case["kind"], case["state"], case["parties"]) == ("ring", "open", ["asha", "bob"])
    assert (case["evidence"]["share"], case["yours"], case["decision"]) == (1000, False, None)
    assert [flow["giver"] for flow in case["evidence"]["flows"]] == ["asha", "bob"]
    assert (await shown.site.get(f"/cases/{name}", "admin"))["entry"] is None


async def test_a_party_reads_no_names_of_who_thanked_them(shown: Shown) -> None:
    name = await circle(shown)
    (case,) = (await shown.site.get("/cases/mine", "bob"))["cases"]
    assert (case["case"], case["yours"], case["people"]) == (name, True, 2)
    assert [(flow["giver"], flow["author"]) for flow in case["evidence"]["flows"]] == [
        ("bob", "asha"),
        (None, "bob"),
    ]
    assert (await shown.site.get(f"/cases/{name}", "bob"))["case"] == case


async def test_nobody_else_learns_that_there_is_one(shown: Shown) -> None:
    name = await circle(shown)
    assert (await shown.site.get("/cases/mine", "cleo"))["cases"] == []
    assert await shown.site.refused("GET", f"/cases/{name}", "cleo") == (404, "not_found")
    assert await shown.site.refused("GET", "/cases", "cleo") == (403, "forbidden")


async def test_a_decision_is_read_by_both_sides_with_its_reason(shown: Shown) -> None:
    name = await circle(shown)
    await shown.node.do("admin", "case.decide", case=name, outcome="dismissed", reason="One desk.")
    assert (await shown.site.get("/cases", "admin"))["cases"] == [], "none is open"
    for reader in ("asha", "bob"):
        (case,) = (await shown.site.get("/cases/mine", reader))["cases"]
        decision = case["decision"]
        assert (decision["outcome"], decision["reason"]) == ("dismissed", "One desk.")
        assert (decision["by"], decision["rev"]) == ("admin", 1)
    assert len((await shown.site.get("/cases", "admin", state="decided"))["cases"]) == 1


async def test_a_disputed_line_says_so_in_ones_ledger(shown: Shown) -> None:
    await shown.helped("asha", "bob")
    await shown.draw()
    (line,) = (await shown.site.get("/me/impact", "asha"))["lines"]
    assert line["case"] is None
    made = await shown.node.do("asha", "dispute.open", line=line["act"], reason="Why so little?")
    (under_review,) = (await shown.site.get("/me/impact/lines", "asha"))["lines"]
    assert under_review == line | {
        "status_text": "Disputed, under review.",
        "case": {"case": made["case"], "state": "open", "outcome": None},
    }
    (mine,) = (await shown.site.get("/cases/mine", "asha"))["cases"]
    assert "bob" not in json.dumps(mine), "who helped her stays a colleague"
    (theirs,) = (await shown.site.get("/cases/mine", "bob"))["cases"]
    assert (theirs["parties"], theirs["line"]) == (["asha", "bob"], None)


async def test_who_decides_sees_the_line_as_its_owner_does(shown: Shown) -> None:
    await shown.helped("asha", "bob")
    await shown.draw()
    (line,) = (await shown.site.get("/me/impact", "asha"))["lines"]
    made = await shown.node.do("asha", "dispute.open", line=line["act"], reason="Why so little?")
    path = f"/cases/{made['case']}"
    entry = (await shown.site.get(path, "admin"))["entry"]
    assert entry == (await shown.site.get(path, "asha"))["entry"]
    assert {name: line[name] for name in entry} == entry, (
        "the ledger adds to it and changes nothing"
    )
    assert "bob" not in json.dumps(entry), "whose thanks it were is not for them to know either"
    assert (await shown.site.get(path, "bob"))["entry"] is None, "a ledger is one's own"


async def test_pages_of_cases_are_all_of_them(shown: Shown) -> None:
    await shown.node.handler.append(partial(adopt, DEFAULT))
    for _ in range(5):
        await shown.helped("asha", "bob")
    await shown.draw()
    lines = (await shown.site.get("/me/impact", "asha"))["lines"]
    opened = [
        (await shown.node.do("asha", "dispute.open", line=line["act"], reason="Why?"))["case"]
        for line in lines
    ]
    found: list[Any] = []
    mark: str | None = ""
    while mark is not None:
        page = await shown.site.get("/cases", "admin", limit=2, before=mark)
        assert len(page["cases"]) <= 2
        found += [case["case"] for case in page["cases"]]
        mark = page["next"]
    assert found == opened[::-1]
    assert await shown.site.refused("GET", "/cases?before=x", "admin") == (422, "bad_value")
