"""Counting: real polls with outcomes others worked out, and that no split, order or repeat changes anything."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import tally as counting
from server.domain.events import LaneEnd, PollSpec
from server.domain.tally import Order, Ranking, Tally
from tests.support.archives import archive

OFFERED = {
    "Schulze Winning": "pairs",
    "Schulze": "pairs",
    "InstantRunoff": "rankings",
    "Approval": "votes",
    "Fptp": "votes",
    "Plurality": "votes",
}
"""The methods of the data that Tap offers, and what is added up for them."""
NOT_OFFERED = {
    "Schulze Margin", "Schulze Ratio", "Ranked Pairs Winning", "Borda Count", "Copeland",
    "Minimax Opposition", "Minimax Winning", "Minimax Margin", "Two Rounds", "KemenyYoung",
    "DodgsonTideman", "DodgsonQuick", "Condorcet loser", "Condorcet winner",
}  # fmt: skip
REGIONS = 20


@cache
def polls() -> tuple[dict[str, Any], ...]:
    lines = (archive("polls") / "polls.dev.jsonl").read_text("utf-8").splitlines()
    return tuple(map(json.loads, lines))


def ballots_of(poll: dict[str, Any], how: str) -> Iterator[Ranking]:
    index = {name: at for at, name in enumerate(poll["candidates"])}
    for n, groups in poll["ballots"]:
        named = [[group] if isinstance(group, str) else group for group in groups]
        if poll["kind"] == "approval":
            named = [[name for group in named for name in group]]
        elif how == "votes":
            named = named[:1]
        ranking = tuple([tuple(sorted([index[name] for name in group])) for group in named])
        yield from [ranking] * n


def decided(how: str, size: int, tally: Tally) -> Order:
    if how == "pairs":
        return counting.schulze(size, tally.pairs)
    if how == "rankings":
        return counting.instant_runoff(size, tally.voters, dict(tally.rankings))
    return counting.by_votes(tally.counts)


def expectations() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for poll in polls():
        for expected in poll["expected"]:
            if expected["method"] in OFFERED:
                yield poll, expected


def test_every_method_of_the_data_is_offered_or_said_not_to_be() -> None:
    named = {expected["method"] for poll in polls() for expected in poll["expected"]}
    assert named <= OFFERED.keys() | NOT_OFFERED
    assert len(list(expectations())) >= 15


def test_outcomes_are_those_others_worked_out_however_the_ballots_are_split() -> None:
    chance = random.Random(7)
    for poll, expected in expectations():
        how, names = OFFERED[expected["method"]], poll["candidates"]
        ballots = list(ballots_of(poll, how))
        assert len(ballots) == poll["voters"], poll["id"]
        for _ in range(5):
            tally = split(chance, how, len(names), ballots)
            assert tally == counting.count(how, len(names), ballots)
            order = decided(how, len(names), tally)
            found = [sorted([names[choice] for choice in group]) for group in order]
            where = (poll["id"], expected)
            if "ranking" in expected:
                assert found == [sorted(group) for group in expected["ranking"]], where
            if "winners" in expected:
                assert found[0] == sorted(expected["winners"]), where
            for name, votes in expected.get("counts", {}).items():
                assert tally.counts[names.index(name)] == votes, where


def test_who_beats_everybody_in_pairs_wins_by_schulze() -> None:
    """Tap has no method of that name, but its winner by pairs is the data's Condorcet winner."""
    seen = 0
    for poll in polls():
        for expected in poll["expected"]:
            if expected["method"] == "Condorcet winner" and expected["winners"]:
                size = len(poll["candidates"])
                tally = counting.count("pairs", size, ballots_of(poll, "pairs"))
                [winner] = counting.schulze(size, tally.pairs)[0]
                assert [poll["candidates"][winner]] == expected["winners"]
                seen += 1
    assert seen == 3


def split(chance: random.Random, how: str, size: int, ballots: list[Ranking]) -> Tally:
    """Counted in twenty regions, in any order, and added up in any order."""
    shuffled = chance.sample(ballots, len(ballots))
    regions: list[list[Ranking]] = [[] for _ in range(REGIONS)]
    for ballot in shuffled:
        chance.choice(regions).append(ballot)
    tallies = [counting.count(how, size, part) for part in regions]
    chance.shuffle(tallies)
    return counting.add([counting.add(tallies[:7]), counting.add(tallies[7:])])


# -- properties ---------------------------------------------------------------------------------------

SIZE = 4
rankings = st.permutations(range(SIZE)).flatmap(
    lambda order: st.integers(0, SIZE).map(lambda n: tuple((choice,) for choice in order[:n]))
)
hows = st.sampled_from(["votes", "pairs", "rankings"])


@given(hows, st.lists(rankings, max_size=40), st.randoms(use_true_random=False))
def test_any_split_in_any_order_adds_up_to_the_same(
    how: str, ballots: list[Ranking], chance: random.Random
) -> None:
    assert split(chance, how, SIZE, ballots) == counting.count(how, SIZE, ballots)


@given(st.sampled_from(["pairs", "rankings", "votes"]), st.lists(rankings, min_size=1, max_size=30))
def test_an_order_names_every_choice_once(how: str, ballots: list[Ranking]) -> None:
    order = decided(how, SIZE, counting.count(how, SIZE, ballots))
    assert sorted([choice for group in order for choice in group]) == list(range(SIZE))


@given(st.lists(rankings, min_size=1, max_size=30), st.permutations(range(SIZE)))
def test_names_decide_nothing(ballots: list[Ranking], names: list[int]) -> None:
    """Choices renamed, the outcome is the same one renamed: ties are ties and not settled by position."""
    renamed = [tuple([(names[group[0]],) for group in ballot]) for ballot in ballots]
    for how in ("pairs", "rankings", "votes"):
        was = decided(how, SIZE, counting.count(how, SIZE, ballots))
        now = decided(how, SIZE, counting.count(how, SIZE, renamed))
        assert [set(group) for group in now] == [{names[c] for c in group} for group in was]


@given(st.lists(rankings, min_size=1, max_size=30))
def test_a_choice_that_wins_every_pair_comes_first(ballots: list[Ranking]) -> None:
    pairs = counting.count("pairs", SIZE, ballots).pairs
    for a in range(SIZE):
        if all(pairs[a * SIZE + b] > pairs[b * SIZE + a] for b in range(SIZE) if b != a):
            assert counting.schulze(SIZE, pairs)[0] == (a,)


# -- one ballot, one outcome ---------------------------------------------------------------------------


def spec(how: str = "single", **more: Any) -> PollSpec:
    return PollSpec(method=how, choices=("a", "b", "c"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "choices", "counted"),
    [
        ("single", (1,), ((1,),)),
        ("single", (0, 1), ()),
        ("single", (9,), ()),
        ("multiple", (2, 0, 2, 7), ((0, 2),)),
        ("multiple", (), ()),
        ("ranked", (2, 0, 2, 9), ((2,), (0,))),
    ],
)
def test_a_ballot_counts_for_what_the_poll_offers_whatever_was_signed(
    how: str, choices: tuple[int, ...], counted: Ranking
) -> None:
    assert counting.as_ranking(spec(how), choices) == counted


def test_what_is_added_up_follows_from_the_poll() -> None:
    runoff = {"count": "instant_runoff"}
    assert counting.method(spec("single")) == counting.method(spec("multiple")) == "votes"
    assert counting.method(spec("ranked")) == "pairs"
    assert counting.method(spec("ranked", **runoff)) == "rankings"
    assert counting.method(spec("ranked", secret=True, **runoff)) == "pairs", (
        "I11: whole rankings of a secret poll are never added up"
    )


def test_quorum_counts_heads_and_regions() -> None:
    asked = spec(quorum_people=10, quorum_regions=3)
    for voters, regions, met in ((10, 3, True), (9, 3, False), (10, 2, False)):
        tally = Tally(voters, (voters, 0, 0))
        assert counting.outcome(asked, tally, regions) == (((0,), (1, 2)), met)
    assert counting.outcome(spec(), Tally(0, (0, 0, 0)), 0) == ((), True), "nobody won"


def test_a_digest_tells_polls_cuts_and_counts_apart() -> None:
    end = LaneEnd(region="in", epoch=1, lane="global", seq=4)
    other = LaneEnd(region="de", epoch=1, lane="global", seq=4)
    tally = Tally(2, (1, 1, 0))
    digests = [
        counting.digest("p", [end, other], 2, tally),
        counting.digest("q", [end, other], 2, tally),
        counting.digest("p", [end], 2, tally),
        counting.digest("p", [end, other], 1, tally),
        counting.digest("p", [end, other], 2, tally._replace(counts=(2, 0, 0))),
        counting.digest("p", [end, other], 2, tally._replace(pairs=(0,))),
    ]
    assert len(set(digests)) == len(digests)
    assert counting.digest("p", [other, end], 2, tally) == digests[0], "in any order"


# -- secret polls ----------------------------------------------------------------------------------------


def test_i11_small_regions_are_shown_together_or_with_a_larger_one() -> None:
    def shown(**voters: int) -> list[tuple[tuple[str, ...], int]] | None:
        regional = {region: Tally(n, (n, 0, 0)) for region, n in voters.items()}
        found = counting.parts(regional, 5)
        return None if found is None else [(part.regions, part.voters) for part in found]

    assert shown(de=9, br=3, nz=2) == [(("br", "nz"), 5), (("de",), 9)]
    assert shown(de=9, fr=6, br=3) == [(("br", "fr"), 9), (("de",), 9)]
    assert shown(de=5, br=0) == [(("de",), 5)], "who had no voters is not named"
    assert shown(de=2, br=2) is None
    assert shown(de=0) == []


@given(st.dictionaries(st.sampled_from([f"r{n}" for n in range(REGIONS)]), st.integers(0, 12)))
def test_i11_no_part_is_below_the_least_and_nobody_is_lost(voters: dict[str, int]) -> None:
    regional = {region: Tally(n, (n, 0, 0)) for region, n in voters.items()}
    found = counting.parts(regional, 5)
    total = sum(voters.values())
    if found is None:
        assert 0 < total < 5
        return
    assert all(part.voters >= 5 for part in found)
    assert sum(part.voters for part in found) == total
    named = [region for part in found for region in part.regions]
    assert sorted(named) == sorted([region for region, n in voters.items() if n])
