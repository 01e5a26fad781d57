"""Circles put before people, disputed lines, decisions: what becomes of the ledgers, and who is told what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from server.app.cases import CaseNews, own, whole, with_cases
from server.app.ring_watch import RingWatch
from server.domain.decide.scoring import adopt
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import CaseOpened, CreditsRuled, RuledPair
from server.domain.ids import derived_object_id
from server.domain.scoring_policy import DEFAULT
from server.scoring.rules import DAY_MS, quarter_of
from server.storage import tables as t
from server.storage.queries import cases as queries
from server.storage.queries.cases import Case
from tests.support.node import START, ForeignLog
from tests.unit.app.score_world import ScoreWorld, helpful, open_world

THANKS = 14
"""Above what makes a circle of two a case."""


class CaseWorld:
    """Asha and Ben thank each other and nobody else; Olga and Rosa decide, Chen and Dora are colleagues."""

    def __init__(self, world: ScoreWorld) -> None:
        self.world = world
        self.told: list[tuple[str, dict[str, Any]]] = []
        node = world.node
        self.news = CaseNews(
            node.tap,
            node.reader,
            lambda person, _position, case: self.told.append((person, case)),
            region=node.region,
        )
        self.watch = RingWatch(
            node.handler, node.reader, scored=world.scores.catch_up, now=node.clock
        )

    async def settle(self) -> None:
        node = self.world.node
        await node.handler.append(partial(adopt, DEFAULT))
        await node.register("olga", "auditor")
        await node.register("rosa", "region_admin")

    async def thank(self, giver: str, author: str, times: int = THANKS) -> None:
        for _ in range(times):
            await self.world.react(giver, await self.world.node.post(author, self.world.place))

    async def circle(self) -> Case:
        await self.thank("asha", "ben")
        await self.thank("ben", "asha")
        assert await self.watch.look() == 1
        (case,) = await self.cases()
        return case

    async def cases(self, state: str = "all") -> list[Case]:
        node = self.world.node
        async with node.reader.snapshot() as snapshot:
            return await queries.newest(snapshot, node.region, state, queries.NEWEST, 50)

    async def decide(self, who: str, case: str, outcome: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.world.node.do(
            who, "case.decide", case=case, outcome=outcome, reason="We talked to both."
        )
        return answer

    async def dispute(self, who: str, line: str) -> str:
        answer = await self.world.node.do(
            who, "dispute.open", line=line, reason="We work together."
        )
        return str(answer["case"])

    async def refused(self, who: str, do: str, **arguments: Any) -> Code:
        answer = await self.world.node.try_do(who, do, **arguments)
        assert isinstance(answer, Refusal), answer
        return answer.code


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[CaseWorld]:
    async with open_world(tmp_path) as world:
        cases = CaseWorld(world)
        await cases.settle()
        yield cases


# -- the nightly look --------------------------------------------------------------------------------------


async def test_a_circle_is_one_case_however_often_it_is_looked_for(w: CaseWorld) -> None:
    case = await w.circle()
    assert (case.kind, case.parties, case.person) == ("ring", ("asha", "ben"), "")
    assert [(flow.giver, flow.author, flow.contents) for flow in case.flows] == [
        ("asha", "ben", THANKS),
        ("ben", "asha", THANKS),
    ]
    assert "Nothing has been changed" in case.reason
    assert await w.watch.look() == 0
    await w.world.scores.rebuild()
    assert await w.watch.look() == 0, "the log knows"
    again = RingWatch(
        w.world.node.handler,
        w.world.node.reader,
        scored=w.world.scores.catch_up,
        now=w.world.node.clock,
    )
    assert await again.look() == 0


async def test_looking_changes_no_line(w: CaseWorld) -> None:
    await w.thank("asha", "ben")
    await w.thank("ben", "asha")
    before = await w.world.lines("asha")
    assert await w.watch.look() == 1
    assert await w.world.lines("asha") == before


async def test_a_circle_that_grows_is_no_second_case_until_the_first_is_decided(
    w: CaseWorld,
) -> None:
    case = await w.circle()
    for one, other in (("chen", "asha"), ("asha", "chen"), ("chen", "ben"), ("ben", "chen")):
        await w.thank(one, other)
    assert await w.watch.look() == 0
    await w.decide("olga", case.case, "dismissed")
    assert await w.watch.look() == 1
    assert {one.parties for one in await w.cases()} == {("asha", "ben"), ("asha", "ben", "chen")}
    assert await w.watch.look() == 0, "and its parts are none"


async def test_the_next_quarter_is_a_case_of_its_own(w: CaseWorld) -> None:
    await w.circle()
    w.world.node.clock.advance(100 * DAY_MS)
    assert await w.watch.look() == 0, "nobody thanked anybody since"
    await w.thank("asha", "ben")
    await w.thank("ben", "asha")
    assert await w.watch.look() == 1
    assert len({case.quarter for case in await w.cases()}) == 2


async def test_who_helps_others_too_is_no_case(w: CaseWorld) -> None:
    await w.thank("asha", "ben")
    await w.thank("ben", "asha")
    for author in ("asha", "ben"):
        for other in ("chen", "dora"):
            await w.thank(other, author, 4)
    assert await w.watch.look() == 0


async def test_where_nothing_is_scored_nothing_is_looked_for(w: CaseWorld) -> None:
    off = replace(DEFAULT, scores="off")
    await w.world.node.handler.append(partial(adopt, off))
    await w.thank("asha", "ben")
    await w.thank("ben", "asha")
    assert await w.watch.look() == 0


# -- deciding ------------------------------------------------------------------------------------------------


async def test_reversed_credits_stay_as_lines_and_come_back_as_they_were(w: CaseWorld) -> None:
    case = await w.circle()
    await w.thank("chen", "asha", 2)
    before = {who: await w.world.lines(who) for who in ("asha", "ben")}
    assert await w.decide("olga", case.case, "reversed") == {"case": case.case, "rev": 1}
    for who, other in (("asha", "ben"), ("ben", "asha")):
        after = await w.world.lines(who)
        assert [line["act"] for line in after] == [line["act"] for line in before[who]]
        gone = [line for line in after if line["status"] == "reversed"]
        assert len(gone) == THANKS, other
        assert all(line["milli_points"] == 0 and line["status_text"] for line in gone)
    kept = [line for line in await w.world.lines("asha") if line["status"] == "counted"]
    assert len(kept) == 2, "Chen is none of them"
    assert await w.decide("rosa", case.case, "dismissed") == {"case": case.case, "rev": 2}
    assert {who: await w.world.lines(who) for who in ("asha", "ben")} == before


async def test_held_until_it_is_decided(w: CaseWorld) -> None:
    case = await w.circle()
    before = await w.world.lines("asha")
    assert await w.world.node.do("olga", "case.hold", case=case.case, on=True) == {
        "case": case.case,
        "rev": 1,
    }
    assert {line["status"] for line in await w.world.lines("asha")} == {"held"}
    assert (await w.cases())[0].held
    await w.decide("olga", case.case, "dismissed")
    assert await w.world.lines("asha") == before
    assert await w.refused("olga", "case.hold", case=case.case, on=True) == Code.CONFLICT


async def test_nobody_decides_about_themselves(w: CaseWorld) -> None:
    case = await w.circle()
    await w.world.node.do("rosa", "person.set_role", person="ben", role="auditor", on=True)
    decide = {"case": case.case, "outcome": "dismissed", "reason": "we are fine"}
    assert await w.refused("ben", "case.decide", **decide) == Code.FORBIDDEN
    assert await w.refused("ben", "case.hold", case=case.case, on=True) == Code.FORBIDDEN
    assert await w.refused("chen", "case.decide", **decide) == Code.NOT_FOUND, "no role"
    assert (await w.cases())[0].rev == 0


async def test_an_outcome_has_to_fit(w: CaseWorld) -> None:
    case = await w.circle()
    upheld = {"case": case.case, "outcome": "upheld", "reason": "x"}
    assert await w.refused("olga", "case.decide", **upheld) == Code.BAD_VALUE


async def test_rulings_survive_scoring_anew(w: CaseWorld) -> None:
    case = await w.circle()
    await w.decide("olga", case.case, "reversed")
    after = await w.world.lines("asha")
    await w.world.scores.rebuild()
    assert await w.world.lines("asha") == after
    assert {line["status"] for line in after} == {"reversed"}


async def test_no_region_rules_on_credits_of_another_ones_people(w: CaseWorld) -> None:
    await w.thank("ben", "asha")
    before = await w.world.lines("asha")
    pair = RuledPair(giver="ben", author="asha", ruling="ring_reversed")
    event = CreditsRuled(case="x", region="de", rev=1, quarter=_quarter(w), pairs=(pair,))
    await w.world.foreign(("", event), log=ForeignLog("de"))
    assert await w.world.lines("asha") == before
    forged = CreditsRuled(
        case="y", region=w.world.node.region, rev=1, quarter=_quarter(w), pairs=(pair,)
    )
    await w.world.foreign(("", forged), log=ForeignLog("br"))
    assert await w.world.lines("asha") == before


def _quarter(w: CaseWorld) -> str:
    return quarter_of(w.world.node.clock())


async def test_a_restored_node_looks_for_circles_once_it_has_back_what_it_lost(
    w: CaseWorld,
) -> None:
    """They may have been found before."""
    await w.thank("asha", "ben")
    await w.thank("ben", "asha")
    w.world.node.handler.holding = Refusal(Code.RECOVERING, "not yet")
    with pytest.raises(Refused, match="not yet"):
        await w.watch.look()
    w.world.node.handler.holding = None
    assert await w.watch.look() == 1


# -- disputes ------------------------------------------------------------------------------------------------


async def test_a_damped_line_is_disputed_upheld_and_dismissed_again(w: CaseWorld) -> None:
    await w.thank("asha", "ben", 4)
    await w.thank("ben", "asha", 4)
    before = await w.world.lines("asha")
    assert any(factor["name"] == "mutual" for factor in before[0]["factors"])
    case = await w.dispute("asha", before[0]["act"])
    assert await w.world.lines("asha") == before, "a line stays counted while it is under review"
    await w.decide("olga", case, "upheld")
    cleared = await w.world.lines("asha")
    assert [line["act"] for line in cleared] == [line["act"] for line in before]
    assert all(
        new["milli_points"] > old["milli_points"] for old, new in zip(before, cleared, strict=True)
    )
    assert not [f for line in cleared for f in line["factors"] if f["name"] == "mutual"]
    await w.decide("olga", case, "dismissed")
    assert await w.world.lines("asha") == before


async def test_a_dispute_of_before_a_restore_is_not_about_a_line_that_has_its_name_now(
    w: CaseWorld,
) -> None:
    """A line is named by its position here, which another act has since: the dispute comes back from where its
    giver lives."""
    await w.thank("asha", "ben", 4)
    await w.thank("ben", "asha", 4)
    node, (line, *_) = w.world.node, await w.world.lines("asha")
    name = derived_object_id(START, "a case that was lost")
    lost = CaseOpened(
        case=name,
        region=node.region,
        kind="dispute",
        parties=("asha", "dora"),
        quarter=quarter_of(node.clock()),
        reason="Dora and I write one manual.",
        at=START,
        person="asha",
        line=line["act"],
        content="another-post",
    )
    earlier = ForeignLog(node.region, "pair.de.in", epoch=9 << 32)
    assert await node.handler.apply(earlier.batch(START, ("asha", lost))) == 1
    async with node.reader.snapshot() as snapshot:
        (shown,) = await with_cases(snapshot, "asha", node.region, [line])
        case = await queries.one(snapshot, name, node.region)
        assert case is not None
        assert await queries.disputed(snapshot, case) is None
    assert shown["case"] is None
    upheld = {"case": name, "outcome": "upheld", "reason": "x"}
    assert await w.refused("olga", "case.decide", **upheld) == Code.CONFLICT
    await w.decide("olga", name, "dismissed")
    fresh = await w.dispute("asha", line["act"])
    assert [case.about for case in await w.cases() if case.case == fresh] == [""], "no appeal"


async def test_an_appeal_against_a_ring_lifts_what_passed_between_the_two_alone(
    w: CaseWorld,
) -> None:
    for one, other in (("chen", "asha"), ("asha", "chen")):
        await w.thank(one, other)
    ring = await w.circle()
    before = {who: await w.world.lines(who) for who in ("asha", "ben", "chen")}
    await w.decide("olga", ring.case, "reversed")
    line = (await w.world.lines("ben"))[0]
    appeal = await w.dispute("ben", line["act"])
    decide = {"case": appeal, "outcome": "upheld", "reason": "x"}
    assert await w.refused("olga", "case.decide", **decide) == Code.FORBIDDEN, "it was hers"
    await w.decide("rosa", appeal, "upheld")
    assert {one["status"] for one in await w.world.lines("ben")} == {"counted"}
    assert {one["status"] for one in await w.world.lines("chen")} == {"reversed"}
    by_status = [one["status"] for one in await w.world.lines("asha")]
    assert (by_status.count("counted"), by_status.count("reversed")) == (THANKS, THANKS)
    await w.decide("rosa", appeal, "dismissed")
    assert {one["status"] for one in await w.world.lines("asha")} == {"reversed"}
    await w.decide("olga", ring.case, "dismissed")
    assert {who: await w.world.lines(who) for who in before} == before


async def test_who_decided_first_does_not_undo_an_appeal_by_deciding_again(w: CaseWorld) -> None:
    """Else it were theirs to decide after all."""
    for one, other in (("chen", "asha"), ("asha", "chen")):
        await w.thank(one, other)
    ring = await w.circle()
    await w.world.node.do("olga", "case.hold", case=ring.case, on=True)
    line = (await w.world.lines("ben"))[0]
    appeal = await w.dispute("ben", line["act"])
    await w.decide("rosa", appeal, "upheld")
    await w.world.node.do("olga", "case.hold", case=ring.case, on=True)
    assert {one["status"] for one in await w.world.lines("ben")} == {"counted"}
    for outcome in ("reversed", "dismissed", "reversed"):
        await w.decide("olga", ring.case, outcome)
        assert {one["status"] for one in await w.world.lines("ben")} == {"counted"}
    assert {one["status"] for one in await w.world.lines("chen")} == {"reversed"}
    await w.decide("rosa", appeal, "dismissed")
    assert {one["status"] for one in await w.world.lines("ben")} == {"reversed"}


async def test_one_dispute_and_one_appeal(w: CaseWorld) -> None:
    await w.thank("ben", "asha", 1)
    (line,) = await w.world.lines("asha")
    first = await w.dispute("asha", line["act"])
    again = {"line": line["act"], "reason": "still"}
    assert await w.refused("asha", "dispute.open", **again) == Code.CONFLICT
    nothing = {"case": first, "outcome": "upheld", "reason": "x"}
    assert await w.refused("olga", "case.decide", **nothing) == Code.CONFLICT, "not damped"
    await w.decide("olga", first, "dismissed")
    appeal = await w.dispute("asha", line["act"])
    found = {case.case: case for case in await w.cases()}
    assert found[appeal].about == first
    dismiss = {"case": appeal, "outcome": "dismissed", "reason": "x"}
    assert await w.refused("olga", "case.decide", **dismiss) == Code.FORBIDDEN
    await w.decide("rosa", appeal, "dismissed")
    assert await w.refused("asha", "dispute.open", **again) == Code.CONFLICT


async def test_whose_line_it_is_not_and_what_is_gone_cannot_be_disputed(w: CaseWorld) -> None:
    await w.thank("ben", "asha", 1)
    (line,) = await w.world.lines("asha")
    wish = {"line": line["act"], "reason": "mine"}
    assert await w.refused("chen", "dispute.open", **wish) == Code.NOT_FOUND
    await w.world.node.do("asha", "post.delete", post=line["content"])
    await w.world.scores.catch_up()
    assert await w.refused("asha", "dispute.open", **wish) == Code.CONFLICT


async def test_a_line_under_review_says_so(w: CaseWorld) -> None:
    await w.thank("ben", "asha", 2)
    first, second = await w.world.lines("asha")
    case = await w.dispute("asha", first["act"])
    node = w.world.node
    async with node.reader.snapshot() as snapshot:
        shown = await with_cases(snapshot, "asha", node.region, [first, second])
    assert shown[0]["case"] == {"case": case, "state": "open", "outcome": None}
    assert (shown[0]["status"], shown[0]["status_text"]) == ("counted", "Disputed, under review.")
    assert shown[1] == second | {"case": None}
    await w.decide("olga", case, "dismissed")
    async with node.reader.snapshot() as snapshot:
        (after,) = await with_cases(snapshot, "asha", node.region, [first])
    assert after["case"] == {"case": case, "state": "decided", "outcome": "dismissed"}
    assert after["status_text"] == ""


# -- who is told what ------------------------------------------------------------------------------------------


async def test_both_sides_are_told_and_nobody_learns_who_thanked_them(w: CaseWorld) -> None:
    case = await w.circle()
    seen = own(case, "asha")
    assert (seen.people, seen.parties, seen.yours) == (2, ("asha", "ben"), True)
    assert seen.evidence is not None
    assert [(flow.giver, flow.author) for flow in seen.evidence.flows] == [
        ("asha", "ben"),
        (None, "asha"),
    ]
    every = whole(case, "olga")
    assert every.evidence is not None
    assert [flow.giver for flow in every.evidence.flows] == ["asha", "ben"]
    await w.news.announce()
    assert [person for person, _ in w.told] == ["asha", "ben"]
    await w.decide("olga", case.case, "dismissed")
    w.told.clear()
    await w.news.announce()
    assert {view["decision"]["reason"] for _, view in w.told} == {"We talked to both."}
    assert [view["decision"]["by"] for _, view in w.told] == ["olga", "olga"]


async def test_who_gave_hears_of_a_dispute_and_who_opened_it_does_not_learn_who_gave(
    w: CaseWorld,
) -> None:
    await w.thank("ben", "asha", 1)
    (line,) = await w.world.lines("asha")
    name = await w.dispute("asha", line["act"])
    (case,) = await w.cases()
    assert (case.case, case.parties) == (name, ("asha", "ben"))
    mine, theirs = own(case, "asha"), own(case, "ben")
    assert (mine.parties, mine.line, mine.opened_by) == (("asha",), line["act"], "asha")
    assert (theirs.parties, theirs.line, theirs.opened_by) == (("asha", "ben"), None, None)
    assert mine.evidence is None


async def test_the_region_of_a_party_abroad_is_told_over_the_pair_lane_alone(w: CaseWorld) -> None:
    node = w.world.node
    emil = await w.world.emil()
    post = await node.post("asha", w.world.place)
    await w.world.foreign((emil, helpful(post, w.world.place)))
    (line,) = await w.world.lines("asha")
    before = node.tap.position
    await w.dispute("asha", line["act"])
    records = await node.tap.read(before, 10)
    lanes = [one.id.lane for one in records if isinstance(one.event, CaseOpened)]
    assert lanes == ["local", "pair.de.in"]


async def test_a_case_of_another_region_reaches_its_party_here(w: CaseWorld) -> None:
    await w.world.foreign(
        (
            "",
            CaseOpened(
                case="01hzzzzzzzzzzzzzzzzzzzzzzz",
                region="de",
                kind="ring",
                parties=("asha", "emil"),
                quarter="2026Q1",
                reason="x",
                at=5,
            ),
        )
    )
    async with w.world.node.reader.snapshot() as snapshot:
        (case,) = await queries.about(snapshot, "asha", 10)
    assert (case.region, own(case, "asha").parties) == ("de", ("asha",))
    assert await w.cases() == [], "it is not ours to decide"
    decide = {"case": case.case, "outcome": "dismissed", "reason": "x"}
    assert await w.refused("olga", "case.decide", **decide) == Code.NOT_FOUND
    assert len(await w.world.rows(t.case_parties)) == 2
