"""``python -m server.scoring replay ACTS.jsonl --day 2026-03-31``: ledgers as JSON lines.

Each line of the acts file is one act as a map (docs/scoring.md section 7); ``-`` reads standard input.
Exit status 2 and a sentence on standard error when a file is not what it should be.
"""

import argparse
import fileinput
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from typing import get_type_hints

from server.scoring.explain import ledger_map
from server.scoring.model import Act
from server.scoring.rules import Rulebook, day_number, parse, rulebook, shipped
from server.scoring.score import ledgers

_TYPES = get_type_hints(Act)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m server.scoring", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="replay")
    replay = commands.add_parser("replay", help="print everybody's ledger on a day")
    replay.add_argument("acts", help="file of acts, one JSON map a line; - for standard input")
    replay.add_argument("--rules", action="append", help="rules file; repeat for several versions")
    replay.add_argument("--day", required=True, type=date.fromisoformat, help="UTC, 2026-03-31")
    return parser.parse_args(given)


def _read(name: str) -> Iterator[str]:
    with fileinput.input([name], encoding="utf-8") as source:
        yield from source


def _act(line: str) -> Act:
    """Raises ValueError naming the field when the line is no act."""
    raw = json.loads(line)
    if not isinstance(raw, dict):
        raise ValueError("an act is a JSON map")
    if type(raw.get("topics")) is list:
        raw["topics"] = tuple(raw["topics"])
    for name, value in raw.items():
        if not _fits(value, _TYPES.get(name)):
            raise ValueError(f"{name}: unknown, or not of its type")
    try:
        return Act(**raw)
    except TypeError as error:
        raise ValueError(str(error).removeprefix("Act.__new__() ")) from None


def _fits(value: object, wanted: object) -> bool:
    if type(value) is tuple:
        return wanted == tuple[str, ...] and all(type(one) is str for one in value)
    return type(value) is wanted


def _acts(name: str) -> Iterator[Act]:
    for number, line in enumerate(_read(name), 1):
        try:
            yield _act(line)
        except ValueError as error:
            raise ValueError(f"{name}, line {number}: {error}") from None


def _rules(names: Sequence[str] | None) -> Rulebook:
    return rulebook([parse("".join(_read(name))) for name in names]) if names else shipped()


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    try:
        book = _rules(arguments.rules)
        found = ledgers(_acts(arguments.acts), book, day_number(arguments.day))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for ledger in found:
        sys.stdout.write(json.dumps(ledger_map(ledger, book), ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
