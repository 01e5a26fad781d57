"""Everybody another region looks at flips at once, while events flow: what share of the line it takes, and who waits."""

from __future__ import annotations

import asyncio
import statistics
from typing import NamedTuple

from server.domain import limits
from tests.bench.federation.lines import ONE_WAY_SECONDS, pair, percentile
from tests.bench.figures import at_most, compare, emit

PEOPLE = 30_000
RATE = 200.0
SECONDS = 40.0
CALM_SECONDS = 5.0
"""Of it before the storm."""
RUNS = 3


class Storm(NamedTuple):
    """Milliseconds of events that were written while it lasted; seconds until all were told; bytes of the
    origin's frames meanwhile, those of presence and all; bytes per second of all."""

    lags: list[float]
    told_after: float
    presence: float
    every: float


async def stormed(flips: int) -> Storm:
    """So many of all who are looked at; 0: the same time without a storm."""
    async with pair() as regions:
        de, fr = regions.de, regions.fr
        for region in (de, fr):
            await region.ask("watch", lane="global")
        await regions.connect()
        await regions.holds("global", 1)
        await de.ask("look", region="fr", count=0)
        await fr.ask("look", region="de", count=PEOPLE)
        await fr.ask("shown", state="online", count=PEOPLE)
        for region in (de, fr):
            await region.ask("settle")
        await asyncio.sleep(limits.PRESENCE_SECONDS_MAX)  # the line is quiet
        writing = asyncio.ensure_future(
            de.ask("storm", people=flips, rate=RATE, seconds=SECONDS, calm=CALM_SECONDS)
        )
        told_at = await fr.ask("shown", state="offline", count=flips)
        last, said = await writing
        began = said[0]
        ended = next((one for one in said if one[0] >= told_at > began[0]), said[-1])
        await regions.holds("global", last)
        wrote = dict(await de.ask("heard"))
        lags = [
            (at - wrote[seq]) * 1000
            for seq, at in await fr.ask("heard")
            if began[0] <= wrote.get(seq, 0) <= ended[0]
        ]
        return Storm(lags, told_at - began[0], ended[1] - began[1], ended[2] - began[2])


async def presence_storm(_full: bool) -> None:
    calm, storms = [], []
    for _ in range(RUNS):
        calm.append(await stormed(0))
        storms.append(await stormed(PEOPLE))
    shares = [storm.presence / storm.every * 100 for storm in storms]
    beside = {
        "people": float(PEOPLE),
        "told_after_s": statistics.median(storm.told_after for storm in storms),
        "presence_bytes": statistics.median(storm.presence for storm in storms),
        "all_bytes": statistics.median(storm.every for storm in storms),
    }
    emit(at_most("presence_storm_share", "% of bytes", 5, shares, beside))
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        without = statistics.median([percentile(run.lags, share) for run in calm])
        most = ONE_WAY_SECONDS * 1000 + (25 if name == "p50" else 100)
        found = [percentile(run.lags, share) for run in storms]
        emit(at_most(f"presence_storm_lag_{name}", "ms", most, found, {"without": without}))
    emit(compare("presence_storm_told", "s", [storm.told_after for storm in storms], {}))
