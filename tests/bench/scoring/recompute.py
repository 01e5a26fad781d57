"""Everything anew: every ledger of so many acts, with standing and level, on one core."""

import time

from server.ops.commands.serve import calm_collector
from server.scoring.roots import root
from server.scoring.rules import day_of, shipped
from server.scoring.score import ledgers
from tests.bench.figures import Figure, at_most, compare
from tests.bench.scoring.made import made

GOAL_SECONDS = 60
"""For a million: a change of rules is looked at beside the old ones within two minutes."""


def figures(acts: int) -> list[Figure]:
    given = made(acts)
    calm_collector()
    began = time.process_time()
    found = ledgers(given, shipped(), day_of(given[-1].at))
    spent = time.process_time() - began
    began = time.process_time()
    root(found)
    hashed = time.process_time() - began
    beside = {"people": float(len(found)), "lines": float(sum([len(one.lines) for one in found]))}
    name = f"score_{acts}_acts_anew"
    goal = GOAL_SECONDS * acts / 1_000_000
    return [
        at_most(name, "s CPU", goal, [spent], beside),
        compare(f"root_of_{acts}_acts", "s CPU", [hashed], beside),
    ]
