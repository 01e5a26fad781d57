"""How a page of docs/events speaks about fields: the words for a type and for a default."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import FieldInfo

PLAIN = {str: "text", int: "integer", bool: "true or false", bytes: "bytes (base64 in JSON)"}
REQUIRED = "required"


def type_text(kind: Any) -> str:
    """``text``, ``list of text``, ``map of text to integer``, ``one of `a`, `b```, ``… or null``."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "map"
    arguments = typing.get_args(kind)
    match typing.get_origin(kind):
        case typing.Annotated:
            return type_text(arguments[0])
        case typing.Literal:
            return "one of " + ", ".join(f"`{word}`" for word in arguments)
        case origin if origin is tuple:
            return f"list of {_plural(arguments[0])}"
        case origin if origin is dict:
            return f"map of {type_text(arguments[0])} to {type_text(arguments[1])}"
        case types.UnionType | typing.Union:
            return f"{type_text(arguments[0])} or null"
    raise TypeError(f"no words for {kind}")


def _plural(kind: Any) -> str:
    return {"integer": "integers", "map": "maps"}.get(type_text(kind), type_text(kind))


def default_text(field: FieldInfo) -> str:
    """``required``, or the default as JSON; nothing for what is empty."""
    if field.required:
        return REQUIRED
    if field.default_factory is not msgspec.NODEFAULT:
        return "empty"
    match field.default:
        case "" | ():
            return "empty"
        case None:
            return "null"
        case value:
            return f"`{msgspec.json.encode(value).decode()}`"


def part_of(kind: Any) -> tuple[str, type[msgspec.Struct]] | None:
    """The named part inside a type, and how its path goes on."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return ".", kind
    inner = [found for one in typing.get_args(kind) if (found := part_of(one)) is not None]
    if not inner:
        return None
    path, part = inner[0]
    return ("[]" + path if typing.get_origin(kind) is tuple else path), part


def documented_fields(
    shape: type[msgspec.Struct], prefix: str = ""
) -> Iterator[tuple[str, FieldInfo]]:
    """Each field with its path, those of named parts after the field that holds them."""
    for field in msgspec.structs.fields(shape):
        path = prefix + field.name
        yield path, field
        if (part := part_of(field.type)) is not None:
            yield from documented_fields(part[1], path + part[0])
