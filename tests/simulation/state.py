"""What a region believes about people and polls: its log folded in memory, for the rules to ask.

A model of the tables, and quicker than they by two orders of magnitude. In schedules whose logs are databases both
answer, and are compared (``differences``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from server.domain.events import (
    BallotCast,
    BallotKept,
    CommunityCreated,
    Event,
    LaneEnd,
    PersonHandedOver,
    PersonRegistered,
    PersonReleased,
    PersonTakenOver,
    PollChecked,
    PollClosed,
    PollClosing,
    PollRegionClosed,
    PollTallied,
    PostPublished,
)
from server.domain.facts import (
    NO_MEMBER,
    OFF,
    UNSET,
    CastFact,
    CommunityFact,
    MemberFact,
    PersonFact,
    PollFact,
    PollRegionFact,
    PostFact,
    Register,
    ReleaseFact,
    ValueRegister,
)
from server.domain.ids import LaneKey, sealed
from server.domain.visibility import lane_audience
from tests.unit.federation.lab import GROUPS

if TYPE_CHECKING:
    from tests.unit.federation.lab import ListLog


class Written(NamedTuple):
    """An event that means something, as its origin wrote it."""

    key: LaneKey
    seq: int
    actor: str
    at: int
    """UTC milliseconds, by the origin's clock."""
    event: Event

    @property
    def end(self) -> LaneEnd:
        region, epoch, lane = self.key
        return LaneEnd(region=region, epoch=epoch, lane=lane, seq=self.seq)


class _Poll:
    def __init__(self) -> None:
        self.home, self.closing = "", False
        self.regions: dict[str, PollRegionFact] = defaultdict(PollRegionFact)
        self.closed_epochs: dict[str, int] = {}
        self.tally_revs: dict[str, int] = {}
        self.outcomes: dict[str, tuple[int, PollClosed]] = {}
        self.casts: dict[LaneKey, dict[int, CastFact]] = defaultdict(dict)

    def say(self, region: str, **changes: Any) -> None:
        self.regions[region] = self.regions[region]._replace(**changes)


class State:
    """``Facts``, as far as the rules about people and polls ask; all else is nothing."""

    def __init__(self, log: ListLog) -> None:
        self._log = log
        self._persons: dict[str, PersonFact] = {}
        self._homes: dict[str, set[str]] = defaultdict(set)
        self._releases: dict[str, ReleaseFact] = {}
        self._communities: dict[str, CommunityFact] = {}
        self._posts: dict[str, PostFact] = {}
        self._polls: dict[str, _Poll] = defaultdict(_Poll)
        self._ballots: dict[tuple[str, str], tuple[int, str]] = {}
        self._kept: set[tuple[str, str]] = set()

    # -- folding, in any order and any number of times (I6) ------------------------------------------

    def fold(self, written: Written) -> None:
        origin, epoch = written.key[:2]
        match written.event:
            case PersonRegistered(person=person, home=home):
                self._homes[person].add(home)
                if person not in self._persons:
                    self._at_home(person, home, 0)
            case PersonHandedOver(person=person, to=to, rev=rev):
                self._at_home(person, "", rev, origin, to)
            case PersonTakenOver(person=person, previous=previous, rev=rev):
                self._homes[person].add(origin)
                self._at_home(person, origin, rev, previous)
            case PersonReleased(person=person, to=to, rev=rev, cut=cut):
                known = self._releases.get(person)
                news = (rev, msgspec.json.encode(cut))
                if known is None or (known.rev, msgspec.json.encode(known.cut)) < news:
                    self._releases[person] = ReleaseFact(origin, to, rev, cut)
            case CommunityCreated(community=name, home=home, audience=audience):
                self._communities[name] = CommunityFact(name, home, "open", audience, False, 0)
            case PostPublished(post=post, place=place, poll=poll, at=at, kind=kind):
                flags = (False, False, poll, False, at)
                self._posts[post] = PostFact(post, kind, place, post, "", written.actor, 1, *flags)
                self._polls[post].home = origin
            case BallotCast():
                self._cast(written, written.event)
            case BallotKept(poll=poll, person=person):
                self._kept.add((poll, person))
            case PollClosing(poll=poll):
                self._polls[poll].closing = True
            case PollTallied(poll=poll, region=region, rev=rev) as said:
                if rev > self._polls[poll].tally_revs.get(region, 0):
                    self._polls[poll].tally_revs[region] = rev
                    sums = {"voters": said.voters, "counts": said.counts, "pairs": said.pairs}
                    self._polls[poll].say(region, tallied=True, **sums)
            case PollRegionClosed(poll=poll, region=region) as said:
                if epoch > self._polls[poll].closed_epochs.get(region, 0):
                    self._polls[poll].closed_epochs[region] = epoch
                    ends = tuple([end for end in said.ends if end.region == region])
                    waits = frozenset(said.waits_for)
                    self._polls[poll].say(
                        region, closed=True, closed_at=written.at, waits_for=waits, ends=ends
                    )
            case PollClosed(poll=poll) as said:
                known_rank = self._polls[poll].outcomes.get(origin)
                if known_rank is None or -epoch > known_rank[0]:
                    self._polls[poll].outcomes[origin] = (-epoch, said)
            case PollChecked(poll=poll, region=region):
                self._polls[poll].say(region, checked=True)
            case _:
                pass

    def _at_home(
        self, person: str, home: str, rev: int, previous: str = "", moving_to: str = ""
    ) -> None:
        known = self._persons.get(person)
        if known is None or known.home_rev < rev:
            self._persons[person] = PersonFact(
                person, home, True, False, "", "", 1, 0, frozenset(), rev, previous, moving_to
            )

    def _cast(self, written: Written, said: BallotCast) -> None:
        cast = CastFact(written.actor, said.rev, written.end, said.choices, said.withdrawn)
        self._polls[said.poll].casts[written.key][written.seq] = cast
        rev, _ = self._ballots.get((said.poll, written.actor), (0, ""))
        if said.rev > rev:
            choices = msgspec.json.encode(said.choices).decode()
            self._ballots[said.poll, written.actor] = (said.rev, choices)

    # -- what the rules ask --------------------------------------------------------------------------

    def person(self, person: str) -> PersonFact | None:
        return self._persons.get(person)

    def people(self) -> list[PersonFact]:
        return list(self._persons.values())

    def homes_of(self, person: str) -> frozenset[str]:
        """Every region that ever was theirs."""
        return frozenset(self._homes[person])

    def release(self, person: str) -> ReleaseFact | None:
        return self._releases.get(person)

    def lane_seq(self, region: str, epoch: int, lane: str) -> int:
        return len(self._log.lanes.get(LaneKey(region, epoch, lane), ()))

    def community(self, community: str) -> CommunityFact | None:
        return self._communities.get(community)

    def member(self, community: str, person: str) -> MemberFact:
        return NO_MEMBER

    def post(self, post: str) -> PostFact | None:
        return self._posts.get(post)

    def poll(self, poll: str) -> PollFact | None:
        if poll not in self._polls:
            return None
        known = self._polls[poll]
        published = known.outcomes.get(known.home)
        outcome = published[1] if published else None
        return PollFact(known.home, known.closing, known.regions, outcome)

    def casts(self, poll: str, region: str = "") -> list[CastFact]:
        """As far as lanes are held without a hole (docs/protocol/federation.md 19.4)."""
        return [
            cast
            for key, casts in self._polls[poll].casts.items()
            if region in ("", key.region)
            for seq, cast in casts.items()
            if seq <= len(self._log.lanes.get(key, ()))
        ]

    def cast_regions(self, poll: str) -> frozenset[str]:
        return frozenset([key.region for key in self._polls[poll].casts])

    def holds_ballot(self, poll: str, end: LaneEnd) -> bool:
        key = LaneKey(end.region, end.epoch, end.lane)
        there = end.seq in self._polls[poll].casts.get(key, ())
        return there and end.seq <= len(self._log.lanes.get(key, ()))

    def ballot(self, poll: str, person: str) -> ValueRegister:
        known = self._ballots.get((poll, person))
        return ValueRegister(*known) if known else UNSET

    def ballot_kept(self, poll: str, person: str) -> bool:
        return not self._kept.isdisjoint({(poll, person), (sealed(poll, person), person)})

    def secret_ballots(self, person: str) -> list[tuple[str, str]]:
        found = []
        for poll, post in self._posts.items():
            fact = self.poll(poll)
            there = self._ballots.get((poll, person), (0, "[]"))[1] != "[]"
            open_ = fact is not None and fact.outcome is None
            if (
                post.poll
                and post.poll.secret
                and open_
                and (there or self.ballot_kept(poll, person))
            ):
                found.append((poll, post.place))
        return sorted(found)

    def unknown_ballots(self, person: str) -> list[str]:
        known = {poll for poll, post in self._posts.items() if post.poll and post.poll.secret}
        known |= {sealed(poll, person) for poll in known}
        return sorted({poll for poll, who in self._kept if who == person} - known)

    def homes(self, community: str) -> frozenset[str]:
        next_ones = {person.moving_to for person in self._persons.values()}
        return frozenset(next_ones.union(*self._homes.values()) - {""})

    def standing(self, person: str) -> None:
        return None

    def residency(self, region: str) -> None:
        return None

    def person_role(self, person: str, role: str) -> Register:
        return OFF

    # -- for drivers and checks ----------------------------------------------------------------------

    def unchecked(self, region: str) -> set[str]:
        """Polls that this region has not checked yet."""
        return {poll for poll in self._posts if not self._polls[poll].regions[region].checked}

    def differences(self, facts: Any, people: Mapping[str, str]) -> list[str]:
        """Where ``facts``, the tables of the same log, say something else."""
        asked: list[tuple[Any, ...]] = [("person", person) for person in people]
        asked += [("release", person) for person in people]
        asked += [(n, person) for n in ("secret_ballots", "unknown_ballots") for person in people]
        for poll in self._posts:
            asked += [("poll", poll), ("cast_regions", poll), ("post", poll)]
            asked += [(name, poll, who) for who in people for name in ("ballot", "ballot_kept")]
        found = [str(one) for one in asked if self._said(self, *one) != self._said(facts, *one)]
        casts = [sorted(one.casts(poll)) for poll in self._posts for one in (self, facts)]
        return found + ["casts"] * (casts[::2] != casts[1::2])

    @staticmethod
    def _said(facts: Any, name: str, *of: str) -> Any:
        found = getattr(facts, name)(*of)
        if isinstance(found, PollFact):
            return found._replace(regions={r: s for r, s in found.regions.items() if any(s)})
        if isinstance(found, PersonFact):
            return found._replace(unit="", country="")
        return found._replace(text="") if hasattr(found, "text") else found


def audience_of(lane: str, origin: str, regions: Any) -> frozenset[str]:
    return lane_audience(lane, origin, regions, GROUPS)
