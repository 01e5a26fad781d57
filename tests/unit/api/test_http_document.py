"""docs/protocol/http.md names every route and every code, and its examples are what the schemas say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from server.api.table import PREFIX, ROOT_ROUTES, ROUTES
from server.domain.errors import STATUS
from tests.unit.api.site import DOCUMENT

PAGE = (Path(__file__).parents[3] / "docs" / "protocol" / "http.md").read_text("utf-8")
EXAMPLES = re.findall(r"<!-- schema: (\w+) -->\n```json\n(.*?)```", PAGE, re.DOTALL)
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]


def test_every_route_has_its_row_and_no_row_is_left_over() -> None:
    every = {f"{route.method} {PREFIX}{route.path}" for route in ROUTES}
    every |= {f"{route.method} {route.path}" for route in ROOT_ROUTES}
    rows = [row[0].strip("`") for row in ROWS if "/" in row[0]]
    assert sorted(rows) == sorted(every)


def test_every_code_has_its_row_and_no_row_is_left_over() -> None:
    rows = {row[0].strip("`"): row[1] for row in ROWS if "/" not in row[0]}
    assert rows == {code.value: str(status) for code, status in STATUS.items()}


@pytest.mark.parametrize(("schema", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_fits_its_schema(schema: str, text: str) -> None:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    Draft202012Validator(whole).validate(json.loads(text))


def test_there_are_examples() -> None:
    assert {name for name, _ in EXAMPLES} >= {"ErrorAnswer", "Page", "Reset", "Wish", "Carried"}
    assert PAGE.count("```json") == len(EXAMPLES)


def test_sections_are_numbered_without_a_gap() -> None:
    numbers = [int(number) for number in re.findall(r"^## (\d+)\.", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
