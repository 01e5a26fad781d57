"""A company in which nobody does anything by themselves: polls, ballots and results are written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from server.domain import cut as cutting
from server.domain.decide import Decided, Draft
from server.domain.events import (
    BallotCast,
    Event,
    PollClosed,
    PollRegionClosed,
    PollSpec,
    PollTallied,
    PostPublished,
)
from server.domain.facts import CastFact
from server.domain.ids import LaneKey
from server.domain.tally import Tally
from server.domain.visibility import GLOBAL, LOCAL
from tests.simulation.company import Company
from tests.simulation.people import CHOICES
from tests.simulation.state import Written
from tests.unit.federation.lab import START

POLL = "00000000000000000poll"
SINGLE = PollSpec(method="single", choices=CHOICES)
SECRET = replace(SINGLE, secret=True)
RANKED = PollSpec(method="ranked", choices=CHOICES)
RUNOFF = replace(RANKED, count="instant_runoff")
OPEN_BALLOTS = {"de0": (0, 1), "de1": (1, 2, 0), "fr0": (0,), "in0": (2, 0, 1)}


class Place:
    """Its company, in which ``de`` asks everybody one thing."""

    def __init__(self, spec: PollSpec) -> None:
        self.company = Company(4)
        self.company.people.found()
        self.record = self.company.record
        self.spec = spec
        self.of: dict[str, Any] = {"poll": POLL, "place": self.company.people.place}
        asked = PostPublished(
            post=POLL, kind="poll", place=self.of["place"], at=START, text="?", poll=spec
        )
        self.writes("de", asked, "de0")
        self.told: dict[str, Written] = {}
        """Sub-tallies, by region."""

    def writes(self, region: str, event: Event, actor: str = "", lane: str = GLOBAL) -> Written:
        """As it is written, folded and told."""
        drafts = [Draft(lane, actor, event, ())]
        node = self.company.nodes[region]
        node.append(lambda _facts, _context: Decided(drafts, {}))
        key = LaneKey(region, node.log.epoch, lane)
        return Written(key, len(node.log.lanes[key]), actor, START, event)

    def votes(self, person: str, *choices: int, rev: int = 1, region: str = "") -> Written:
        """``region``: where they live by now."""
        secret = self.spec.secret
        ballot = BallotCast(**self.of, rev=rev, choices=choices, secret=secret)
        return self.writes(region or person[:2], ballot, person, LOCAL if secret else GLOBAL)

    def forks(self, region: str) -> None:
        """From here on nobody knows which of its histories is meant."""
        epoch = self.company.nodes[region].log.epoch
        self.company.oracle.split |= {LaneKey(region, epoch, lane) for lane in (GLOBAL, LOCAL)}

    def stops(self, region: str, *ballots: Written) -> None:
        ends = tuple(ballot.end for ballot in ballots)
        self.writes(
            region, PollRegionClosed(**self.of, region=region, ends=ends, ballots=len(ends))
        )

    def tallies(self, region: str, voters: int, lane: str = "", **changes: Any) -> Written:
        """``counts``: as if all were for the first choice."""
        said = PollTallied(**self.of, region=region, rev=1, voters=voters, counts=(voters, 0, 0))
        lane = lane or (LOCAL if region == "de" else f"pair.de.{region}")
        return self.writes(region, replace(said, **changes), lane=lane)

    def result(self, *ballots: Written) -> PollClosed:
        """The right one, if these are all."""
        casts = [
            CastFact(b.actor, b.event.rev, b.end, b.event.choices, b.event.withdrawn)  # type: ignore[attr-defined]
            for b in ballots
        ]
        cut = cutting.ends_of(casts)
        post: Any = self.company.nodes["de"].state.post(POLL)
        return cutting.outcome(post, self.spec, casts, cut, ())

    def secret_result(self, tallies: Mapping[str, Written]) -> PollClosed:
        sums: dict[str, Any] = {region: said.event for region, said in tallies.items()}
        regional = {r: Tally(said.voters, said.counts, said.pairs) for r, said in sums.items()}
        post: Any = self.company.nodes["de"].state.post(POLL)
        return cutting.secret_outcome(post, self.spec, regional, ())


def voted(spec: PollSpec = SINGLE) -> tuple[Place, PollClosed]:
    """Four open ballots, and the result that is right."""
    place = Place(spec)
    ballots = [
        place.votes(person, *(choices if spec.method == "ranked" else choices[:1]))
        for person, choices in OPEN_BALLOTS.items()
    ]
    return place, place.result(*ballots)


def voted_in_secret(spec: PollSpec = SECRET) -> tuple[Place, PollClosed]:
    """Five in one region, and two and three in two others."""
    place = Place(spec)
    for region, voters in {"de": 5, "fr": 2, "in": 3}.items():
        for n in range(voters):
            place.votes(f"{region}{n}", 0)
        pairs = (0, voters, voters, *[0] * 6) if spec.method == "ranked" else ()
        place.told[region] = place.tallies(region, voters, pairs=pairs)
    return place, place.secret_result(place.told)
