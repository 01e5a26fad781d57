"""python -m tests.bench.scoring [name ...]"""

import sys

from tests.bench.scoring import people

BENCHES = {"people": people.main}


def main() -> int:
    unknown = set(sys.argv[1:]) - set(BENCHES)
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
        return 2
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
