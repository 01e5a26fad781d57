"""What people did, by a record of its own: every ballot, result and change of home, counted again in the plainest way.

Most checks are made where an event is written or folded; nothing here asks the code that decided it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from server.domain import limits
from server.domain.events import (
    BallotCast,
    PersonHandedOver,
    PersonTakenOver,
    PollChecked,
    PollClosed,
    PollRegionClosed,
    PollTallied,
    PostPublished,
    encode_body,
)
from server.domain.visibility import LOCAL, pair_lane
from server.federation.frames import Batch
from tests.simulation.oracle import holds
from tests.simulation.state import Written
from tests.unit.federation.lab import may_know

if TYPE_CHECKING:
    from tests.simulation.company import Company
    from tests.simulation.region import Region


class Record:
    """``company``'s. Where an origin signed two histories nobody promises one result, and nothing is asked."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self.polls: dict[str, Written] = {}
        self.results: dict[str, PollClosed] = {}
        self.known: dict[tuple[str, str], PollClosed] = {}
        """(region, poll) -> the result it has."""
        self.moves = 0
        """Handovers that were written."""
        self._casts: dict[str, list[Written]] = defaultdict(list)
        self._tallied: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        """Poll -> region -> whose secret ballots are in its sub-tally."""
        self._homes: dict[tuple[str, int], str] = {}
        """(person, rev) -> who wrote it."""
        self._given: dict[tuple[str, str, int], Written] = {}
        """(poll, person, rev) -> the ballot."""
        self._private: dict[bytes, frozenset[str]] = {}
        """Bodies that only these regions may see, beside their writer."""

    @property
    def is_split(self) -> bool:
        return bool(self._company.oracle.split)

    @property
    def is_calm(self) -> bool:
        """No disk was put back: nothing anybody wrote is gone."""
        return not self._company.put_back and not self.is_split

    # -- as it is written ------------------------------------------------------------------------------

    def wrote(self, node: Region, written: Written) -> None:
        if self.is_split:
            return
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
                self._closed(written, said)
            case PollChecked(poll=poll, region=region, agrees=agrees):
                holds(agrees, f"{region} counts another result of {poll}")
            case PersonHandedOver(person=person, rev=rev) | PersonTakenOver(person=person, rev=rev):
                writer = self._homes.setdefault((person, rev), node.region)
                holds(
                    writer == node.region,
                    f"I7: {writer} and {node.region} both write {rev} of {person}",
                )
                self.moves += isinstance(written.event, PersonHandedOver)
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
        own = [cast for cast in self._casts[tally.poll] if self._is_on(node, cast)]
        voters = frozenset(cast.actor for cast in _last(own))
        holds(
            tally.voters == len(voters),
            f"{node.region} sends a tally of {tally.voters}, not {voters}",
        )
        if self.is_calm:
            for region, others in self._tallied[tally.poll].items():
                twice = voters & others if region != node.region else ()
                holds(not twice, f"{node.region} and {region} both count {twice} in {tally.poll}")
        self._tallied[tally.poll][node.region] = voters

    @staticmethod
    def _is_on(node: Region, cast: Written) -> bool:
        """Whether a ballot of the region's own is on its disk."""
        there = len(node.log.lanes.get(cast.key, ())) >= cast.seq
        return cast.key.region == node.region and there

    def _stopped(self, written: Written, said: PollRegionClosed) -> None:
        """What is on some disk, and was cast before its region stopped, is never left out."""
        if self._is_secret(said.poll):
            holds(not said.ends and not said.ballots, "I11: a region tells of its secret ballots")
            return
        ends = {(end.region, end.epoch, end.lane): end.seq for end in said.ends}
        for cast in self._casts[said.poll]:
            if cast.key.region == said.region and self._is_durable(cast):
                under = ends.get(tuple(cast.key), 0) >= cast.seq  # type: ignore[call-overload]
                holds(under, f"{said.region} forgets the ballot of {cast.actor} at {cast.seq}")

    def _is_durable(self, cast: Written) -> bool:
        return self._company.oracle.durable.get(cast.key, 0) >= cast.seq

    def _is_secret(self, poll: str) -> bool:
        event = self.polls[poll].event
        return isinstance(event, PostPublished) and event.poll is not None and event.poll.secret

    def _closed(self, written: Written, said: PollClosed) -> None:
        if self._is_secret(said.poll):
            self._closed_in_secret(said)
        else:
            self._closed_openly(said)
        first = self.results.setdefault(said.poll, said)
        holds(first == said or not self.is_calm, f"{said.poll} has two results")

    def _closed_openly(self, said: PollClosed) -> None:
        cut = {(end.region, end.epoch, end.lane): end.seq for end in said.cut}
        casts = self._casts[said.poll]
        under = [cast for cast in casts if cut.get(tuple(cast.key), 0) >= cast.seq]  # type: ignore[call-overload]
        if self.is_calm:
            left = [c for c in casts if c.key.region not in said.late and c not in under]
            holds(not left, f"{said.poll} leaves out {[cast.actor for cast in left]}")
        ballots = _last(under)
        holds(said.voters == len(ballots), f"{said.poll}: {said.voters} voters, not {len(ballots)}")
        event = self.polls[said.poll].event
        spec = event.poll if isinstance(event, PostPublished) else None
        if spec is not None and spec.method != "ranked":
            counts = [0] * len(spec.choices)
            for ballot in ballots:
                for choice in ballot.event.choices:  # type: ignore[attr-defined]
                    counts[choice] += 1
            holds(said.counts == tuple(counts), f"{said.poll}: {said.counts}, not {counts}")

    def _closed_in_secret(self, said: PollClosed) -> None:
        small = [part for part in said.parts if part.voters < limits.SECRET_VOTERS_MIN]
        holds(not small, f"I11: {small} of {said.poll} are shown")
        hidden = said.parts or not said.voters or not (said.counts or said.pairs or said.order)
        holds(bool(hidden), f"I11: {said.poll} tells of {said.voters} voters")
        if self.is_calm:
            counted = [v for r, v in self._tallied[said.poll].items() if r not in said.late]
            everybody = {cast.actor for cast in self._casts[said.poll]}
            holds(said.voters <= len(everybody), f"{said.poll} counts somebody twice")
            most = sum(len(voters) for voters in counted)
            holds(said.voters == most, f"{said.poll} counts {said.voters} of {most}")

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
        if not isinstance(written.event, PollClosed) or self.is_split:
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
