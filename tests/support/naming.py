"""Whether an answer, an export or an event names somebody: for whoever must be named nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def paths_naming(value: Any, person: str, *names: str) -> list[str]:
    """Where in a decoded JSON value a person's id stands, as a key, a value or a part of a text.

    ``names``: what they are called besides. A path reads ``boards[0].person``; empty: they are not named."""
    return list(_paths(value, (person, *names), ""))


def _paths(value: Any, names: tuple[str, ...], path: str) -> Iterator[str]:
    match value:
        case str() if any(name in value for name in names):
            yield path
        case Mapping():
            for key, part in value.items():
                below = f"{path}.{key}".removeprefix(".")
                if any(name in str(key) for name in names):
                    yield below
                yield from _paths(part, names, below)
        case list() | tuple() | set() | frozenset():
            for number, part in enumerate(value):
                yield from _paths(part, names, f"{path}[{number}]")
