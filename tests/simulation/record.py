"""What people did, by a record of its own: every ballot, result and change of home, counted again in the plainest way.

Most checks are made where an event is written or folded; nothing here asks the code that decided it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from server.domain import limits
from server.domain.events import (
    BallotCast,
    BallotPart,
    Event,
    KeyRetired,
    LaneEnd,
    PersonHandedOver,
    PersonTakenOver,
    PollChecked,
    PollClosed,
    PollRegionClosed,
    PollSpec,
    PollTallied,
    PostPublished,
    encode_body,
)
from server.domain.ids import LaneKey
from server.domain.visibility import CONTROL, LOCAL, pair_lane
from server.federation.frames import Batch
from tests.simulation import counts
from tests.simulation.oracle import Broken, holds
from tests.simulation.state import Written
from tests.unit.federation.lab import may_know

if TYPE_CHECKING:
    from tests.simulation.company import Company
    from tests.simulation.region import Region


class Record:
    """``company``'s. Where an origin signed two histories nobody promises one result, one home or an end; what is
    private stays so, and what is counted without that origin is counted again."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self.polls: dict[str, Written] = {}
        self.results: dict[str, PollClosed] = {}
        self.known: dict[tuple[str, str], PollClosed] = {}
        """(region, poll) -> the result it has."""
        self.written: Counter[type[Event]] = Counter()
        """Events by kind; the end of a key, which is said in every lane, once."""
        self._casts: dict[str, list[Written]] = defaultdict(list)
        self._tallied: dict[str, dict[str, list[list[Written]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        """Poll -> region -> the secret ballots in its sub-tally; a restored region may have said another one before."""
        self._homes: dict[tuple[str, int], str] = {}
        """(person, rev) -> who wrote it."""
        self._given: dict[tuple[str, str, int], Written] = {}
        """(poll, person, rev) -> the ballot."""
        self._private: dict[bytes, frozenset[str]] = {}
        """Bodies that only these regions may see, beside their writer."""

    @property
    def is_split(self) -> bool:
        return bool(self._company.oracle.split)

    def _is_sound(self, regions: Iterable[str]) -> bool:
        """None of them signed two histories: what stands under a number of theirs is known."""
        return not {key.region for key in self._company.oracle.split}.intersection(regions)

    @property
    def is_calm(self) -> bool:
        """No disk was put back: nothing anybody wrote is gone."""
        return not self._company.put_back and not self.is_split

    # -- as it is written ------------------------------------------------------------------------------

    def wrote(self, node: Region, written: Written) -> None:
        if not isinstance(written.event, KeyRetired) or written.key.lane == CONTROL:
            self.written[type(written.event)] += 1
        match written.event:
            case PostPublished(post=post):
                self.polls[post] = written
            case BallotCast() as ballot:
                self._cast(written, ballot)
            case PollTallied() as tally:
                self._sub_tally(node, written, tally)
            case PollRegionClosed() as said:
                self._stopped(written, said)
            case PollClosed() as said:
                self._closed(said)
            case PollChecked(poll=poll, region=region, agrees=agrees):
                right = agrees or self.is_split
                holds(right, f"{region} counts another result of {poll}")
            case PersonHandedOver(person=person, rev=rev) | PersonTakenOver(person=person, rev=rev):
                writer = self._homes.setdefault((person, rev), node.region)
                holds(
                    writer == node.region or self.is_split,
                    f"I7: {writer} and {node.region} both write {rev} of {person}",
                )
                if isinstance(written.event, PersonTakenOver):
                    self._arrived(node, person)
            case _:
                pass

    def _cast(self, written: Written, ballot: BallotCast) -> None:
        if ballot.secret:
            holds(written.key.lane == LOCAL, f"I11: a secret ballot goes out in {written.key.lane}")
            self._private[encode_body(ballot)] = frozenset()
        self._casts[ballot.poll].append(written)
        given = self._given.setdefault((ballot.poll, written.actor, ballot.rev), written)
        once = given is written or (
            written.key.lane == LOCAL and given.key.region != written.key.region
        )
        holds(once or not self.is_calm, f"{written.actor}'s ballot {ballot.rev} is given twice")

    def _sub_tally(self, node: Region, written: Written, tally: PollTallied) -> None:
        home = self.polls[tally.poll].key.region
        lane = LOCAL if home == node.region else pair_lane(home, node.region)
        holds(written.key.lane == lane, f"I11: a sub-tally goes out in {written.key.lane}")
        self._private[encode_body(tally)] = frozenset([home])
        if not self._is_sound([node.region]):
            return
        own = _last([cast for cast in self._casts[tally.poll] if self._is_on(node, cast)])
        right = counts.sums(self._spec(tally.poll), _choices(own))
        _same(tally, right, f"{node.region}'s sub-tally of {tally.poll}")
        if self.is_calm:
            for region, said in self._tallied[tally.poll].items():
                twice = _voters(own) & _voters(said[-1]) if region != node.region else ()
                holds(not twice, f"{node.region} and {region} both count {twice} in {tally.poll}")
        self._tallied[tally.poll][node.region].append(own)

    @staticmethod
    def _is_on(node: Region, cast: Written) -> bool:
        """Whether a ballot of the region's own is on its disk."""
        there = len(node.log.lanes.get(cast.key, ())) >= cast.seq
        return cast.key.region == node.region and there

    def _stopped(self, written: Written, said: PollRegionClosed) -> None:
        """What is on some disk, and was cast before its region stopped, is never left out."""
        if self._spec(said.poll).secret:
            holds(not said.ends and not said.ballots, "I11: a region tells of its secret ballots")
        if self._spec(said.poll).secret or not self._is_sound([said.region]):
            return
        casts = [cast for cast in self._casts[said.poll] if cast.key.region == said.region]
        under = _under(said.ends, casts)
        for cast in casts:
            left = self._is_durable(cast) and cast not in under
            holds(not left, f"{said.region} forgets the ballot of {cast.actor} at {cast.seq}")
        _same(said, {"ballots": len(_last(under))}, f"the word of {said.region}")

    def _is_durable(self, cast: Written) -> bool:
        return self._company.oracle.durable.get(cast.key, 0) >= cast.seq

    def _spec(self, poll: str) -> PollSpec:
        return self.polls[poll].event.poll  # type: ignore[attr-defined,no-any-return]

    def _closed(self, said: PollClosed) -> None:
        if self._spec(said.poll).secret:
            self._closed_in_secret(said)
        else:
            self._closed_openly(said)
        first = self.results.setdefault(said.poll, said)
        holds(first == said or not self.is_calm, f"{said.poll} has two results")

    def _closed_openly(self, said: PollClosed) -> None:
        casts = self._casts[said.poll]
        under = _under(said.cut, casts)
        if self.is_calm:
            left = [c for c in casts if c.key.region not in said.late and c not in under]
            holds(not left, f"{said.poll} leaves out {[cast.actor for cast in left]}")
        if self._is_sound(cast.key.region for cast in casts):
            self._follows(said, _last(under))

    def _follows(self, said: PollClosed, ballots: list[Written]) -> None:
        """From these ballots, whichever way the poll is counted."""
        spec, regions = self._spec(said.poll), {cast.key.region for cast in ballots}
        right = counts.result(spec, said.poll, _choices(ballots), len(regions), said.cut)
        _same(said, right, f"the result of {said.poll}")

    def _closed_in_secret(self, said: PollClosed) -> None:
        small = [part for part in said.parts if part.voters < limits.SECRET_VOTERS_MIN]
        holds(not small, f"I11: {small} of {said.poll} are shown")
        if said.parts or not said.voters:
            named = [region for part in said.parts for region in part.regions]
            holds(len(set(named)) == len(named), f"{said.poll} has a region in two parts")
            if self._is_sound(named):
                ballots = [cast for part in said.parts for cast in self._part(said.poll, part)]
                self._follows(said, ballots)
        else:
            hidden = {"voters": said.voters, "counts": (), "pairs": ()}
            shown = counts.said_of(self._spec(said.poll), said.poll, hidden, said.regions)
            holds(said.voters < limits.SECRET_VOTERS_MIN, f"{said.poll} shows no part")
            _same(said, hidden | shown | {"order": ()}, f"I11: the result of {said.poll}")
        if self.is_calm:
            told = self._tallied[said.poll].items()
            counted = [cast for r, tallies in told if r not in said.late for cast in tallies[-1]]
            _same(
                said,
                {"voters": len(counted), "regions": len({cast.key.region for cast in counted})},
                f"all of {said.poll}",
            )

    def _part(self, poll: str, part: BallotPart) -> list[Written]:
        """The ballots a part is the sum of, if it is: those of one sub-tally of each of its regions."""
        said = [filter(None, self._tallied[poll][region]) for region in part.regions]
        for tallies in product(*said):
            ballots = [cast for tally in tallies for cast in tally]
            right = counts.sums(self._spec(poll), _choices(ballots))
            if all(getattr(part, name) == value for name, value in right.items()):
                return ballots
        raise Broken(f"{part} of {poll} is not what its regions counted")

    def _arrived(self, node: Region, person: str) -> None:
        """18.1: the new home holds whatever was written for them where it can see it."""
        if self.is_calm:
            for casts in self._casts.values():
                for cast in casts:
                    seen = cast.actor == person and may_know(cast.key, node.region)
                    held = len(node.log.lanes.get(cast.key, ())) >= cast.seq
                    holds(held or not seen, f"{node.region} takes {person} over without {cast.key}")

    # -- as it is folded, and on the wires ---------------------------------------------------------------

    def folded(self, node: Region, written: Written) -> None:
        """Once a node has a result it stays what it is."""
        if not isinstance(written.event, PollClosed):
            return
        fact = node.state.poll(written.event.poll)
        if fact is None or fact.outcome is None:
            return
        known = self.known.setdefault((node.region, written.event.poll), fact.outcome)
        same = known == fact.outcome and fact.outcome == self.results[written.event.poll]
        holds(same or not self.is_calm, f"{node.region} changes its result of {written.event.poll}")

    def sent(self, peer: str, batch: Batch) -> None:
        for carried in batch.events:
            if carried.body in self._private:
                allowed = peer in self._private[carried.body] or peer == batch.head.key.region
                holds(allowed, f"I11: {peer} is sent what only some may see")

    # -- the end -----------------------------------------------------------------------------------------

    @property
    def ends(self) -> list[tuple[str, int]]:
        """Of each poll that ends by itself its home, and when."""
        polls = [(said.key.region, said.event.poll.closes_at) for said in self.polls.values()]  # type: ignore[attr-defined]
        return [(home, closes_at) for home, closes_at in polls if closes_at]

    def open(self) -> list[str]:
        """What has not come to its end yet."""
        if self.is_split:
            return []
        found = []
        for node in self._company.nodes.values():
            moving = [who.person for who in node.state.people() if not who.home]
            found += [f"{node.region} waits for {person} to arrive" for person in moving]
            for poll, written in self.polls.items():
                if may_know(written.key, node.region) and poll in node.state.unchecked(node.region):
                    found.append(f"{node.region} has not checked {poll}")
        return found

    def check_end(self) -> None:
        unseen = self._company.people.asked - self.polls.keys()
        holds(not unseen, f"polls {unseen} were asked for, and never written")
        if self.is_split:
            return
        holds(not (left := self.open()), f"unfinished: {left[:5]}")
        nodes = list(self._company.nodes.values())
        for poll, written in self.polls.items():
            there = [node for node in nodes if may_know(written.key, node.region)]
            facts = [node.state.poll(poll) for node in there]
            same = all(fact and fact.outcome == facts[0].outcome for fact in facts)  # type: ignore[union-attr]
            holds(same, f"{poll} has not one result everywhere")
        homes = [sorted((who.person, who.home) for who in node.state.people()) for node in nodes]
        holds(all(one == homes[0] for one in homes), "somebody has two homes")


def _last(casts: Iterable[Written]) -> list[Written]:
    """Each person's last ballot that is not taken back."""
    found: dict[str, Written] = {}
    for cast in sorted(casts, key=lambda cast: (cast.event.rev, cast.key, cast.seq)):  # type: ignore[attr-defined]
        found[cast.actor] = cast
    return [cast for cast in found.values() if cast.event.choices]  # type: ignore[attr-defined]


def _under(cut: Iterable[LaneEnd], casts: Iterable[Written]) -> list[Written]:
    ends = {LaneKey(end.region, end.epoch, end.lane): end.seq for end in cut}
    return [cast for cast in casts if ends.get(cast.key, 0) >= cast.seq]


def _choices(casts: Iterable[Written]) -> list[tuple[int, ...]]:
    return [cast.event.choices for cast in casts]  # type: ignore[attr-defined]


def _voters(casts: Iterable[Written]) -> frozenset[str]:
    return frozenset(cast.actor for cast in casts)


def _same(said: Any, right: Mapping[str, Any], what: str) -> None:
    """``right``: fields of ``said``, as they should be."""
    for name, value in right.items():
        is_right = getattr(said, name) == value
        holds(is_right, f"{what}: {name} {getattr(said, name)}, not {value}")
