"""python -m tests.bench.scoring [--full] [name ...]: each figure is one JSON line.

``--full`` also measures one event after ten million, which takes ten minutes to prepare.
"""

import argparse
import sys
from collections.abc import Callable, Iterable

from tests.bench.figures import Figure, emit
from tests.bench.scoring import boards, consumer, incremental, people, recompute, rings

SIZES = (100_000, 1_000_000)
FULL = (*SIZES, 10_000_000)
ANEW = 1_000_000

BENCHES: dict[str, Callable[[bool], Iterable[Figure]]] = {
    "incremental": lambda full: incremental.figures(FULL if full else SIZES),
    "consumer": lambda _full: consumer.figures(SIZES[:1]),
    "recompute": lambda _full: recompute.figures(ANEW),
    "people": lambda _full: people.figures(),
    "boards": lambda _full: boards.figures(),
    "rings": lambda _full: rings.figures(),
}
"""Name -> figures; the argument says whether the long form was asked for."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scoring", description=__doc__)
    parser.add_argument("--full", action="store_true", help="with ten million acts too")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    asked = parser.parse_args()
    unknown = set(asked.names) - set(BENCHES)
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
        return 2
    for name in asked.names or BENCHES:
        for figure in BENCHES[name](asked.full):
            emit(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
