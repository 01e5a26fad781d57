"""Rulebooks for tests: the shipped one, others of one version, and others whose second begins in the middle."""

from __future__ import annotations

import pytest

from server.scoring.rules import Rulebook, parse, rulebook, shipped
from tests.unit.scoring.test_rules import TEXT

_CAP = '[cap]\npoints = 12\nexempt = ["solved"]\n[border]'
_SECOND = {
    '"2026-1"': '"2026-2"',
    "2026-01-01": "2026-04-01",
    "points = 15": "points = 12",
    "points = 5\n": "points = 7\n",
    "points = 8\n": "points = 9\n",
    "Somebody found it helpful.": "Somebody found this helpful.",
    "threshold = 3": "threshold = 2",
    "weight = [9, 10]": "weight = [1, 2]",
    "factor = [5, 4]": "factor = [3, 2]",
}
"""Other points and words, and circles that close earlier, damp less and reach further."""


def _other(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


BOOK = shipped()
FIRST = parse(TEXT)
SECOND = parse(_other(TEXT, _SECOND))
"""In force from 2026-04-01."""
CAPPED = rulebook([parse(_other(TEXT, {"[border]": _CAP}))])
TWO = rulebook([FIRST, SECOND])
CAPPED_LATER = rulebook([FIRST, parse(_other(_other(TEXT, _SECOND), {"[border]": _CAP}))])

BOOKS: list[Rulebook] = [BOOK, CAPPED, TWO, CAPPED_LATER]
NAMES = ["shipped", "with a daily cap", "two versions", "a cap with the second version"]
with_every_book = pytest.mark.parametrize("rules", BOOKS, ids=NAMES)
with_two_versions = pytest.mark.parametrize("rules", BOOKS[2:], ids=NAMES[2:])
