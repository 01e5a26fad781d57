"""Every scenario against a real node on loopback: nothing lost, doubled or reordered, and nothing left.

A scenario's chance follows from its name and the run's seed, which the header prints: TAP_TEST_SEED=... with
``-k "the name"`` plays it again. It also decides the event loop: the node's own (uvloop), or asyncio's.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.stress import acting, ending, following, hostile, network
from tests.stress.world import Scenario, beginning, open_world

SCENARIOS = [
    scenario
    for subject in (following, acting, ending, hostile, network)
    for scenario in subject.SCENARIOS
]


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


async def played(scenario: Scenario, folder: Path, chance: random.Random) -> None:
    tasks = len(asyncio.all_tasks())
    # What goes wrong in a socket's callback, a client's judgement included, reaches nobody else.
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
    async with open_world(folder, chance) as world:
        for step in scenario.steps:
            await step(world)
        await world.nothing_left()
    assert not failures, failures
    assert len(asyncio.all_tasks()) == tasks, asyncio.all_tasks()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: re.sub(r"\W+", "_", one.name))
def test_scenario(scenario: Scenario, tmp_path: Path, seed: int) -> None:
    beginning()
    gc.collect()
    before = files()
    chance = random.Random(f"{seed}:{scenario.name}")
    factory = chance.choice([asyncio.new_event_loop, uvloop.new_event_loop])
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(played(scenario, tmp_path, chance))
    assert files() == before


def test_names_are_unique() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) >= 80
