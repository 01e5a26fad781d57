"""What a region publishes, takes back, and what the others find when they compute it again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from server.app.publishing import PAUSE_MS, compute_apart, computed
from server.app.score_acts_file import public_acts
from server.domain.decide import scoring as decide
from server.domain.errors import Code, Refusal
from server.domain.events import StandingPublished
from server.domain.scoring_policy import CAUTIOUS, WHAT
from server.scoring.rules import DAY_MS, day_of
from tests.support.naming import paths_naming
from tests.support.published import NAMES, OPEN, open_publishing


async def test_only_who_chose_it_is_published_and_everybody_can_recompute_it(
    tmp_path: Path,
) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in", "asha_fr")
        await w.answer("asha_de", "asha_in")
        assert await w.publish() == {"de": 1, "fr": 0, "in": 0}
        told = await w.shown("bela_de", at="fr")
        assert told is not None
        assert (told.standing, told.level, told.day) == (12_500, 1, day_of(w["de"].clock()))
        assert await w.shown("asha_de", at="fr") is None
        for at in NAMES:
            for region in NAMES:
                verdict = await w.audit(at, region)
                assert verdict.outcome == "agrees", verdict
        assert (await w.audit("fr", "de"))[3:5] == (2, 1)


async def test_by_topic_only_where_the_list_of_experts_may_show_them(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_fr")
        await w.publish("de")
        told = [await w.shown("bela_de", at="in")]
        await w.choose("bela_de", profile=True, experts=True)
        await w.publish("de")
        told.append(await w.shown("bela_de", at="in"))
        assert (await w.audit("in", "de")).outcome == "agrees"
        await w.choose("bela_de", profile=True, experts=False)
        told.append(await w.shown("bela_de"))
        assert [one.topics if one else None for one in told] == [{}, {"tea": 6_250}, {}]
        await w.publish("de")
        assert (await w.audit("in", "de")).outcome == "agrees"


async def test_nothing_that_stays_at_home_goes_in(tmp_path: Path) -> None:
    """A local community's thanks are in the person's own ledger and nowhere in the public one."""
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        node = w["de"]
        inside = await node.community("asha_de", "Kantine", audience="local")
        post = await node.post("bela_de", inside, "soup")
        await node.do("asha_de", "reaction.set", target=post, reaction="helpful", on=True)
        assert (await w.publish("de")) == {"de": 0}
        assert await w.shown("bela_de") is None
        assert (await w.audit("fr", "de"))[1:4] == ("agrees", day_of(node.clock()), 0)


async def test_every_region_reads_the_same_public_acts(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        reply = await w.answer("bela_de", "asha_in", "asha_fr")
        await w["in"].do("asha_in", "reaction.set", target=reply, reaction="helpful", on=False)
        await w.answer("asha_de", "bela_fr")
        inside = await w["de"].community("asha_de", "Kantine", audience="local")
        await w["de"].post("bela_de", inside, "soup")
        await w.regions.everywhere(moving=False)
        found = [await public_acts(w[region].reader, region) for region in NAMES]
        assert found[0] == found[1] == found[2]
        assert {act["author"] for act in found[0]} >= {"asha_de", "bela_de"}


async def test_said_again_nothing_is_written(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", boards=True)
        await w.answer("bela_de", "asha_in")
        assert (await w.publish("de"))["de"] == 1
        before = w["de"].tap.position
        assert (await w.publish("de"))["de"] == 0
        w.restart("de")
        assert (await w.publish("de"))["de"] == 0
        assert w["de"].tap.position == before


async def test_a_standing_is_not_written_again_for_fading(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish("de")
        first = await w.shown("bela_de")
        w["de"].clock.advance(90 * DAY_MS)
        assert (await w.publish("de"))["de"] == 0
        assert await w.shown("bela_de") == first
        assert (await w.audit("in", "de")).outcome == "agrees"
        await w.answer("bela_de", "asha_fr")
        assert (await w.publish("de"))["de"] == 1
        assert (await w.audit("in", "de")).outcome == "agrees"


async def test_a_late_act_is_published_and_one_taken_back_too(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        reply = await w.answer("bela_de", "asha_in", "asha_fr")
        await w.publish("de")
        await w["in"].do("asha_in", "reaction.set", target=reply, reaction="helpful", on=False)
        await w.regions.everywhere(moving=False)
        assert (await w.publish("de"))["de"] == 1
        told = await w.shown("bela_de", at="in")
        assert told is not None
        assert told.standing == 6_250
        await w["de"].do("bela_de", "post.delete", post=reply)
        assert (await w.publish("de"))["de"] == 1
        told = await w.shown("bela_de", at="in")
        assert told is not None
        assert told.standing == 0
        assert (await w.audit("in", "de")).outcome == "agrees"


# ---------------------------------------------------------------- taken back


@pytest.mark.parametrize("how", ["refuses", "policy", "off", "leaves", "moves"])
async def test_what_is_not_allowed_any_more_is_taken_back_at_once(tmp_path: Path, how: str) -> None:
    """In the commit that narrows it: after one sync no region shows anything."""
    async with open_publishing(tmp_path) as w:
        node = w["de"]
        await node.register("mod_de", "region_admin")
        await w.choose("bela_de", profile=True, boards=True)
        await w.answer("bela_de", "asha_in")
        await w.publish("de")
        assert await w.shown("bela_de", at="fr") is not None
        match how:
            case "refuses":
                await w.choose("bela_de", profile=False, boards=False)
            case "policy":
                await w.policy("de", CAUTIOUS)
            case "off":
                await w.policy("de", msgspec.structs.replace(CAUTIOUS, scores="off"))
            case "leaves":
                await node.do("mod_de", "person.set_status", person="bela_de", active=False)
            case "moves":
                await node.do("mod_de", "person.hand_over", person="bela_de", to="fr")
        assert await w.shown("bela_de") is None
        await w.regions.carry("de", "fr")
        assert await w.shown("bela_de", at="fr") is None
        await w.publish("de")
        assert await w.shown("bela_de", at="in") is None


async def test_nobody_of_a_region_whose_scores_are_off_is_told_of_anywhere(tmp_path: Path) -> None:
    """Whatever they chose, and however much they helped: no event and no table of any node says a figure."""
    async with open_publishing(tmp_path) as w:
        await w.policy("de", msgspec.structs.replace(CAUTIOUS, scores="off"))
        await w.choose("bela_de", **dict.fromkeys(WHAT, True))
        await w.choose("bela_fr", profile=True)
        await w.answer("bela_de", "asha_in", "asha_fr")
        await w.answer("bela_fr", "asha_in")
        await w.publish()
        for at in NAMES:
            events = await w.published_events(at)
            assert paths_naming(events, "bela_fr"), "who is shown is found"
            assert paths_naming(events, "bela_de") == []
            assert await w.shown("bela_de", at=at) is None


def test_where_somebody_is_named() -> None:
    answer = {
        "people": [{"id": "bela"}, {"id": "asha"}],
        "by": {"bela": 3},
        "text": "thanks, bela!",
    }
    assert paths_naming(answer, "bela") == ["people[0].id", "by.bela", "text"]
    assert paths_naming(answer, "asha") == ["people[1].id"]
    assert paths_naming(answer, "dora") == []


async def test_a_sweep_takes_back_what_anything_else_let_stand(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        event = StandingPublished(person="asha_de", rev=1, day=1, rules="x", standing=5)
        draft = decide.Draft("global", "", event, ())
        await w["de"].handler.append(lambda facts, context: decide.Decided([draft], {}))
        assert await w.shown("asha_de") is not None
        await w.publish("de")
        assert await w.shown("asha_de") is None


async def test_who_moved_is_published_by_the_new_home_under_its_policy(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w["de"].register("mod_de", "region_admin")
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish()
        await w["de"].do("mod_de", "person.hand_over", person="bela_de", to="fr")
        await w.regions.everywhere()
        assert await w.regions.homes("bela_de") == {"fr"}
        await w.publish()
        told = await w.shown("bela_de", at="in")
        assert told is not None
        assert (told.origin, told.standing) == ("fr", 6_250)
        for region in NAMES:
            assert (await w.audit("in", region)).outcome == "agrees"


async def test_a_ledger_that_begins_anew_is_published_from_there_on(tmp_path: Path) -> None:
    """And nobody else's changes: what was given to others counts as before."""
    async with open_publishing(tmp_path) as w:
        for person in ("bela_de", "asha_de"):
            await w.choose(person, profile=True)
            await w.answer(person, "asha_in", "asha_fr")
        await w.publish()
        others = await w.shown("asha_de")
        await w["de"].do("bela_de", "scoring.erase_history")
        assert await w.shown("bela_de") is None
        await w.answer("bela_de", "bela_in")
        await w.publish()
        told = await w.shown("bela_de", at="fr")
        assert told is not None
        assert told.standing == 6_250
        assert await w.shown("asha_de") == others
        assert (await w.audit("fr", "de")).outcome == "agrees"


# ---------------------------------------------------------------- when


async def test_a_day_has_one_root_and_a_choice_soon_another(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        publisher, clock = w.publishers["de"], w["de"].clock
        assert await publisher.due() == 0
        await w.publish("de")
        tomorrow = (day_of(clock()) + 1) * DAY_MS
        assert await publisher.due() == tomorrow
        w.restart("de")
        assert await w.publishers["de"].due() == tomorrow
        await w.publish("de")
        at = clock()
        await w.choose("bela_de", profile=True)
        assert await w.publishers["de"].due() == min(tomorrow, at + PAUSE_MS)
        await w.choose("asha_in", profile=True)
        clock.advance(DAY_MS)
        assert await w.publishers["de"].due() <= clock()


async def test_a_restored_region_publishes_nothing_before_it_has_back_what_it_lost(
    tmp_path: Path,
) -> None:
    """That somebody wants nothing shown any more may be in it."""
    async with open_publishing(tmp_path) as w:
        publisher, node = w.publishers["de"], w["de"]
        node.handler.holding = Refusal(Code.RECOVERING, "not yet")
        publisher.ask()
        assert await publisher.due() > node.clock()
        node.handler.holding = None
        assert await publisher.due() <= node.clock()


async def test_where_scores_are_off_nothing_is_computed(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.policy("de", msgspec.structs.replace(OPEN, scores="off", boards="off"))
        assert await w.publish("de") == {"de": 0}
        assert w.computations == 0
        assert (await w.audit("fr", "de")).outcome == "nothing"
        assert await w.publishers["de"].due() > w["de"].clock()


# ---------------------------------------------------------------- the other process


async def test_another_process_computes_the_same(tmp_path: Path) -> None:
    async with open_publishing(tmp_path, "de") as w:
        await w.choose("bela_de", profile=True)
        place = await w["de"].community("asha_de")
        post = await w["de"].post("bela_de", place)
        await w["de"].do("asha_de", "reaction.set", target=post, reaction="helpful", on=True)
        node, day = w["de"], day_of(w["de"].clock())
        here = await computed(node.reader, tmp_path / "here.db", "de", day)
        apart = await compute_apart(node.url, tmp_path / "apart.db", "de", day)
        assert apart == here
        assert [one.person for one in apart.news] == ["bela_de"]


async def test_what_the_other_process_cannot_do_is_a_failure_here(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with 1"):
        await compute_apart("sqlite:///nowhere/tap.db", tmp_path / "x.db", "de", 1)


# ---------------------------------------------------------------- the mirror


async def test_a_mirror_that_followed_is_the_same_as_a_new_one(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish("de")
        await w.answer("bela_de", "asha_fr", "bela_in")
        await w.answer("asha_de", "bela_in")
        await w.publish("de")
        assert (await w.audit("de", "de")).outcome == "agrees"
        assert (await w.audit("in", "de")).people == 2
