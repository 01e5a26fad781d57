"""python -m tests.stateful.soak: the long form of ``test_session_hub``, and its promise kept by a real node.

First the state machine is played with new seeds until it has made a million steps; then a real node is
killed (SIGKILL) and its clients' connections are cut, in rounds, while colleagues post: whoever resumes must
hear every post once and in order. Stops when everything asked for was done, when time is up, or at the first
failure; says how it stands every ten seconds. TAP_TEST_SEED=... begins with the same seed again.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from server.realtime import hub, reading
from tests.conftest import SEED
from tests.stateful.killing import play
from tests.stateful.test_session_hub import LiveClients
from tests.unit.realtime.desk import Desk, Line

EXAMPLES, STEPS = 50, 200
"""Of one seed: then the next one, so that a failure names a seed that fails soon."""
TELL_SECONDS = 10


class Tally(Counter[str]):
    """What was done so far, and what is to be done."""

    def __init__(self, goals: dict[str, int], minutes: float) -> None:
        super().__init__()
        self.goals = goals
        self._until = time.monotonic() + minutes * 60
        self._told = 0.0

    def reached(self, *names: str) -> bool:
        return all(self[name] >= self.goals[name] for name in names)

    def is_late(self) -> bool:
        return time.monotonic() > self._until

    def tell(self, now: bool = False) -> None:
        if now or time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            said = [
                f"{name} {count:,}" + (f" of {goal:,}" if (goal := self.goals.get(name)) else "")
                for name, count in sorted(self.items())
            ]
            print(" | ".join(said), flush=True)


# -- the model ---------------------------------------------------------------------------------------------


def _counted(tally: Tally, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:
        tally[name] += 1
        return act(*args)

    return counted


def model(tally: Tally, seed: int) -> None:
    """Plays one seed."""

    class Soaked(LiveClients):
        @invariant()
        def is_counted(self) -> None:
            tally["steps"] += 1
            tally.tell()

    limits = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(Soaked), settings=limits)


def model_until_done(tally: Tally) -> None:
    seed = SEED
    with (
        patch.object(hub, "SLICE_SEATS", 1),
        patch.object(reading, "CATCH_UP_EVENTS_MAX", 25),
        patch.object(Line, "drop", _counted(tally, "drops", Line.drop)),
        patch.object(Desk, "restart", _counted(tally, "new epochs", Desk.restart)),
        patch.object(Desk, "log_page", _counted(tally, "pages beyond the ring", Desk.log_page)),
    ):
        while not tally.reached("steps", "drops") and not tally.is_late():
            tally["seeds"] += 1
            try:
                model(tally, seed)
            except BaseException:
                print(f"seed {seed} fails: TAP_TEST_SEED={seed} plays it first", flush=True)
                raise
            seed += 1


# -- the real node -----------------------------------------------------------------------------------------


async def node_until_done(tally: Tally) -> None:
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="tap-soak-") as folder:

        def going() -> bool:
            tally.tell()
            return not tally.reached("kills", "sockets cut") and not tally.is_late()

        await play(Path(folder), chance, tally, going)


def main() -> int:
    says = argparse.ArgumentParser(description=__doc__, prog="python -m tests.stateful.soak")
    says.add_argument("--steps", type=int, default=1_000_000, help="of the state machine")
    says.add_argument("--drops", type=int, default=10_000, help="forced ones, of the state machine")
    says.add_argument("--kills", type=int, default=100, help="of a real node, with SIGKILL")
    says.add_argument("--cut", type=int, default=10_000, help="sockets of a real node")
    says.add_argument("--minutes", type=float, default=120, help="then it stops, wherever it is")
    asked = says.parse_args()
    goals = {"steps": asked.steps, "drops": asked.drops}
    tally = Tally(goals | {"kills": asked.kills, "sockets cut": asked.cut}, asked.minutes)
    print(f"seed {SEED}", flush=True)
    try:
        model_until_done(tally)
        asyncio.run(node_until_done(tally))
    finally:
        tally.tell(now=True)
    done = tally.reached(*tally.goals)
    print("everything was done, and nothing failed" if done else "time is up, and nothing failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
