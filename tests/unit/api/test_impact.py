"""One's own impact: whom it helped, the whole ledger as pages and as a file, one's place when asked."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest

from server.app.ledger_export import COLUMNS, FORMULA
from server.domain.scoring_policy import DEFAULT
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from tests.unit.api.shown import SETTLED, Shown
from tests.unit.api.site import Site
from tests.unit.scoring.written import figures, worked


@pytest.fixture
async def shown(site: Site) -> Shown:
    made = Shown(site)
    await made.settle()
    return made


# -- my impact -------------------------------------------------------------------------------------------------


async def test_impact_says_whom_it_helped_and_hides_nothing_of_the_line(shown: Shown) -> None:
    red = await shown.helped("asha", "bob", "cleo", title="Why is it red?")
    await shown.helped("asha", "bob", title="Why is it blue?")
    await shown.draw()
    found = await shown.site.get("/me/impact", "asha")
    assert (found["total"], len(found["lines"])) == (12_500, 3)
    assert found["scores"] == "opt_in"
    assert {line["mode"] for line in found["lines"]} == {"friendly"}
    assert {line["community"] for line in found["lines"]} == {shown.place[2:]}
    month = found["month"]
    assert (month["month"], month["people"], month["milli"]) == ("2026-01", 2, 12_500)
    assert [(one["title"], one["people"], one["kinds"]) for one in month["contents"]] == [
        ("Why is it red?", 2, {"helpful": 2}),
        ("Why is it blue?", 1, {"helpful": 1}),
    ]
    assert month["contents"][0]["content"] == red
    assert [one["month"] for one in found["trend"]][::11] == ["2025-02", "2026-01"]
    assert found["trend"][-1] == {"month": "2026-01", "people": 2, "milli": 12_500, "lines": 3}
    assert "bob" not in json.dumps(found["month"])


async def test_the_worked_example_of_the_page(shown: Shown) -> None:
    """docs/scoring.md 10.1."""
    (text,) = worked("10.1")
    both = await shown.helped("asha", "bob", "cleo", title="Both")
    other = await shown.helped("asha", "bob", title="Another")
    await shown.draw()
    month = (await shown.site.get("/me/impact", "asha"))["month"]
    people, first, second, third, points = figures(
        text, "{} people and, as the second of Ben's counts half, {} + {} + {} = {} points."
    )
    lines = (await shown.site.get("/me/impact", "asha"))["lines"]
    assert sorted([line["milli_points"] for line in lines]) == [
        one * 1000 for one in sorted([first, second, third])
    ]
    assert (month["people"], month["milli"]) == (people, points * 1000)
    told = figures(text, "comes first, with {} people; then the other with {}.")
    assert [(one["content"], one["people"]) for one in month["contents"]] == list(
        zip([both, other], told, strict=True)
    )


async def test_pages_of_lines_are_the_whole_ledger(shown: Shown) -> None:
    for n in range(7):
        await shown.helped("asha", "bob", title=f"Why {n}?")
    await shown.draw()
    whole = (await shown.site.get("/me/impact", "asha"))["lines"]
    paged, mark = [], ""
    while mark is not None:
        page = await shown.site.get("/me/impact/lines", "asha", limit=3, before=mark)
        assert len(page["lines"]) <= 3
        paged += page["lines"]
        mark = page["next"]
    assert paged == whole
    assert len(paged) == 7
    bad = await shown.site.refused("GET", "/me/impact/lines", "asha", params={"before": "x"})
    assert bad == (422, "bad_value")


async def test_the_next_useful_act_is_a_question_about_what_one_knows(shown: Shown) -> None:
    await shown.helped("asha", "bob", title="Tea", topics=["leaf"])
    old = await shown.node.post(
        "bob", shown.place, "?", "question", title="Which leaf?", topics=["leaf"]
    )
    new = await shown.node.post("bob", shown.place, "?", "question", title="Which pot?")
    await shown.draw()
    found = (await shown.site.get("/me/impact", "asha"))["useful"]
    assert [(one["post"], one["mine"]) for one in found] == [(old, True), (new, False)]


@pytest.mark.parametrize(
    ("who", "do", "more"),
    [("cleo", "moderation.act", {"act": "hide"}), ("admin", "moderation.hide_at_home", {})],
)
async def test_a_hidden_question_is_no_useful_act(
    shown: Shown, who: str, do: str, more: dict[str, str]
) -> None:
    """Nor is its title told to the leader who replied: what is hidden has no words anywhere (I12)."""
    post = await shown.node.post("bob", shown.place, "?", "question", title="Rude words")
    await shown.node.reply("cleo", post, "please")
    hide = {"target": post, "reason": "rude", **more}
    await shown.node.do(who, do, **hide, on=True)
    await shown.draw()
    ways = (("/me/impact", "asha"), ("/leader", "cleo"))
    for way, reader in ways:
        answer = await shown.site.ask("GET", way, reader)
        assert answer.status_code == 200
        assert "Rude words" not in answer.text, way
    await shown.node.do(who, do, **hide, on=False)
    for way, reader in ways:
        assert "Rude words" in (await shown.site.ask("GET", way, reader)).text, way


async def test_where_scores_are_off_nothing_is_told(shown: Shown) -> None:
    await shown.helped("asha", "bob")
    await shown.policy(msgspec.structs.replace(DEFAULT, scores="off"))
    await shown.draw()
    found = await shown.site.get("/me/impact", "asha")
    assert (found["scores"], found["total"], found["standing"]) == ("off", 0, 0)
    assert (found["lines"], found["month"]["people"]) == ([], 0)
    assert (await shown.site.get("/me/impact/lines", "asha"))["lines"] == []
    assert (await shown.site.get("/me/impact/export", "asha"))["total"] == 0
    assert (await shown.site.get("/me/impact/place", "asha"))["why"] == "off"


# -- the export ------------------------------------------------------------------------------------------------


def total_of(text: str) -> tuple[list[dict[str, str]], int]:
    """(rows of lines, what the last row says)."""
    assert text.replace("\r\n", "").count("\n") == 0
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(header) == COLUMNS
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert found[-1]["kind"] == "total"
    return found[:-1], int(found[-1]["milli_points"])


async def test_an_exported_ledger_adds_up(shown: Shown) -> None:
    """A year: thanks of several people again and again, some taken back, one post deleted."""
    people = ["bob", "cleo", *await shown.crowd(6)]
    for month in range(12):
        shown.node.clock.now = bounds("2026-01")[0] + 30 * month * DAY_MS + DAY_MS
        for n in range(4):
            some = people[(month + n) % 5 :: 2]
            post = await shown.helped("asha", *some, title=f"Question {month}.{n}?")
            if n == 2:
                await shown.node.do(
                    some[0], "reaction.set", target=post, reaction="helpful", on=False
                )
        if month % 4 == 3:
            await shown.node.do("asha", "post.delete", post=post)
    await shown.draw()
    account = await shown.site.get("/me/impact", "asha")
    file = await shown.site.ask("GET", "/me/impact/export", "asha", params={"format": "csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="tap-impact-asha.csv"'
    rows, total = total_of(file.text)
    assert len(rows) > 100, "several pages"
    assert sum(int(row["milli_points"]) for row in rows) == total == account["total"]
    assert {row["status"] for row in rows} == {"counted", "lapsed"}
    assert all(row["status_text"] for row in rows if row["status"] != "counted")
    whole = await shown.site.get("/me/impact/export", "asha")
    assert whole["total"] == total
    assert [line["act"] for line in whole["lines"]] == [row["act"] for row in rows]
    for line in whole["lines"]:
        steps = [factor["milli"] for factor in line["factors"]] or [line["base"] * 1000]
        assert line["milli_points"] in (steps[-1], 0)
    twice = next(row for row in rows if "pair × 1/2 = 2500" in row["factors"])
    assert "The 2nd credit from the same colleague this quarter." in twice["factors"]


@pytest.mark.parametrize("start", FORMULA)
async def test_no_title_becomes_a_formula(start: str, shown: Shown) -> None:
    await shown.helped("asha", "bob", title=start + 'HYPERLINK("https://x.example";"a, b")')
    await shown.draw()
    file = await shown.site.ask("GET", "/me/impact/export", "asha", params={"format": "csv"})
    rows, _ = total_of(file.text)
    assert len(rows) == 1
    assert all(not cell.startswith(FORMULA) for cell in rows[0].values())
    assert "HYPERLINK" in rows[0]["content_title"]


# -- one's place -----------------------------------------------------------------------------------------------


async def test_ones_place_is_told_in_bands_of_ten_people_and_only_above_the_middle(
    shown: Shown,
) -> None:
    names = await shown.crowd(20)
    for n, name in enumerate(names):
        await shown.helped(name, *(["bob"] if n < 10 else ["bob", "cleo", "asha"]))
    before = await shown.site.get("/me/impact/place", names[0])
    assert before["why"] == "not_yet"
    await shown.draw()
    shown.node.clock.now = SETTLED
    await shown.draw()
    high = await shown.site.get("/me/impact/place", names[-1])
    assert (high["shown"], high["band"], high["people"]) == (True, "upper_half", 20)
    low = await shown.site.get("/me/impact/place", names[0])
    assert (low["shown"], low["band"]) == (True, "")


async def test_of_a_small_region_no_place_is_told(shown: Shown) -> None:
    await shown.helped("asha", "bob")
    await shown.draw()
    shown.node.clock.now = SETTLED
    await shown.draw()
    assert (await shown.site.get("/me/impact/place", "asha"))["why"] == "too_few"
