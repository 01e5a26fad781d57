"""The AsyncAPI document and the frames' JSON Schemas: current, well formed, and true of the vectors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from server.domain.commands import COMMANDS
from server.domain.errors import Refused
from server.domain.events import EVENTS
from server.realtime import asyncapi, frames
from server.realtime.frames import Do, Encoding

ROOT = Path(__file__).parents[3]
PROTOCOL = ROOT / "docs" / "protocol"
VECTORS = ROOT / "tests" / "vectors"
DOCUMENT = asyncapi.document()
SCHEMA = asyncapi.schemas()
FRAMES = json.loads((VECTORS / "client/frames.json").read_text("utf-8"))
TRANSCRIPTS = sorted((VECTORS / "client").glob("transcript-*.json"))
Map = dict[str, Any]


def fits(name: str, value: Any) -> bool:
    """Whether a value has a shape of the schemas; the same to readers of either draft."""
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    older, newer = (
        each(schema).is_valid(value) for each in (Draft7Validator, Draft202012Validator)
    )
    assert older == newer
    return newer


# -- the files -----------------------------------------------------------------------------------------


def test_the_committed_files_are_current() -> None:
    """The module's docstring says how they are written."""
    assert (PROTOCOL / "client.schema.json").read_bytes() == asyncapi.encoded_schemas()
    assert (PROTOCOL / "asyncapi.json").read_bytes() == asyncapi.encoded_document()


# -- AsyncAPI 3.0 ----------------------------------------------------------------------------------------

ALLOWED = {
    "document": "asyncapi id info servers defaultContentType channels operations components",
    "server": "host protocol protocolVersion pathname description title summary variables security "
    "tags externalDocs bindings",
    "channel": "address messages title summary description servers parameters tags externalDocs bindings",
    "operation": "action channel title summary description security tags externalDocs bindings traits "
    "messages reply",
    "reply": "address channel messages",
    "message": "headers payload correlationId contentType name title summary description tags externalDocs "
    "bindings examples traits",
}
"""The fields of each object, as the specification lists them; it allows no others."""
COMPONENT_NAME = re.compile(r"[a-zA-Z0-9._-]+")


def check(kind: str, found: Map, required: str) -> None:
    """An object of the specification has what it must have, and nothing that it does not know."""
    assert set(required.split()) <= found.keys() <= set(ALLOWED[kind].split()), (kind, found.keys())


def target(reference: Map) -> Any:
    """What a reference inside the document leads to."""
    (path,) = reference.values()
    found: Any = DOCUMENT
    for part in path.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_document_and_its_servers_have_what_is_required() -> None:
    check("document", DOCUMENT, "asyncapi info channels operations components")
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"].keys() >= {"title", "version"}
    for server in DOCUMENT["servers"].values():
        check("server", server, "host protocol")
        assert set(re.findall(r"\{(\w+)\}", server["host"])) == server["variables"].keys()
        assert all("type" in target(scheme) for scheme in server["security"])


def test_channels_lead_to_servers_and_to_messages_of_components() -> None:
    for channel in DOCUMENT["channels"].values():
        check("channel", channel, "address messages")
        assert channel["address"].startswith("/api/v1/live")
        assert all(reference["$ref"].startswith("#/servers/") for reference in channel["servers"])
        for reference in channel["messages"].values():
            assert reference["$ref"].startswith("#/components/messages/")
        assert all(target(one) for one in (*channel["servers"], *channel["messages"].values()))


def test_operations_name_messages_of_their_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        check("operation", operation, "action channel messages")
        assert operation["action"] in ("send", "receive")
        parts = [operation]
        if "reply" in operation:
            check("reply", operation["reply"], "channel messages")
            parts.append(operation["reply"])
        for part in parts:
            assert target(part["channel"])["messages"]
            for reference in part["messages"]:
                assert reference["$ref"].startswith(part["channel"]["$ref"] + "/messages/")
                assert target(reference)


def test_messages_have_a_payload_in_the_schemas() -> None:
    components = DOCUMENT["components"]
    assert all(COMPONENT_NAME.fullmatch(name) for part in components.values() for name in part)
    for message in components["messages"].values():
        check("message", message, "name payload")
        file, _, path = message["payload"]["$ref"].partition("#/$defs/")
        assert (file, path in SCHEMA["$defs"]) == (asyncapi.SCHEMA_FILE, True)


def test_every_frame_is_said_by_somebody_and_every_answer_is_a_frame() -> None:
    operations = DOCUMENT["operations"].values()
    parts = [*operations, *(one["reply"] for one in operations if "reply" in one)]
    said = {target(target(one))["name"] for part in parts for one in part["messages"]}
    known = {json.loads(one["json"])["t"] for one in FRAMES["from_client"] + FRAMES["from_node"]}
    assert said == known | {"stream"}


# -- JSON Schemas ----------------------------------------------------------------------------------------


def test_the_schemas_are_schemas_of_both_drafts_and_lead_nowhere_else() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft7Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    named = re.findall(r'"\$ref": "#/\$defs/(\w+)"', text)
    assert set(named) <= SCHEMA["$defs"].keys()
    for word in ("discriminator", "prefixItems", "$dynamicRef", "unevaluatedProperties"):
        assert word not in text, f"one of the two drafts does not know {word}"


@pytest.mark.parametrize("case", FRAMES["from_client"], ids=lambda case: case["case"])
def test_a_client_s_frame_fits_its_direction(case: Map) -> None:
    assert fits("FromClient", json.loads(case["json"]))


@pytest.mark.parametrize("case", FRAMES["from_node"], ids=lambda case: case["case"])
def test_a_node_s_frame_fits_its_direction(case: Map) -> None:
    assert fits("FromNode", json.loads(case["json"]))


@pytest.mark.parametrize("case", FRAMES["refused"], ids=lambda case: case["case"])
def test_what_is_refused_fits_no_frame(case: Map) -> None:
    assert not fits("FromClient", json.loads(case["json"]))


def _is_taken(said: Map) -> bool:
    """Whether the node's own reader takes a frame, and a command in it."""
    try:
        frame = frames.decode(Encoding.JSON, json.dumps(said).encode(), text=True)
    except Refused:
        return False
    return not isinstance(frame, Do) or type(frame.command) in COMMANDS.values()


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_schemas_judge_a_transcript_as_the_node_does(path: Path) -> None:
    steps = json.loads(path.read_text("utf-8"))["steps"]
    for step in steps:
        if "client" in step:
            assert fits("FromClient", step["client"]) == _is_taken(step["client"]), step
        if "node" in step:
            assert fits("FromNode", step["node"]), step


def _folded() -> Iterator[Map]:
    for path in sorted((VECTORS / "fold").glob("*.json")):
        yield from _events(json.loads(path.read_text("utf-8")))


def _events(value: Any) -> Iterator[Map]:
    """Every event frame inside a vector, wherever it stands."""
    if isinstance(value, dict) and value.get("t") == "event":
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _events(part)


def test_events_of_every_kind_that_the_fold_s_vectors_have_fit() -> None:
    seen = {event["type"]: event for event in _folded() if event["body"]}
    assert len(seen) >= len(EVENTS) // 2
    for event in seen.values():
        assert fits("EventFrame", event), event


def test_bodies_are_judged_by_their_kind() -> None:
    event = next(e for e in _folded() if e["type"] == "reply.published" and e["body"])
    assert fits("EventFrame", event | {"body": {}}), "an erased body is empty"
    assert fits("EventFrame", event | {"type": "survey.opened", "body": {"x": 1}}), "a newer kind"
    assert fits("EventFrame", event | {"body": event["body"] | {"newer": 1}}), "a newer field"
    assert not fits("EventFrame", event | {"body": event["body"] | {"post": 1}})
    assert not fits(
        "EventFrame", event | {"type": "post.deleted", "body": {"text": "no such body"}}
    )


@pytest.mark.parametrize(
    ("of", "right", "wrong"),
    [
        ("post", {"replies": 1}, {"replies": "1"}),
        ("poll", {"voters": 0, "counts": None, "closed": False}, {"voters": 0}),
        ("impact", {"total": 15_000, "line": None}, {"line": None}),
        ("presence", {"state": "away"}, {"state": "busy"}),
    ],
)
def test_values_are_judged_by_what_they_are_of(of: str, right: Map, wrong: Map) -> None:
    value = {"t": "value", "of": of, "id": "x", "position": 1}
    assert fits("Value", value | {"value": right})
    assert not fits("Value", value | {"value": wrong})
    assert fits("Value", value | {"of": "weather", "value": wrong}), "a newer kind"


def test_a_misspelt_field_of_a_command_is_refused_and_one_of_a_frame_is_not() -> None:
    said = json.loads(next(c["json"] for c in FRAMES["from_client"] if c["case"] == "do"))
    assert fits("FromClient", said | {"mood": "good"})
    assert not fits("FromClient", said | {"command": said["command"] | {"mood": "good"}})
    assert set(COMMANDS) == {
        SCHEMA["$defs"][one["$ref"].rpartition("/")[2]]["properties"]["do"]["enum"][0]
        for one in SCHEMA["$defs"]["Command"]["anyOf"]
    }
