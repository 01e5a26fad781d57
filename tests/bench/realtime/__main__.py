"""python -m tests.bench.realtime [--quick] [figure ...]

``--quick`` alone measures ``QUICK_FIGURES``, once, with smaller crowds."""

import os
import sys
import time

from server.ops.demo.nodes import NodeFailed
from tests.bench.realtime import crowds, fanout, holding, tls
from tests.bench.realtime.load import LoadFailed
from tests.bench.realtime.plan import FULL, QUICK, Plan
from tests.bench.realtime.processes import Skipped
from tests.bench.realtime.stage import Stage

# In the order that opens fewest clients on one node; a figure alone makes its own crowd.
FIGURES = {
    "fanout_1000": fanout.fanout_1000,
    "burst_200x1000": fanout.burst_200x1000,
    "unicast_flood": holding.unicast_flood,
    "resume": holding.resume,
    "fanout_scale": fanout.fanout_scale,
    "latency_10k": crowds.latency_10k,
    "companywide_10k": crowds.companywide_10k,
    "slow_readers": crowds.slow_readers,
    "restart_10k": crowds.restart_10k,
    "idle": holding.idle,
    "connect": holding.connect,
    "tls": tls.tls,
}


QUICK_FIGURES = (
    "fanout_1000",
    "burst_200x1000",
    "resume",
    "latency_10k",
    "companywide_10k",
    "connect",
)


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--quick"]
    plan = QUICK if "--quick" in sys.argv[1:] else FULL
    unknown = set(names) - set(FIGURES)
    if unknown:
        print(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
        return 2
    stage = Stage()
    try:
        wanted = names or (QUICK_FIGURES if plan.quick else FIGURES)
        failed = [name for name in wanted if not measure(name, plan, stage)]
    finally:
        stage.clear()
    return 1 if failed else 0


def measure(name: str, plan: Plan, stage: Stage) -> bool:
    """False when it could not be measured; the next figure then gets a fresh node."""
    began = time.monotonic()
    try:
        FIGURES[name](plan, stage)
    except Skipped as skipped:
        print(f"SKIPPED {name}: {skipped}", file=sys.stderr)
        stage.clear()
    except (LoadFailed, NodeFailed, RuntimeError) as error:
        print(f"FAILED {name}: {error}", file=sys.stderr)
        stage.clear()
        return False
    load = os.getloadavg()[0]
    print(f"{name} took {time.monotonic() - began:.0f} s; load average {load:.1f}", file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main())
