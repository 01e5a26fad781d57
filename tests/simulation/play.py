"""One schedule, from its seed to its end."""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from server.domain import limits
from server.domain.events import (
    BallotCast,
    KeyRetired,
    KeyRotated,
    PersonHandedOver,
    PersonTakenOver,
)
from tests.simulation.bounds import WIDE, bounded, drawn
from tests.simulation.company import Company
from tests.simulation.crashes import Point
from tests.simulation.faults import FAULTS, publish
from tests.simulation.lives import LIVES, plan
from tests.simulation.oracle import Broken
from tests.unit.federation.lab import START

ACTIVE_MS = (5_000, 15_000, 40_000)
HEALING_MS = 200_000
"""Ample for the longest back-off, a rejection and a silence, one after the other."""
NARROW_HEALING_MS = 5 * HEALING_MS
"""With two pages under way at a time a lane of 700 events takes minutes."""


class Outcome(NamedTuple):
    """What a schedule did, when nothing broke."""

    seed: int
    topology: str
    virtual_ms: int
    totals: Counter[str]
    faults: Counter[str]
    reached: Counter[Point]
    died: Counter[Point]


@contextmanager
def one_collection() -> Iterator[None]:
    """A company is one large cycle of objects that live until its end. The collector would go over them again and
    again, for a tenth of the time: it comes once, and then looks at nothing older."""
    was_on = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if was_on:
            gc.enable()


@one_collection()
def play(
    seed: int,
    sql: bool | None = None,
    kinds: Sequence[str] = (),
    traps: Mapping[Point, int] | None = None,
    brief: bool = False,
    wide: bool = False,
) -> Outcome:
    """Raises Broken, with the command that plays it again (``command``).

    ``sql``: whether logs are real databases; ``kinds``: of faults, instead of the seed's choice; ``traps``: point
    -> its n-th hit, for every region; ``brief``: half the time and half the events, another schedule for it;
    ``wide``: with production's bounds, whatever the seed says."""
    with bounded(WIDE if wide else drawn(seed)):
        return _outcome(seed, sql, kinds, traps, brief, wide)


def _outcome(
    seed: int,
    sql: bool | None,
    kinds: Sequence[str],
    traps: Mapping[Point, int] | None,
    brief: bool,
    wide: bool,
) -> Outcome:
    company = Company(seed, sql)
    for node in company.nodes.values():
        for point, nth in (traps or {}).items():
            node.traps.set(point, nth)
    try:
        _play(company, random.Random(f"schedule {seed}"), kinds, 2 if brief else 1)
    except Exception as error:
        words = "\n  ".join([str(error), *company.story()])
        again = command(seed, sql, kinds, traps, brief, wide)
        raise Broken(f"seed {seed} (again: {again}): {words}") from error
    oracle = company.oracle
    return Outcome(
        seed,
        company.topology,
        company.now - START,
        Counter(
            events_written=sum(len(hashes) for hashes in oracle.hashes.values()),
            events_applied=oracle.applied_events,
            events_applied_early=oracle.applied_early_events,
            frames_checked=company.frames_checked,
            equal_logs_compared=company.vectors_compared,
            databases=len(company.nodes) * company.sql,
            results_known=len(company.record.known),
            **_lived(company),
        ),
        company.done,
        company.reached,
        company.died,
    )


def command(
    seed: int,
    sql: bool | None = None,
    kinds: Sequence[str] = (),
    traps: Mapping[Point, int] | None = None,
    brief: bool = False,
    wide: bool = False,
) -> str:
    """What to type to have ``play`` do the same; ``__main__`` reads it."""
    words = [f"python -m tests.simulation --seed {seed}"]
    words += ["--brief"] * brief + ["--wide"] * wide
    words += [] if sql is None else ["--sql" if sql else "--no-sql"]
    words += [f"--kinds {','.join(kinds)}"] if kinds else []
    words += [f"--trap {point.name.lower()}:{nth}" for point, nth in (traps or {}).items()]
    return " ".join(words)


def _lived(company: Company) -> dict[str, int]:
    """What came of what people and operators did: not what was tried, but what is written."""
    record = company.record
    return {
        "polls_asked": len(record.polls),
        "ballots": record.written[BallotCast],
        "polls_closed": len(record.results),
        "regions_late": sum(len(result.late) for result in record.results.values()),
        "handovers": record.written[PersonHandedOver],
        "takeovers": record.written[PersonTakenOver],
        "keys_announced": record.written[KeyRotated],
        "keys_ended": record.written[KeyRetired],
        "batches_forged": company.done["forged"],
    }


def _play(company: Company, chance: random.Random, kinds: Sequence[str], shortened: int) -> None:
    company.start()
    active = chance.choice(ACTIVE_MS) // shortened
    # Each schedule has a few kinds of faults only: together they would hide each other.
    kinds = kinds or chance.sample(sorted(FAULTS), chance.randint(1, 6))
    weights = [FAULTS[kind][1] for kind in kinds]
    acts = [
        (chance.randrange(active), "publish")
        for _ in range(chance.choice((5, 20, 40)) // shortened)
    ]
    acts += [
        (chance.randrange(active), chance.choices(kinds, weights)[0])
        for _ in range(chance.choice((1, 4, 10)))
    ]
    acts += plan(company.seed, active)
    people = random.Random(f"what people do {company.seed}")
    company.active_until = START + active
    if company.joins:
        acts.append((random.Random(f"join {company.seed}").randrange(active), "join"))
    for at, kind in sorted(acts):
        company.run(max(0, START + at - company.now))
        company.done[kind] += 1
        if kind == "join":
            company.join()
        elif kind in LIVES:
            LIVES[kind](company, people)
        else:
            (publish if kind == "publish" else FAULTS[kind][0])(company, chance)
    company.run(max(0, START + active - company.now))
    company.heal()
    is_wide = limits.CREDIT_BYTES == WIDE.CREDIT_BYTES
    until = company.now + (HEALING_MS if is_wide else NARROW_HEALING_MS)
    while not company.settled() and company.now < until:
        company.run(1_000)
        company.people.end()
    company.check_end()


def attempted(seed: int, **how: Any) -> Outcome | tuple[int, str]:
    """As ``play``; for other processes: a failure is (seed, its story)."""
    try:
        return play(seed, **how)
    except Broken as broken:
        return seed, str(broken)
