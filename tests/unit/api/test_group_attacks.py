"""What an insider learns of one person by asking every route about groups twice: nothing, at k = 10.

A real node. The insider owns a community of the programme, speaks for the region, and asks whatever anybody in it
may ask; then one person, whom nobody may name, leaves, moves, joins, opts out, or takes a community along.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.app.experts import Experts
from server.domain.events import (
    Event,
    PersonRegistered,
    ScoringChoice,
    ScoringChoiceChanged,
    ScoringPolicyChanged,
)
from server.domain.scoring_policy import DEFAULT, WHAT
from server.scoring.bands import BANDS, bands
from server.scoring.milestones import MILESTONES
from server.scoring.periods import SETTLE_DAYS, bounds
from server.scoring.rules import DAY_MS
from tests.support.node import ForeignLog
from tests.unit.api.shown import OPEN, SETTLED, Shown
from tests.unit.api.site import Site, open_site

K = 10
PEOPLE, LEADERS, SILENT = 22, 14, 9
"""At home here; of them who leads; of these who is nominated and did not consent. Cleo is the tenth such one: of one
fewer nothing can be told."""
X = "p05"
"""About whom the insider wants to know: leads, is nominated and compared, and consented to nothing."""
QUARTER_SETTLED = bounds("2026Q1")[1] + SETTLE_DAYS * DAY_MS


class Company(Shown):
    """People who lead, answer and help; asha and bob want to be named, cleo, the best at all, does not."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        node = site.node
        self.experts = Experts(node.tap, node.handler, node.reader, now=node.clock)
        self.places: dict[str, str] = {}
        self.de, self.de_control = ForeignLog("de"), ForeignLog("de", "control")

    async def fill(self) -> None:
        names = await self.crowd(PEOPLE)
        for name in names[:LEADERS]:
            await self.leads(name)
        for n, name in enumerate(names[:SILENT]):
            await self.in_programme(name, names[n + 1 : n + 6])
        for name in names[SILENT:]:
            await self.helped(name, "admin")
        await self.mode("programme")
        await self.helped("asha", *names[:6])
        await self.helped("bob", *names[:5])
        for _ in range(3):
            await self.helped("cleo", *names[:7])
            await self.answers("cleo", topics=["tea"])
            await self.answers("asha", topics=["tea"])
        for name in ("asha", "bob", *names[SILENT:]):
            await self.choose(name, **dict.fromkeys(WHAT, True))
        await self.draw()

    async def choose(self, person: str, **choice: bool) -> None:
        await self.node.do(person, "scoring.choose", **choice)

    async def leads(self, name: str) -> None:
        """Of a community where they answered one question."""
        self.places[name] = await self.node.community(name, f"Place of {name}")
        question = await self.node.post("asha", self.places[name], "?", "question", title="Why?")
        await self.node.reply(name, question)

    async def in_programme(self, name: str, givers: Sequence[str], mode: str = "programme") -> None:
        await self.turn(name, mode)
        post = await self.node.post(name, self.places[name], "?", "question", title="How?")
        for giver in givers:
            await self.node.do(giver, "reaction.set", target=post, reaction="helpful", on=True)

    async def turn(self, name: str, mode: str) -> None:
        community = self.places[name][2:]
        await self.node.do(name, "community.change", community=community, name="It", mode=mode)

    async def answers(self, name: str, **more: Any) -> None:
        question = await self.node.post("bob", self.place, "?", "question", title="How?", **more)
        answer = await self.node.reply(name, question)
        await self.node.do("bob", "answer.accept", question=question, answer=answer)

    async def draw(self) -> None:
        await super().draw()
        await self.experts.catch_up()

    async def on(self, moment: int) -> None:
        self.node.clock.now = moment
        await self.draw()

    async def arrives(self, log: ForeignLog, actor: str, event: Event) -> None:
        self.node.clock.advance(1)
        await self.node.handler.apply(log.batch(self.node.clock(), (actor, event)))

    async def asked(self) -> dict[str, Any]:
        """Route -> what the insider is told."""
        return {path: await ask(self) for path, ask in ASKED.items()}


async def told(company: Company, path: str, reader: str, **query: Any) -> Any:
    found = await company.site.get(path, reader, **query)
    found.pop("cursor", None)
    return found


async def leader(company: Company) -> Any:
    """One's own months are one's own."""
    return (await told(company, "/leader", "p01"))["peers"]


async def export(company: Company) -> str:
    return (await company.site.ask("GET", "/recognition/export?quarter=2026Q1", "admin")).text


async def record(company: Company) -> Any:
    return await told(company, "/people/asha/record", "bob")


async def helped(company: Company) -> Any:
    """The rest is one's ledger, line by line."""
    found = await told(company, "/me/impact", "asha")
    return found["month"], found["trend"]


ASKED: Mapping[str, Callable[[Company], Awaitable[Any]]] = {
    "/me/impact/place": lambda company: told(company, "/me/impact/place", "p01"),
    "/leader": leader,
    "/recognition": lambda company: told(company, "/recognition", "admin", quarter="2026Q1"),
    "/recognition/export": export,
    "/boards/{community}": lambda company: told(company, f"/boards/{company.place[2:]}", "bob"),
    "/experts": lambda company: told(company, "/experts", "bob", topic="tea"),
    "/people/{person}/record": record,
    "/me/impact": helped,
}


@pytest.fixture
async def company(tmp_path: Path, database: Path) -> AsyncIterator[Company]:
    async with open_site(tmp_path, database) as site:
        made = Company(site)
        await made.settle()
        await made.fill()
        yield made


# -- one person changes -------------------------------------------------------------------------------------


async def leaves(company: Company, who: str = X) -> None:
    await company.node.do("admin", "person.set_status", person=who, active=False)


async def moves(company: Company, who: str = X) -> None:
    await company.node.do("admin", "person.hand_over", person=who, to="de")


async def opts_out(company: Company) -> None:
    await company.choose(X, leaders=False, recognition=False, boards=False, experts=False)


async def consents(company: Company) -> None:
    await company.choose("p07", recognition=True)


async def joins(company: Company) -> None:
    """Leads a community of the programme, and is thanked there more than anybody."""
    await company.node.register("zoe", unit="team 9", country="IN")
    await company.leads("zoe")
    await company.in_programme("zoe", ["p00", "p01", "p02", "p03", "p04", "p06"])


async def takes_a_community_out(company: Company) -> None:
    """The region with a community and without it: what lies between is one person."""
    await company.turn(X, "quiet")


async def best_leaves(company: Company) -> None:
    """Whoever had more than those named makes no room for anybody."""
    await leaves(company, "cleo")


async def best_moves(company: Company) -> None:
    await moves(company, "cleo")


CHANGE = pytest.mark.parametrize(
    "change",
    [leaves, moves, opts_out, joins, takes_a_community_out, best_leaves, best_moves],
    ids=lambda change: change.__name__,
)


async def differences(company: Company, change: Callable[[Company], Awaitable[None]]) -> list[str]:
    """Routes that tell something else at once, or once all is drawn again the day after."""
    before = await company.asked()
    await change(company)
    at_once = await company.asked()
    await company.on(company.node.clock.now + DAY_MS)
    later = await company.asked()
    return [path for path in before if not before[path] == at_once[path] == later[path]]


@CHANGE
async def test_what_is_settled_tells_nothing_of_who_changed(
    company: Company, change: Callable[[Company], Awaitable[None]]
) -> None:
    """January of leaders and bands first, and then the quarter of nominees."""
    await company.on(SETTLED)
    place = await told(company, "/me/impact/place", "p01")
    assert (place["shown"], place["people"]) == (True, 25)
    assert [one["people"] for one in await leader(company)][-1] == K, "there is something to tell"
    await company.on(QUARTER_SETTLED)
    found = await told(company, "/recognition", "admin", quarter="2026Q1")
    assert (found["provisional"], found["unnamed"]) == (False, K)
    assert await differences(company, change) == []


@CHANGE
async def test_what_is_running_tells_nothing_of_who_changed(
    company: Company, change: Callable[[Company], Awaitable[None]]
) -> None:
    await company.draw()
    found = await told(company, "/recognition", "admin")
    assert {one["person"] for one in found["nominees"]} >= {"asha"}
    assert [one["person"] for one in (await ASKED["/boards/{community}"](company))["people"]]
    assert [one["person"] for one in (await ASKED["/experts"](company))["experts"]] == ["asha"]
    assert (found["provisional"], found["unnamed"]) == (True, None)
    assert not (await ASKED["/me/impact/place"](company))["shown"]
    assert await differences(company, change) == []


async def test_the_unnamed_are_counted_once(company: Company) -> None:
    """Whoever of them goes, consents or is gone: not told of in the number of a quarter that was seen."""
    await company.on(QUARTER_SETTLED)
    for change in (leaves, partial(moves, who="p06"), consents):
        await change(company)
        await company.on(company.node.clock.now + DAY_MS)
        found = await told(company, "/recognition", "admin", quarter="2026Q1")
        assert found["unnamed"] == K
        assert f"2026Q1,unnamed,{K}" in await export(company)


async def test_a_number_about_fewer_is_not_published(company: Company) -> None:
    await leaves(company)
    await company.on(QUARTER_SETTLED)
    assert (await told(company, "/recognition", "admin", quarter="2026Q1"))["unnamed"] is None
    assert "fewer than can be told" in await export(company)


@given(st.lists(st.integers(0, 90), max_size=300), st.integers(K, 30))
def test_between_any_two_bands_lie_enough_people(standings: list[int], k: int) -> None:
    """Bands lie inside each other and inside the region: whatever is left of one without another holds ``k``."""
    found = bands(standings, k)
    if found is None:
        return
    people = sum(standing > 0 for standing in standings)
    seats = [0, *[people // BANDS[name] for name in BANDS if name in found.floors], people]
    assert all(more - less >= k for less, more in pairwise(seats))


# -- how often others came back, helped, used something --------------------------------------------------------


async def test_who_came_back_is_told_from_what_everybody_may_read(company: Company) -> None:
    """A leader who replied to one person learns nothing of what that one writes elsewhere."""
    node = company.node
    await node.register("lena", unit="team 1", country="IN")
    await node.register("nick", unit="team 2", country="IN")
    place = await node.community("lena", "Lena's")
    question = await node.post("nick", company.place, "?", "question", title="Why?")
    await node.reply("lena", question)

    async def returned() -> int:
        await company.on(node.clock.now + DAY_MS)
        found = await told(company, "/leader", "lena")
        assert found["months"][-1]["heard"] == 1
        return int(found["months"][-1]["returned"])

    chat = await node.do("nick", "conversation.start", members=["bob"])
    await node.post("nick", "d:" + chat["conversation"], "hi", "message")
    for visibility, audience in (("private", "global"), ("open", "local")):
        own = await node.community("nick", "Own", visibility=visibility, audience=audience)
        await node.post("nick", own, "hush")
    assert await returned() == 0
    await node.post("nick", place, "I am back")
    assert await returned() == 1


async def test_influence_is_told_from_what_everybody_may_read(company: Company) -> None:
    """A mark that names nobody changes no count of people, contents or countries that others see."""
    node, country = company.node, "FI"
    before = (await record(company))["influence"]
    assert before is not None
    await node.register("aino", unit="north", country=country)
    post = await node.post("asha", company.place, "so", "article", title="How")
    await node.do("aino", "reaction.set", target=post, reaction="solved", on=True)
    own = await node.community("aino", "Own", visibility="private")
    await node.do("aino", "community.set_role", community=own[2:], person="asha", role="member")
    await node.do("asha", "membership.set", community=own[2:], joined=True)
    question = await node.post("aino", own, "?", "question", title="Why?")
    answer = await node.reply("asha", question)
    await node.do("aino", "answer.accept", question=question, answer=answer)
    await company.draw()
    assert (await record(company))["influence"] == before
    oneself = (await told(company, "/people/asha/record", "asha"))["influence"]
    assert country in oneself["countries"], "there was something to tell"
    question = await node.post("aino", company.place, "?", "question", title="Why?")
    answer = await node.reply("asha", question)
    await node.do("aino", "answer.accept", question=question, answer=answer)
    await company.draw()
    assert country in (await record(company))["influence"]["countries"]


async def test_one_is_not_told_by_moving_who_found_something_helpful(company: Company) -> None:
    """Whose country changes in everybody's sight leaves no trace in the figures of whom they thanked."""
    before = await helped(company)
    assert before[0]["countries"] == 1
    await company.node.do("p01", "profile.change", name="P01", unit="team 1", country="FI")
    await company.draw()
    assert await helped(company) == before


# -- medians of first steps ------------------------------------------------------------------------------------


async def test_medians_follow_from_what_is_shown_alone(company: Company) -> None:
    """Whoever reads each colleague's dates has the medians; so they tell nothing more, of who left neither."""
    question = await company.node.post("bob", company.place, "?", "question", title="When?")
    for n in range(SILENT, PEOPLE):
        await company.node.reply(f"p{n:02}", question)
        company.node.clock.advance(DAY_MS)
    await leaves(company, "p21")
    await company.on(company.node.clock.now + DAY_MS)
    gone = await told(company, "/people/p21/record", "bob")
    assert gone["milestones"] is gone["topics"] is gone["influence"] is None
    shown, page = [], None
    for person in (await told(company, "/people", "bob", limit=100))["people"]:
        page = await told(company, f"/people/{person['id']}/record", "admin")
        if page["milestones"] is not None:
            shown.append({one["name"]: one["at"] for one in page["milestones"]})
    assert page is not None
    found = []
    for name in MILESTONES:
        days = sorted((path[name] - path["started"]) // DAY_MS for path in shown if name in path)
        if len(days) >= K:
            found.append({"name": name, "days": days[(len(days) - 1) // 2], "people": len(days)})
    assert found == [
        {"name": "question", "days": 0, "people": 14},
        {"name": "answer", "days": 5, "people": 13},
    ], "twelve, asha and, who never answered, bob"
    assert sorted(page["medians"], key=lambda one: one["name"]) == sorted(
        found, key=lambda one: one["name"]
    )


async def test_medians_keep_to_the_strictest_least_number(company: Company) -> None:
    """Of the regions whose people agreed: first their own, then one with a stricter policy."""

    async def people() -> list[int]:
        await company.on(company.node.clock.now + DAY_MS)
        return [one["people"] for one in (await record(company))["medians"]]

    assert await people() == [15], "asha, bob, and thirteen"
    for person in ("asha", "bob", "p21"):
        await company.choose(person, milestones=False)
    await company.policy(msgspec.structs.replace(OPEN, k=12))
    assert await people() == [12]
    await company.choose("p20", milestones=False)
    assert await people() == []
    await company.policy(OPEN)
    assert await people() == [11]
    strict = ScoringPolicyChanged(region="de", rev=1, policy=msgspec.structs.replace(DEFAULT, k=12))
    await company.arrives(company.de_control, "", strict)
    emil = PersonRegistered(person="emil", home="de", name="Emil", unit="tea", country="DE")
    await company.arrives(company.de, "emil", emil)
    assert await people() == [11], "nobody of that region agreed"
    agreed = ScoringChoiceChanged(person="emil", rev=1, choice=ScoringChoice(milestones=True))
    await company.arrives(company.de, "emil", agreed)
    assert await people() == []
