"""python -m tests.mutants [NAME...]: tells each lie, prints who caught it, and ends with 1 if one was believed."""

from __future__ import annotations

import argparse
import os
import sys

from tests.mutants.every import MUTANTS
from tests.mutants.hunt import hunt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a mutant; else all of them")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, metavar="PROCESSES")
    arguments = parser.parse_args()
    names = set(arguments.names)
    if unknown := names - {mutant.name for mutant in MUTANTS}:
        print(f"there is no mutant {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    missed = 0
    for verdict in hunt(chosen, arguments.at_once):
        missed += not verdict.is_caught
        said = verdict.trouble or verdict.killer or "SURVIVES: nobody noticed"
        print(f"{verdict.mutant.name:28} {verdict.mutant.breaks:58.58} {said}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} mutants were caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
