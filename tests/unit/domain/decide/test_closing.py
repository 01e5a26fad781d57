"""Twenty regions close a poll in virtual time: lines that are cut, clocks that are wrong, everything twice.

The rules are the real ones; each region's log and what is folded from it are a few dictionaries here, so
that a schedule of twenty regions takes milliseconds. ``tests/unit/app/test_polls.py`` has whole nodes.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import limits
from server.domain.commands import CastBallot, ClosePoll
from server.domain.decide import Context, Decided, Draft
from server.domain.decide.closing import advance
from server.domain.decide.polls import cast_ballot, close_poll
from server.domain.errors import Refusal
from server.domain.events import (
    BallotCast,
    Event,
    LaneEnd,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollSpec,
    PollTallied,
)
from server.domain.facts import (
    NO_MEMBER,
    CastFact,
    CommunityFact,
    MemberFact,
    PersonFact,
    PollFact,
    PollRegionFact,
    PostFact,
    ValueRegister,
)
from server.domain.ids import derived_object_id
from server.domain.visibility import lane_audience

START = 1_767_225_600_000
HOUR = 3_600_000
REGIONS = tuple(f"r{n:02}" for n in range(20))
HOME = REGIONS[0]
TEA, POLL = derived_object_id(START, "tea"), derived_object_id(START, "poll")
EU = frozenset(REGIONS[:8])


class Region:
    """One region's facts: what it wrote and what has arrived. Answers what the rules ask."""

    def __init__(self, name: str, spec: PollSpec, audience: str) -> None:
        self.name, self.skew = name, 0
        self._sees = name in lane_audience(audience, HOME, REGIONS, {"eu": EU})
        self.lanes: dict[str, list[tuple[str, Event]]] = defaultdict(list)
        self.held: dict[tuple[str, str], int] = defaultdict(int)
        self._spec, self._audience = spec, audience
        self._regions: dict[str, PollRegionFact] = {}
        self._casts: dict[tuple[str, str, int], CastFact] = {}
        self._closing = False
        self.outcome: PollClosed | None = None

    # -- the log --

    def append(self, drafts: list[Draft], now: int) -> None:
        for draft in drafts:
            self.lanes[draft.lane].append((draft.actor, draft.event))
            seq = len(self.lanes[draft.lane])
            self._fold(self.name, draft.lane, seq, draft.actor, draft.event, now)

    def receive(self, origin: Region, lane: str, count: int, again: int, now: int) -> None:
        """The next events of a lane; of those before, some come once more."""
        key = (origin.name, lane)
        start = max(self.held[key] - again, 0)
        for seq, (actor, event) in enumerate(origin.lanes[lane][start:], start + 1):
            if seq > self.held[key] + count:
                break
            self._fold(origin.name, lane, seq, actor, event, now)
        self.held[key] = min(self.held[key] + count, len(origin.lanes[lane]))

    def _fold(self, origin: str, lane: str, seq: int, actor: str, event: Event, now: int) -> None:
        said = self._regions.get(origin, PollRegionFact())
        match event:
            case BallotCast():
                end = LaneEnd(region=origin, epoch=1, lane=lane, seq=seq)
                cast = CastFact(actor, event.rev, end, event.choices, event.withdrawn)
                self._casts[origin, lane, seq] = cast
            case PollClosing():
                self._closing = True
            case PollRegionClosed() if not said.closed:
                self._regions[origin] = said._replace(
                    closed=True,
                    closed_at=now,
                    ends=event.ends,
                    waits_for=frozenset(event.waits_for),
                )
            case PollTallied() if not said.tallied:
                self._regions[origin] = said._replace(
                    tallied=True, voters=event.voters, counts=event.counts, pairs=event.pairs
                )
            case PollClosed():
                self.outcome = self.outcome or event
            case PollChecked():
                self._regions[origin] = said._replace(checked=True)
                assert event.agrees, f"{origin} counts otherwise"

    def forget(self, kind: type[Event]) -> None:
        """A restored disk has its last word of a kind no more, and nobody brought it back."""
        lane = next(lane for lane, events in self.lanes.items() if type(events[-1][1]) is kind)
        self.lanes[lane].pop()
        said = self._regions[self.name]
        empty = PollRegionFact()
        if kind is PollTallied:
            kept = {"tallied": False, "voters": 0, "counts": empty.counts, "pairs": empty.pairs}
        else:
            kept = {"closed": False, "closed_at": 0, "waits_for": empty.waits_for}
        self._regions[self.name] = said._replace(**kept)

    # -- what the rules ask --

    def post(self, post: str) -> PostFact | None:
        if not self._sees:
            return None
        return PostFact(
            post, "poll", f"c:{TEA}", post, "", f"{HOME}.p0", 1, False, False, self._spec, False
        )

    def community(self, community: str) -> CommunityFact | None:
        return CommunityFact(community, HOME, "open", self._audience, False, 1)

    def member(self, community: str, person: str) -> MemberFact:
        return NO_MEMBER

    def poll(self, poll: str) -> PollFact | None:
        return PollFact(HOME, self._closing, self._regions, self.outcome)

    def casts(self, poll: str, region: str = "") -> list[CastFact]:
        return [cast for cast in self._casts.values() if region in ("", cast.end.region)]

    def cast_regions(self, poll: str) -> frozenset[str]:
        return frozenset([region for region, _, _ in self._casts])

    def holds_ballot(self, poll: str, end: LaneEnd) -> bool:
        return (end.region, end.lane, end.seq) in self._casts

    def homes(self, community: str) -> frozenset[str]:
        return frozenset(REGIONS)

    def ballot_kept(self, poll: str, person: str) -> bool:
        return False

    def ballot(self, poll: str, person: str) -> ValueRegister:
        revs = [cast.rev for cast in self._casts.values() if cast.person == person]
        return ValueRegister(max(revs, default=0), "")


class World:
    def __init__(self, chance: random.Random, spec: PollSpec, audience: str = "global") -> None:
        self.chance, self.spec, self.now = chance, spec, START
        self.regions = {name: Region(name, spec, audience) for name in REGIONS}
        self.audience = lane_audience(audience, HOME, REGIONS, {"eu": EU})
        self.away: set[str] = set()
        self.accepted: dict[str, list[tuple[str, int, tuple[int, ...]]]] = defaultdict(list)

    def context(self, region: Region) -> Context:
        others = frozenset(self.regions) - {region.name}
        return Context(region.name, self.now + region.skew, lambda: "", {"eu": EU}, others)

    def vote(self) -> None:
        """Somebody votes, votes anew, or takes it back; whether their region still takes it."""
        region = self.regions[self.chance.choice(sorted(self.audience))]
        person = f"{region.name}.p{self.chance.randint(0, 3)}"
        who = PersonFact(person, region.name, True, False, "", "", 1, 1, frozenset())
        withdrawn = self.chance.random() < 0.1
        most = 1 if self.spec.method == "single" else len(self.spec.choices)
        choices = self.chance.sample(range(len(self.spec.choices)), self.chance.randint(1, most))
        command = CastBallot(
            poll=POLL, choices=() if withdrawn else tuple(choices), withdrawn=withdrawn
        )
        outcome = cast_ballot(command, who, region, self.context(region))  # type: ignore[arg-type]
        if isinstance(outcome, Refusal):
            assert outcome.code == "closed"
            return
        assert region.name not in self.closed(), "a ballot after its region closed"
        region.append(outcome.drafts, self.now)
        [draft] = outcome.drafts
        assert isinstance(draft.event, BallotCast)
        assert draft.lane == "local" or not self.spec.secret
        self.accepted[person].append((region.name, draft.event.rev, command.choices))

    def closed(self) -> set[str]:
        return {name for name, region in self.regions.items() if region.poll(POLL).of(name).closed}  # type: ignore[union-attr]

    def end_early(self) -> None:
        home = self.regions[HOME]
        who = PersonFact(f"{HOME}.p0", HOME, True, False, "", "", 1, 1, frozenset())
        outcome = close_poll(ClosePoll(poll=POLL), who, home, self.context(home))  # type: ignore[arg-type]
        assert isinstance(outcome, Decided)
        home.append(outcome.drafts, self.now)

    def ask(self, name: str) -> None:
        region = self.regions[name]
        decided = advance(POLL, region, self.context(region))  # type: ignore[arg-type]
        for draft in decided.drafts:
            self.check_lane(name, draft)
        region.append(decided.drafts, self.now)

    def check_lane(self, region: str, draft: Draft) -> None:
        """I8, I11: nothing outside the poll's audience, a sub-tally to the home alone."""
        reached = lane_audience(draft.lane, region, REGIONS, {"eu": EU})
        assert reached <= self.audience
        if isinstance(draft.event, PollTallied):
            assert reached == {region, HOME}
        if self.spec.secret and isinstance(draft.event, PollRegionClosed):
            assert (draft.event.ballots, draft.event.ends) == (0, ())

    def deliver(self, everything: bool = False) -> bool:
        moved = False
        routes = [(a, b) for a in REGIONS for b in REGIONS if a != b]
        self.chance.shuffle(routes)
        for a, b in routes if everything else routes[:40]:
            if self.away & {a, b}:
                continue
            for lane, events in list(self.regions[a].lanes.items()):
                missing = len(events) - self.regions[b].held[a, lane]
                if missing and b in lane_audience(lane, a, REGIONS, {"eu": EU}):
                    count = missing if everything else self.chance.randint(1, missing)
                    again = self.chance.randint(0, 2)
                    self.regions[b].receive(self.regions[a], lane, count, again, self.now)
                    moved = True
        return moved

    def live(self, steps: int) -> None:
        for _ in range(steps):
            match self.chance.randint(0, 9):
                case 0:
                    self.away ^= {self.chance.choice(REGIONS)}
                case 1:
                    self.deliver()
                case 2:
                    self.now += self.chance.randint(0, HOUR // 4)
                case 3:
                    self.ask(self.chance.choice(REGIONS))
                case _:
                    self.vote()

    def settle(self) -> None:
        """Everybody is asked and everything arrives until nothing is left to do."""
        moved = True
        while moved:
            size = self.size()
            for name in self.chance.sample(REGIONS, len(REGIONS)):
                self.ask(name)
            moved = self.deliver(everything=True) or size < self.size()

    def size(self) -> int:
        return sum(len(lane) for region in self.regions.values() for lane in region.lanes.values())


METHODS = [
    {"method": "single"},
    {"method": "multiple"},
    {"method": "ranked"},
    {"method": "ranked", "count": "instant_runoff"},
    {"method": "single", "secret": True},
    {"method": "ranked", "secret": True},
]


def spec_of(how: dict[str, Any]) -> PollSpec:
    return PollSpec(choices=("a", "b", "c"), closes_at=START + HOUR, **how)


schedules = given(
    st.integers(0, 2**32).map(random.Random), st.sampled_from(METHODS), st.integers(0, 150)
)


@schedules
def test_twenty_regions_come_to_one_checked_result(
    chance: random.Random, how: dict[str, Any], steps: int
) -> None:
    """Whoever was away comes back within the grace time: nobody is late, and every ballot that a region
    took counts, as it was last."""
    world = World(chance, spec_of(how), chance.choice(["global", "group.eu"]))
    for region in world.regions.values():
        region.skew = chance.choice([-HOUR, 0, 0, HOUR])
    world.live(steps)
    if chance.random() < 0.3:
        world.end_early()
    world.away.clear()
    world.now = max(world.now, START + 2 * HOUR)
    world.settle()
    outcomes = {name: world.regions[name].outcome for name in sorted(world.audience)}
    [outcome] = {str(found): found for found in outcomes.values()}.values()
    assert outcome is not None
    assert outcome.late == ()
    for name in world.audience:
        fact = world.regions[name].poll(POLL)
        assert fact is not None
        assert {other for other in world.audience if fact.of(other).checked} == world.audience
    expect_counted(world, outcome, world.audience)


@schedules
def test_who_stays_away_beyond_the_grace_time_is_late_and_agrees_in_the_end(
    chance: random.Random, how: dict[str, Any], steps: int
) -> None:
    world = World(chance, spec_of(how))
    gone = set(chance.sample(REGIONS[1:], chance.randint(1, 3)))
    world.live(steps // 2)
    world.away = set(gone)
    for _ in range(steps // 2):
        world.vote()
    world.now = max(world.now, START + HOUR)
    world.settle()
    world.now += limits.POLL_GRACE_SECONDS * 1000
    world.settle()
    outcome = world.regions[HOME].outcome
    assert outcome is not None
    assert set(outcome.late) <= gone
    world.away.clear()
    world.settle()
    for region in world.regions.values():
        assert region.outcome == outcome
        fact = region.poll(POLL)
        assert fact is not None
        assert all(fact.of(name).checked for name in REGIONS), "the late ones too"
    expect_counted(world, outcome, world.audience - set(outcome.late))


def expect_counted(world: World, outcome: PollClosed, regions: frozenset[str]) -> None:
    """Every person of these regions counts with the last ballot their region took."""
    last = {person: votes[-1] for person, votes in world.accepted.items()}
    voters = sum(bool(choices) for region, _, choices in last.values() if region in regions)
    late = sum(bool(choices) for region, _, choices in last.values() if region not in regions)
    assert voters <= outcome.voters
    if world.spec.secret:
        assert outcome.voters == voters, "of a late region nothing has come"
        assert all(part.voters >= limits.SECRET_VOTERS_MIN for part in outcome.parts)
        assert bool(outcome.counts) == (voters == 0 or voters >= limits.SECRET_VOTERS_MIN)
    elif not late:
        votes = sum(len(choices) for _, _, choices in last.values())
        named = sum(outcome.counts)
        assert named == (voters if world.spec.method == "ranked" else votes)


@pytest.mark.parametrize("how", METHODS)
def test_asked_again_nothing_is_said_twice(how: dict[str, Any]) -> None:
    world = World(random.Random(5), spec_of(how))
    world.live(100)
    world.away.clear()
    world.now = START + HOUR
    world.settle()
    size = world.size()
    world.now += 2 * limits.POLL_GRACE_SECONDS * 1000
    world.settle()
    assert world.size() == size
    kinds = [type(e) for r in world.regions.values() for lane in r.lanes.values() for _, e in lane]
    assert kinds.count(PollClosed) == 1
    assert kinds.count(PollChecked) == kinds.count(PollRegionClosed) == len(REGIONS)


@pytest.mark.parametrize("kind", [PollTallied, PollRegionClosed])
@pytest.mark.parametrize("name", [REGIONS[3], HOME])
def test_half_of_a_commit_that_came_back_is_said_anew(name: str, kind: type[Event]) -> None:
    """What a region tells all comes back from all, what it tells the home alone perhaps not; and the other way."""
    world = World(random.Random(7), spec_of({"method": "single", "secret": True}))
    world.live(150)
    world.away.clear()
    world.now = START + HOUR
    world.ask(name)
    world.regions[name].forget(kind)
    world.settle()
    outcome = world.regions[HOME].outcome
    assert outcome is not None
    assert outcome.late == ()
    expect_counted(world, outcome, world.audience)
    said = [type(e) for lane in world.regions[name].lanes.values() for _, e in lane]
    assert (said.count(PollTallied), said.count(PollRegionClosed)) == (1, 1)
