"""JSON Schemas of our shapes, as the generated documents hold them (docs/protocol)."""

from typing import Any


def tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """A type's schema with its docstring on one line."""
    if "description" in schema:
        schema = schema | {"description": one_line(schema["description"])}
    return schema


def one_line(text: str) -> str:
    """A docstring as it reads in JSON."""
    return " ".join(text.replace("``", "`").split())
