"""docs/scoring.md says what the rules file and the model say; its examples are in ``test_worked``."""

from __future__ import annotations

import json
import re

from server.scoring.explain import line_map
from server.scoring.model import Act
from server.scoring.rules import shipped
from server.scoring.score import Book, lines
from tests.unit.scoring.acts import act
from tests.unit.scoring.written import section

BOOK = shipped()
RULES = BOOK.versions[-1]


def cells(text: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_the_weights() -> None:
    written = {row[1].strip("`"): (int(row[2]), row[3] == "yes") for row in cells(section("1"))}
    assert written == {kind: (w.points, w.named) for kind, w in RULES.weights.items()}


def test_the_rulings_in_the_order_of_the_rules() -> None:
    written = [(row[0].strip("`"), row[1]) for row in cells(section("2").replace("   | ", "| "))]
    assert written == [(kind, one.status) for kind, one in RULES.statuses.items()]


def test_the_levels() -> None:
    (listed,) = re.findall(r"points of standing: ([0-9., ]+) \.\.\.", section("4"))
    assert [round(float(one) * 1000) for one in listed.split(", ")] == list(RULES.levels[:4])


def test_the_line_in_the_page_has_the_shape_of_a_line() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", section("6"), re.S)
    shown = json.loads(block)
    abroad = {"country": "DE", "author_country": "IN", "topics": ("tomatoes",)}
    marks = [act("helpful", "ben", f"asha/{n}", ms=n, **abroad) for n in (1, 2)]
    real = line_map(lines(Book(marks, BOOK), "asha")[1], BOOK)
    assert list(real) == list(shown)
    names = ("act", "at", "content", "content_title")
    assert real == shown | {name: real[name] for name in names}
    explained = {name.strip("`") for row in cells(section("6")) for name in row[0].split(", ")}
    assert explained == set(real)


def test_the_fields_of_an_act() -> None:
    defaults = {"": "empty", (): "empty", True: "true"}
    written = [(row[0].strip("`"), row[1]) for row in cells(section("7"))]
    assert written == [
        (
            name,
            defaults.get(Act._field_defaults[name]) if name in Act._field_defaults else "required",
        )
        for name in Act._fields
    ]
