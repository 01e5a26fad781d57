"""python -m tests.bench.realtime [--quick] [figure ...]"""

import sys
import time

from tests.bench.realtime import fanout
from tests.bench.realtime.plan import FULL, QUICK
from tests.bench.realtime.processes import Skipped

FIGURES = {
    "fanout_1000": fanout.fanout_1000,
    "fanout_scale": fanout.fanout_scale,
    "burst_200x1000": fanout.burst_200x1000,
}


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--quick"]
    plan = QUICK if "--quick" in sys.argv[1:] else FULL
    unknown = set(names) - set(FIGURES)
    if unknown:
        print(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
        return 2
    for name in names or FIGURES:
        began = time.monotonic()
        try:
            FIGURES[name](plan)
        except Skipped as skipped:
            print(f"SKIPPED {name}: {skipped}", file=sys.stderr)
        print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
