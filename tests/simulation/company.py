"""Twenty regions in virtual time. The seed decides who has a link to whom, and which keys they have."""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from server.domain.ids import LaneKey
from server.federation.steps import State
from tests.simulation.crashes import Point
from tests.simulation.keys import Keys
from tests.simulation.oracle import Oracle, holds
from tests.simulation.people import People
from tests.simulation.plainlog import PlainLog
from tests.simulation.record import Record
from tests.simulation.region import Region
from tests.simulation.releases import Release
from tests.simulation.sqllog import SqlLog
from tests.unit.federation.lab import GROUPS, START, Wire, World, may_know

REGIONS = (
    "at",
    "be",
    "br",
    "ca",
    "ch",
    "cn",
    "de",
    "es",
    "fi",
    "fr",
    "gb",
    "in",
    "it",
    "jp",
    "mx",
    "nl",
    "pl",
    "se",
    "sg",
    "us",
)
JOINER = "za"
"""A region that is in some companies, and starts only after the others have a history."""
JOINER_LINES = 4
BACKLOG_EVENTS = (33, 40)
"""What every origin has written before a region joins that has a line to all of them: the newest come first."""
TRACE_FRAMES = 400
"""So many of the last frames are kept, for the story of a failure."""

Pair = tuple[str, str]


def mesh(_chance: random.Random) -> set[Pair]:
    """Everybody with everybody, as it should be."""
    return set(itertools.combinations(REGIONS, 2))


def ring(chance: random.Random) -> set[Pair]:
    """Neighbours only, and a few chords."""
    pairs = {_pair(a, b) for a, b in zip(REGIONS, REGIONS[1:] + REGIONS[:1], strict=True)}
    return pairs | {_pair(*chance.sample(REGIONS, 2)) for _ in range(8)}


def hubs(chance: random.Random) -> set[Pair]:
    """Two regions with a link to everybody."""
    return {
        _pair(hub, other) for hub in chance.sample(REGIONS, 2) for other in REGIONS if other != hub
    }


def islands(chance: random.Random) -> set[Pair]:
    """Four fully joined groups, and two lines from each to the next."""
    order = chance.sample(REGIONS, len(REGIONS))
    groups = [order[n::4] for n in range(4)]
    pairs = {_pair(a, b) for group in groups for a, b in itertools.combinations(group, 2)}
    for one, other in itertools.pairwise(groups):
        pairs |= {_pair(chance.choice(one), chance.choice(other)) for _ in range(2)}
    return pairs


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)


TOPOLOGIES = {"mesh": mesh, "ring": ring, "hubs": hubs, "islands": islands}
JOINS_EVERY = 7
"""Every so many companies one has a 21st region."""
JOINS_ALL_EVERY = 42
"""And every sixth of these catches up with all twenty origins at once, each with a backlog."""
MESH_EVERY = 20
"""A mesh has five times the lines of the others, and takes five times as long."""
SQL_EVERY = 60
"""Every so many companies one keeps its logs in real databases: it takes ten times as long."""


class Company(World):
    """See the module. ``links``: the pairs of regions between which there is a line."""

    nodes: dict[str, Region]  # type: ignore[assignment]

    def __init__(self, seed: int, sql: bool | None = None) -> None:
        super().__init__(seed=seed)
        self.sql = seed % SQL_EVERY == SQL_EVERY - 1 if sql is None else sql
        self.joins = seed % JOINS_EVERY == 3
        self.joins_all = seed % JOINS_ALL_EVERY == 3
        self.seed, self.regions = seed, (*REGIONS, JOINER) if self.joins else REGIONS
        self.fresh = random.Random(f"fresh {seed}").choice((4, 16))
        chance = random.Random(f"company {seed}")
        self.topology = (
            "mesh" if seed % MESH_EVERY == 0 else chance.choice(["ring", "hubs", "islands"])
        )
        self.links = TOPOLOGIES[self.topology](chance)
        for members in GROUPS.values():
            # Lanes of a group are relayed by its members only: these need lines among themselves.
            them = [region for region in members if region in REGIONS]
            self.links |= {_pair(a, b) for a, b in itertools.pairwise(them)}
        if self.joins:
            count = len(REGIONS) if self.joins_all else JOINER_LINES
            them = random.Random(f"joiner {seed}").sample(REGIONS, count)
            self.links |= {_pair(JOINER, other) for other in them}
        self.settled_regions = REGIONS
        self.people = People(self, seed)
        self.links |= self.people.lines()
        self.record = Record(self)
        self.put_back = 0
        """Disks that were replaced by an older copy of themselves."""
        self.active_until = START
        """When all faults end."""
        self.oracle = Oracle()
        self.frames_checked = self.vectors_compared = 0
        self.damaged: list[Wire] = []
        """Connections on which bytes were changed."""
        self.sent: Any = deque(maxlen=TRACE_FRAMES)
        self.reached: Counter[Point] = Counter()
        self.died: Counter[Point] = Counter()
        self.done: Counter[str] = Counter()
        """What was done to it, by kind."""
        self.keys = Keys(self.regions, real=seed % 8 == 0)
        both_dial = chance.random() < 0.3
        self.nodes = {
            region: Region(self, region, self._dials(region, both_dial), self._new_log(region))
            for region in self.regions
        }

    def start(self) -> Company:
        """All but the one that joins later."""
        if self.joins_all:
            chance = random.Random(f"backlogs {self.seed}")
            for region in self.settled_regions:
                count = chance.randint(*BACKLOG_EVENTS)
                self.nodes[region].remember("global", [chance.randbytes(40) for _ in range(count)])
        self.people.found()
        for node in self.nodes.values():
            if node.region != JOINER:
                node.start()
        return self

    def join(self) -> None:
        """A new region, with nothing on its disk."""
        self.revive(self.nodes[JOINER])

    def _new_log(self, region: str) -> PlainLog:
        private = self.keys.first[region]
        if self.sql:
            return SqlLog(region, private, self.keys.roster(region))
        return PlainLog(region, private)

    @property
    def lines_of(self) -> dict[str, list[str]]:
        """With whom each region has a line, but for one that joins later."""
        found: dict[str, list[str]] = {region: [] for region in REGIONS}
        for a, b in sorted(self.links):
            if JOINER not in (a, b):
                found[a].append(b)
                found[b].append(a)
        return found

    def _dials(self, region: str, both: bool) -> Mapping[str, bool]:
        """Whom a region has a line to, and whether it dials."""
        return {
            other: both or region < other
            for other in self.regions
            if other != region and _pair(region, other) in self.links
        }

    # -- what faults ask for ---------------------------------------------------------------------------

    def living(self) -> list[Region]:
        return [node for node in self.nodes.values() if node.alive]

    def revive_later(self, node: Region) -> None:
        self.after(self.random.choice((1, 200, 2_000, 10_000)), lambda: self.revive(node))

    def revive(self, node: Region) -> None:
        if not node.alive:
            node.start()

    def lost_a_disk(self) -> None:
        self.oracle.put_back(
            {key: len(events) for key, events in node.log.lanes.items()}
            for node in self.nodes.values()
        )

    def lanes_of(self, region: str) -> list[str]:
        """Lanes a region may write to, and that reach all whom they are for."""
        groups = [f"group.{name}" for name, members in GROUPS.items() if region in members]
        pairs = [f"pair.{a}.{b}" for a, b in sorted(self.links) if region in (a, b)]
        return ["control", "global", "global", "local", *groups, *pairs]

    # -- the end -----------------------------------------------------------------------------------------

    def heal(self) -> None:
        """All faults end. Clocks stay as wrong as they are, but where a poll would go on for an hour, and releases
        as far apart."""
        self.cuts.clear()
        self.muted.clear()
        self.latencies.clear()
        self.bytes_per_ms = 0
        for wire in self.live_wires():
            wire.tamper = None
        for wire in self.damaged:
            # What no signature covers is believed for as long as the connection lasts: a HEAD may have been
            # changed into one of a lane that does not exist. TLS leaves no such frame.
            wire.cut()
        for node in self.nodes.values():
            node.refusing, node.disk_ms, node.repeats = None, (0, 5), 0
            node.traps.clear()
            self.revive(node)
        for home, closes_at in self.record.ends:
            if self.nodes[home].clock() < closes_at:
                self.nodes[home].clock_offset = 0
                self.nodes[home].wake()
        self._go_on()

    def _go_on(self) -> None:
        """Two histories of one length show when either of them grows: vectors name numbers, not hashes."""
        longest = self.longest()
        for key in sorted(self.oracle.split):
            node = self.nodes[key.region]
            if key in longest and node.log.epoch == key.epoch:
                more = len(longest[key]) - len(node.log.lanes.get(key, ())) + 1
                node.write(key.lane, [b"and so on"] * more)

    def settled(self) -> bool:
        live = self.states() == {State.LIVE} and self._lines() == Counter(self.links)
        return live and not (self.missing() or self.unproven() or self.record.open())

    def _lines(self) -> Counter[Pair]:
        """Connections by the pair of their ends."""
        wires = self.live_wires()
        return Counter(_pair(*(node.region for node, _ in wire.ends)) for wire in wires)

    def missing(self) -> list[str]:
        """What is not everywhere yet where it may be."""
        longest = self.longest()
        return [
            f"{node.region} holds {held} of {len(original)} of {key}"
            for key, original in longest.items()
            if key not in self.oracle.split
            for node in self.nodes.values()
            if may_know(key, node.region)
            and (held := len(node.log.lanes.get(key, ()))) < len(original)
        ]

    def unproven(self) -> list[str]:
        """Two histories at the ends of a line, of which an end holds no proof."""
        return [
            f"{region} knows of no fork of {key}"
            for key in self.oracle.split
            for pair in self.links
            if self._differ(key, *pair)
            for region in pair
            if key not in self.nodes[region].forks
        ]

    def _differ(self, key: LaneKey, a: str, b: str) -> bool:
        one, other = (self.nodes[region].log.lanes.get(key, []) for region in (a, b))
        both = min(len(one), len(other))
        return both > 0 and one[both - 1].hash != other[both - 1].hash

    def check_end(self) -> None:
        """After the healing: nothing lost, nothing doubled, nothing open."""
        self.check_copies()
        holds(not (missing := self.missing()), f"lost or stuck: {missing[:5]}")
        holds(not (unproven := self.unproven()), f"forks nobody proved: {unproven[:5]}")
        holds(self.states() == {State.LIVE}, f"links are {self.states()}")
        holds(self._lines() == Counter(self.links), "one connection per pair")
        longest = self.longest()
        for key, seq in self.oracle.durable.items():
            held = len(longest.get(key, ()))
            holds(held >= seq, f"{seq} events of {key} were durable, {held} are left")
        self._check_erasures()
        self.record.check_end()
        self.people.check_keys()
        self._check_databases()

    def check_copies(self) -> None:
        """I5 and I8, over all that is on the disks; hashes, for bodies may be erased."""
        for node in self.nodes.values():
            for key, copy in node.log.lanes.items():
                holds(may_know(key, node.region), f"I8: {node.region} holds {key}")
                if key not in self.oracle.split:
                    written = self.oracle.hashes[key][: len(copy)]
                    holds([event.hash for event in copy] == written, f"I5: {node.region}'s {key}")
            for key, early in node.log.early.items():
                holds(key in node.log.leads, f"{node.region} holds events of {key} beyond a hole")
                for seq, event in early.items():
                    right = (
                        key in self.oracle.split or self.oracle.hashes[key][seq - 1] == event.hash
                    )
                    holds(right, f"I5: {node.region}'s early {seq} of {key}")

    def _check_erasures(self) -> None:
        """Every wish that reached the log of its origin has its receipts, and no body is left."""
        for node in self.nodes.values():
            for wish in [said for said in node.said() if said.startswith(b"erase ")]:
                receipt = b"erased" + wish.removeprefix(b"erase")
                open_ = [n.region for n in self.nodes.values() if receipt not in n.said()]
                holds(not open_, f"{wish!r} is open in {open_}")
        for key, seq in self.oracle.erased:
            for node in self.nodes.values():
                copy = node.log.lanes.get(key, [])
                left = len(copy) >= seq and copy[seq - 1].body is not None
                wished = any(
                    event.body
                    and event.body.startswith(b"erase ")
                    and event.body.endswith(f" {key.lane} {seq}".encode())
                    for lane, events in node.log.lanes.items()
                    if lane.lane == "control"
                    for event in events
                )
                holds(not (left and wished), f"{node.region} kept the body of {seq} of {key}")

    def _check_databases(self) -> None:
        """Each is what its log says; and equal logs, in whatever order they came, are equal tables (I6)."""
        tables: dict[frozenset[tuple[LaneKey, int]], dict[str, str]] = {}
        for node in self.nodes.values():
            if isinstance(node.log, SqlLog):
                node.log.check()
                with node.log.facts() as facts:
                    left = node.state.differences(facts, self.people.first_homes)
                holds(not left, f"{node.region}'s tables and the model differ: {left[:3]}")
                vector = frozenset((key, len(copy)) for key, copy in node.log.lanes.items())
                digests = node.log.digests()
                holds(tables.setdefault(vector, digests) == digests, f"I6: {node.region}'s tables")
        self.vectors_compared = len(self.nodes) - len(tables) if tables else 0

    def release_of(self, region: str) -> Release:
        return self.nodes[region].release

    def story(self) -> list[str]:
        """For whoever reads a failure: the last frames, and how every link stands."""
        frames = [f"{a} -> {b}: {frame!r:.160}" for a, b, frame in self.sent][-40:]
        links = [
            f"{node.region} - {peer}: {link.state}, {link.status(self.now).last_error}"
            for node in self.nodes.values()
            for peer, link in node.links.items()
            if link.state is not State.LIVE
        ]
        return [
            f"{self.topology}, {(self.now - START) / 1000} s, {dict(self.done)}",
            *links,
            *frames,
        ]
