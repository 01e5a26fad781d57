"""Who knows, over HTTP: whom a newcomer is pointed to, and what they see of a colleague's record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from server.api.resources.experts import evidence
from server.app.experts import Experts
from server.app.scores import Scores
from server.domain.decide import Decided, Draft
from server.domain.decide.scoring import adopt
from server.domain.events import StandingPublished
from server.domain.scoring_policy import DEFAULT, ScoringPolicy
from server.scoring.rules import DAY_MS, day_of, shipped
from tests.support.node import START
from tests.unit.api.site import Site, open_site


class Knowing:
    """Asha's tea community: she and Bob know about tea, Cleo is new, three more ask."""

    def __init__(self, site: Site) -> None:
        self.site, self.node = site, site.node
        node = site.node
        self.experts = Experts(node.tap, node.handler, node.reader, now=node.clock)
        self.scores = Scores(node.tap, node.handler, node.reader, now=node.clock)
        self.place = ""

    async def settle(self) -> None:
        self.place = await self.node.community("asha", "Tea")
        for person, unit in (("dan", "ops"), ("eva", "law"), ("fin", "law")):
            await self.node.register(person, unit=unit, country="IN")
        await self.node.do("admin", "topic.define", topic="tea", names={"en": "Tea", "de": "Tee"})
        await self.node.do(
            "admin", "topic.define", topic="chai", names={"en": "Chai"}, parent="tea"
        )
        for asker in ("dan", "eva", "fin"):
            question = await self.ask(asker, topics=["chai"])
            right = await self.node.reply("asha", question)
            await self.node.reply("bob", question)
            await self.node.do(asker, "answer.accept", question=question, answer=right)
        for person in ("asha", "bob"):
            await self.choose(person, experts=True)

    async def ask(self, who: str, **more: Any) -> str:
        return await self.node.post(who, self.place, "?", "question", title="How?", **more)

    async def choose(self, person: str, **choice: bool) -> None:
        await self.node.do(person, "scoring.choose", **choice)

    async def policy(self, **changes: Any) -> None:
        await self.node.handler.append(partial(adopt, ScoringPolicy(**asdict(DEFAULT) | changes)))

    async def get(self, path: str, person: str = "cleo", **query: Any) -> Any:
        await self.scores.catch_up()
        await self.experts.catch_up()
        return await self.site.get(path, person, **query)

    async def names(self, **query: Any) -> list[str]:
        found = await self.get("/experts", **{"topic": "tea"} | query)
        return [one["person"] for one in found["experts"]]


@pytest.fixture
async def knowing(tmp_path: Path, database: Path) -> AsyncIterator[Knowing]:
    async with open_site(tmp_path, database) as site:
        found = Knowing(site)
        await found.settle()
        yield found


def test_evidence_is_a_sentence() -> None:
    assert evidence(11, 14, "roaming") == (
        "11 of 14 answers on roaming were accepted or best rated"
    )
    assert evidence(0, 1, "tea") == "0 of 1 answer on tea was accepted or best rated"


async def test_a_newcomer_finds_who_knows_and_why(knowing: Knowing) -> None:
    found = await knowing.get("/experts", topic="tea")
    first, second = found["experts"]
    assert first == {
        "person": "asha",
        "record": {
            "topic": "tea",
            "expert": True,
            "evidence": "3 of 3 answers on Tea were accepted or best rated",
            "answers": 3,
            "good": 3,
            "askers": 3,
            "units": 2,
            "last_at": first["record"]["last_at"],
        },
        "shared_minutes": 480,
        "week_answers": 3,
        "week_calls": 0,
        "busy": False,
    }
    assert second["person"] == "bob"
    assert second["record"]["good"] == 0
    assert set(found["people"]) == {"asha", "bob"}
    assert START < first["record"]["last_at"] <= knowing.node.clock.now


async def test_of_several_topics_each_is_shown_for_the_one_they_know_best(
    knowing: Knowing,
) -> None:
    question = await knowing.ask("dan", topics=["cups"])
    answer = await knowing.node.reply("bob", question)
    await knowing.node.do("dan", "answer.accept", question=question, answer=answer)
    found = await knowing.get("/experts", topic="cups,chai")
    assert [(one["person"], one["record"]["topic"]) for one in found["experts"]] == [
        ("asha", "chai"),
        ("bob", "chai"),
    ], "bob is an expert on chai, if not a good one, and new to cups"
    assert await knowing.names(topic="cups,nothing") == ["bob"]
    assert await knowing.names(topic="CHAI,Cups") == await knowing.names(topic="chai,cups")
    assert await knowing.names(topic="nothing") == []


async def test_a_topic_nobody_answered_on_points_to_who_knows_the_field_around_it(
    knowing: Knowing,
) -> None:
    await knowing.node.do("admin", "topic.define", topic="mint", names={"en": "M"}, parent="chai")
    await knowing.node.do("admin", "topic.define", topic="cold", names={"en": "C"}, parent="mint")
    question = await knowing.ask("dan", topics=["cups"])
    await knowing.node.do("admin", "topic.define", topic="cups", names={"en": "Cups"}, parent="tea")
    await knowing.node.reply("eva", question)
    await knowing.choose("eva", experts=True)
    found = await knowing.get("/experts", topic="cold")
    assert [(one["person"], one["record"]["topic"]) for one in found["experts"]] == [
        ("asha", "chai"),
        ("bob", "chai"),
        ("eva", "tea"),
    ], "each for the nearest topic, the nearest first"
    assert found["experts"][2]["record"]["evidence"].startswith("0 of 1 answer on Tea was")
    assert set(found["people"]) == {"asha", "bob", "eva"}
    found = await knowing.get("/experts", topic="cups")
    assert [(one["person"], one["record"]["topic"]) for one in found["experts"]] == [
        ("eva", "cups"),
        ("asha", "tea"),
        ("bob", "tea"),
    ]
    assert await knowing.names(topic="cups", limit=1) == ["eva"], "enough: nothing else is asked"


async def test_going_up_ends_whoever_made_a_circle_of_the_topics(knowing: Knowing) -> None:
    await knowing.node.do("admin", "topic.define", topic="tea", names={"en": "Tea"}, parent="chai")
    assert await knowing.names(topic="chai") == ["asha", "bob"]


async def test_nobody_is_sent_to_themselves_nor_to_who_opted_out_by_a_topic_above(
    knowing: Knowing,
) -> None:
    await knowing.node.do("admin", "topic.define", topic="mint", names={"en": "M"}, parent="chai")
    await knowing.choose("bob", experts=False)
    found = await knowing.get("/experts", topic="mint")
    assert [one["person"] for one in found["experts"]] == ["asha"]
    assert (await knowing.get("/experts", "asha", topic="mint", ask="true"))["experts"] == []


async def test_a_topic_is_asked_for_in_words_of_its_own(knowing: Knowing) -> None:
    for topic in ("", ",", ",".join(f"t{n}" for n in range(9))):
        answer = await knowing.site.refused("GET", "/experts", "cleo", params={"topic": topic})
        assert answer == (422, "bad_value")


async def test_an_opt_out_holds_at_once(knowing: Knowing) -> None:
    assert await knowing.names() == ["asha", "bob"]
    await knowing.choose("asha", experts=False)
    found = await knowing.site.get("/experts", "cleo", topic="tea")
    assert [one["person"] for one in found["experts"]] == ["bob"], "before any table was folded"
    assert await knowing.names() == ["bob"]


async def test_who_is_about_to_ask_is_sent_to_somebody_with_time(knowing: Knowing) -> None:
    for _ in range(7):
        await knowing.ask("dan", mentions=["asha"])
    assert await knowing.names() == ["asha", "bob"]
    assert await knowing.names(ask="true") == ["bob", "asha"], "three answers and seven calls"
    assert await knowing.names(ask="true", limit=1) == ["bob"]
    found = await knowing.get("/experts", "asha", topic="tea", ask="true")
    assert [one["person"] for one in found["experts"]] == ["bob"], "nobody is sent to themselves"
    knowing.node.clock.advance(8 * DAY_MS)
    assert await knowing.names(ask="true") == ["asha", "bob"]


# ---------------------------------------------------------------- a record


async def test_a_record_is_shown_as_far_as_its_owner_and_the_region_allow(
    knowing: Knowing,
) -> None:
    shown = await knowing.get("/people/asha/record")
    assert [topic["topic"] for topic in shown["topics"]] == ["chai", "tea"]
    assert shown["influence"] is shown["milestones"] is shown["published"] is None
    await knowing.choose("asha", experts=False, milestones=True, profile=True)
    shown = await knowing.get("/people/asha/record")
    assert shown["topics"] is shown["influence"] is None
    assert [one["name"] for one in shown["milestones"]] == ["started", "answer", "accepted"]
    await knowing.policy(scores="opt_in")
    shown = await knowing.get("/people/asha/record")
    assert shown["influence"] == {"breadth": 1, "contents": 3, "people": 3, "countries": ["IN"]}


async def test_ones_own_record_is_always_there(knowing: Knowing) -> None:
    await knowing.choose("asha", experts=False)
    own = await knowing.get("/people/asha/record", "asha")
    assert [topic["topic"] for topic in own["topics"]] == ["chai", "tea"]
    assert own["influence"]["people"] == 3
    assert own["milestones"][0]["name"] == "started"
    await knowing.policy(scores="off")
    own = await knowing.get("/people/asha/record", "asha")
    assert own["topics"] is own["influence"] is own["milestones"] is None


async def test_a_published_standing_fades_for_its_readers(knowing: Knowing) -> None:
    """It is not published again for fading alone, so whoever rests would keep their level for ever."""
    await knowing.policy(scores="public")
    await knowing.choose("asha", profile=True)
    day, rules = day_of(knowing.node.clock()), shipped().versions[-1]
    said = StandingPublished(
        person="asha", rev=1, day=day, rules=shipped().fingerprint, standing=100_000, level=2
    )

    async def shown(event: StandingPublished) -> Any:
        await knowing.node.handler.append(
            lambda _facts, _context: Decided([Draft("global", "", event, ())], {})
        )
        return (await knowing.get("/people/asha/record"))["published"]

    first = await shown(said)
    assert (first["standing"], first["level"], first["day"]) == (100_000, 2, day)
    knowing.node.clock.advance(rules.half_life_days * DAY_MS)
    later = (await knowing.get("/people/asha/record"))["published"]
    assert (later["standing"], later["day"]) == (50_000, day)
    assert later["level"] == rules.level(50_000) < rules.level(100_000)
    other = await shown(msgspec.structs.replace(said, rev=2, rules="another release's"))
    assert (other["standing"], other["level"]) == (100_000, 2), "nobody knows how it fades"


async def test_nobody_has_the_record_of_nobody(knowing: Knowing) -> None:
    answer = await knowing.site.refused("GET", "/people/zoe/record", "cleo")
    assert answer == (404, "not_found")


async def test_medians_are_of_ten_people_who_agreed(knowing: Knowing) -> None:
    names = [f"p{n}" for n in range(10)]
    for name in names:
        await knowing.node.register(name)
    for days, name in enumerate(names):
        await knowing.node.post(name, knowing.place)
        knowing.node.clock.advance(days * DAY_MS)
        await knowing.ask(name)
    for name in names[1:]:
        await knowing.choose(name, milestones=True)
    await knowing.get("/topics")
    knowing.node.clock.advance(DAY_MS)
    assert (await knowing.get("/people/bob/record"))["medians"] == []
    await knowing.choose(names[0], milestones=True)
    knowing.node.clock.advance(DAY_MS)
    medians = (await knowing.get("/people/bob/record"))["medians"]
    assert medians == [{"name": "question", "days": 4, "people": 10}]
