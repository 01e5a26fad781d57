"""The table of routes as an OpenAPI 3.1 document: generated, so that it cannot drift.

The committed copy is docs/protocol/openapi.json; ``python -m server.api.openapi`` prints it anew.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from server.api.access import SAFE_METHODS
from server.api.answers import JSON, ErrorAnswer
from server.api.route import PATH_TYPES, Access, Route
from server.api.table import PREFIX, ROOT_ROUTES, ROUTES
from server.app import operator_proof
from server.app.auth import COOKIE
from server.app.schemas import one_line, tidied
from server.domain.errors import STATUS, Code

REFERENCE = "#/components/schemas/{name}"
DESCRIPTION = """The HTTP side of Tap, an internal social network of federated regions. Everything it
shows is what the asking person may see. Live events come over the websocket /api/v1/live
(docs/protocol/client.md); GET /sync answers the same events. docs/protocol/http.md explains in prose."""


def document(version: str) -> dict[str, Any]:
    """The whole document as a JSON map. ``version``: of the API, not of the server."""
    every = [(PREFIX + route.path, route) for route in ROUTES]
    every += [(route.path, route) for route in ROOT_ROUTES]
    types = _types(route for _, route in every)
    schemas, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    named = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for path, route in every:
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tap", "version": version, "description": one_line(DESCRIPTION)},
        "paths": paths,
        "components": {
            "schemas": {name: tidied(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "token": {"type": "http", "scheme": "bearer"},
                "operator": {"type": "http", "scheme": operator_proof.SCHEME},
            },
        },
    }


def _types(routes: Iterable[Route]) -> list[Any]:
    """Every type the routes name, once, in the order of the table."""
    found: dict[Any, None] = {ErrorAnswer: None}
    for route in routes:
        found |= dict.fromkeys(_alternatives(route))
        if route.body is not None:
            found[route.body] = None
    return list(found)


def _alternatives(route: Route) -> tuple[Any, ...]:
    """The types of a success, of which the answer is one."""
    if route.answers is None:
        return ()
    return route.answers if isinstance(route.answers, tuple) else (route.answers,)


def _operation(route: Route, named: dict[Any, Any]) -> dict[str, Any]:
    module = route.endpoint.__module__.rpartition(".")[2]
    found: dict[str, Any] = {
        "operationId": f"{module}.{route.endpoint.__name__}",
        "tags": [module],
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {str(route.status): _success(route, named), **_failures(route, named)},
    }
    if route.endpoint.__doc__:
        found["description"] = one_line(route.endpoint.__doc__)
    if route.access is not Access.ANYBODY:
        found["security"] = [{"session": []}, {"token": []}]
        if route.access is Access.OPERATOR:
            found["security"].append({"operator": []})
        found["x-for"] = route.access.value
    if route.body is not None:
        content = {route.body_media_type: {"schema": named[route.body]}}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": msgspec.json.schema(PATH_TYPES[name]),
        }
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    schema = msgspec.json.schema(route.query)
    fields = schema["$defs"][route.query.__name__]
    for name, kind in fields["properties"].items():
        found.append(
            {"name": name, "in": "query", "required": name in fields["required"], "schema": kind}
        )
    return found


def _success(route: Route, named: dict[Any, Any]) -> dict[str, Any]:
    schemas = [named[kind] for kind in _alternatives(route)]
    schema = {"anyOf": schemas} if len(schemas) > 1 else schemas[0] if schemas else None
    content: dict[str, Any] = {route.media_type: {"schema": schema} if schema else {}}
    if route.also:
        content[route.also] = {}
    return {"description": route.summary, "content": content}


def codes(route: Route) -> tuple[Code, ...]:
    """Every code a route may answer with: its own, and those of what it declares."""
    found = {*route.errors, Code.INTERNAL}
    if route.access is not Access.ANYBODY:
        # A token that may not know names is let nowhere but to the event feed.
        found |= {Code.UNAUTHENTICATED, Code.EXPIRED, Code.FORBIDDEN, Code.MOVED, Code.RECOVERING}
        if route.method not in SAFE_METHODS:
            found.add(Code.BAD_ORIGIN)
        if route.access is Access.OPERATOR:
            found.add(Code.BAD_SIGNATURE)
    if "{" in route.path:
        found.add(Code.NOT_FOUND)
    if route.body is not None:
        found |= {Code.BAD_ENCODING, Code.BAD_VALUE, Code.TOO_LARGE}
    # A parameter that is not there to be given is refused too.
    found.add(Code.BAD_VALUE)
    return tuple(sorted(found))


def _failures(route: Route, named: dict[Any, Any]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes(route):
        by_status.setdefault(STATUS[code], []).append(code.value)
    return {
        str(status): {
            "description": ", ".join(names),
            "content": {JSON: {"schema": named[ErrorAnswer]}},
        }
        for status, names in sorted(by_status.items())
    }


@cache
def encoded(version: str) -> bytes:
    """The committed copy: indented, keys in the table's order, a line feed at the end. Made once: it takes
    some 20 ms of the loop, and anybody may ask for it."""
    return msgspec.json.format(msgspec.json.encode(document(version)), indent=1) + b"\n"


API_VERSION = "1"

if __name__ == "__main__":
    print(encoded(API_VERSION).decode(), end="")
