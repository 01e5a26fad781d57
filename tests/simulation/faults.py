"""What goes wrong. Each fault begins at once and arranges its own end; ``Company.heal`` ends them all."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from server.domain.errors import Code, Refusal
from tests.simulation.company import Company
from tests.simulation.crashes import Point
from tests.simulation.region import Region, erasure
from tests.simulation.releases import Release
from tests.unit.federation.lab import Wire

HOUR_MS = 3_600_000
LASTING_MS = (50, 1_000, 5_000, 30_000)

Fault = Callable[[Company, random.Random], None]


def _line(company: Company, chance: random.Random) -> tuple[str, str]:
    a, b = chance.choice(sorted(company.links))
    return (a, b) if chance.random() < 0.5 else (b, a)


def _region(company: Company, chance: random.Random) -> Region:
    return company.nodes[chance.choice(company.regions)]


def _wire(company: Company, chance: random.Random) -> Wire | None:
    wires = company.live_wires()
    return chance.choice(wires) if wires else None


def _later(company: Company, chance: random.Random, act: Callable[[], None]) -> None:
    company.after(chance.choice(LASTING_MS), act)


# -- lines -----------------------------------------------------------------------------------------------


def reset(company: Company, chance: random.Random) -> None:
    """A connection is lost with all that is under way, and both ends are told."""
    if wire := _wire(company, chance):
        wire.cut()


def cut(company: Company, chance: random.Random) -> None:
    """Two regions cannot reach each other."""
    a, b = _line(company, chance)
    company.part(a, b)
    _later(company, chance, lambda: company.cuts.discard(frozenset((a, b))))


def isolate(company: Company, chance: random.Random) -> None:
    """A region cannot reach anybody."""
    node = _region(company, chance)
    for peer in node.peers:
        company.part(node.region, peer)
        _later(company, chance, lambda p=peer: company.cuts.discard(frozenset((node.region, p))))  # type: ignore[misc]


def mute(company: Company, chance: random.Random) -> None:
    """A cut in one direction, of which nobody is told."""
    way = _line(company, chance)
    company.muted.add(way)
    _later(company, chance, lambda: company.muted.discard(way))


def crawl(company: Company, chance: random.Random) -> None:
    """A direction becomes slow."""
    way = _line(company, chance)
    company.latencies[way] = (300, 2_500)
    _later(company, chance, lambda: company.latencies.pop(way, None) and None)


def narrow(company: Company, chance: random.Random) -> None:
    """All lines become narrow: 0.2 to 8 Mbit/s."""
    company.bytes_per_ms = chance.choice((20, 100, 1_000))
    _later(company, chance, lambda: setattr(company, "bytes_per_ms", 0))


def damage(company: Company, chance: random.Random) -> None:
    """A bit of the next frame on a wire is flipped."""

    def flipped(data: bytes) -> bytes:
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]

    _tamper(company, _wire(company, chance), flipped)


def truncate(company: Company, chance: random.Random) -> None:
    """The next frame on a wire is cut short."""
    _tamper(company, _wire(company, chance), lambda data: data[: chance.randrange(len(data))])


def _tamper(company: Company, wire: Wire | None, change: Callable[[bytes], bytes]) -> None:
    def once(data: bytes) -> bytes:
        wire.tamper = None  # type: ignore[union-attr]
        company.damaged.append(wire)  # type: ignore[arg-type]
        return change(data)

    if wire:
        wire.tamper = once


def repeat(company: Company, chance: random.Random) -> None:
    """The next messages a region receives arrive twice."""
    _region(company, chance).repeats = chance.randint(1, 20)


# -- nodes -------------------------------------------------------------------------------------------------


def crash(company: Company, chance: random.Random) -> None:
    node = _region(company, chance)
    if node.alive:
        node.crash()
        company.revive_later(node)


def vanish(company: Company, chance: random.Random) -> None:
    """A machine loses its power: its peers are not even told."""
    node = _region(company, chance)
    if node.alive:
        node.vanish()
        company.revive_later(node)


def trap(company: Company, chance: random.Random) -> None:
    """A process dies at a named point, when it comes by for the n-th time."""
    point = chance.choice(list(Point))
    nodes = [_region(company, chance) for _ in range(chance.choice((1, 1, 4)))]
    for node in nodes:
        node.traps.set(point, chance.choice((1, 1, 1, 2, 3, 5, 10)))
    if point is Point.ERASED:
        erase(company, chance)
    if point in (Point.EPOCH_MARKED, Point.RECOVERING):
        restore_of(company, nodes[0], chance)


def slow_disk(company: Company, chance: random.Random) -> None:
    node = _region(company, chance)
    node.disk_ms = chance.choice([(50, 300), (500, 2_000), (0, 4_000)])
    _later(company, chance, lambda: setattr(node, "disk_ms", (0, 5)))


def refuse(company: Company, chance: random.Random) -> None:
    """A writer takes nothing for a while."""
    node = _region(company, chance)
    code = chance.choice([Code.OVERLOADED, Code.READ_ONLY, Code.DISK_FULL, Code.INTERNAL])
    node.refusing = Refusal(code, "not now")
    _later(company, chance, lambda: setattr(node, "refusing", None))


def clock(company: Company, chance: random.Random) -> None:
    _region(company, chance).clock_offset += chance.choice((-HOUR_MS, -400, 400, HOUR_MS))


def restore(company: Company, chance: random.Random) -> None:
    """A disk is replaced by an older copy of itself; the node knows, and opens a new epoch."""
    restore_of(company, _region(company, chance), chance)


def restore_of(company: Company, node: Region, chance: random.Random) -> None:
    """As the disk was at some earlier moment."""
    lost = chance.choice((0.1, 0.5, 1.0))
    node.put_back(node.as_it_was(chance.randint(0, int(len(node.grown) * lost))), knowing=True)
    company.revive_later(node)


def forget(company: Company, chance: random.Random) -> None:
    """The same, and the node does not know: it goes on with numbers it has given before."""
    node = _region(company, chance)
    if node.is_put_back:
        return
    lengths = {key: len(events) for key, events in node.log.lanes.items()}
    for key in lengths:
        if key.region == node.region:
            lengths[key] -= chance.randint(0, min(5, lengths[key]))
    node.put_back(lengths, knowing=False)
    company.revive(node)
    for lane in ("global", "control"):
        if node.alive:
            node.write(lane, [b"another history"] * chance.randint(1, 4))


def upgrade(company: Company, chance: random.Random) -> None:
    """A node is stopped and starts with another release."""
    node = _region(company, chance)
    if node.alive:
        node.crash()
        node.release = chance.choice(list(Release))
        company.revive_later(node)


# -- what people do ------------------------------------------------------------------------------------------


def erase(company: Company, chance: random.Random) -> None:
    """An event of one's own lanes is to be erased everywhere."""
    node = _region(company, chance)
    own = [key for key in node.log.lanes if key.region == node.region and key.lane != "control"]
    if node.alive and own and not company.sql:
        key = chance.choice(own)
        seq = chance.randint(1, len(node.log.lanes[key]))
        if node.log.lanes[key][seq - 1].hash in company.people.meaning:
            return  # what it says is asked of everybody; tests/unit/app/test_polls.py erases polls
        if key.lane in ("global",) and key not in company.oracle.split:
            company.oracle.erased.add((key, seq))
            node.write("control", [erasure(key, seq)])
            node.catch_up_on_duties()


def publish(company: Company, chance: random.Random) -> None:
    node = _region(company, chance)
    if node.alive and may_write(node):
        lane = chance.choice(company.lanes_of(node.region))
        count = chance.choice((1, 1, 1, 2, 5, 20) if chance.random() < 0.97 else (300, 700))
        size = chance.choice((1, 60, 300, 4_000)) if count < 100 else 40
        node.write(lane, [chance.randbytes(size) for _ in range(count)])


def may_write(node: Region) -> bool:
    return not node.is_put_back


FAULTS: Mapping[str, tuple[Fault, int]] = {
    "reset": (reset, 3),
    "cut": (cut, 3),
    "isolate": (isolate, 1),
    "mute": (mute, 2),
    "crawl": (crawl, 2),
    "narrow": (narrow, 1),
    "damage": (damage, 3),
    "truncate": (truncate, 3),
    "repeat": (repeat, 2),
    "crash": (crash, 2),
    "vanish": (vanish, 2),
    "trap": (trap, 8),
    "slow_disk": (slow_disk, 2),
    "refuse": (refuse, 2),
    "clock": (clock, 2),
    "restore": (restore, 2),
    "forget": (forget, 1),
    "upgrade": (upgrade, 2),
    "erase": (erase, 2),
}
"""By name: the fault, and how often it is among those of a schedule that has it."""
