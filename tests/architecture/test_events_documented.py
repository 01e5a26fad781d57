"""Every kind of event has a page in docs/events that says what it really holds and where it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.domain.commands import COMMANDS
from server.domain.events import EVENTS, Event
from server.domain.visibility import channels, touched
from tests.support.event_pages import default_text, documented_fields, type_text

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "events"
CONCEPTS = {"mention", "topic"}
ROWS = ("Writer", "Lane", "Channels", "Merge", "Who may cause it")
VALUES = {"post": "The counters of the post", "poll": "The tally of the poll"}


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text("utf-8")


def table(text: str, columns: int) -> list[list[str]]:
    """The cells of the first table with so many columns, without its head."""
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in text.splitlines()
        if line.startswith("|") and line.count("|") == columns + 1
    ]
    return rows[2:]


def example(name: str) -> dict[str, Any]:
    (block,) = re.findall(r"```json\n(.*?)```", page(name), re.S)
    found: dict[str, Any] = json.loads(block)
    return found


def event_of(name: str) -> Event:
    return msgspec.convert(example(name), EVENTS[name])


def caused_by(name: str) -> str:
    """The actor the page's example names; empty for the node itself."""
    (found,) = re.findall(r"^Caused by (`[^`]+`|the node);", page(name), re.M)
    return "" if found == "the node" else found.strip("`")


def test_every_event_has_a_page_and_no_page_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {*EVENTS, *CONCEPTS, "README"}


def test_the_index_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)#]+)\.md\)", page("README"))
    assert {name for name in linked if "/" not in name} == {*EVENTS, *CONCEPTS}


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_page_lists_exactly_the_fields(name: str) -> None:
    text = page(name)
    assert text.startswith(f"# {name}\n")
    written = [row[:3] for row in table(text.partition("## Fields")[2], 4)]
    actual = [
        [f"`{path}`", type_text(field.type), default_text(field)]
        for path, field in documented_fields(EVENTS[name])
    ]
    assert written == actual
    assert all(row[3] for row in table(text.partition("## Fields")[2], 4)), "a field means nothing"


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_page_says_who_writes_where_and_how_it_merges(name: str) -> None:
    said = {row[0]: row[1] for row in table(page(name).partition("## Fields")[0], 2)}
    event = event_of(name)
    value = touched(event)
    assert all(said.get(row) for row in ROWS)
    assert said.get("Changes the value", "").startswith(VALUES[value.of] if value else "")
    assert ("Changes the value" in said) == (value is not None)
    for command in re.findall(r"`([a-z]+\.[a-z_]+)`", said["Who may cause it"]):
        assert command in COMMANDS, command


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_the_example_is_such_an_event_and_is_shown_where_the_page_says(name: str) -> None:
    raw, event = example(name), event_of(name)
    assert json.loads(msgspec.json.encode(event)) == raw, "an unknown field, or a default spelt out"
    line = page(name).partition("## Example")[2].partition("```")[0]
    listed = re.findall(r"`([cdtu]:[^`]+|g)`", line.partition("shown on")[2])
    assert tuple(listed) == channels(event, caused_by(name))
