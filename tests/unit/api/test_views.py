"""What is shown of several people: boards, leaders beside their peers, nominees."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest
from sqlalchemy import select

from server.domain.events import (
    Event,
    PersonRegistered,
    ReplyPublished,
    ScoringChoice,
    ScoringChoiceChanged,
    ScoringPolicyChanged,
)
from server.domain.scoring_policy import CAUTIOUS, DEFAULT, WHAT
from server.scoring.periods import bounds
from server.scoring.rules import DAY_MS
from server.storage import tables as t
from tests.support.naming import paths_naming
from tests.support.node import ForeignLog
from tests.unit.api.shown import OPEN, SETTLED, Shown
from tests.unit.api.site import Site


@pytest.fixture
async def shown(site: Site) -> Shown:
    made = Shown(site)
    await made.settle()
    return made


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
    for topic in ("leaf", "Leaf"):
        assert [one["person"] for one in (await shown.board(topic=topic))["people"]] == names[11:]
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
    assert rows[2][:3] == ["2026Q1", "unnamed", "told once the quarter has settled"]
    assert len((await shown.site.get("/me/impact", "asha"))["named"]) == 1


async def test_a_private_place_is_on_no_list_of_nominees(shown: Shown) -> None:
    """Who takes the list may not read there, nor know that it exists."""
    await nominable(shown)
    await shown.node.do("asha", "scoring.choose", recognition=True)
    await shown.draw()
    assert len((await shown.site.get("/recognition", "admin"))["nominees"]) == 1
    hidden = {"name": "Help desk", "mode": "programme", "visibility": "private"}
    await shown.node.do("cleo", "community.change", community=shown.place[2:], **hidden)
    found = await shown.site.get("/recognition", "admin")
    file = (await shown.site.ask("GET", "/recognition/export", "admin")).text
    for words in ("Help desk", "Why?", shown.place[2:]):
        assert words not in json.dumps(found) + file


async def test_who_began_anew_after_a_quarter_settled_is_on_no_list_of_it(shown: Shown) -> None:
    """A settled quarter is not drawn again, and nobody's merits of before outlive the wish to drop them."""
    await nominable(shown)
    await shown.node.do("asha", "scoring.choose", recognition=True, boards=True)
    await shown.draw()
    shown.node.clock.advance(bounds("2026Q1")[1] + 10 * DAY_MS - shown.node.clock())
    await shown.draw()
    quarter = {"quarter": "2026Q1"}
    assert len((await shown.site.get("/recognition", "admin", **quarter))["nominees"]) == 1
    await shown.node.do("asha", "scoring.erase_history")
    await shown.draw()
    assert (await shown.site.get("/recognition", "admin", **quarter))["nominees"] == []


async def test_who_began_anew_is_on_no_board_of_a_settled_month(shown: Shown) -> None:
    await shown.node.do("asha", "scoring.choose", boards=True)
    shown.node.clock.advance(bounds("2026-03")[0] - shown.node.clock())
    await shown.helped("asha", "bob")
    await shown.draw()
    shown.node.clock.advance(bounds("2026-03")[1] + 10 * DAY_MS - shown.node.clock())
    await shown.draw()
    assert [one["person"] for one in (await shown.board(month="2026-03"))["people"]] == ["asha"]
    await shown.node.do("asha", "scoring.erase_history")
    await shown.draw()
    assert (await shown.board(month="2026-03"))["people"] == []


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


# -- what is shown of oneself -------------------------------------------------------------------------------


async def test_everybody_reads_what_of_them_is_told_and_by_whose_word(shown: Shown) -> None:
    site = shown.site
    before = (await site.ask("GET", "/me/scoring", "asha")).json()
    assert before["policy"]["k"] == OPEN.k
    assert set(before["stances"]) == set(before["shown"]) == set(WHAT)
    assert before["stances"]["milestones"] == "if_chosen"
    assert not before["shown"]["milestones"]
    await shown.node.do("asha", "scoring.choose", milestones=True, leaders=False)
    after = (await site.ask("GET", "/me/scoring", "asha")).json()
    assert after["choice"] == {"milestones": True, "leaders": False}
    assert (after["shown"]["milestones"], after["shown"]["leaders"]) == (True, False)
    assert (await site.ask("GET", "/me/scoring", "bob")).json()["choice"] == {}
