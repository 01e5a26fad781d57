"""Under a cut all regions count the same, whatever reached them beyond it, in which order and how often."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from server.domain import cut as cutting
from server.domain import limits
from server.domain import tally as counting
from server.domain.events import LaneEnd, PollClosed, PollSpec
from server.domain.facts import CastFact, PollRegionFact, PostFact
from server.domain.tally import Tally
from tests.support.archives import archive

REGIONS = [f"r{n:02}" for n in range(20)]
PEOPLE = [f"p{n}" for n in range(40)]
CHOICES = ("a", "b", "c", "d")
METHODS = (
    PollSpec(method="single", choices=CHOICES),
    PollSpec(method="multiple", choices=CHOICES, quorum_regions=3),
    PollSpec(method="ranked", choices=CHOICES),
    PollSpec(method="ranked", choices=CHOICES, count="instant_runoff", quorum_people=7),
)


def post_of(spec: PollSpec) -> PostFact:
    return PostFact("poll", "poll", "c:tea", "poll", "", "asha", 1, False, False, spec, False)


class Voting:
    """People in twenty regions vote, change their mind, take it back and move; lanes count up."""

    def __init__(self, chance: random.Random, steps: int) -> None:
        self.casts: list[CastFact] = []
        self._chance = chance
        self._seqs: Counter[tuple[str, int, str]] = Counter()
        self._epochs = dict.fromkeys(REGIONS, 1)
        self._homes = {person: chance.choice(REGIONS) for person in PEOPLE}
        self._revs: Counter[str] = Counter()
        for _ in range(steps):
            self._step()

    def _step(self) -> None:
        person = self._chance.choice(PEOPLE)
        if self._chance.random() < 0.1:
            self._homes[person] = self._chance.choice(REGIONS)
        region = self._homes[person]
        if self._chance.random() < 0.05:
            self._epochs[region] += 1  # restored from a backup
        lane = (region, self._epochs[region], "global")
        self._seqs[lane] += self._chance.randint(1, 3)  # other events in between
        self._revs[person] += 1
        withdrawn = self._chance.random() < 0.2
        choices = self._chance.sample(range(4), self._chance.randint(1, 4))
        end = LaneEnd(region=lane[0], epoch=lane[1], lane=lane[2], seq=self._seqs[lane])
        ballot = () if withdrawn else tuple(choices)
        self.casts.append(CastFact(person, self._revs[person], end, ballot, withdrawn))

    def cut(self) -> tuple[LaneEnd, ...]:
        """Each lane ends at one of its ballots; what comes later is too late."""
        lanes = defaultdict(list)
        for cast in self.casts:
            lanes[cast.end.region, cast.end.epoch].append(cast.end)
        return tuple([self._chance.choice(ends) for ends in lanes.values()])


@given(st.randoms(use_true_random=True), st.integers(0, 120), st.sampled_from(METHODS))
def test_i6_twenty_regions_come_to_one_result(
    chance: random.Random, steps: int, spec: PollSpec
) -> None:
    voting, post = Voting(chance, steps), post_of(spec)
    cut = voting.cut()
    under = [cast for cast in voting.casts if _is_under(cast, cut)]
    beyond = [cast for cast in voting.casts if not _is_under(cast, cut)]
    expected = cutting.outcome(post, spec, under, cut, ())
    for _ in range(len(REGIONS)):
        held = under + chance.sample(beyond, chance.randint(0, len(beyond)))
        arrived = held + chance.choices(held, k=len(held) // 3) if held else []
        chance.shuffle(arrived)
        assert cutting.outcome(post, spec, arrived, cut, ()) == expected
    assert expected.voters == len({cast.person for cast in cutting.counted(under, cut)})
    assert expected.voters <= len(PEOPLE), "one person, one ballot, also over moves"


def _is_under(cast: CastFact, cut: tuple[LaneEnd, ...]) -> bool:
    end = cast.end
    return any(
        (one.region, one.epoch, one.lane) == (end.region, end.epoch, end.lane)
        and end.seq <= one.seq
        for one in cut
    )


@given(st.randoms(use_true_random=True), st.integers(1, 80))
def test_who_counts_is_the_last_ballot_under_the_cut(chance: random.Random, steps: int) -> None:
    """The same rule said in another way: walk each person's ballots from the last to the first."""
    voting = Voting(chance, steps)
    cut = voting.cut()
    naive = {}
    for person in PEOPLE:
        own = [c for c in reversed(voting.casts) if c.person == person and _is_under(c, cut)]
        if own and not own[0].withdrawn:
            naive[person] = own[0].choices
    counted = cutting.counted(voting.casts, cut)
    assert {cast.person: cast.choices for cast in counted} == naive


def test_two_homes_that_gave_one_number_are_settled_the_same_everywhere() -> None:
    ends = [LaneEnd(region=r, epoch=1, lane="global", seq=s) for r, s in (("br", 9), ("de", 4))]
    casts = [CastFact("asha", 2, end, (choice,), False) for choice, end in enumerate(ends)]
    for order in (casts, casts[::-1]):
        assert [cast.choices for cast in cutting.counted(order, ends)] == [(1,)]


def test_known_outcomes_hold_for_ballots_that_are_changed_doubled_and_split() -> None:
    """The data's Schulze and instant runoff polls as Tap's ballots: strict rankings, voters in 20 regions
    who first vote at random, and then as the data says."""
    chance, seen = random.Random(3), 0
    for line in (archive("polls") / "polls.dev.jsonl").read_text("utf-8").splitlines():
        poll = json.loads(line)
        strict = all(len(group) == 1 for _, groups in poll["ballots"] for group in groups)
        counts = {"Schulze Winning": "schulze", "InstantRunoff": "instant_runoff"}
        for expected in poll["expected"]:
            if strict and poll["kind"] == "ranked" and expected["method"] in counts:
                _check_known(chance, poll, expected, counts[expected["method"]])
                seen += 1
    assert seen >= 10


def _check_known(
    chance: random.Random, poll: dict[str, object], expected: dict[str, list[object]], count: str
) -> None:
    names: list[str] = poll["candidates"]  # type: ignore[assignment]
    spec = PollSpec(method="ranked", choices=tuple(names), count=count)  # type: ignore[arg-type]
    casts, seqs, voter = [], Counter[str](), 0
    for n, groups in poll["ballots"]:  # type: ignore[attr-defined]
        for _ in range(n):
            voter += 1
            region = chance.choice(REGIONS)
            final = tuple([names.index(name) for (name,) in groups])
            for rev, choices in ((1, tuple(chance.sample(range(len(names)), 2))), (2, final)):
                seqs[region] += 1
                end = LaneEnd(region=region, epoch=1, lane="global", seq=seqs[region])
                casts.append(CastFact(f"v{voter}", rev, end, choices, False))
    arrived = casts + chance.choices(casts, k=len(casts) // 2)
    chance.shuffle(arrived)
    result = cutting.outcome(post_of(spec), spec, arrived, cutting.ends_of(arrived), ())
    order = [sorted([names[choice] for choice in group]) for group in result.order]
    if "ranking" in expected:
        assert order == [sorted(group) for group in expected["ranking"]], poll["id"]  # type: ignore[type-var]
    if "winners" in expected:
        assert order[0] == sorted(expected["winners"]), poll["id"]  # type: ignore[type-var]


# -- what home and regions say -------------------------------------------------------------------------


def test_a_late_regions_ballots_end_where_they_have_come_to() -> None:
    def cast(region: str, seq: int) -> CastFact:
        return CastFact(f"p{seq}", 1, end(region, seq), (0,), False)

    def end(region: str, seq: int) -> LaneEnd:
        return LaneEnd(region=region, epoch=1, lane="global", seq=seq)

    casts = [cast("br", 3), cast("br", 8), cast("de", 5), cast("de", 9), cast("in", 2)]
    said = {
        "de": PollRegionFact(closed=True, ends=(end("de", 5),)),
        "in": PollRegionFact(closed=True, ends=(end("in", 2), end("in", 7))),
    }
    cut = cutting.cut_of(said, casts, ("br", "in"))
    assert cut == (end("br", 8), end("de", 5), end("in", 2))


SECRET = PollSpec(method="single", choices=("a", "b"), secret=True)
RANKED = PollSpec(method="ranked", choices=("a", "b"), secret=True)


@pytest.mark.parametrize(
    ("spec", "tally", "fits"),
    [
        (SECRET, Tally(3, (1, 2)), True),
        (SECRET, Tally(0, (0, 0)), True),
        (SECRET, Tally(3, (1, 2, 0)), False),
        (SECRET, Tally(3, (4, 0)), False),
        (SECRET, Tally(3, (2, 2)), False),
        (SECRET, Tally(3, (-1, 2)), False),
        (SECRET, Tally(-1, (0, 0)), False),
        (SECRET, Tally(3, (1, 2), (0, 1, 2, 0)), False),
        (RANKED, Tally(3, (1, 2), (0, 1, 2, 0)), True),
        (RANKED, Tally(3, (1, 2)), False),
        (PollSpec(method="multiple", choices=("a", "b"), secret=True), Tally(3, (3, 3)), True),
    ],
)
def test_a_sub_tally_that_cannot_be_one_is_told_apart(
    spec: PollSpec, tally: Tally, fits: bool
) -> None:
    assert cutting.fits(spec, tally) is fits


def tallied(voters: int, *counts: int) -> PollRegionFact:
    return PollRegionFact(tallied=True, voters=voters, counts=counts)


def test_i11_what_a_region_can_check_of_a_secret_poll() -> None:
    post = post_of(SECRET)
    regional = {"br": Tally(2, (2, 0)), "de": Tally(6, (1, 5)), "in": Tally(7, (7, 0))}
    said = cutting.secret_outcome(post, SECRET, regional, ("fr",))
    assert [part.regions for part in said.parts] == [("br", "de"), ("in",)]

    def agrees(said: PollClosed, region: str, own: PollRegionFact) -> bool:
        return cutting.secret_agrees(post, SECRET, said, region, own)

    for region, tally in regional.items():
        assert agrees(said, region, tallied(tally.voters, *tally.counts))
    assert agrees(said, "fr", tallied(4, 4, 0)), "who is late is not in it"
    assert agrees(said, "nz", tallied(0, 0, 0)), "who had no voters neither"
    assert agrees(said, "nz", PollRegionFact())
    assert not agrees(said, "in", tallied(7, 6, 1)), "its own part is another"
    assert not agrees(said, "de", tallied(9, 1, 8))
    assert not agrees(said, "nz", tallied(1, 1, 0)), "it was left out"
    part = said.parts[1]
    forged = {
        "counts": replace(said, counts=(9, 6)),
        "order": replace(said, order=((1,), (0,))),
        "quorum": replace(said, quorum=False),
        "digest": replace(said, digest=b"x" * 32),
        "a part too small": replace(said, parts=(replace(part, voters=4, counts=(4, 0)),)),
        "a part that fits no poll": replace(said, parts=(replace(part, counts=(7,)),)),
        "a region twice": replace(said, parts=(*said.parts, part)),
        "nothing, of many": replace(said, parts=(), counts=()),
    }
    own = tallied(7, 7, 0)
    assert {name: agrees(one, "in", own) for name, one in forged.items()} == dict.fromkeys(
        forged, False
    )


def test_i11_too_few_secret_ballots_are_a_number_and_nothing_else() -> None:
    post = post_of(SECRET)
    regional = {"br": Tally(2, (2, 0)), "de": Tally(2, (1, 1))}
    said = cutting.secret_outcome(post, SECRET, regional, ())
    assert (said.voters, said.regions, said.counts, said.order, said.parts) == (4, 2, (), (), ())
    assert cutting.secret_agrees(post, SECRET, said, "br", tallied(2, 2, 0))
    assert not cutting.secret_agrees(post, SECRET, said, "br", tallied(5, 5, 0))
    more = replace(said, voters=limits.SECRET_VOTERS_MIN)
    assert not cutting.secret_agrees(post, SECRET, more, "br", tallied(2, 2, 0))
    ranked = cutting.secret_outcome(post, RANKED, {"br": Tally(2, (2, 0), (0, 2, 0, 0))}, ())
    assert (ranked.voters, ranked.counts, ranked.pairs, ranked.order) == (2, (), (), ())
    nobody = cutting.secret_outcome(post, SECRET, {}, ("br",))
    assert (nobody.voters, nobody.counts, nobody.order) == (0, (0, 0), ())
    assert cutting.secret_agrees(post, SECRET, nobody, "in", PollRegionFact())


def test_counting_by_parts_is_counting_at_once() -> None:
    chance = random.Random(1)
    ballots = [tuple([(c,) for c in chance.sample(range(2), 2)]) for _ in range(60)]
    regional = {
        region: counting.count("pairs", 2, ballots[at::3])
        for at, region in enumerate(("br", "de", "in"))
    }
    said = cutting.secret_outcome(post_of(RANKED), RANKED, regional, ())
    whole = counting.count("pairs", 2, ballots)
    assert (said.voters, said.counts, said.pairs) == (whole.voters, whole.counts, whole.pairs)
