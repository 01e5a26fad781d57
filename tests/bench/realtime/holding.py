"""Connections: what one costs to make, to hold, to bring back, and to reach alone."""

import statistics
import sys
import time

from tests.bench.figures import at_least, at_most, emit
from tests.bench.realtime import company
from tests.bench.realtime.peers import FLOOR, NCHAN, WEBSOCKETS, running_peer
from tests.bench.realtime.plan import Plan, note, spending
from tests.bench.realtime.processes import (
    Skipped,
    cpu_seconds,
    idle_share,
    other_threads_turns,
    rss_kib,
)
from tests.bench.realtime.stage import Stage

BEFORE = 5_000
"""Clients that are there already: the node's caches and allocator have their usual size."""
NEWCOMERS = 1_000
"""Per run, each time other people, whom the node has not seen since it started."""
HELD = 5_000
IDLE_SECONDS = 60
"""Two rounds of pings and two of marks."""
PEOPLE = 1_000
FLOOD_POSTS, MENTIONS = 2_000, 10
FLOOD_AUTHORS = 400
"""Five posts each: within what a person may say at once."""
RESUMES = 2_000
RETURNING = 1_000
RETURNING_FIRST = 6_000
MISSED = 5
RESUME_WINDOW = 64


def connect(plan: Plan, stage: Stage) -> None:
    """From the TCP connection to ``mark``: handshake, token, ten channels, live."""
    before = plan.crowd(BEFORE)
    tap = stage.crowd(before)
    runs = []
    for run in range(plan.runs):
        count = plan.of(NEWCOMERS)
        idle = stage.rest()
        with spending(tap.pid, idle) as spent:
            opened = tap.load.open(before + run * count, count)
        stage.clients += count
        runs.append(spent.us_per(count))
        print(f"  tap: {runs[-1]:.0f} us, {opened.ready / opened.seconds:.0f}/s", file=sys.stderr)
    emit(at_most("connect", "us/connection", 250, runs, _connecting_elsewhere(plan)))


def _connecting_elsewhere(plan: Plan) -> dict[str, float]:
    found = {}
    for peer in (FLOOR, NCHAN, WEBSOCKETS):
        try:
            with running_peer(peer) as running, spending(running.pid) as spent:
                running.load.open(0, plan.of(NEWCOMERS))
            found[f"{peer.name}_us"] = spent.us_per(plan.of(NEWCOMERS))
        except Skipped as skipped:
            print(f"SKIPPED {peer.name}: {skipped}", file=sys.stderr)
    return found


def idle(plan: Plan, stage: Stage) -> None:
    """Memory and CPU of connections on which nothing happens but pings and marks."""
    stage.clear()
    held = plan.crowd(HELD)
    tap = stage.crowd(0)
    empty_kib, empty_share = rss_kib(tap.pid), idle_share(tap.pid, 5)
    stage.crowd(held)
    kib = (rss_kib(tap.pid) - empty_kib) / held
    seconds = plan.of(IDLE_SECONDS)
    before, began = cpu_seconds(tap.pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(tap.pid) - before) / (time.monotonic() - began)
    beside = {"connections": held, "empty_node_mib": empty_kib / 1024}
    emit(at_most("idle_rss", "KiB/connection", 10, [kib], beside | _held_elsewhere(held)))
    us = (share - empty_share) / held * 1e6
    shares = {"connections": held, "empty_node_us_per_s": empty_share * 1e6, "seconds": seconds}
    emit(at_most("idle_cpu", "us/s/connection", 2.2, [us], shares))


def _held_elsewhere(held: int) -> dict[str, float]:
    found = {}
    for peer in (FLOOR, NCHAN, WEBSOCKETS):
        try:
            with running_peer(peer) as running:
                before = rss_kib(running.pid)
                running.load.open(0, held)
                found[f"{peer.name}_kib"] = (rss_kib(running.pid) - before) / held
        except Skipped as skipped:
            print(f"SKIPPED {peer.name}: {skipped}", file=sys.stderr)
    return found


# -- reaching one --------------------------------------------------------------------------------------------


def unicast_flood(plan: Plan, stage: Stage) -> None:
    """Posts nobody hears but the ten they mention, each on a channel of their own. What the same posts cost
    with nobody there is taken off; ``whole_us`` is with it: deciding, commit, index rows, answers."""
    runs, whole, events = [], [], plan.of(FLOOD_POSTS)
    stage.crowd(PEOPLE + FLOOD_AUTHORS)
    _flood(stage, plan.of(FLOOD_POSTS), there=True)
    for _ in range(plan.runs):
        heard = _flood(stage, events, there=True)
        stage.tap().load.close(0, PEOPLE)
        unheard = _flood(stage, events, there=False)
        stage.tap().load.open(0, PEOPLE)
        runs.append(heard - unheard)
        whole.append(heard)
    beside = {"whole_us": statistics.median(whole)} | _flooding_the_floor(plan)
    emit(at_most("unicast_flood", "us/delivery", 20, runs, beside))


def _flood(stage: Stage, events: int, there: bool) -> float:
    """CPU us per mention."""
    tap = stage.tap()
    step = PEOPLE // MENTIONS
    mentions = [f"p{{n+{k * step}}}" for k in range(MENTIONS)]
    tap.posts(company.place_of(company.DESK), mentions=mentions, modulo=PEOPLE)
    idle, deliveries = stage.rest(), events * MENTIONS
    with spending(tap.pid, idle) as spent:
        told = tap.load.publish(FLOOD_AUTHORS, events, 0, deliveries * there, first=PEOPLE)
        stage.rest()
    us = spent.us_per(deliveries)
    if there:
        note("tap, mentions", us, told)
    return us


def _flooding_the_floor(plan: Plan) -> dict[str, float]:
    with running_peer(FLOOR) as floor:
        floor.load.open(0, PEOPLE)
        floor.load.message("#{n} 00001 {time}" + "x" * 600, modulo=PEOPLE)
        events = plan.of(FLOOD_POSTS) * MENTIONS
        with spending(floor.pid) as spent:
            floor.load.publish(1, events, 0, events)
    return {"floor_us": spent.us_per(events)}


# -- coming back -----------------------------------------------------------------------------------------------


def resume(plan: Plan, stage: Stage) -> None:
    """Handshake, known token, ten channels, the events missed, ``mark``; then the next one."""
    tap = stage.crowd(PEOPLE)
    cursor = tap.cursor()
    tap.posts(company.place_of(company.ALL))
    tap.load.publish(MISSED, MISSED, 0, MISSED * stage.clients)
    tap.greet_from(cursor)
    tap.load.storm(RETURNING, RETURNING_FIRST, RETURNING, RESUME_WINDOW)
    rates, turns = [], []
    for _ in range(plan.runs):
        idle, count = stage.rest(), plan.of(RESUMES)
        before = other_threads_turns(tap.pid)
        with spending(tap.pid, idle) as spent:
            told = tap.load.storm(count, RETURNING_FIRST, RETURNING, RESUME_WINDOW)
        turns.append((other_threads_turns(tap.pid) - before) / count)
        rates.append(count / spent.cpu_seconds)
        print(f"  tap: {rates[-1]:.0f}/s/core, {told.deliveries} replayed", file=sys.stderr)
    tap.greet_from("")
    emit(at_least("resume", "resumes/s/core", 2_500, rates, {"replayed_events": MISSED}))
    emit(at_most("resume_reads", "turns of database threads/resume", 0.05, turns))
