"""A slice of the chat archive, written again by living people: who says what below which message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """``parent``: number of the message answered, None for the first of its topic."""

    number: int
    author: str
    title: str
    text: str
    parent: int | None


def topics(folder: Path, messages_max: int, skip: int = 0) -> list[list[Line]]:
    """Whole topics, each in order of time, about ``messages_max`` messages in all."""
    titles = {row["id"]: row["title"] for row in map(json.loads, _open(folder / "topics.jsonl"))}
    found: dict[int, list[Line]] = {}
    for row in map(json.loads, _open(folder / "messages.jsonl")):
        lines = found.setdefault(row["topic"], [])
        numbers = {line.number for line in lines}
        quoted = row.get("parent")
        parent = quoted if quoted in numbers else lines[0].number if lines else None
        text = row["text"].strip() or "(an image)"
        lines.append(Line(row["id"], "ncar." + row["author"], titles[row["topic"]], text, parent))
    chosen: list[list[Line]] = []
    for lines in list(found.values())[skip:]:
        if sum(map(len, chosen)) >= messages_max:
            break
        chosen.append(lines[:20])
    return chosen


def _open(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()
