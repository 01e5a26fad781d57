"""What people and operators do in a schedule, and when: part of what its seed chooses, as faults are."""

from __future__ import annotations

import random
from collections.abc import Mapping

from server.domain.events import KeyRetired
from server.domain.ids import LaneKey
from server.domain.visibility import GLOBAL
from server.federation import steps
from tests.simulation.company import JOINER, Company
from tests.simulation.people import DAY_MS, Act, earlier_keys, forged
from tests.simulation.region import Region
from tests.unit.federation.lab import Wire

TRIES, AGAIN_MS = 20, 300
FORGED_EVERY = 8
"""In every so many schedules, for a line that was lied to pauses for half a minute."""


def ask(company: Company, chance: random.Random) -> None:
    """A poll begins; every other ends by itself while lines are cut."""
    rest = company.active_until - company.now
    closes_at = company.now + chance.randint(rest // 3, rest) if chance.random() < 0.5 else None
    company.people.ask(closes_at, chance)


def vote(company: Company, chance: random.Random) -> None:
    company.people.vote(chance)


def revote(company: Company, chance: random.Random) -> None:
    """Whoever moves, wherever they are by now."""
    movers = company.people.movers
    company.people.vote(chance, chance.choice(movers) if movers else "")


def end(company: Company, _chance: random.Random) -> None:
    company.people.end()


def move(company: Company, chance: random.Random) -> None:
    company.people.move(chance)


def outwait(company: Company, chance: random.Random) -> None:
    """A region is cut off and goes on voting; the poll's home stops waiting for it after a day."""
    people = company.people
    away = company.nodes[
        chance.choice([r for r in people.regions if r not in (people.home, JOINER)])
    ]
    home = company.nodes[people.home]
    for peer in away.peers:
        company.part(away.region, peer)
    for pause in (100, 600):
        company.after(pause, lambda: people.vote(chance, at=away.region))
    company.after(300, people.end)

    def a_day_later() -> None:
        home.clock_offset += DAY_MS
        home.wake()

    company.after(chance.choice((1_000, 3_000)), a_day_later)


def rotate(company: Company, chance: random.Random) -> None:
    company.people.rotate(company.nodes[chance.choice(company.settled_regions)])


def retire(company: Company, chance: random.Random) -> None:
    """Earlier keys end; who still has one tries to write with it."""
    tries = iter(range(TRIES))

    def once() -> None:
        ended = [node for node in company.nodes.values() if company.people.retire(node)]
        for node in ended:
            if company.seed % FORGED_EVERY == 0:
                forge(company, node)
        if not ended and next(tries, None) is not None:
            company.after(AGAIN_MS, once)

    once()


def forge(company: Company, thief: Region) -> None:
    """An event by a key that has ended, put into a line of the region whose key it was."""
    key, old = LaneKey(thief.region, thief.log.epoch, GLOBAL), earlier_keys(thief)[-1]
    tries = iter(range(TRIES))

    def once() -> None:
        for wire in company.live_wires():
            if thief in (node for node, _ in wire.ends) and knows_the_end(wire, thief, key):
                put_in(company, wire, thief, key, old)
                return
        if next(tries, None) is not None:
            company.after(AGAIN_MS, once)

    once()


def knows_the_end(wire: Wire, thief: Region, key: LaneKey) -> bool:
    """Whether the other end holds the lane just up to where the key ended."""
    node, _ = wire.other(thief)
    held = node.log.lanes.get(key, [])
    meant = node.world.people.meaning.get(held[-1].hash) if held else None  # type: ignore[attr-defined]
    live = thief.region in node.links and node.links[thief.region].state is steps.State.LIVE
    return live and meant is not None and isinstance(meant.event, KeyRetired)


def put_in(company: Company, wire: Wire, thief: Region, key: LaneKey, old: object) -> None:
    node, conn = wire.other(thief)
    data = forged(key, node.log.tip(key), old)
    company.people.forged |= {(node.region, thief.region), (thief.region, node.region)}
    company.done["forged"] += 1
    node.feed(thief.region, steps.Received(conn, data))


LIVES: Mapping[str, Act] = {
    "ask": ask,
    "vote": vote,
    "revote": revote,
    "end": end,
    "move": move,
    "outwait": outwait,
    "rotate": rotate,
    "retire": retire,
}


def plan(seed: int, active: int) -> list[tuple[int, str]]:
    """(when, what): each schedule has a poll that ends, most a move, some a new key."""
    chance = random.Random(f"lives {seed}")
    asked = chance.randrange(active // 3)

    def between(first: int, last: int) -> int:
        return chance.randrange(first, max(last, first + 1))

    acts = [(asked, "ask"), (between((asked + active) // 2, active), "end")]
    acts += [(between(asked, active), "vote") for _ in range(chance.choice((2, 4, 6)))]
    moved = [between(asked, active * 3 // 4) for _ in range(chance.choice((0, 1, 1, 1, 2)))]
    for at in moved:
        acts += [(at, "move"), (between(at, active), "revote")]
    if chance.random() < 0.1:
        acts.append((between(asked, active), "outwait"))
    if chance.random() < 0.3:
        rotated = between(0, active)
        acts += [(rotated, "rotate"), (between(rotated, active), "retire")]
    return acts
