"""What an audit finds of what a region published: that it agrees, who is wrong, or why it cannot be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from server.domain.decide import scoring as decide
from server.domain.events import ScoringRootPublished, StandingPublished
from server.scoring.rules import DAY_MS, day_of, shipped
from server.storage.queries import scoring
from tests.support.published import NAMES, Publishing, home, open_publishing


async def lie(w: Publishing, region: str, **changes: object) -> None:
    """The region publishes another standing of somebody than the log gives, and a new root after it."""

    def rule(facts: decide.Facts, context: decide.Context) -> decide.Decided:
        known = facts.standing("bela_de")
        assert known is not None
        event = StandingPublished(
            person="bela_de",
            rev=known.rev + 1,
            day=known.day,
            rules=known.rules,
            standing=known.standing,
            level=known.level,
        )
        draft = decide.Draft("global", "", msgspec.structs.replace(event, **changes), ())
        return decide.Decided([draft], {})

    await w[region].handler.append(rule)
    async with w[region].reader.snapshot() as snapshot:
        root = await scoring.last_root(snapshot, region)
    assert root is not None
    again = ScoringRootPublished(
        region=region,
        day=root.day,
        rules=root.rules,
        quarter=root.quarter,
        cut=root.cut,
        people=root.people,
        root=root.root,
    )
    await w[region].handler.append(partial(decide.publish_root, again))
    await w.regions.everywhere(moving=False)


async def forge_root(w: Publishing) -> int:
    """Germany publishes a root over ledgers that nobody has; its day."""
    async with w["de"].reader.snapshot() as snapshot:
        root = await scoring.last_root(snapshot, "de")
    assert root is not None
    forged = ScoringRootPublished(
        region="de",
        day=root.day,
        rules=root.rules,
        quarter=root.quarter,
        cut=root.cut,
        people=root.people,
        root="0" * 64,
    )
    await w["de"].handler.append(partial(decide.publish_root, forged))
    await w.regions.everywhere(moving=False)
    return root.day


async def test_a_forged_standing_is_found_with_its_person_and_day(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish()
        await lie(w, "de", standing=99_000, level=4)
        for at in NAMES:
            verdict = await w.audit(at, "de")
            assert verdict.outcome == "differs"
            [wrong] = verdict.wrong
            assert (wrong.person, wrong.day) == ("bela_de", day_of(w["de"].clock()))
            assert "99000" in wrong.why
            assert "6250" in wrong.why


async def test_a_standing_by_another_region_is_found(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish()
        await lie(w, "fr")
        [wrong] = (await w.audit("in", "fr")).wrong
        assert (wrong.person, "not by their home" in wrong.why) == ("bela_de", True)


async def test_a_forged_root_is_found_although_nobody_is_shown(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.answer("bela_de", "asha_in")
        await w.publish()
        day = await forge_root(w)
        [wrong] = (await w.audit("fr", "de")).wrong
        assert (wrong.person, wrong.day) == ("", day)


async def test_what_has_not_arrived_is_not_called_wrong(tmp_path: Path) -> None:
    """Germany computed with what India wrote; France has Germany's word but not India's."""
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        reply = await w.answer("bela_de", "asha_fr")
        await w["in"].do("asha_in", "reaction.set", target=reply, reaction="helpful", on=True)
        await w.regions.carry("in", "de")
        assert await w.publishers["de"].publish(w["de"].clock()) == 1
        await w.regions.carry("de", "fr")
        verdict = await w.audit("fr", "de")
        assert (verdict.outcome, "in:global" in verdict.why) == ("not_here_yet", True)
        await w.regions.carry("in", "fr")
        assert (await w.audit("fr", "de")).outcome == "agrees"


async def test_what_arrived_after_the_cut_changes_no_verdict(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        await w.answer("bela_de", "asha_in")
        await w.publish("de")
        await w.answer("bela_de", "asha_fr")
        await w["in"].do("asha_in", "profile.change", name="A", unit="bela", country="DE")
        await w.regions.everywhere(moving=False)
        assert (await w.audit("fr", "de")).outcome == "agrees"


async def erase(w: Publishing, author: str, post: str) -> None:
    await w[home(author)].do(author, "content.erase", scope="post", target=post)
    await w.regions.everywhere(moving=False)


async def helpful(w: Publishing, giver: str, post: str) -> None:
    """A mark that every region hears of."""
    await w[home(giver)].do(giver, "reaction.set", target=post, reaction="helpful", on=True)
    await w.regions.everywhere(moving=False)


async def written(w: Publishing, author: str, parent: str = "", **arguments: str) -> str:
    """A post of its own, or a reply, that every region has."""
    node = w[home(author)]
    if parent:
        post = await node.reply(author, parent)
    else:
        post = await node.post(author, w.place, **arguments)
    await w.regions.everywhere(moving=False)
    return post


async def test_what_was_erased_since_is_not_called_wrong(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        reply = await w.answer("bela_de", "asha_in")
        await w.publish("de")
        assert (tmp_path / "de-public.db").exists()
        await w["de"].do("bela_de", "content.erase", scope="post", target=reply)
        assert not (tmp_path / "de-public.db").exists()
        await w.regions.everywhere(moving=False)
        verdict = await w.audit("fr", "de")
        assert (verdict.outcome, verdict.why[:10]) == ("erased_since", "1 post was")
        assert [(wrong.person, wrong.erased) for wrong in verdict.wrong] == [
            ("bela_de", True),
            ("", True),
        ]
        await w.publish("de")
        assert (await w.audit("fr", "de")).outcome == "agrees"
        told = await w.shown("bela_de", at="fr")
        assert told is not None
        assert told.standing == 0


async def thread_gone(w: Publishing) -> tuple[str, str]:
    """A reply has the topics of its thread."""
    await w.choose("bela_de", profile=True, experts=True)
    await w.answer("bela_de", "asha_fr")
    return "asha_in", w.question


async def praise_gone(w: Publishing) -> tuple[str, str]:
    praise = {"to": "bela_de", "behaviour": "patience"}
    post = await w["in"].post("asha_in", w.place, "thanks", "praise", praise=praise)
    return "asha_in", post


async def earlier_reply_gone(w: Publishing) -> tuple[str, str]:
    """Of two replies that a newcomer found useful the other one is welcomed now."""
    first = await written(w, "bela_in")
    replies = [await written(w, author, first) for author in ("bela_fr", "bela_de")]
    for reply in replies:
        await helpful(w, "bela_in", reply)
    return "bela_fr", replies[0]


async def first_post_gone(w: Publishing) -> tuple[str, str]:
    """And the newcomer's second one is the first."""
    first, second = await written(w, "bela_in"), await written(w, "bela_in")
    await helpful(w, "bela_in", await written(w, "bela_de", second))
    return "bela_in", first


async def given_to_another_gone(w: Publishing) -> tuple[str, str]:
    """Of what one of a circle gave, less was given to anybody else."""
    for _ in range(3):
        await helpful(w, "asha_in", await written(w, "bela_de"))
        await helpful(w, "bela_de", await written(w, "asha_in"))
    post = await written(w, "bela_fr")
    await helpful(w, "asha_in", post)
    return "bela_fr", post


@pytest.mark.parametrize(
    "history",
    [thread_gone, praise_gone, earlier_reply_gone, first_post_gone, given_to_another_gone],
)
async def test_whose_ledger_an_erasure_of_somebody_elses_post_changed_is_not_called_wrong(
    tmp_path: Path, history: Callable[[Publishing], Awaitable[tuple[str, str]]]
) -> None:
    async with open_publishing(tmp_path) as w:
        await w.choose("bela_de", profile=True)
        author, post = await history(w)
        await w.regions.everywhere(moving=False)
        await w.publish("de")
        assert (await w.audit("fr", "de")).outcome == "agrees"
        await erase(w, author, post)
        verdict = await w.audit("fr", "de")
        assert verdict.outcome == "erased_since"
        assert verdict.wrong[0].person == "bela_de"
        w["de"].clock.advance(DAY_MS)
        await w.publish("de")
        assert (await w.audit("fr", "de")).outcome == "agrees"


async def test_a_forged_standing_is_found_whatever_a_stranger_erases(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        for person in ("asha_de", "bela_de"):
            await w.choose(person, profile=True)
        await w.answer("bela_de", "asha_in")
        post = await written(w, "asha_de")
        await helpful(w, "bela_fr", post)
        await w.publish()
        await lie(w, "de", standing=99_000, level=4)
        await erase(w, "asha_de", post)
        for at in NAMES:
            verdict = await w.audit(at, "de")
            assert verdict.outcome == "differs"
            named = {wrong.person: wrong.erased for wrong in verdict.wrong}
            assert named == {"bela_de": False, "asha_de": True, "": True}


async def test_a_forged_root_is_found_although_somebody_abroad_erased(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        await w.answer("bela_de", "asha_in")
        post = await written(w, "bela_fr")
        await w.publish()
        await forge_root(w)
        await erase(w, "bela_fr", post)
        assert (await w.audit("in", "de")).outcome == "differs"


async def test_other_rules_are_not_compared_and_nothing_published_is_said(tmp_path: Path) -> None:
    async with open_publishing(tmp_path) as w:
        assert (await w.audit("fr", "de")).outcome == "nothing"
        other = ScoringRootPublished(
            region="de", day=1, rules="1999-1", quarter="q", cut=(), people=0, root="0" * 64
        )
        await w["de"].handler.append(partial(decide.publish_root, other))
        await w.regions.everywhere(moving=False)
        verdict = await w.audit("fr", "de")
        assert verdict.outcome == "other_rules"
        assert shipped().fingerprint in verdict.why
