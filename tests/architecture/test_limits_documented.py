"""docs/limits.md names every bound with the value, and the reason, it has in domain/limits.py."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

from server.domain import limits

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text("utf-8")
SOURCE = Path(limits.__file__ or "").read_text("utf-8")
ALL = {name: value for name, value in vars(limits).items() if name.isupper()}
UNITS = {
    "CHARS": "characters",
    "BYTES": "bytes",
    "SECONDS": "s",
    "DAYS": "days",
    "HOURS": "h",
    "EVENTS": "events",
}


def value_text(name: str, value: float) -> str:
    """``40,000 characters``, ``256 KiB``, ``0.5 s``, ``60``."""
    if "BYTES" in name.split("_"):
        for size, unit in ((1024 * 1024, "MiB"), (1024, "KiB")):
            if value % size == 0:
                return f"{value // size} {unit}"
    units = [UNITS[word] for word in name.split("_") if word in UNITS]
    return f"{value:,} {units[0]}" if units else f"{value:,}"


def reasons() -> dict[str, str]:
    """Name -> the sentence below it in the module, on one line."""
    found = {}
    for node, after in itertools.pairwise(ast.parse(SOURCE).body):
        match node, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def rows() -> dict[str, tuple[str, str]]:
    """Name -> (value, reason) as the page has them."""
    cells = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {name.strip("`"): (value, reason) for name, value, reason in cells}


def test_every_limit_has_its_line_and_no_line_is_left_over() -> None:
    assert set(rows()) == set(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_line_says_the_value_and_the_reason(name: str) -> None:
    value, reason = rows()[name]
    assert value == value_text(name, ALL[name])
    assert reason, "a number without a reason cannot be judged"
    assert reason == reasons().get(name, reason)
