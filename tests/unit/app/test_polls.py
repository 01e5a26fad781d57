"""Polls that end: three regions, one of them away, every order of arrival, a crash at every step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.app.polls import RETRY_MS, Polls
from server.domain import limits
from server.domain.cut import ends_of, outcome
from server.domain.decide import Context, Decided, Draft
from server.domain.decide.closing import advance, keep_ballots
from server.domain.errors import Code, Refusal
from server.domain.events import (
    NAMES,
    BallotCast,
    PersonHandedOver,
    PersonTakenOver,
    PollChecked,
    PollClosed,
    PollRegionClosed,
    PollTallied,
)
from server.domain.facts import Facts
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch, SignedHead, decode_header
from server.storage import event_log
from server.storage.poll_facts import secret_ballots
from server.storage.queries.polls import poll_values
from server.storage.queries.shapes import PollResult, PollValue
from tests.support.federated import Federation, open_federation, polls_of
from tests.support.node import Clock, TestNode, open_test_node

HOUR = 3_600_000
REGIONS = ("br", "de", "in")


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with open_federation(tmp_path, *REGIONS) as federation:
        yield federation


async def founded(fed: Federation, people: int = 6) -> str:
    """A global community of ``in``, and people ``in0``, ``in1`` ... in every region."""
    for region, node in fed.nodes.items():
        for n in range(people):
            await node.register(f"{region}{n}")
    tea = await fed["in"].community("in0", "Tea")
    await fed.settle()
    return tea


async def ask(fed: Federation, tea: str, method: str = "single", **more: Any) -> str:
    """A poll of in0 that ends in an hour."""
    spec = {"method": method, "choices": ["green", "black", "white"], **more}
    spec.setdefault("closes_at", fed["in"].clock.now + HOUR)
    poll = await fed["in"].post("in0", tea, "?", "poll", poll=spec)
    await fed.settle()
    return poll


async def vote(fed: Federation, poll: str, person: str, *choices: int, at: str = "") -> None:
    await fed[at or person[:2]].do(person, "ballot.cast", poll=poll, choices=choices)


async def value(node: TestNode, poll: str) -> PollValue:
    async with node.reader.snapshot() as snapshot:
        return (await poll_values(snapshot, [poll]))[poll]


async def values(fed: Federation, poll: str) -> dict[str, PollValue]:
    return {region: await value(node, poll) for region, node in fed.nodes.items()}


async def result(fed: Federation, poll: str) -> PollResult:
    """The same on every node, and checked by all."""
    [found] = {str(shown): shown for shown in (await values(fed, poll)).values()}.values()
    assert found.closed
    assert found.result is not None
    assert found.result.agreed == tuple(sorted(fed.nodes))
    assert found.result.differing == ()
    return found.result


async def said(node: TestNode, poll: str, *kinds: type) -> list[Any]:
    records = await node.tap.read(0, 10_000)
    events = [record.event for record in records]
    return [e for e in events if isinstance(e, kinds) and getattr(e, "poll", "") == poll]


# -- open polls -----------------------------------------------------------------------------------------


async def test_an_open_poll_closes_at_its_time_everywhere_with_one_result(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed))
    for person, choice in {"in0": 0, "in1": 1, "de0": 1, "de1": 1, "br0": 2}.items():
        await vote(fed, poll, person, choice)
    await vote(fed, poll, "in0", 1)
    await fed["in"].do("in1", "ballot.cast", poll=poll, withdrawn=True)
    await fed.settle()
    assert not (await value(fed["de"], poll)).closed
    fed.advance(HOUR)
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order, found.regions, found.quorum, found.late) == (
        ((1,), (2,), (0,)),
        3,
        True,
        (),
    )
    shown = await value(fed["br"], poll)
    assert (shown.voters, shown.counts) == (4, (0, 3, 1))


async def test_ballots_before_a_hole_in_their_lane_are_waited_for(fed: Federation) -> None:
    """The last one is here, and so is where they end: that says nothing about those before (19.4)."""
    poll = await ask(fed, await founded(fed))
    fed.away.add("br")
    for person, choice in {"br0": 0, "br1": 0, "br2": 1}.items():
        await vote(fed, poll, person, choice)
    fed.advance(HOUR)
    await fed.settle()
    for region in ("in", "de"):
        await early(fed["br"], fed[region], BallotCast)
    await fed.settle()
    for region in ("in", "de"):
        ends = {one.region: one.ballots for one in await said(fed[region], poll, PollRegionClosed)}
        assert ends["br"] == 3
    assert not (await value(fed["in"], poll)).closed
    fed.away.clear()
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order[0], found.late) == ((0,), ())
    assert (await value(fed["de"], poll)).counts == (2, 1, 0)


async def test_of_a_late_region_only_ballots_before_a_hole_are_under_the_cut(
    fed: Federation,
) -> None:
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "br0", 0)
    await fed.settle()
    fed.away.add("br")
    await vote(fed, poll, "br1", 2)
    await vote(fed, poll, "br2", 2)
    fed.advance(HOUR)
    await early(fed["br"], fed["in"], BallotCast)
    await fed.settle()
    fed.advance(limits.POLL_GRACE_SECONDS * 1000)
    await fed.settle()
    shown = await value(fed["in"], poll)
    assert (shown.closed, shown.counts) == (True, (1, 0, 0))
    fed.away.clear()
    await fed.settle()
    assert (await result(fed, poll)).late == ("br",)


async def early(origin: TestNode, to: TestNode, kind: type) -> None:
    """The last event of a kind in the origin's global lane and all that follow it, and nothing before."""
    key = LaneKey(origin.region, origin.handler.epoch, "global")
    async with origin.reader.snapshot() as snapshot:
        every = await event_log.lane_page(snapshot, key, 0)
    name = NAMES[kind]
    kinds = [decode_header(event.header).type == name for event in every]
    first = max(n for n, is_one in enumerate(kinds) if is_one)
    head = SignedHead(*key, len(every), every[-1].hash, "test", b"")
    batch = LaneBatch(key, first, every[first - 1].hash, tuple(every[first:]), head, early=True)
    assert await to.handler.apply(batch) == to.handler.lane_tip(key) < first


async def test_who_is_away_is_waited_for_and_then_counted(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "de0", 1)
    await fed.settle()
    fed.away.add("br")
    await vote(fed, poll, "br0", 0)
    await vote(fed, poll, "br1", 0)
    fed.advance(HOUR)
    await fed.settle()
    shown = await value(fed["de"], poll)
    assert (shown.closed, shown.closing, shown.waiting) == (False, True, ("br",))
    alone = await value(fed["br"], poll)
    assert (alone.closed, alone.waiting) == (False, ())
    fed.away.clear()
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order[0], found.late) == ((0,), ())
    assert (await value(fed["in"], poll)).waiting == ()


async def test_after_the_grace_time_what_came_counts_and_who_is_late_is_named(
    fed: Federation,
) -> None:
    """A ballot that was changed while its region was cut off counts as it was under the cut."""
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "de0", 1)
    await vote(fed, poll, "br0", 0)
    await vote(fed, poll, "br1", 0)
    await fed.settle()
    fed.away.add("br")
    await vote(fed, poll, "br0", 2)
    await vote(fed, poll, "br2", 2)
    fed.advance(HOUR)
    await fed.settle()
    fed.advance(limits.POLL_GRACE_SECONDS * 1000 - 1)
    await fed.settle()
    assert not (await value(fed["in"], poll)).closed
    fed.advance(1)
    await fed.settle()
    shown = await value(fed["in"], poll)
    assert shown.result is not None
    assert (shown.counts, shown.result.late) == ((2, 1, 0), ("br",))
    assert shown.result.agreed == ("de", "in")
    fed.away.clear()
    await fed.settle()
    assert (await result(fed, poll)).late == ("br",), "also br counts the same, once it is back"
    assert (await value(fed["br"], poll)).counts == (2, 1, 0)


async def test_a_ballot_after_the_end_is_refused_also_when_the_clock_goes_back(
    fed: Federation,
) -> None:
    poll = await ask(fed, await founded(fed))
    fed.advance(HOUR)
    await fed.settle()
    fed.advance(-2 * HOUR)
    for region in REGIONS:
        wish = {"poll": poll, "choices": [0]}
        refused = await fed[region].try_do(f"{region}0", "ballot.cast", **wish)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.field) == ("closed", "poll")


async def test_the_author_ends_a_poll_early_and_nobody_else(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed), closes_at=None)
    await vote(fed, poll, "br0", 2)
    refused = await fed["in"].try_do("in1", "poll.close", poll=poll)
    assert isinstance(refused, Refusal)
    assert refused.code == "forbidden"
    await fed["in"].do("in0", "poll.close", poll=poll)
    assert (await value(fed["in"], poll)).closing
    refused = await fed["in"].try_do("in1", "ballot.cast", poll=poll, choices=[0])
    assert isinstance(refused, Refusal)
    assert refused.code == "closed"
    await fed.settle()
    assert (await result(fed, poll)).order[0] == (2,)
    position = fed["in"].tap.position
    await fed["in"].do("in0", "poll.close", poll=poll)
    assert fed["in"].tap.position == position, "closed already: nothing to do"


async def test_clocks_an_hour_apart_change_nothing_but_who_stops_first(tmp_path: Path) -> None:
    """br is an hour ahead and de an hour behind: br stops early, de at the word of the poll's home."""
    clocks = {"br": Clock(), "de": Clock()}
    clocks["br"].advance(HOUR)
    clocks["de"].advance(-HOUR)
    async with open_federation(tmp_path, *REGIONS, clocks=clocks) as fed:
        poll = await ask(fed, await founded(fed), closes_at=fed["in"].clock.now + 2 * HOUR)
        await vote(fed, poll, "br0", 0)
        fed.advance(HOUR + 60_000)
        await vote(fed, poll, "de0", 1)
        await fed.settle()
        shown = await value(fed["in"], poll)
        assert not shown.closing, "br's clock ends nothing elsewhere"
        refused = await fed["br"].try_do("br1", "ballot.cast", poll=poll, choices=[0])
        assert isinstance(refused, Refusal)
        await vote(fed, poll, "de1", 1)
        fed.advance(HOUR)
        await fed.settle()
        found = await result(fed, poll)
        assert (found.order[0], found.late, found.regions) == ((1,), (), 2)


@pytest.mark.parametrize("count", ["schulze", "instant_runoff"])
async def test_ranked_polls(fed: Federation, count: str) -> None:
    """Black beats each of the others, but fewest put it first."""
    poll = await ask(fed, await founded(fed, 5), "ranked", count=count)
    orders = {"br": (0, 1, 2), "de": (2, 1, 0), "in": (1, 0, 2)}
    for region, order in orders.items():
        for n in range(4 if region != "in" else 3):
            await vote(fed, poll, f"{region}{n}", *order)
    assert (await value(fed["in"], poll)).counts == (0, 3, 0)
    await fed.settle()
    assert (await value(fed["in"], poll)).counts == (4, 3, 4), "live: first preferences"
    fed.advance(HOUR)
    await fed.settle()
    found = await result(fed, poll)
    if count == "schulze":
        assert found.order == ((1,), (0,), (2,))
        assert found.pairs == (0, 4, 7, 7, 0, 7, 4, 4, 0)
    else:
        assert found.order == ((0,), (2,), (1,))
        assert found.pairs == ()


async def test_quorum_by_heads_and_by_regions(fed: Federation) -> None:
    tea = await founded(fed)
    met = await ask(fed, tea, quorum_people=3, quorum_regions=2)
    heads = await ask(fed, tea, quorum_people=4)
    regions = await ask(fed, tea, quorum_regions=3)
    for poll in (met, heads, regions):
        for person in ("in0", "in1", "de0"):
            await vote(fed, poll, person, 0)
    fed.advance(2 * HOUR)
    await fed.settle()
    assert [(await result(fed, poll)).quorum for poll in (met, heads, regions)] == [
        True,
        False,
        False,
    ]


async def test_a_poll_for_a_group_or_one_region_waits_for_nobody_else(tmp_path: Path) -> None:
    async with open_federation(tmp_path, *REGIONS, groups={"eu": ("de", "in")}) as fed:
        await founded(fed)
        group = await fed["in"].community("in0", "Two", audience="group.eu")
        local = await fed["in"].community("in0", "One", audience="local")
        await fed.settle()
        fed.away.add("br")
        polls = [await ask(fed, place) for place in (group, local)]
        for poll in polls:
            await vote(fed, poll, "in1", 0)
        fed.advance(HOUR)
        await fed.settle()
        first, second = [await value(fed["in"], poll) for poll in polls]
        assert first.result is not None
        assert second.result is not None
        assert (first.result.agreed, second.result.agreed) == (("de", "in"), ("in",))
        fed.away.clear()
        await fed.settle()
        assert await said(fed["br"], polls[0], PollClosed, PollRegionClosed) == []


async def test_a_private_poll_waits_for_the_regions_of_its_members(fed: Federation) -> None:
    await founded(fed)
    vault = await fed["in"].community("in0", "Vault", visibility="private")
    await fed["in"].do(
        "in0", "community.set_role", community=vault[2:], person="de0", role="member"
    )
    await fed.settle()
    poll = await ask(fed, vault)
    fed.away.add("br")
    await vote(fed, poll, "de0", 1)
    fed.advance(HOUR)
    await fed.settle()
    shown = await value(fed["in"], poll)
    assert (shown.closed, shown.counts) == (True, (0, 1, 0))


@pytest.mark.parametrize("secret", [False, True])
async def test_who_may_not_read_a_poll_any_more_has_voted_all_the_same(
    fed: Federation, secret: bool
) -> None:
    """Let out again, or never let in before the community became private: their region is waited for."""
    await founded(fed)
    vault = await fed["in"].community("in0", "Vault")
    role = {"community": vault[2:], "person": "de0"}
    await fed["in"].do("in0", "community.set_role", **role, role="member")
    await fed.settle()
    poll = await ask(fed, vault, secret=secret)
    for n in range(5):
        await vote(fed, poll, f"in{n}", 0)
    fed.away |= {"br", "de"}
    await vote(fed, poll, "br0", 1)
    await vote(fed, poll, "de0", 1)
    await fed["in"].do("in0", "community.set_role", **role, role="none")
    await fed["in"].do(
        "in0", "community.change", community=vault[2:], name="Vault", visibility="private"
    )
    fed.advance(HOUR)
    await fed.settle()
    assert not (await value(fed["in"], poll)).closed
    fed.away.clear()
    await fed.settle()
    found = await result(fed, poll)
    shown = await value(fed["in"], poll)
    assert (found.late, shown.voters, shown.counts) == ((), 7, (5, 2, 0))


# -- secret polls ----------------------------------------------------------------------------------------


async def test_a_secret_poll_shows_nothing_before_its_end_and_sums_after_it(
    fed: Federation,
) -> None:
    poll = await ask(fed, await founded(fed), secret=True)
    for n in range(6):
        await vote(fed, poll, f"in{n}", 0)
        await vote(fed, poll, f"de{n}", 1)
    for n in range(2):
        await vote(fed, poll, f"br{n}", 1)
    await fed.settle()
    assert {shown.counts for shown in (await values(fed, poll)).values()} == {None}
    fed.advance(HOUR)
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order, found.regions) == (((1,), (0,), (2,)), 3)
    shown = await value(fed["br"], poll)
    assert (shown.voters, shown.counts) == (14, (6, 8, 0))
    [outcome] = await said(fed["in"], poll, PollClosed)
    parts = [(part.regions, part.voters, part.counts) for part in outcome.parts]
    assert parts == [(("br", "de"), 8, (0, 8, 0)), (("in",), 6, (6, 0, 0))]
    assert outcome.cut == ()


async def test_i11_nothing_that_leaves_a_region_tells_who_voted_what(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed), "ranked", secret=True)
    for n in range(6):
        await vote(fed, poll, f"in{n}", 0, 1, 2)
    await vote(fed, poll, "br0", 2, 0)
    await vote(fed, poll, "de0", 1, 0)
    fed.advance(HOUR)
    await fed.settle()
    assert (await result(fed, poll)).order == ((0,), (1,), (2,))
    for node in fed.nodes.values():
        for record in await node.tap.read(0, 10_000):
            assert record.type != "ballot.cast" or record.id.region == node.region
    tallied = {
        region: {event.region for event in await said(node, poll, PollTallied)}
        for region, node in fed.nodes.items()
    }
    assert tallied == {"in": {"br", "de", "in"}, "br": {"br"}, "de": {"de"}}, "the home's alone"
    closings = await said(fed["in"], poll, PollRegionClosed)
    assert {(event.ballots, event.ends) for event in closings} == {(0, ())}


async def test_fewer_secret_voters_than_may_be_shown_are_not_shown(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed), secret=True, quorum_people=5)
    for person in ("in0", "de0", "br0", "br1"):
        await vote(fed, poll, person, 1)
    fed.advance(HOUR)
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order, found.regions, found.quorum) == ((), 3, False)
    shown = await value(fed["de"], poll)
    assert (shown.voters, shown.counts) == (4, None)


async def test_a_secret_poll_without_a_region_that_stays_away(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed), secret=True)
    fed.away.add("br")
    for n in range(5):
        await vote(fed, poll, f"in{n}", 0)
        await vote(fed, poll, f"br{n}", 2)
    fed.advance(HOUR)
    await fed.settle()
    assert (await value(fed["de"], poll)).waiting == ("br",)
    fed.advance(limits.POLL_GRACE_SECONDS * 1000)
    await fed.settle()
    fed.away.clear()
    await fed.settle()
    found = await result(fed, poll)
    assert (found.order[0], found.late, found.regions) == ((0,), ("br",), 1)


# -- voters who move -------------------------------------------------------------------------------------


async def move(fed: Federation, person: str, old: str, new: str) -> None:
    """Handover with the ballots that are kept, and takeover once it has arrived."""

    def hand_over(facts: Facts, context: Context) -> Decided:
        kept = keep_ballots(person, new, facts, context)
        event = PersonHandedOver(person=person, to=new, rev=1)
        return Decided([*kept, Draft("global", "", event, ())], {})

    def take_over(_facts: Facts, _context: Context) -> Decided:
        event = PersonTakenOver(person=person, previous=old, rev=2)
        return Decided([Draft("global", "", event, ())], {})

    await fed[old].handler.append(hand_over)
    await fed.settle()
    await fed[new].handler.append(take_over)
    await fed.settle()


async def test_one_vote_per_person_over_moves(fed: Federation) -> None:
    tea = await founded(fed)
    open_, secret, fresh = [
        await ask(fed, tea, secret=is_secret) for is_secret in (False, True, True)
    ]
    for poll in (open_, secret):
        for n in range(5):
            await vote(fed, poll, f"de{n}", 0)
    for n in range(1, 5):
        await vote(fed, fresh, f"de{n}", 0)
    await move(fed, "de0", "de", "br")
    await vote(fed, open_, "de0", 1, at="br")
    refused = await fed["br"].try_do("de0", "ballot.cast", poll=secret, choices=[1])
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == ("conflict", "poll")
    await vote(fed, fresh, "de0", 1, at="br")
    for record in await fed["in"].tap.read(0, 10_000):
        assert record.type != "ballot.kept", "a third region learns nothing of it"
    fed.advance(HOUR)
    await fed.settle()
    assert (await result(fed, open_)).regions == 2
    counts = {}
    for name, poll in (("open", open_), ("secret", secret), ("fresh", fresh)):
        await result(fed, poll)
        shown = await value(fed["in"], poll)
        counts[name] = (shown.voters, shown.counts)
    assert counts == {"open": (5, (4, 1, 0)), "secret": (5, (5, 0, 0)), "fresh": (5, (4, 1, 0))}


async def test_a_kept_ballot_is_kept_over_a_second_move(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed), secret=True)
    await vote(fed, poll, "de0", 0)
    await move(fed, "de0", "de", "br")
    [(kept, _)] = await fed["br"].handler.run(lambda tx: secret_ballots(tx, "de0"))
    assert kept == poll


async def test_a_restored_region_says_nothing_before_it_has_back_what_it_lost(
    fed: Federation,
) -> None:
    """Peers may hold ballots of its own that its backup does not."""
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "de0", 1)
    fed["de"].handler.holding = Refusal(Code.RECOVERING, "not yet")
    fed.advance(HOUR)
    await fed.settle()
    assert await said(fed["de"], poll, PollRegionClosed)
    assert "de" not in {one.region for one in await said(fed["de"], poll, PollRegionClosed)}
    assert not (await value(fed["in"], poll)).closed
    fed["de"].handler.holding = None
    await fed.settle()
    assert (await result(fed, poll)).late == ()


async def test_a_kept_ballot_counts_where_nobody_lives_any_more(fed: Federation) -> None:
    """The poll's home waits for the region all the same, however late its word comes. Found by the simulation."""
    for region, count in (("in", 5), ("br", 1), ("de", 1)):
        for n in range(count):
            await fed[region].register(f"{region}{n}")
    tea = await fed["in"].community("in0", "Tea")
    await fed.settle()
    poll = await ask(fed, tea, secret=True)
    for n in range(5):
        await vote(fed, poll, f"in{n}", 1)
    await vote(fed, poll, "de0", 0)
    await move(fed, "de0", "de", "br")
    fed.away.add("de")
    fed.advance(HOUR)
    await fed.settle()
    assert not (await value(fed["in"], poll)).closed
    fed.away.clear()
    await fed.settle()
    assert (await result(fed, poll)).late == ()
    assert (await value(fed["br"], poll)).counts == (1, 5, 0)


@pytest.mark.parametrize("secret", [False, True])
async def test_a_region_somebody_moved_to_while_the_poll_ended_is_waited_for(
    tmp_path: Path, secret: bool
) -> None:
    """Nobody ever lived in br, and the poll's home stops before it hears that somebody does."""
    clocks = {"br": Clock(), "de": Clock()}
    for clock in clocks.values():
        clock.advance(-HOUR)
    async with open_federation(tmp_path, *REGIONS, clocks=clocks) as fed:
        for region, people in (("in", 5), ("de", 2)):
            for n in range(people):
                await fed[region].register(f"{region}{n}")
        tea = await fed["in"].community("in0", "Tea")
        await fed.settle()
        poll = await ask(fed, tea, secret=secret)
        for n in range(5):
            await vote(fed, poll, f"in{n}", 0)
        await fed.settle()
        fed.away = {"in"}
        await move(fed, "de0", "de", "br")
        await vote(fed, poll, "de0", 1, at="br")
        fed.advance(HOUR)
        await fed.settle()
        [home] = await said(fed["in"], poll, PollRegionClosed)
        assert home.waits_for == ("de", "in")
        fed.away = {"br"}
        await fed.settle()
        assert not (await value(fed["in"], poll)).closed
        fed.away.clear()
        await fed.settle()
        assert (await result(fed, poll)).late == ()
        assert (await value(fed["de"], poll)).counts == (5, 1, 0)


# -- what may go wrong -----------------------------------------------------------------------------------


async def test_a_result_that_leaves_out_a_region_is_found_out_by_it(fed: Federation) -> None:
    """Its ballots are not under the cut, and it is not named as late: counted again, the rest is right."""
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "de0", 1)
    await vote(fed, poll, "br0", 0)
    await fed.settle()

    def close_without_br(facts: Facts, _context: Context) -> Decided:
        post, casts = facts.post(poll), facts.casts(poll)
        assert post is not None
        assert post.poll is not None
        cut = ends_of([cast for cast in casts if cast.end.region != "br"])
        return Decided([Draft("global", "", outcome(post, post.poll, casts, cut, ()), (poll,))], {})

    await fed["in"].handler.append(close_without_br)
    await fed.settle()
    shown = await value(fed["in"], poll)
    assert shown.result is not None
    assert (shown.result.agreed, shown.result.differing) == (("de", "in"), ("br",))


async def test_a_result_that_does_not_follow_is_found_out_by_every_region(fed: Federation) -> None:
    """The home's node was tampered with after it counted: the others say so, to their operators too."""
    poll = await ask(fed, await founded(fed))
    await vote(fed, poll, "de0", 1)
    await fed.settle()

    def forge(tx: Any) -> None:
        tx.cursor.execute("UPDATE ballot_casts SET choices = '[2]'")

    await fed["in"].handler.run(forge)
    fed.advance(HOUR)
    await fed.settle()
    shown = await value(fed["br"], poll)
    assert shown.result is not None
    assert (shown.result.agreed, shown.result.differing) == (("in",), ("br", "de"))


async def test_a_sub_tally_that_cannot_be_one_is_not_counted(fed: Federation) -> None:
    """br signs more votes than voters: it counts as late, and the poll ends without it."""
    poll = await ask(fed, await founded(fed), secret=True)
    for n in range(5):
        await vote(fed, poll, f"in{n}", 0)

    def forge(tx: Any) -> None:
        tx.cursor.execute(
            "INSERT INTO poll_regions (poll, region, voters, counts, rev) "
            f"VALUES ('{poll}', 'br', 6, '[900,0,0]', 9)"
        )

    await fed["in"].handler.run(forge)
    fed.advance(HOUR)
    await fed.settle()
    fed.advance(limits.POLL_GRACE_SECONDS * 1000)
    await fed.settle()
    shown = await value(fed["in"], poll)
    assert shown.result is not None
    assert (shown.voters, shown.counts, shown.result.late) == (5, (5, 0, 0), ("br",))


async def test_a_deleted_poll_is_left_alone(fed: Federation) -> None:
    poll = await ask(fed, await founded(fed))
    await fed["in"].do("in0", "post.delete", post=poll)
    await fed.settle()
    fed.advance(HOUR)
    await fed.settle()
    assert await said(fed["in"], poll, PollRegionClosed, PollClosed, PollChecked) == []


async def test_a_node_that_stops_between_any_two_steps_goes_on_where_it_was(tmp_path: Path) -> None:
    """closed here | closed | checked: killed after each commit, started again, asked again."""
    clock, steps = Clock(), 0
    async with open_test_node(tmp_path, "in", clock=clock) as node:
        await node.register("in0")
        tea = await node.community("in0")
        spec = {"method": "single", "choices": ["a", "b"], "closes_at": clock.now + HOUR}
        poll = await node.post("in0", tea, "?", "poll", poll=spec)
        await node.do("in0", "ballot.cast", poll=poll, choices=[1])
    clock.advance(HOUR)
    for _ in range(4):
        async with open_test_node(tmp_path, "in", clock=clock) as node:
            service = polls_of(node)
            before = node.tap.position
            await one_step(service, poll, clock.now)
            steps += node.tap.position > before
            kinds = [PollRegionClosed, PollClosed, PollChecked]
            events = await said(node, poll, *kinds)
            assert [type(event) for event in events] == kinds[:steps]
    assert steps == 3


async def one_step(service: Polls, poll: str, now: int) -> None:
    for name in await service._unfinished():
        assert name == poll
        await service._advance(name, now)


async def test_a_running_service_acts_on_what_is_committed(tmp_path: Path) -> None:
    async with open_test_node(tmp_path, "in") as node:
        running = asyncio.create_task(polls_of(node).run())
        await node.register("in0")
        tea = await node.community("in0")
        poll = await node.post(
            "in0", tea, "?", "poll", poll={"method": "single", "choices": ["a", "b"]}
        )
        await node.do("in0", "poll.close", poll=poll)
        looked = node.tap.position
        while not await said(node, poll, PollChecked):
            await node.tap.moved(looked)
            looked = node.tap.position
        assert (await value(node, poll)).closed
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_refusal_is_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    async with open_test_node(tmp_path, "in", clock=clock) as node:
        await node.register("in0")
        tea = await node.community("in0")
        spec = {"method": "single", "choices": ["a", "b"], "closes_at": clock.now + HOUR}
        poll = await node.post("in0", tea, "?", "poll", poll=spec)
        clock.advance(HOUR)
        service = polls_of(node)
        node.handler.read_only = "the disk is tired"
        due = await service.step(clock.now)
        assert due == clock.now + RETRY_MS
        node.handler.read_only = ""
        clock.advance(RETRY_MS)
        assert await service.step(clock.now) is None
        assert [type(e) for e in await said(node, poll, PollClosed)] == [PollClosed]


async def test_a_poll_that_cannot_be_decided_is_tried_again_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with open_test_node(tmp_path, "in", clock=clock) as node:
        await node.register("in0")
        tea = await node.community("in0")
        spec = {"method": "single", "choices": ["a", "b"], "closes_at": clock.now + HOUR}
        broken, *others = [await node.post("in0", tea, "?", "poll", poll=spec) for _ in range(3)]
        clock.advance(HOUR)
        service = polls_of(node)

        def failing(poll: str, facts: Facts, context: Context) -> Decided:
            if poll == broken:
                raise ValueError("a row that cannot be read")
            return advance(poll, facts, context)

        monkeypatch.setattr("server.app.polls.advance", failing)
        assert await service.step(clock.now) == clock.now + RETRY_MS
        assert [(await value(node, poll)).closed for poll in (broken, *others)] == [
            False,
            True,
            True,
        ]
        monkeypatch.undo()
        clock.advance(RETRY_MS)
        assert await service.step(clock.now) is None
        assert (await value(node, broken)).closed
