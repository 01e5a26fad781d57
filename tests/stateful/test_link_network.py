"""Four regions on a network that breaks: whatever happens, every event arrives once, in order.

Rules publish, cut wires with frames under way, partition, silence one direction, narrow the lines, kill
and restart nodes between commit and acknowledgement, take the tail of a log away, damage or truncate
frames, set clocks and make writers refuse. After every step each copy must be a beginning of the longest
one (I5) and lie only where it may (I8); the lab itself checks every frame put on a wire (I1, I8). In the end all faults are taken away and nothing may be missing: no
operator had to do anything. Time is virtual, and a seed from Hypothesis decides all the rest.
"""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.domain import limits
from server.domain.errors import Code, Refusal
from server.domain.ids import LaneKey
from server.federation.steps import State
from tests.unit.federation.lab import Node, Wire, World, may_know

REGIONS = ("de", "fr", "in", "jp")
PAIRS = tuple(itertools.combinations(REGIONS, 2))
LANES = ("control", "global", "group.eu", "local", *(f"pair.{a}.{b}" for a, b in PAIRS))
regions = st.sampled_from(REGIONS)
pairs = st.sampled_from(PAIRS)
HEALING_MS = 150_000
"""Ample for the longest back-off, a rejection and a silence, one after the other."""


class LinkNetwork(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), both_dial=st.booleans())
    def begin(self, seed: int, both_dial: bool) -> None:
        note(f"world seed {seed}")
        self.random = random.Random(seed)
        self.world = World(*REGIONS, seed=seed, both_dial=both_dial).start()

    # -- what people do --

    @rule(region=regions, lane=st.sampled_from(LANES), count=st.sampled_from([1, 1, 3, 900]))
    def publish(self, region: str, lane: str, count: int) -> None:
        node = self.world.nodes[region]
        if not may_know(LaneKey(region, node.log.epoch, lane), region):
            return
        for _ in range(count):
            if node.alive:
                node.publish(lane, b"x" * self.random.choice((1, 100, 4000)))

    @rule(ms=st.sampled_from([1, 10, 100, 1_000, 10_000, 60_000]))
    def wait(self, ms: int) -> None:
        self.world.run(ms)

    # -- what goes wrong --

    def _wire(self) -> Wire | None:
        wires = self.world.live_wires()
        return self.random.choice(wires) if wires else None

    @rule()
    def cut_a_wire(self) -> None:
        if wire := self._wire():
            wire.cut()

    @rule(pair=pairs)
    def part_or_join(self, pair: tuple[str, str]) -> None:
        if self.world.is_cut(*pair):
            self.world.cuts.discard(frozenset(pair))
        else:
            self.world.part(*pair)

    @rule(pair=pairs, back=st.booleans())
    def silence_or_restore_a_direction(self, pair: tuple[str, str], back: bool) -> None:
        """Nobody is told, as when a firewall forgets a connection."""
        self.world.muted ^= {pair[::-1] if back else pair}

    @rule(bytes_per_ms=st.sampled_from([0, 20, 1_000]))
    def narrow_or_widen_the_lines(self, bytes_per_ms: int) -> None:
        self.world.bytes_per_ms = bytes_per_ms

    @rule(region=regions)
    def kill(self, region: str) -> None:
        if self.world.nodes[region].alive:
            self.world.nodes[region].crash()

    @rule(region=regions)
    def restart(self, region: str) -> None:
        if not self.world.nodes[region].alive:
            self.world.nodes[region].start()

    @rule(region=regions)
    def restore_a_backup(self, region: str) -> None:
        """The end of its own log is gone; it opens a new epoch, and its peers bring back what they have."""
        node = self.world.nodes[region]
        node.crash()
        for key, events in node.log.lanes.items():
            if key.region == region:
                del events[self.random.randint(0, len(events)) :]
        node.log.lanes = {key: events for key, events in node.log.lanes.items() if events}
        node.log.epoch += 1 << 32
        node.start()

    @rule(truncate=st.booleans())
    def damage_the_next_frame(self, truncate: bool) -> None:
        if wire := self._wire():
            wire.tamper = _once(self.random, truncate)

    @rule(region=regions, ms=st.sampled_from([-3_600_000, -400, 400, 3_600_000]))
    def set_a_clock(self, region: str, ms: int) -> None:
        self.world.nodes[region].clock_offset += ms

    @rule(region=regions, code=st.sampled_from([Code.OVERLOADED, Code.READ_ONLY, Code.INTERNAL]))
    def a_writer_refuses(self, region: str, code: Code) -> None:
        self.world.nodes[region].refusing = Refusal(code, "not now")

    @rule(region=regions)
    def a_writer_recovers(self, region: str) -> None:
        self.world.nodes[region].refusing = None

    # -- what holds all the same --

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def every_copy_is_a_beginning_of_its_original(self) -> None:
        self.world.check_copies()

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def i9_memory_per_peer_is_bounded(self) -> None:
        for node in self.world.nodes.values():
            for link in node.links.values():
                flow = link._flow
                if flow and flow._serving:
                    assert flow._serving.bytes_under_way <= limits.CREDIT_BYTES
                if flow and flow._intake:
                    assert flow._intake.bytes_waiting <= limits.CREDIT_BYTES

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.cuts.clear()
        world.muted.clear()
        world.bytes_per_ms = 0
        for wire in world.wires:
            wire.tamper = None
        for node in world.nodes.values():
            node.refusing = None
            self.restart(node.region) if not node.alive else None
        world.run(HEALING_MS)
        world.check_converged()
        assert world.states() == {State.LIVE}, [_story(node) for node in world.nodes.values()]
        assert len(world.live_wires()) == len(PAIRS), "one connection per pair"


def _once(chance: random.Random, truncate: bool):  # type: ignore[no-untyped-def]
    """Flips a bit of, or cuts short, the next frame only."""
    pending = [True]

    def tamper(data: bytes) -> bytes:
        if not pending:
            return data
        pending.clear()
        at = chance.randrange(len(data))
        if truncate:
            return data[:at]
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]

    return tamper


def _story(node: Node) -> list[object]:
    return [link.status(node.world.now) for link in node.links.values()]


# A long look takes longer than the plain limit of a test.
TestLinkNetwork = pytest.mark.timeout(3600)(pytest.mark.stateful(LinkNetwork.TestCase))
