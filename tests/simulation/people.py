"""Who lives in the company, and what they do: they vote, end polls and move; operators replace keys.

What they do is part of the schedule (``plan``) as faults are, drawn apart from these.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from server.domain.commands import CastBallot, ClosePoll, HandOver, PublishPost
from server.domain.decide import Context, Decided, Draft, decide, moves
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import (
    CommunityCreated,
    EpochEnd,
    KeyRetired,
    PersonRegistered,
    PollSpec,
)
from server.domain.facts import Facts
from server.domain.ids import LaneKey, object_id
from server.domain.visibility import CONTROL, GLOBAL, LOCAL
from server.domain.wire import LaneBatch
from server.federation import catchup, frames
from server.federation.lanes import Held
from server.federation.recovery import Phase
from server.federation.steps import REJECTIONS
from server.federation.trust import key_id, sign_head, verify_batch
from tests.simulation.duties import Died
from tests.simulation.inhabited import public_of
from tests.simulation.oracle import holds
from tests.simulation.plainlog import Rule
from tests.simulation.region import Region
from tests.simulation.releases import Release
from tests.simulation.state import Written, audience_of
from tests.unit.federation.lab import GROUPS, START, event_after

if TYPE_CHECKING:
    from tests.simulation.company import Company

Act = Callable[["Company", random.Random], None]
DAY_MS = 24 * 3_600_000
AGAIN_MS = 400
"""Whoever finds their node down, or not ready, comes back."""
METHODS: Sequence[Mapping[str, Any]] = (
    {"method": "single"},
    {"method": "single", "quorum_people": 8},
    {"method": "multiple", "quorum_regions": 3},
    {"method": "ranked"},
    {"method": "ranked", "count": "instant_runoff"},
)
SECRET_METHODS = METHODS[:4]
CHOICES = ("green", "black", "white")
SCOPES = (2, 11, 12)
"""How often the place is for all, for four or for two regions: a poll of all costs half a schedule."""
CROWD = 5
"""So many live in one region, beside one or two in every other: a part of a secret poll by themselves."""


class People:
    """A company's: one place of theirs, its polls, and what their events mean."""

    def __init__(self, company: Company, seed: int) -> None:
        chance = random.Random(f"people {seed}")
        self._company = company
        self.meaning: dict[bytes, Written] = {}
        """By hash: each event that means something, wherever it stands."""
        scope = chance.choices(("", "asia", "eu"), SCOPES)[0]
        self.lane = f"group.{scope}" if scope else GLOBAL
        self.regions = GROUPS[scope] if scope else company.regions
        self.is_secret = chance.random() < 0.5
        self.home = self._home(chance)
        """Where the place is at home, and its polls are published."""
        crowded = {self.home, chance.choice([r for r in self.regions if r != "za"])}
        self.first_homes: dict[str, str] = {}
        for region in [region for region in company.settled_regions if region in self.regions]:
            count = CROWD if region in crowded else chance.choice((1, 1, 1, 2))
            self.first_homes |= {f"{region}{n}": region for n in range(count)}
        self.movers: list[str] = []
        self.place = ""
        self.asked: set[str] = set()
        """Polls whose authors were told that they are published."""
        self.rejected: list[str] = []
        """Who was taken for somebody else."""
        self.forged: set[tuple[str, str]] = set()
        """(receiver, peer) between which somebody put in what no one signed."""
        self._retired: set[str] = set()
        self._keys_drawn: dict[str, int] = {}

    def _home(self, chance: random.Random) -> str:
        """Sub-tallies go over direct lines only: of a secret poll the home has one to everybody."""
        lines = self._company.lines_of
        there = [region for region in self.regions if region in lines]
        if self.is_secret and self.lane == GLOBAL:
            there = sorted(there, key=lambda region: -len(lines[region]))[:1]
        return chance.choice(there)

    def lines(self) -> set[tuple[str, str]]:
        """Those their place needs."""
        if not self.is_secret:
            return set()
        pairs = [sorted((self.home, other)) for other in self.regions if other != self.home]
        return {(a, b) for a, b in pairs}

    # -- how it was, long ago --------------------------------------------------------------------------

    def found(self) -> None:
        """Everybody is known everywhere, but to a region that joins later."""
        company, name = self._company, object_id(START, b"the place ")
        self.place = f"c:{name}"
        for region in company.settled_regions:
            people = [p for p, home in self.first_homes.items() if home == region]
            if not people:
                continue
            drafts = [
                Draft(GLOBAL, "", PersonRegistered(person=person, home=region, name=person), ())
                for person in people
            ]
            if region == self.home:
                made = CommunityCreated(
                    community=name, home=region, name="Tea", audience=self.lane, owner=people[0]
                )
                drafts.append(Draft(self.lane, people[0], made, (name,)))
            company.nodes[region].found(drafts)
        for region in company.settled_regions:
            self._hand_out(company.nodes[region])
        for node in company.nodes.values():
            node.base = {key: len(events) for key, events in node.log.lanes.items()}
            node.grown.clear()

    def _hand_out(self, origin: Region) -> None:
        for key, events in list(origin.log.lanes.items()):
            held = Held(len(events), events[-1].hash)
            head = sign_head(key, held, origin.log.private)
            nothing = Held.nothing(key)
            batch = LaneBatch(key, 0, nothing.hash, tuple(events), head)
            seen = audience_of(key.lane, key.region, self._company.settled_regions)
            for region in sorted(seen - {origin.region}) if key.region == origin.region else ():
                self._company.nodes[region].taught(batch)

    # -- what they do ------------------------------------------------------------------------------------

    def at_home(self, person: str) -> Region | None:
        """The node that takes the person for one of its own, if it is up and lets people write."""
        for node in self._company.nodes.values():
            who = node.state.person(person)
            if who and who.home == node.region and self.is_open(node):
                return node
        return None

    @staticmethod
    def is_open(node: Region) -> bool:
        return node.alive and not node.is_put_back and node.recovery.phase is Phase.OPEN

    def does(self, person: str, command: Any) -> Any:
        """The answer or refusal; None where there is no node that would take it."""
        node = self.at_home(person)
        if node is None:
            return None
        return self.appended(node, lambda f, c: decide(command, person, f, c))

    def appended(self, node: Region, rule: Rule) -> Any:
        try:
            return node.append(rule)
        except Died:
            return None

    def ask(self, closes_at: int | None, chance: random.Random) -> None:
        how = chance.choice(SECRET_METHODS if self.is_secret else METHODS)
        spec = msgspec.convert(
            {**how, "choices": CHOICES, "secret": self.is_secret, "closes_at": closes_at}, PollSpec
        )
        author = f"{self.home}0"
        command = PublishPost(place=self.place, kind="poll", text="?", poll=spec)
        answer = self.does(author, command)
        if isinstance(answer, dict):
            self.asked.add(answer["post"])
        else:
            self._company.after(AGAIN_MS, lambda: self.ask(closes_at, chance))

    def vote(self, chance: random.Random, person: str = "", at: str = "") -> None:
        """Somebody, often one who moves; at the first try, or having thought again. ``at``: who lives there."""
        there = [
            p for p, home in self.first_homes.items() if home in ((at,) if at else self.regions)
        ]
        moving = bool(self.movers) and not at and chance.random() < 0.4
        person = person or chance.choice(self.movers if moving else there)
        for poll, written in self._company.record.polls.items():
            method = written.event.poll.method  # type: ignore[attr-defined]
            count = 1 if method == "single" else chance.randint(1, len(CHOICES))
            choices = tuple(chance.sample(range(len(CHOICES)), count))
            ballot = CastBallot(poll=poll, choices=choices)
            if chance.random() < 0.1:
                ballot = CastBallot(poll=poll, withdrawn=True)
            self.does(person, ballot)

    def end(self) -> None:
        """The author of each poll ends it, if it has not ended."""
        for poll, written in self._company.record.polls.items():
            self.does(written.actor, ClosePoll(poll=poll))

    def move(self, chance: random.Random) -> None:
        """To a region with a direct line: a release goes over no other."""
        there = [p for p, home in self.first_homes.items() if home in self.regions]
        person = chance.choice(self.movers if self.movers and chance.random() < 0.3 else there)
        node = self.at_home(person)
        if node is None:
            return
        near = [
            r for r in self._company.lines_of[node.region] if r in self._company.settled_regions
        ]
        inside = [region for region in near if region in self.regions]
        to = chance.choice(sorted(inside or near))
        self.movers.append(person)
        if chance.random() < 0.7:
            self.vote(chance, person)
        wish = HandOver(person=person, to=to)
        self.appended(node, lambda f, c: moves.handover(wish, "", f, c))

    # -- keys --------------------------------------------------------------------------------------------

    def rotate(self, node: Region) -> None:
        if not self.is_open(node) or node.next_key:
            return
        self._keys_drawn[node.region] = number = self._keys_drawn.get(node.region, 0) + 1
        try:
            node.rotate(self._company.keys.draw(node.region, number))
        except Died:
            return

    def has_retired(self, region: str) -> bool:
        return region in self._retired

    def retire(self, node: Region) -> bool:
        """Ends the keys before the one in use, once all know that: that is what seven days are for."""
        name = old_id(node.log.private)
        ended = dict.fromkeys(map(old_id, earlier_keys(node)))
        if not ended or node.next_key or not self.is_open(node):
            return False
        if not all(other.roster.knows(node.region, name) for other in self._company.nodes.values()):
            return False
        ours = {key.lane for key in node.log.lanes if key.region == node.region}
        lanes = [*sorted(ours - {CONTROL, LOCAL}), CONTROL]

        def rule(_facts: Facts, _context: Context) -> Decided:
            every = [
                (lane, KeyRetired(key_id=name, earlier=earlier_ends(node, lane)))
                for name in ended
                for lane in lanes
            ]
            return Decided([Draft(lane, "", event, ()) for lane, event in every], {})

        self._retired.add(node.region)
        self.appended(node, rule)
        return True

    def check_keys(self) -> None:
        """17.3: whoever has a key that ended can add nothing, wherever the lane's end is known; but to a lane of two
        histories nobody can, with any key."""
        nodes = self._company.nodes
        for thief in [nodes[region] for region in self._retired]:
            for node, (key, old) in itertools.product(nodes.values(), self._ended(thief)):
                tip = node.log.tip(key)
                knows = any(tip.seq >= seq for seq in self._told_ends(node, key, old))
                whole = key not in node.log.leads and key not in self._company.oracle.split
                if knows and node.alive and whole:
                    data = forged(key, tip, old)
                    holds(refuses(data, tip, node), f"{node.region} believes the old key of {key}")

    def _told_ends(self, node: Region, key: LaneKey, old: Any) -> Iterator[int]:
        """Where a key ended in a lane, as the node has read there or in the same lane of a later epoch."""
        for lane in [lane for lane in node.log.lanes if lane[::2] == key[::2]]:
            for seq, event in enumerate(node.log.lanes[lane], 1):
                said = self.meaning.get(event.hash)
                if not (said and isinstance(said.event, KeyRetired)):
                    continue
                if said.event.key_id == old_id(old) and lane.epoch == key.epoch:
                    yield seq
                elif said.event.key_id == old_id(old) and lane.epoch > key.epoch:
                    named = {end.epoch: end.seq for end in said.event.earlier or ()}
                    yield named.get(key.epoch, 0)

    def _ended(self, thief: Region) -> list[tuple[LaneKey, Any]]:
        lanes = [key for key in thief.log.lanes if key.region == thief.region and key.lane != LOCAL]
        return [(key, old) for key in lanes for old in thief.former_keys]

    def reported(self, node: Region, peer: str, refusal: Refusal) -> None:
        """Nobody is refused for a key while lines are sound and no log was put back (goal 16), but by a node of the
        older release, which reads no succession in a HELLO and waits for the log's."""
        company = self._company
        sound = not (company.damaged or company.put_back or company.done["repeat"])
        sound &= Release.OLDER not in (node.release, company.nodes[peer].release)
        if refusal.code in REJECTIONS and (node.region, peer) not in self.forged:
            holds(not sound, f"{node.region} takes {peer} for somebody else: {refusal.message}")


def earlier_keys(node: Region) -> list[Any]:
    """Before the one in use, to which a restored region may have gone back: nobody ends that."""
    name = old_id(node.log.private)
    return [*itertools.takewhile(lambda key: old_id(key) != name, node.former_keys)]


def earlier_ends(node: Region, lane: str) -> tuple[EpochEnd, ...]:
    """Where a lane of the node's own ended in the epochs before this one, as it holds them."""
    own = [key for key in node.log.lanes if key[::2] == (node.region, lane)]
    before = [key for key in sorted(own) if key.epoch < node.log.epoch]
    return tuple([EpochEnd(epoch=key.epoch, seq=node.log.tip(key).seq) for key in before])


def old_id(private: Any) -> str:
    return key_id(public_of(private))


def forged(key: LaneKey, tip: Held, old: Any) -> bytes:
    """A BATCH frame of one event more, by whoever has an old key."""
    event = event_after(key, tip, b"never written", START << 16)
    head = sign_head(key, Held(tip.seq + 1, event.hash), old)
    return catchup.page(tip.seq, tip.hash, [event], head).frame


def refuses(data: bytes, tip: Held, node: Region) -> bool:
    batch: Any = frames.decode(data)
    try:
        verify_batch(batch, tip, node.roster)
    except Refused as refused:
        return refused.refusal.code is Code.BAD_SIGNATURE
    return False
