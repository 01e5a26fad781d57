"""What contributions are worth, as people are shown it: their own impact, boards, leaders, nominees."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from server.app.ledger_export import COLUMNS, FORMULA
from server.app.scores import Scores
from server.app.views import Views
from server.domain.decide.scoring import adopt
from server.domain.events import (
    Event,
    PersonRegistered,
    ReplyPublished,
    ScoringChoice,
    ScoringChoiceChanged,
    ScoringPolicyChanged,
)
from server.domain.scoring_policy import CAUTIOUS, DEFAULT, WHAT, ScoringPolicy
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from server.storage import tables as t
from tests.support.naming import paths_naming
from tests.support.node import ForeignLog
from tests.unit.api.site import Site

OPEN = msgspec.structs.replace(DEFAULT, scores="opt_in", boards="opt_in")
SETTLED = bounds("2026-01")[1] + 9 * DAY_MS


class Shown:
    """A site with a community in which people help each other."""

    def __init__(self, site: Site) -> None:
        self.site, self.node = site, site.node
        node = site.node
        self.scores = Scores(node.tap, node.handler, node.reader, now=node.clock)
        self.views = Views(
            node.handler, node.reader, now=node.clock, scored=lambda: self.scores.position
        )
        self.place = ""

    async def settle(self) -> None:
        self.place = await self.node.community("cleo", "Help desk")
        for person in ("asha", "bob"):
            await self.node.do(person, "membership.set", community=self.place[2:], joined=True)
        await self.mode("friendly")
        await self.policy(OPEN)

    async def policy(self, policy: ScoringPolicy) -> None:
        await self.node.handler.append(partial(adopt, policy))

    async def mode(self, mode: str) -> None:
        await self.node.do(
            "cleo", "community.change", community=self.place[2:], name="Help desk", mode=mode
        )

    async def crowd(self, count: int) -> list[str]:
        names = [f"p{n:02}" for n in range(count)]
        for n, name in enumerate(names):
            await self.node.register(name, unit=f"team {n % 3}", country="IN")
        return names

    async def helped(self, author: str, *givers: str, title: str = "Why?", **more: Any) -> str:
        """A question others find helpful."""
        post = await self.node.post(author, self.place, "?", "question", title=title, **more)
        for giver in givers:
            await self.node.do(giver, "reaction.set", target=post, reaction="helpful", on=True)
        return post

    async def draw(self) -> None:
        await self.scores.catch_up()
        await self.views.draw()

    async def board(self, reader: str = "bob", **query: Any) -> Any:
        return await self.site.get(f"/boards/{self.place[2:]}", reader, **query)


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


# -- boards ----------------------------------------------------------------------------------------------------


async def test_a_board_lists_ten_by_name_without_points_or_order(shown: Shown) -> None:
    names = await shown.crowd(13)
    for n, name in enumerate(names):
        await shown.node.do(name, "scoring.choose", boards=True)
        for post in range(n + 1):
            await shown.helped(name, "bob", title=f"{post}?", topics=["leaf"] if n > 10 else [])
    await shown.helped("asha", "bob", "cleo")
    await shown.draw()
    found = await shown.board()
    assert (found["shown"], found["mode"], found["month"]) == (True, "friendly", "2026-01")
    assert [one["person"] for one in found["people"]] == names[3:], "asha did not choose it"
    assert {one["milli"] for one in found["people"]} == {None}
    assert [one["person"] for one in (await shown.board(topic="leaf"))["people"]] == names[11:]
    await shown.mode("programme")
    await shown.draw()
    assert all(one["milli"] > 0 for one in (await shown.board())["people"])


async def test_ties_fall_the_same_way_each_time(shown: Shown) -> None:
    names = await shown.crowd(12)
    for name in reversed(names):
        await shown.node.do(name, "scoring.choose", boards=True)
        await shown.helped(name, "bob")
    await shown.draw()
    found = [await shown.board() for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert [one["person"] for one in found[0]["people"]] == names[:10]


async def test_who_opts_out_is_off_the_board_at_once(shown: Shown) -> None:
    """Before the board is drawn again; likewise who leaves, and when the policy says so."""
    for name in ("asha", "bob", "cleo"):
        await shown.node.do(name, "scoring.choose", boards=True)
        await shown.helped(name, "admin")
    await shown.draw()
    assert [one["person"] for one in (await shown.board())["people"]] == ["asha", "bob", "cleo"]
    await shown.node.do("asha", "scoring.choose", boards=False)
    await shown.node.do("admin", "person.set_status", person="cleo", active=False)
    assert [one["person"] for one in (await shown.board())["people"]] == ["bob"]
    await shown.policy(DEFAULT)
    assert (await shown.board())["why"] == "nobody"


async def test_a_community_without_a_board_has_none(shown: Shown) -> None:
    await shown.node.do("asha", "scoring.choose", boards=True)
    await shown.helped("asha", "bob")
    await shown.draw()
    for mode in ("quiet", "feedback"):
        await shown.mode(mode)
        found = await shown.board()
        assert (found["shown"], found["why"], found["people"]) == (False, "mode", [])


async def test_a_board_of_an_unknown_community_or_month_is_refused(shown: Shown) -> None:
    path = f"/boards/{shown.place[2:]}"
    old = await shown.site.refused("GET", path, "bob", params={"month": "2025-11"})
    assert old == (422, "bad_value")
    assert (await shown.board(month="2025-12"))["people"] == []
    nothing = "/boards/01kdvdna01xxrz2dw23xegt3k5"
    assert await shown.site.refused("GET", nothing, "bob") == (404, "not_found")


# -- leaders ---------------------------------------------------------------------------------------------------


async def test_a_leader_sees_own_months_first_and_what_followed(shown: Shown) -> None:
    question = await shown.node.post("asha", shown.place, "?", "question", title="Why?")
    reply = await shown.node.reply("cleo", question)
    await shown.node.do("asha", "answer.accept", question=question, answer=reply)
    await shown.node.do("bob", "reaction.set", target=reply, reaction="helpful", on=True)
    await shown.node.reply("bob", reply)
    await shown.draw()
    found = await shown.site.get("/leader", "cleo")
    assert found["communities"] == [shown.place[2:]]
    assert found["months"][-1]["month"] == "2026-01"
    assert found["months"][-1]["provisional"]
    assert (found["months"][-1]["reply_rate"], found["months"][-1]["closed_rate"]) == (1000, 1000)
    assert {one["why"] for one in found["peers"]} == {"too_few"}
    (followed,) = found["followed"]
    assert (followed["accepted"], followed["helpful"], followed["replies"]) == (True, 1, 1)
    assert (followed["reply"], followed["title"]) == (reply, "Why?")


async def test_who_leads_nothing_has_no_such_page(shown: Shown) -> None:
    assert await shown.site.refused("GET", "/leader", "bob") == (403, "forbidden")


async def test_peers_are_quartiles_without_names_and_only_for_who_is_compared(
    shown: Shown,
) -> None:
    for name in await shown.crowd(14):
        place = await shown.node.community(name, f"Place of {name}")
        question = await shown.node.post("asha", place, "?", "question", title="Why?")
        await shown.node.reply(name, question)
    await shown.draw()
    shown.node.clock.now = SETTLED
    await shown.draw()
    found = await shown.site.get("/leader", "p01")
    assert found["compare"] == "shown"
    peers = found["peers"][-1]
    assert (peers["month"], peers["why"], peers["people"]) == ("2026-01", "", 10)
    assert peers["quartiles"]["reply_rate"] == {"q1": 1000, "median": 1000, "q3": 1000}
    assert not any(name in json.dumps(found["peers"]) for name in ("p00", "p02", "cleo"))
    await shown.node.do("p01", "scoring.choose", leaders=False)
    own = await shown.site.get("/leader", "p01")
    assert (own["compare"], own["peers"], len(own["months"])) == (
        "choice",
        [],
        len(found["months"]),
    )
    await shown.policy(msgspec.structs.replace(OPEN, leaders="off"))
    assert (await shown.site.get("/leader", "p02"))["compare"] == "policy"


# -- recognition -----------------------------------------------------------------------------------------------


async def nominable(shown: Shown) -> list[str]:
    """asha helped seven people of three teams; so did bob, a little less."""
    givers = await shown.crowd(7)
    await shown.mode("programme")
    await shown.helped("asha", *givers, title="=Why?")
    await shown.helped("asha", *givers, title="Who?")
    await shown.helped("bob", *givers[:6])
    return givers


async def test_nominees_stand_by_name_only_with_their_consent(shown: Shown) -> None:
    await nominable(shown)
    await shown.draw()
    before = await shown.site.get("/recognition", "admin")
    assert (before["nominees"], before["unnamed"]) == ([], None), "one is fewer than ten"
    assert "asha" not in json.dumps(before)
    await shown.node.do("asha", "scoring.choose", recognition=True)
    found = await shown.site.get("/recognition", "admin", quarter="2026Q1")
    assert found["provisional"]
    (nominee,) = found["nominees"]
    assert (nominee["person"], nominee["helped"], nominee["units"]) == ("asha", 7, 3)
    assert [(one["title"], one["kinds"]) for one in nominee["evidence"]] == [
        ("=Why?", {"helpful": 7}),
        ("Who?", {"helpful": 7}),
    ]


async def test_who_was_named_is_told_and_nobody_else(shown: Shown) -> None:
    await nominable(shown)
    await shown.node.do("asha", "scoring.choose", recognition=True)
    await shown.draw()
    await shown.site.get("/recognition", "admin")
    now = shown.node.clock()
    assert (await shown.site.get("/me/impact", "asha"))["named"] == [
        {"quarter": "2026Q1", "at": now, "by": "admin"}
    ]
    assert (await shown.site.get("/me/impact", "bob"))["named"] == []


async def test_the_list_as_a_file_is_harmless_and_written_down_too(shown: Shown) -> None:
    await nominable(shown)
    await shown.node.do("asha", "scoring.choose", recognition=True)
    await shown.draw()
    file = await shown.site.ask("GET", "/recognition/export", "admin")
    rows = list(csv.reader(io.StringIO(file.text, newline="")))
    assert [row[0:3] for row in rows[1:2]] == [["2026Q1", "Help desk", "asha"]]
    assert rows[1][-1] == "'=Why? (helpful 7); Who? (helpful 7)"
    assert rows[2][:3] == ["2026Q1", "unnamed", "fewer than can be told"]
    assert len((await shown.site.get("/me/impact", "asha"))["named"]) == 1


async def test_nominees_are_for_communications_and_admins_where_the_policy_has_them(
    shown: Shown,
) -> None:
    assert await shown.site.refused("GET", "/recognition", "asha") == (403, "forbidden")
    await shown.node.register("cora", "communications_leader")
    assert (await shown.site.get("/recognition", "cora"))["nominees"] == []
    old = await shown.site.refused("GET", "/recognition", "cora", params={"quarter": "2024Q1"})
    assert old == (422, "bad_value")
    await shown.policy(msgspec.structs.replace(OPEN, recognition="off"))
    for path in ("/recognition", "/recognition/export"):
        assert await shown.site.refused("GET", path, "cora") == (403, "forbidden")


# -- a region whose scores are off ------------------------------------------------------------------------------


async def test_nobody_of_a_region_whose_scores_are_off_stands_in_any_view(shown: Shown) -> None:
    """Whatever they chose, however much they helped, and though they lead."""
    abroad, control = ForeignLog("de"), ForeignLog("de", "control")

    async def arrives(log: ForeignLog, actor: str, event: Event) -> None:
        shown.node.clock.advance(1)
        await shown.node.handler.apply(log.batch(shown.node.clock(), (actor, event)))

    off = msgspec.structs.replace(CAUTIOUS, scores="off")
    await arrives(control, "", ScoringPolicyChanged(region="de", rev=1, policy=off))
    emil = PersonRegistered(person="emil", home="de", name="Emil", unit="tea", country="DE")
    await arrives(abroad, "emil", emil)
    everything = ScoringChoice(**dict.fromkeys(WHAT, True))
    await arrives(abroad, "emil", ScoringChoiceChanged(person="emil", rev=1, choice=everything))
    reply = ReplyPublished(
        post="01kdvdna01eeeeeeeeeeeeeeee",
        root=(root := await shown.helped("asha", "bob")),
        parent=root,
        place=shown.place,
        kind="answer",
        text="so",
        mentions=(),
        lang="en",
        at=shown.node.clock(),
        notify=(),
    )
    await arrives(abroad, "emil", reply)
    for giver in ("asha", "bob", "cleo"):
        await shown.node.do(giver, "reaction.set", target=reply.post, reaction="solved", on=True)
    community = shown.place[2:]
    await shown.node.do(
        "cleo", "community.set_role", community=community, person="emil", role="owner"
    )
    await shown.mode("programme")
    await shown.draw()
    shown.node.clock.now = SETTLED
    await shown.draw()
    async with shown.node.reader.snapshot() as snapshot:
        for table in (t.merits, t.leader_months, t.published_figures):
            rows = [tuple(row) for row in await snapshot.rows(select(table))]
            assert paths_naming(rows, "emil") == [], table.name
            assert table is t.published_figures or paths_naming(rows, "a"), "who may be is there"
    for path in (f"/boards/{community}", "/recognition", "/leader", "/me/impact"):
        reader = "cleo" if path == "/leader" else "admin"
        assert paths_naming(await shown.site.get(path, reader), "emil", "Emil") == [], path
