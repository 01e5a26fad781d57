"""python -m tests.bench.federation [--full] [figure ...]

``--full``: a whole day of outage, 1.2 million events, instead of a twentieth of it."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import uvloop

from tests.bench.federation import mishaps, storm
from tests.bench.federation.lines import ONE_WAY_SECONDS, pair, percentile
from tests.bench.federation.member import started
from tests.bench.federation.peers import names
from tests.bench.figures import at_least, at_most, compare, emit
from tests.support.cables import Cable

RATE = 200.0
LIVE_SECONDS = 10.0
RUNS = 3
DAY_EVENTS = 1_200_000
SCALED_EVENTS = 60_000
CATCHING_UP_EVENTS = 40_000
"""Beside fresh events of another lane."""
PEOPLE = 1_500
"""Of 30,000 in twenty regions."""
PEERS = (3, 20, 40)
PEER_SECONDS = 10.0
RESTARTED_PEERS = 20
AWAY_SECONDS = 30.0


# -- lag ---------------------------------------------------------------------------------------------------


async def live(_full: bool) -> None:
    """On an idle link; while group.eu catches up; and with as many other peers as twenty regions have."""
    for name, backlog, others in (
        ("live_lag", 0, 0),
        ("live_lag_catching_up", CATCHING_UP_EVENTS, 0),
        ("live_lag_19_peers", 0, 18),
    ):
        found, floors = [], []
        for _ in range(RUNS):
            floors.append(await floor())
            found.append(await lags(backlog, names(others)))
        beside = {
            "events": statistics.median([len(run) for run in found]),
            "floor_p50": statistics.median([percentile(run, 0.50) for run in floors]),
            "floor_p99": statistics.median([percentile(run, 0.99) for run in floors]),
        }
        p50 = [percentile(run, 0.50) for run in found]
        p99 = [percentile(run, 0.99) for run in found]
        emit(at_most(f"{name}_p50", "ms", ONE_WAY_SECONDS * 1000 + 25, p50, beside))
        emit(at_most(f"{name}_p99", "ms", ONE_WAY_SECONDS * 1000 + 100, p99, beside))


async def floor() -> list[float]:
    """Milliseconds of bare moments over the same line, at the same pace."""
    async with started("floor") as sender, started("floor") as receiver:
        cable = Cable("floor", await receiver.ask("listen"))
        cable.delay(ONE_WAY_SECONDS)
        await cable.open()
        try:
            await sender.ask("send", port=cable.port, rate=RATE, seconds=LIVE_SECONDS / 2)
            return list(await receiver.ask("lags", count=int(RATE * LIVE_SECONDS / 2)))
        finally:
            await cable.close()


async def lags(backlog: int, others: Sequence[str]) -> list[float]:
    """Milliseconds from commit to commit; with a backlog only of what came before that was held."""
    async with contextlib.AsyncExitStack() as stack:
        regions = await stack.enter_async_context(pair())
        last = await regions.de.ask("fill", lane="group.eu", count=backlog)
        for region in (regions.de, regions.fr):
            await region.ask("watch", lane="global")
        port = await regions.connect(others)
        if others:
            crowd = started("peers", regions.folder, port, len(others))
            await (await stack.enter_async_context(crowd)).ask("live")
        if backlog:
            await regions.holds("group.eu", 1)  # what is written before waits for the proofs
            writing = asyncio.ensure_future(
                regions.de.ask("write", lane="global", rate=RATE, seconds=LIVE_SECONDS)
            )
            until = await regions.holds("group.eu", last)
            end = await writing
        else:
            await regions.holds("global", 1)
            end = await regions.de.ask("write", lane="global", rate=RATE, seconds=LIVE_SECONDS)
            until = float("inf")
        await regions.holds("global", end)
        wrote = dict(await regions.de.ask("heard"))
        return [
            (at - wrote[seq]) * 1000
            for seq, at in await regions.fr.ask("heard")
            if seq in wrote and at < until
        ]


# -- catching up -------------------------------------------------------------------------------------------


class CaughtUp(NamedTuple):
    """``fresh``: seconds until the first event of another lane, written after the outage, was there."""

    seconds: float
    cpu_origin: float
    cpu_receiver: float
    fresh: float


async def caught_up(events: int) -> CaughtUp:
    async with pair() as regions:
        last = await regions.de.ask("fill", lane="global", count=events)
        before = [await region.ask("usage") for region in (regions.de, regions.fr)]
        began = asyncio.get_running_loop().time()
        await regions.connect()
        fresh = await regions.de.ask("fill", lane="group.eu", count=1)
        fresh_at = await regions.holds("group.eu", fresh)
        ended = await regions.holds("global", last)
        after = [await region.ask("usage") for region in (regions.de, regions.fr)]
        spent = [now[0] - then[0] for now, then in zip(after, before, strict=True)]
        return CaughtUp(ended - began, spent[0], spent[1], fresh_at - began)


async def catch_up(full: bool) -> None:
    events = DAY_EVENTS if full else SCALED_EVENTS
    runs = [await caught_up(events) for _ in range(1 if full else RUNS)]
    beside = {
        "events": float(events),
        "origin_us_per_event": statistics.median(r.cpu_origin for r in runs) / events * 1e6,
        "receiver_us_per_event": statistics.median(r.cpu_receiver for r in runs) / events * 1e6,
    }
    emit(at_least("catch_up", "events/s", 5_000, [events / r.seconds for r in runs], beside))
    per_core = [events / r.cpu_receiver for r in runs]
    emit(at_least("catch_up_per_core", "events/s/core", 5_000, per_core, beside))
    day = [r.seconds * DAY_EVENTS / events for r in runs]
    emit(at_most("outage_day" if full else "outage_day_scaled", "s", 300, day, beside))
    emit(at_most("outage_first_fresh", "s", 10, [r.fresh for r in runs], beside))


# -- joining -----------------------------------------------------------------------------------------------


class Joined(NamedTuple):
    """Seconds from the first word to a region with a history: until its newest post is here, until whatever
    posts are shown with is as well, and until all of it is."""

    newest: float
    usable: float
    complete: float


async def joined(events: int, people: int) -> Joined:
    async with pair() as regions:
        last = await regions.de.ask("fill", lane="global", count=events, people=people)
        await regions.fr.ask("watch", lane="global")
        began = asyncio.get_running_loop().time()
        await regions.connect()
        complete = await regions.holds("global", last) - began
        heard = dict(await regions.fr.ask("heard"))
        usable = max(heard[last], await regions.fr.ask("people_at")) - began
        return Joined(heard[last] - began, usable, complete)


async def join_usable(full: bool) -> None:
    """A new region: its share of 30,000 people, and a day, or a twentieth of one, for a history."""
    events = DAY_EVENTS if full else SCALED_EVENTS
    runs = [await joined(events, PEOPLE) for _ in range(1 if full else RUNS)]
    beside = {"events": float(events), "people": float(PEOPLE)}
    emit(at_most("join_newest", "s", 10, [r.newest for r in runs], beside))
    emit(at_most("join_usable", "s", 900, [r.usable for r in runs], beside))
    emit(compare("join_complete", "s", [r.complete for r in runs], beside))


# -- peers -------------------------------------------------------------------------------------------------


async def extra_peer(_full: bool) -> None:
    """From 3 over 20 to 40 peers: CPU and memory of each more, and what an event costs for each peer it goes to. That
    the last twenty cost no more than those before says that nothing grows with the square of their number."""
    cpu, memory, share, growth = [], [], [], []
    few, some, many = PEERS
    for _ in range(RUNS):
        cost, mib = zip(*[await with_peers(count) for count in PEERS], strict=True)
        at = dict(zip(PEERS, cost, strict=True))
        cpu.append((at[many] - at[few]) / PEER_SECONDS / (many - few) * 100)
        memory.append((mib[-1] - mib[0]) / (many - few))
        share.append(at[many] / many / (at[few] / few))
        first, last = at[some] - at[few], at[many] - at[some]
        growth.append(last / (many - some) / (first / (some - few)))
        print(f"  CPU seconds {at}", file=sys.stderr)
    emit(at_most("extra_peer_cpu", "% of a core", 0.5, cpu))
    emit(at_most("extra_peer_memory", "MiB", 2, memory))
    emit(at_most("event_cpu_per_peer_40_to_3", "x", 1, share))
    emit(at_most("extra_peer_cpu_21st_to_40th", "x of those before", 1, growth))


async def with_peers(count: int) -> tuple[float, float]:
    """The origin's CPU seconds until all peers have what it wrote, and its MiB then."""
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        async with started("member", folder, "de") as de:
            await de.ask("found")
            port = await de.ask("serve", peers=[(name, 1, False) for name in names(count)])
            async with started("peers", folder, port, count) as crowd:
                await crowd.ask("live")
                before, _ = await de.ask("usage")
                end = await de.ask("write", lane="global", rate=RATE, seconds=PEER_SECONDS)
                await crowd.ask("hold", events=end)
                after, memory = await de.ask("usage")
                return after - before, memory


async def reconnect(_full: bool) -> None:
    """SIGKILL, 30 s of nothing, a start; every peer must be back by itself."""
    with tempfile.TemporaryDirectory(prefix="tap-bench-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            de = await stack.enter_async_context(started("member", folder, "de"))
            await de.ask("found")
            own = [(name, 1, False) for name in names(RESTARTED_PEERS)]
            to = await de.ask("serve", peers=own)
            cable = Cable("peers-de", to)
            cable.delay(ONE_WAY_SECONDS)
            await cable.open()
            stack.push_async_callback(cable.close)
            crowd = await stack.enter_async_context(
                started("peers", folder, cable.port, RESTARTED_PEERS)
            )
            await crowd.ask("live")
            await asyncio.sleep(5)  # longer than a PING takes to come: the links have settled
            await de.kill()
            await crowd.ask("lost")
            await asyncio.sleep(AWAY_SECONDS)
            de = await stack.enter_async_context(started("member", folder, "de"))
            cable.to = await de.ask("serve", peers=own)
            began = asyncio.get_running_loop().time()
            back = sorted(at - began for at in await crowd.ask("live"))
    beside = {"peers": float(RESTARTED_PEERS), "p50": statistics.median(back)}
    emit(at_most("reconnect_p99", "s", 5, [back[-1]], beside))


FIGURES = {
    "live": live,
    "catch_up": catch_up,
    "join_usable": join_usable,
    "extra_peer": extra_peer,
    "reconnect": reconnect,
    "restore": mishaps.restore,
    "fork": mishaps.fork,
    "rotation": mishaps.rotation,
    "orphans": mishaps.orphans,
    "erasure": mishaps.erasure,
    "presence_storm": storm.presence_storm,
}


def main() -> int:
    wanted = [name for name in sys.argv[1:] if name != "--full"]
    unknown = set(wanted) - set(FIGURES)
    if unknown:
        print(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
        return 2
    for name in wanted or FIGURES:
        uvloop.run(FIGURES[name]("--full" in sys.argv[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
