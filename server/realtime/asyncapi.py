"""The client protocol for programs: JSON Schemas of its frames, and an AsyncAPI 3.0 document over them.

Both are made of the types in ``frames``, ``domain.commands`` and ``domain.events``, so that they cannot
drift. The committed copies are docs/protocol/client.schema.json and asyncapi.json; this module writes them:

    python -m server.realtime.asyncapi schema > docs/protocol/client.schema.json
    python -m server.realtime.asyncapi document > docs/protocol/asyncapi.json

The schemas use what JSON Schema draft-07 and 2020-12 have in common, since AsyncAPI reads the former. They
say the shapes; what a frame does is said in docs/protocol/client.md alone.
"""

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from server.app.auth import COOKIE
from server.app.cases import CaseView
from server.app.schemas import one_line, tidied
from server.app.sync import EventFrame
from server.domain.commands import Command
from server.domain.events import EVENTS
from server.realtime import frames
from server.realtime.frames import SUBPROTOCOLS, ClientFrame, ServerFrame
from server.realtime.presence import State
from server.realtime.websocket import PATH
from server.storage.queries.shapes import Counts, PollValue

VERSION = "1"
"""Of the protocol, not of the node (section 10)."""
SCHEMA_FILE = "client.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINITION = "#/$defs/{name}"
Map = dict[str, Any]
Frame = type[msgspec.Struct]


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """A person's credit: ``total`` in milli-points, and the ledger's new line if there is one."""

    total: int
    line: dict[str, Any] | None


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a colleague is there."""

    state: State


VALUES: Mapping[str, Frame] = {
    "post": Counts,
    "poll": PollValue,
    "impact": Impact,
    "case": CaseView,
    "presence": Presence,
}
"""What ``value`` holds, by ``of`` (section 5.3)."""

CLIENT_SAYS: tuple[Frame, ...] = tuple(ClientFrame.__subclasses__())
NODE_SAYS: tuple[Frame, ...] = (*ServerFrame.__subclasses__(), EventFrame)
ANSWERS: Mapping[Frame, tuple[Frame, ...]] = {
    frames.Hello: (frames.Welcome, frames.Bye),
    frames.Watch: (frames.Watching,),
    frames.DoFrame: (frames.Done,),
    frames.Token: (frames.Renewed, frames.Error),
    frames.Ping: (frames.Pong,),
    frames.Rewind: (frames.Mark, frames.Reset, frames.Error),
}
"""What closes a question of the client; other frames of the client are only answered when they are wrong."""
UNASKED: tuple[Frame, ...] = (
    EventFrame,
    frames.Value,
    frames.Mark,
    frames.Watching,
    frames.TypingNow,
    frames.Expiring,
    frames.Reset,
    frames.Error,
    frames.Bye,
)
"""What the node says by itself."""

# -- JSON Schemas --------------------------------------------------------------------------------------


def schemas() -> Map:
    """Every frame of both directions, every command, event body and value, by the name of its type."""
    types = (*CLIENT_SAYS, *NODE_SAYS, *VALUES.values(), Command, *EVENTS.values())
    found, components = msgspec.json.schema_components(types, ref_template=DEFINITION)
    named = {name: tidied(schema) for name, schema in components.items()}
    named["Command"] = _one_of(found[types.index(Command)])
    named["DoFrame"]["properties"]["command"] = _definition("Command")
    named["Value"] |= _by("of", "value", VALUES)
    named["EventFrame"] |= _by("type", "body", EVENTS, may_be_empty=True)
    # ``t`` has a default only because it has one value.
    named["EventFrame"]["required"] = ["t", *named["EventFrame"]["required"]]
    for name, said in (("FromClient", CLIENT_SAYS), ("FromNode", NODE_SAYS)):
        named[name] = {"anyOf": [_definition(frame.__name__) for frame in said]}
    return {
        "$schema": DIALECT,
        "title": "Tap's client protocol, version 1",
        "description": "Frames of docs/protocol/client.md. `FromClient` and `FromNode` are the two directions.",
        "anyOf": [_definition("FromClient"), _definition("FromNode")],
        "$defs": dict(sorted(named.items())),
    }


def _definition(name: str) -> Map:
    return {"$ref": DEFINITION.format(name=name)}


def _one_of(union: Map) -> Map:
    """Without OpenAPI's ``discriminator``, which neither JSON Schema nor AsyncAPI reads like that."""
    return {"anyOf": union["anyOf"]}


def _by(tag: str, field: str, kinds: Mapping[str, Frame], may_be_empty: bool = False) -> Map:
    """One field's shape follows from another's text. Of kinds that nobody knows nothing is asked.
    ``may_be_empty``: the field may be an empty map instead, as that of what was erased."""
    rules = []
    for name, kind in sorted(kinds.items()):
        shape = _definition(kind.__name__)
        if may_be_empty:
            shape = {"anyOf": [shape, {"type": "object", "maxProperties": 0}]}
        when = {"properties": {tag: {"const": name}}, "required": [tag]}
        rules.append({"if": when, "then": {"properties": {field: shape}}})
    return {"allOf": rules}


# -- AsyncAPI ------------------------------------------------------------------------------------------

DESCRIPTION = """How a device follows what happens in Tap and acts, over one websocket, or without one by
server-sent events and POST. The document describes the node: it `receive`s what a client says and `send`s the
rest. docs/protocol/client.md says what each frame does, in which order, and how a client follows without
gaps. In the subprotocol tap.v1.msgpack the same maps are binary messages in MessagePack, with bytes that are
base64 in JSON."""


def document() -> Map:
    """The whole AsyncAPI 3.0 document as a JSON map; its payloads are in ``schemas``."""
    posted = tuple([frame for frame in CLIENT_SAYS if frame is not frames.Hello])
    spoken = tuple([frame for frame in NODE_SAYS if frame is not frames.Stream])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tap, live", "version": VERSION, "description": one_line(DESCRIPTION)},
        "defaultContentType": "application/json",
        "servers": {"websocket": _server("wss"), "http": _server("https")},
        "channels": {
            "live": _channel(
                PATH,
                "websocket",
                "Both directions over one websocket (section 3).",
                (*CLIENT_SAYS, *spoken),
            )
            | {"bindings": {"ws": _handshake()}},
            "events": _channel(
                PATH + "/events",
                "http",
                "The node's frames as server-sent events (section 6.6.1).",
                NODE_SAYS,
            ),
            "frames": _channel(
                PATH + "/frames",
                "http",
                "A client's frames, one in each request (section 6.6.2).",
                posted,
            ),
        },
        "operations": {
            **{f"receive{_name(frame)}": _received(frame) for frame in CLIENT_SAYS},
            **{f"send{_name(frame)}": _operation("send", "live", (frame,)) for frame in UNASKED},
            "sendOnStream": _operation("send", "events", NODE_SAYS)
            | _http("GET", {"cursor": "resume from here", "channels": "with commas between"}),
            "receiveByPost": _operation("receive", "frames", posted)
            | _http("POST", {"stream": "the id of the stream's first event"}, ["stream"]),
        },
        "components": {
            "messages": {_name(frame): _message(frame) for frame in (*CLIENT_SAYS, *NODE_SAYS)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "httpApiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _name(frame: Frame) -> str:
    """A message's name here: its type's, as ``typing`` is said in both directions."""
    return frame.__name__.removesuffix("Frame")


def _server(protocol: str) -> Map:
    return {
        "host": "{host}",
        "protocol": protocol,
        "variables": {"host": {"description": "the region's own address"}},
        "security": [
            {"$ref": f"#/components/securitySchemes/{name}"} for name in ("token", "session")
        ],
    }


def _channel(address: str, server: str, summary: str, said: Iterable[Frame]) -> Map:
    return {
        "address": address,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "summary": summary,
        "messages": {
            _name(frame): {"$ref": f"#/components/messages/{_name(frame)}"} for frame in said
        },
    }


def _handshake() -> Map:
    """The upgrade request (section 3.1)."""
    offered = {"type": "string", "enum": list(SUBPROTOCOLS)}
    headers = {"type": "object", "properties": {"Sec-WebSocket-Protocol": offered}}
    return {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}


def _http(method: str, query: Mapping[str, str], required: list[str] | None = None) -> Map:
    fields = {name: {"type": "string", "description": text} for name, text in query.items()}
    shape: Map = {"type": "object", "properties": fields}
    if required:
        shape["required"] = required
    return {"bindings": {"http": {"method": method, "query": shape, "bindingVersion": "0.3.0"}}}


def _operation(action: str, channel: str, said: Iterable[Frame]) -> Map:
    return {"action": action, **_on(channel, said)}


def _on(channel: str, said: Iterable[Frame]) -> Map:
    return {
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_name(frame)}"} for frame in said],
    }


def _received(frame: Frame) -> Map:
    found = _operation("receive", "live", (frame,))
    return found | ({"reply": _on("live", ANSWERS[frame])} if frame in ANSWERS else {})


def _message(frame: Frame) -> Map:
    tag = "event" if frame is EventFrame else frame.__struct_config__.tag
    found: Map = {"name": tag, "title": _name(frame)}
    if frame.__doc__:
        found["summary"] = one_line(frame.__doc__)
    return found | {"payload": {"$ref": f"{SCHEMA_FILE}#/$defs/{frame.__name__}"}}


@cache
def encoded_schemas() -> bytes:
    """The committed copy: indented, a line feed at the end. Made once, when first asked for."""
    return _encoded(schemas())


@cache
def encoded_document() -> bytes:
    """As ``encoded_schemas``."""
    return _encoded(document())


def _encoded(made: Map) -> bytes:
    return msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"


if __name__ == "__main__":
    made = encoded_schemas() if sys.argv[1:] == ["schema"] else encoded_document()
    print(made.decode(), end="")
