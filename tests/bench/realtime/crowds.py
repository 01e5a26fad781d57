"""Ten thousand at once: how soon they hear, how soon they are back, and that the slow harm nobody."""

import statistics
import sys

from tests.bench.figures import at_most, emit
from tests.bench.realtime import company
from tests.bench.realtime.load import Published
from tests.bench.realtime.peers import FLOOR, running_peer
from tests.bench.realtime.plan import Plan, note, spending
from tests.bench.realtime.processes import forget_peak, peak_rss_kib, rss_kib
from tests.bench.realtime.stage import Stage

CROWD = 10_000
CORE_SHARE = 0.5
PROBE_EVENTS = 100
PROBE_PER_SECOND = 40.0
TALK_SECONDS = 4
POSTS_PER_SECOND_MAX = 5.0
"""Per author: below the six a second a person may say for long."""
ROUNDS = 5
RESTART_SECONDS_MAX = 60
"""Then those who are back are counted, and the figure has failed its goal by far."""
RESTARTS_SECONDS_MAX = 20
"""A restart that takes longer is measured once: three would take the run beyond ten minutes."""
SLOW_EVERY = company.SLOW_EVERY
SLOW_BUFFER_BYTES = 4_096
FILL_POSTS, FILL_BYTES, FILLS_MAX = 5, 39_000, 12
"""A round brings 195 KB to each slow reader; the kernel takes the first of it, the node 256 KiB more."""
MISSED = 5


def latency_10k(plan: Plan, stage: Stage) -> None:
    """10,000 people in teams of 100; one author in each team, together half a core. From an author's
    saying it, so decision and commit are in it, until a colleague read it."""
    tap = stage.crowd(plan.crowd(CROWD))
    per_second = _half_a_core(stage)
    told, shares = [], []
    for _ in range(plan.runs):
        idle = stage.rest()
        with spending(tap.pid, idle) as spent:
            told.append(_teams_talk(stage, plan.of(int(per_second * TALK_SECONDS)), per_second))
        shares.append(spent.cpu_seconds / spent.wall_seconds)
        note("tap, teams", spent.us_per(told[-1].deliveries), told[-1])
    beside = {
        "clients": stage.clients,
        "posts_per_s": per_second,
        "core_share": statistics.median(shares),
    }
    floor = _floor_talks(plan, stage.clients, per_second)
    emit(
        at_most(
            "latency_10k_p50",
            "ms",
            5,
            [one.p50_ms for one in told],
            beside | {"floor_ms": floor.p50_ms},
        )
    )
    emit(
        at_most(
            "latency_10k_p99",
            "ms",
            30,
            [one.p99_ms for one in told],
            beside | {"floor_ms": floor.p99_ms},
        )
    )


def _teams_talk(stage: Stage, events: int, per_second: float, slow: int = 0) -> Published:
    """Each post is heard by its author's team; ``slow`` of a team do not read."""
    load, authors = stage.tap().load, stage.clients // company.TEAM_PEOPLE
    stage.tap().posts("{team}")
    with load.every(company.TEAM_PEOPLE):
        return load.publish(authors, events, per_second, events * (company.TEAM_PEOPLE - slow))


def _half_a_core(stage: Stage) -> float:
    """Posts a second that take half a core, found by a slower second or two."""
    idle = stage.rest()
    with spending(stage.tap().pid, idle) as spent:
        _teams_talk(stage, PROBE_EVENTS, PROBE_PER_SECOND)
    most = stage.clients / company.TEAM_PEOPLE * POSTS_PER_SECOND_MAX
    return min(most, CORE_SHARE / (spent.cpu_seconds / PROBE_EVENTS))


def _floor_talks(plan: Plan, clients: int, per_second: float) -> Published:
    """The same messages a second to rooms of the same size."""
    events = plan.of(int(per_second * TALK_SECONDS))
    with running_peer(FLOOR) as floor:
        floor.load.open(0, clients)
        room = f"#{{n}} {company.TEAM_PEOPLE:05d} {{time}}"
        floor.load.message(room + "x" * 590, modulo=clients // company.TEAM_PEOPLE)
        with spending(floor.pid) as spent:
            told = floor.load.publish(1, events, per_second, events * company.TEAM_PEOPLE)
    note("floor, rooms", spent.us_per(told.deliveries), told)
    return told


def companywide_10k(plan: Plan, stage: Stage) -> None:
    """One post to everybody: when the last of 10,000 has it."""
    stage.crowd(plan.crowd(CROWD))
    tap = stage.tap()
    tap.posts(company.place_of(company.ALL))
    runs, firsts = [], []
    for _ in range(ROUNDS):
        stage.rest()
        told = tap.load.publish(1, 1, 0, stage.clients)
        runs.append(told.max_ms)
        firsts.append(told.p50_ms)
    beside = {"clients": stage.clients, "p50_ms": statistics.median(firsts)}
    with running_peer(FLOOR) as floor:
        floor.load.open(0, stage.clients)
        floor.messages(628)
        last = [floor.load.publish(1, 1, 0, stage.clients).max_ms for _ in range(ROUNDS)]
    beside["floor_ms"] = statistics.median(last)
    emit(at_most("companywide_10k", "ms to the last", 200, runs, beside))


# -- who does not read -----------------------------------------------------------------------------------------


def slow_readers(plan: Plan, stage: Stage) -> None:
    """Every tenth stops reading, and gets long posts until the node holds no more for it; teams talk before
    and after, and the others should not notice."""
    stage.crowd(plan.crowd(CROWD))
    per_second = _half_a_core(stage)
    more, grown, alone, found = [], [], [], []
    for _ in range(plan.runs):
        _reopen_slow(stage, SLOW_BUFFER_BYTES)
        stage.rest()
        events = plan.of(int(per_second * TALK_SECONDS))
        without = _teams_talk(stage, events, per_second)
        growth, slow = _fill(stage)
        beside = _teams_talk(stage, events, per_second, slow=company.TEAM_PEOPLE // SLOW_EVERY)
        print(f"  {slow} slow: p99 {without.p99_ms}, then {beside.p99_ms} ms", file=sys.stderr)
        more.append(beside.p99_ms - without.p99_ms)
        alone.append(without.p99_ms)
        grown.append(growth)
        found.append(slow)
    _reopen_slow(stage, 0)
    known = {"clients": stage.clients, "slow": statistics.median(found)}
    alone_ms = {"p99_without_ms": statistics.median(alone)}
    emit(at_most("slow_readers", "ms more at p99", 5, more, known | alone_ms))
    emit(at_most("slow_readers_memory", "MB more", 100, grown, known))


def _times_slow(stage: Stage) -> float:
    """How often the node found a connection slow."""
    return stage.tap().metrics()["tap_slow_readers_total"]


def _reopen_slow(stage: Stage, buffer_bytes: int) -> None:
    load, slow = stage.tap().load, stage.clients // SLOW_EVERY
    with load.every(SLOW_EVERY):
        load.close(SLOW_EVERY - 1, slow)
        load.receive_buffer(buffer_bytes)
        load.open(SLOW_EVERY - 1, slow)
    load.receive_buffer(0)


def _fill(stage: Stage) -> tuple[float, float]:
    """The slow stop reading: the growth of the node's memory at its peak, MB, and how many it found slow."""
    tap, slow = stage.tap(), stage.clients // SLOW_EVERY
    with tap.load.every(SLOW_EVERY):
        tap.load.stall(SLOW_EVERY - 1, slow)
    tap.posts(company.place_of(company.SLOW), size=FILL_BYTES)
    memory, found, before = rss_kib(tap.pid), 0.0, _times_slow(stage)
    forget_peak(tap.pid)
    for _ in range(FILLS_MAX):
        tap.load.publish(FILL_POSTS, FILL_POSTS, 0, 0)
        stage.rest()
        found = _times_slow(stage) - before
        if found >= slow:
            break
    return (peak_rss_kib(tap.pid) - memory) / 1000, found


# -- a crash ---------------------------------------------------------------------------------------------------


def restart_10k(plan: Plan, stage: Stage) -> None:
    """SIGKILL, started again at once: when all clients are back and live. The figure fails unless each of them
    has what it missed, once and in order, and hears the next post."""
    tap, runs, back = stage.crowd(plan.crowd(CROWD)), [], stage.clients
    while len(runs) < plan.runs and not (runs and runs[-1] > RESTARTS_SECONDS_MAX):
        cursor = tap.cursor()
        tap.posts(company.place_of(company.ALL))
        tap.load.publish(MISSED, MISSED, 0, MISSED * stage.clients)
        stage.rest()
        tap.greet_from(cursor)
        tap.load.survive()
        tap.kill()
        tap.start()
        back, seconds = tap.load.survived(stage.clients, MISSED, RESTART_SECONDS_MAX)
        runs.append(seconds)
        if back == stage.clients:
            tap.load.publish(1, 1, 0, back)
        print(f"  {back} of {stage.clients} back after {seconds:.1f} s", file=sys.stderr)
    beside = {"clients": stage.clients, "back": back}
    emit(at_most("restart_10k", "s", 15, runs, beside))
    tap.greet_from("")
    if back < stage.clients:
        stage.clear()
