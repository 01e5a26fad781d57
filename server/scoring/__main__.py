"""Scoring from files: each line of an acts file is one act as a map (docs/scoring.md section 7).

    python -m server.scoring replay acts.jsonl --day 2026-03-31             ledgers, one a line
    python -m server.scoring follow -                                      what each act changes, as it comes
    python -m server.scoring what-if acts.jsonl new.toml --day 2026-03-31   who would move, one a line
    python -m server.scoring page                                          the rules as Markdown

``-`` reads standard input. Exit status 2 and a sentence on standard error when a file is not what it
should be.
"""

import argparse
import fileinput
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, get_type_hints

from server.scoring.explain import ledger_map, line_map
from server.scoring.following import Following
from server.scoring.model import Act
from server.scoring.page import markdown
from server.scoring.rules import Rulebook, day_number, parse, rulebook, shipped
from server.scoring.score import ledgers
from server.scoring.whatif import moved_map, outcome_map, what_if

_TYPES = get_type_hints(Act)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m server.scoring",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="{replay,follow,what-if,page}")
    replay = commands.add_parser("replay", help="print everybody's ledger on a day")
    replay.set_defaults(run=_replay)
    follow = commands.add_parser(
        "follow", help="print the lines that each act changes, as it comes"
    )
    follow.set_defaults(run=_follow)
    compare = commands.add_parser("what-if", help="print who would move under new rules, and why")
    compare.set_defaults(run=_what_if)
    page = commands.add_parser("page", help="print the rules as a page")
    page.set_defaults(run=_page)
    for command in (replay, follow, compare):
        command.add_argument("acts", help="file of acts, one JSON map a line; - for standard input")
    for command in (replay, compare):
        command.add_argument(
            "--day", required=True, type=date.fromisoformat, help="UTC, 2026-03-31"
        )
    compare.add_argument("version", help="rules file to hold beside those in force")
    compare.add_argument(
        "--since", type=date.fromisoformat, help="in the quarter with which it would have come"
    )
    for command in (replay, follow, compare, page):
        command.add_argument("--rules", action="append", help="rules file; repeat for versions")
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


def _replay(given: argparse.Namespace, book: Rulebook) -> Iterator[str]:
    for ledger in ledgers(_acts(given.acts), book, day_number(given.day)):
        yield _json(ledger_map(ledger, book))


def _follow(given: argparse.Namespace, book: Rulebook) -> Iterator[str]:
    following = Following(book)
    for act in _acts(given.acts):
        changed = following.come([act])
        for line in changed.lines:
            yield _json({"person": line.person, **line_map(line, book)})
        for gone in sorted(changed.gone):
            yield _json({"act": gone, "gone": True})


def _what_if(given: argparse.Namespace, book: Rulebook) -> Iterator[str]:
    version = parse("".join(_read(given.version)))
    since = day_number(given.since) if given.since else None
    outcome = what_if(_acts(given.acts), book, version, day_number(given.day), since)
    yield _json(outcome_map(outcome))
    for moved in outcome.moved:
        yield _json(moved_map(moved))


def _page(_given: argparse.Namespace, book: Rulebook) -> Iterator[str]:
    yield markdown(book).rstrip()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    try:
        for line in arguments.run(arguments, _rules(arguments.rules)):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()  # who follows wants to see it now
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
