"""The record sees what it is there to see: each thing it should notice is done to it once."""

from __future__ import annotations

import random

import msgspec
import pytest
from msgspec.structs import replace

from server.domain.events import (
    PersonHandedOver,
    PersonTakenOver,
    PollChecked,
    PollRegionClosed,
    PollSpec,
)
from server.domain.ids import LaneKey
from server.domain.tally import as_ranking, count, digest, method, outcome
from server.domain.visibility import GLOBAL
from tests.conftest import SEED
from tests.simulation import counts
from tests.simulation.byhand import (
    POLL,
    RANKED,
    RUNOFF,
    SECRET,
    SINGLE,
    Place,
    voted,
    voted_in_secret,
)
from tests.simulation.company import Company
from tests.simulation.oracle import Broken
from tests.simulation.people import METHODS
from tests.simulation.state import Written
from tests.unit.federation.lab import START


def test_what_is_right_is_not_complained_of() -> None:
    company = Company(4).start()
    people, chance = company.people, company.random
    people.ask(None, chance)
    company.run(2_000)
    for _ in range(8):
        people.vote(chance)
    people.end()
    company.run(20_000)
    assert company.settled()
    company.check_end()
    assert [result.voters > 0 for result in company.record.results.values()] == [True]


def test_the_right_results_pass() -> None:
    made = [voted(spec) for spec in (SINGLE, RANKED, RUNOFF)]
    made += [voted_in_secret(spec) for spec in (SECRET, replace(RANKED, secret=True))]
    for place, result in made:
        place.writes("de", result)
        assert place.record.results == {POLL: result}


def test_what_is_counted_by_other_means_is_the_same() -> None:
    """The record's way of counting and the regions', for any ballots of polls with up to five choices."""
    chance = random.Random(SEED)
    for number in range(600):
        how = chance.choice((*METHODS, *[{**how, "secret": True} for how in METHODS]))
        size = chance.randint(2, 5)
        spec = msgspec.convert({**how, "choices": [*"abcde"[:size]]}, PollSpec)
        most = 1 if spec.method == "single" else size
        ballots = [
            tuple(chance.sample(range(size), chance.randint(1, most)))
            for _ in range(chance.randint(0, 9))
        ]
        theirs = count(method(spec), size, [as_ranking(spec, ballot) for ballot in ballots])
        order, quorum = outcome(spec, theirs, 3)
        ours = counts.result(spec, POLL, ballots, 3, ())
        assert ours == {
            "voters": len(ballots),
            "counts": theirs.counts,
            "pairs": theirs.pairs,
            "order": order,
            "regions": 3,
            "quorum": quorum,
            "digest": digest(POLL, (), 3, theirs),
        }, f"{number}: {how} {ballots}"


# -- open polls --------------------------------------------------------------------------------------------


def test_a_voter_too_many_is_seen() -> None:
    place, result = voted()
    with pytest.raises(Broken, match="voters 5, not 4"):
        place.writes("de", replace(result, voters=5))


def test_counts_that_do_not_follow_from_the_ballots_are_seen() -> None:
    place, result = voted()
    assert result.counts == (2, 1, 1)
    with pytest.raises(Broken, match=r"counts \(1, 2, 1\), not"):
        place.writes("de", replace(result, counts=(1, 2, 1)))


def test_pairs_that_do_not_follow_from_the_ballots_are_seen() -> None:
    place, result = voted(RANKED)
    assert result.pairs == (0, 3, 2, 1, 0, 2, 2, 1, 0)
    with pytest.raises(Broken, match=r"pairs \(0, 3, .*, not \(0, 3"):
        place.writes("de", replace(result, pairs=(0, 3, 2, 1, 0, 2, 1, 1, 0)))


@pytest.mark.parametrize("spec", [SINGLE, RANKED, RUNOFF], ids=["votes", "pairs", "runoff"])
def test_an_order_that_does_not_follow_from_the_ballots_is_seen(spec: PollSpec) -> None:
    place, result = voted(spec)
    assert result.order[0] != (1,)
    with pytest.raises(Broken, match=r"order \(\(1,\), \(0, 2\)\), not"):
        place.writes("de", replace(result, order=((1,), (0, 2))))


def test_rankings_that_nobody_gave_are_seen_in_the_digest() -> None:
    """Of an instant runoff they are published in no other way."""
    place, result = voted(RUNOFF)
    theirs = count("rankings", 3, [((0,),)] * 2 + [((1,),), ((2,),)])
    wrong = digest(POLL, result.cut, result.regions, theirs)
    with pytest.raises(Broken, match="digest"):
        place.writes("de", replace(result, digest=wrong))


@pytest.mark.parametrize(
    "few", [{"quorum_people": 5}, {"quorum_regions": 4}], ids=["people", "regions"]
)
def test_a_quorum_that_was_not_reached_is_seen(few: dict[str, int]) -> None:
    place, result = voted(replace(SINGLE, **few))
    assert (result.voters, result.regions, result.quorum) == (4, 3, False)
    with pytest.raises(Broken, match="quorum True, not False"):
        place.writes("de", replace(result, quorum=True))


def test_a_quorum_that_was_reached_and_is_denied_is_seen() -> None:
    place, result = voted(replace(SINGLE, quorum_people=4, quorum_regions=3))
    with pytest.raises(Broken, match="quorum False, not True"):
        place.writes("de", replace(result, quorum=False))


def test_a_region_too_many_is_seen() -> None:
    place, result = voted()
    with pytest.raises(Broken, match="regions 4, not 3"):
        place.writes("de", replace(result, regions=4))


def test_a_region_that_tells_of_more_ballots_than_it_has_is_seen() -> None:
    place = Place(SINGLE)
    end = place.votes("fr0", 0).end
    with pytest.raises(Broken, match="the word of fr: ballots 2, not 1"):
        place.writes("fr", PollRegionClosed(**place.of, region="fr", ends=(end,), ballots=2))


def test_somebody_who_moved_and_counts_twice_is_seen() -> None:
    place = Place(SINGLE)
    ballots = [place.votes("fr0", 0), place.votes("fr0", 1, rev=2, region="de")]
    result = place.result(*ballots)
    with pytest.raises(Broken, match="voters 2, not 1"):
        place.writes("de", replace(result, voters=2, counts=(1, 1, 0)))


def test_a_ballot_on_a_disk_that_its_region_forgets_is_seen() -> None:
    place = Place(SINGLE)
    first, _ = place.votes("fr0", 0), place.votes("fr1", 1)
    with pytest.raises(Broken, match="fr forgets the ballot of fr1"):
        place.stops("fr", first)


def test_a_ballot_outside_the_cut_is_seen() -> None:
    place = Place(SINGLE)
    first, _ = place.votes("fr0", 0), place.votes("in0", 1)
    with pytest.raises(Broken, match=r"leaves out \['in0'\]"):
        place.writes("de", place.result(first))


def test_two_results_are_seen() -> None:
    place, result = voted()
    place.writes("de", result)
    with pytest.raises(Broken, match="two results"):
        place.writes("de", replace(result, late=("jp",)))


def test_a_result_that_changes_at_a_node_is_seen() -> None:
    place, result = voted()
    place.writes("de", result)
    node, key = place.company.nodes["fr"], LaneKey("de", 9, GLOBAL)
    node.state.fold(place.record.polls[POLL])
    first = Written(key, 1, "", START, result)
    node.state.fold(first)
    place.record.folded(node, first)
    # The first epoch counts.
    other = Written(key._replace(epoch=8), 1, "", START, replace(result, voters=0))
    node.state.fold(other)
    with pytest.raises(Broken, match="fr changes its result"):
        place.record.folded(node, other)


def test_a_region_that_counts_another_result_is_seen() -> None:
    place, _ = voted()
    with pytest.raises(Broken, match="fr counts another result"):
        place.writes("fr", PollChecked(**place.of, region="fr", agrees=False))


def test_a_ballot_that_is_given_twice_is_seen() -> None:
    place = Place(SINGLE)
    place.votes("fr0", 0)
    with pytest.raises(Broken, match="fr0's ballot 1 is given twice"):
        place.votes("fr0", 1)


# -- people and the end ------------------------------------------------------------------------------------


def test_two_regions_that_write_where_somebody_lives_are_seen() -> None:
    place = Place(SINGLE)
    moved = PersonHandedOver(person="fr0", to="de", rev=1)
    place.writes("fr", moved)
    with pytest.raises(Broken, match="I7: fr and in both write 1 of fr0"):
        place.writes("in", moved)


def test_a_home_that_lacks_what_was_written_for_somebody_is_seen() -> None:
    place, _ = voted()
    with pytest.raises(Broken, match="de takes fr0 over without"):
        place.writes("de", PersonTakenOver(person="fr0", previous="fr", rev=2))


def test_somebody_with_two_homes_is_seen() -> None:
    company = Company(4)
    company.people.found()
    company.record.check_end()
    moved = PersonTakenOver(person="fr0", previous="fr", rev=2)
    company.nodes["de"].state.fold(Written(LaneKey("de", 1, GLOBAL), 1, "", START, moved))
    with pytest.raises(Broken, match="two homes"):
        company.record.check_end()


def test_a_poll_that_is_left_unfinished_is_seen() -> None:
    place = Place(SINGLE)
    with pytest.raises(Broken, match=r"unfinished: .*has not checked"):
        place.record.check_end()


def test_a_poll_that_was_asked_for_and_never_written_is_seen() -> None:
    company = Company(4)
    company.people.found()
    company.people.asked.add(POLL)
    with pytest.raises(Broken, match=f"{POLL}.* were asked for, and never written"):
        company.record.check_end()


def test_somebody_left_between_two_homes_is_seen() -> None:
    place = Place(SINGLE)
    place.record.polls.clear()
    place.writes("fr", PersonHandedOver(person="fr0", to="de", rev=1))
    with pytest.raises(Broken, match="waits for fr0 to arrive"):
        place.record.check_end()


def test_results_that_differ_in_the_end_are_seen() -> None:
    place, result = voted()
    for node in place.company.nodes.values():
        node.state.fold(place.record.polls[POLL])
        checked = PollChecked(**place.of, region=node.region, agrees=True)
        said = result if node.region != "fr" else replace(result, voters=0)
        for event in (said, checked):
            node.state.fold(Written(LaneKey("de", 1, GLOBAL), 1, "", START, event))
    with pytest.raises(Broken, match="not one result everywhere"):
        place.record.check_end()


# -- where an origin signed two histories ------------------------------------------------------------------


def test_where_a_fork_is_two_results_and_two_homes_are_nobodys_fault() -> None:
    place, result = voted()
    place.forks("jp")
    for said in (result, replace(result, late=("jp",))):
        place.writes("de", said)
    for region in ("fr", "in"):
        place.writes(region, PersonHandedOver(person="fr0", to="de", rev=1))
    place.writes("fr", PollChecked(**place.of, region="fr", agrees=False))
    place.record.check_end()


@pytest.mark.parametrize("spec", [SINGLE, SECRET], ids=["open", "secret"])
def test_what_is_counted_without_a_fork_is_counted_again(spec: PollSpec) -> None:
    place, result = voted_in_secret() if spec.secret else voted()
    place.forks("jp")
    with pytest.raises(Broken, match="order"):
        place.writes("de", replace(result, order=((1,), (0, 2))))
    place.forks("fr")
    place.writes("de", replace(result, order=((1,), (0, 2))))


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_node_that_believes_a_key_that_ended_is_seen(epochs: int) -> None:
    company = Company(4).start().run(3_000)
    people, thief = company.people, company.nodes["de"]
    if epochs > 1:
        thief.reopen()
        company.run(50_000)
    people.rotate(thief)
    company.run(10_000)
    assert people.retire(thief)
    company.run(10_000)
    assert company.settled()
    people.check_keys()
    company.nodes["fr"].roster = company.keys.roster("fr")
    assert {key.region for key in thief.log.lanes} >= {"fr", "de"}
    assert len({key.epoch for key, _ in people._ended(thief)}) == epochs
    for region in ("fr", "de"):
        with pytest.raises(Broken, match="fr believes the old key"):
            people.check_keys()
        company.oracle.split |= {key for key in thief.log.lanes if key.region == region}
    people.check_keys()
