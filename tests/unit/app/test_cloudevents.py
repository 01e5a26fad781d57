"""Records as CloudEvents: the vectors, the attribute rules, and what is never passed on."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import unquote

import jsonschema
import msgspec
import pytest

from server.app.cloudevents import (
    SUBJECT,
    binary,
    cloud_event,
    data_of,
    encode,
    header_value,
    rfc3339,
    structured,
)
from server.domain.events import (
    EVENTS,
    AnswerAccepted,
    BallotCast,
    EpochOpened,
    Event,
    FlagRaised,
    KeyRotated,
    LogClosed,
    PollTallied,
    PostEdited,
    PostPublished,
    ReadMarked,
    ReplyPublished,
    RosterChanged,
    decode_known,
    encode_body,
)
from server.domain.ids import EventId
from server.storage import event_log
from server.storage.event_log import Record
from tests.support.archives import archive
from tests.support.event_pages import type_text
from tests.support.node import open_test_node

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/protocol/tap.schema.json").read_text("utf-8"))
VECTORS = sorted((ROOT / "tests/vectors/tap").glob("*.json"))
POST = "01kdvdna00aaaaaaaaaaaaaaaa"
EPOCH = 4_294_967_297


def record(event: Event | None, name: str = "", *, actor: str = "asha", **changes: Any) -> Record:
    names = {shape: known for known, shape in EVENTS.items()}
    whole = Record(
        position=42,
        id=EventId("in", EPOCH, "global", 7),
        type=name or names[type(event)],
        at=1_767_225_600_123,
        actor=actor,
        event=event,
        body=encode_body(event) if event is not None else b"",
        channels=(),
        touched=None,
    )
    return whole._replace(**changes)


def line(one: Record, epoch: int = EPOCH) -> bytes:
    return encode(cloud_event(one, epoch))


# ---------------------------------------------------------------- vectors


def from_vector(raw: dict[str, Any]) -> Record:
    """A vector's record: the body is given as JSON, and travels as MessagePack."""
    body = msgspec.msgpack.encode(raw["body"]) if raw["body"] is not None else b""
    return Record(
        position=raw["position"],
        id=EventId.parse(raw["id"]),
        type=raw["type"],
        at=raw["at"],
        actor=raw["actor"],
        event=decode_known(raw["type"], body) if body else None,
        body=body,
        channels=(),
        touched=None,
    )


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vectors(path: Path) -> None:
    vector = json.loads(path.read_text("utf-8"))
    found = json.loads(line(from_vector(vector["record"]), int(vector["epoch"], 16)))
    assert found == vector["cloudevent"]
    jsonschema.validate(found, SCHEMA)


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 8


# ---------------------------------------------------------------- attribute rules


def check_attributes(event: dict[str, Any]) -> None:
    """CloudEvents 1.0.2, section 3: required attributes, naming, non-empty strings, RFC 3339 times."""
    assert {"specversion", "id", "source", "type"} <= event.keys()
    assert event["specversion"] == "1.0"
    for name, value in event.items():
        if name in ("data", "data_base64"):
            continue
        assert re.fullmatch(r"[a-z0-9]{1,20}", name), name
        assert isinstance(value, str), f"{name}: every attribute of ours is a string"
        assert value, f"{name} is empty: leave it out instead"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", event["time"])


def test_follows_the_rules_its_own_examples_follow() -> None:
    """The structured examples of the CloudEvents conformance suite pass the same check as ours."""
    folder = archive("vectors") / "cloudevents" / "features"
    examples = 0
    for path in sorted(folder.glob("*.feature")):
        for raw in re.findall(r"^\s*\{$.*?^        \}$", path.read_text("utf-8"), re.M | re.S):
            example = json.loads(raw)
            if "specversion" in example:
                check_attributes(example)
                ours = cloud_event(record(AnswerAccepted(question=POST, place="c:x", rev=1)), EPOCH)
                assert example.keys() <= ours.keys()
                examples += 1
    assert examples >= 2


# ---------------------------------------------------------------- over HTTP


def spoken() -> list[tuple[dict[str, str], bytes, dict[str, str]]]:
    """Headers, body and attributes of the HTTP requests in the CloudEvents conformance suite."""
    text = (archive("vectors") / "cloudevents/features/http-protocol-binding.feature").read_text()
    found = []
    for scenario in re.split(r"Scenario Outline: ", text)[1:]:
        requested = re.search(r'"""\n(.*?)"""', scenario, re.S)
        assert requested
        kinds = scenario.partition("Examples:")[2].splitlines()[2:]
        table = re.findall(r"\| +(\w+) \| (.+?) +\|", scenario.partition("Examples:")[0])
        for kind in [row.strip("| ") for row in kinds if row.strip()]:
            whole = dedent(requested[1]).replace("<contentType>", kind)
            head, _, body = whole.partition("\n\n")
            headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
            attributes = {name: value.replace("<contentType>", kind) for name, value in table}
            found.append((headers, body.encode(), attributes))
    return found


def test_binary_and_structured_are_as_the_conformance_suite_has_them() -> None:
    """What it parses into attributes and data is what these attributes and data are written as."""
    cases = spoken()
    assert len(cases) == 4
    for headers, body, attributes in cases:
        if "ce-id" in headers:
            made = binary({**attributes, "data": json.loads(body)})
            assert made.headers == {
                name: value
                for name, value in headers.items()
                if name not in ("Host", "Content-Length")
            }
        else:
            made = structured({**attributes, "data": json.loads(body)["data"]})
            assert made.headers["Content-Type"] == headers["Content-Type"].partition(";")[0]
        assert json.loads(made.body) == json.loads(body)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),  # the specification's own example
        ('say "100%"', "say%20%22100%25%22"),
        ("c:a~/b+c'(d)\x7f\r\n", "c:a~/b+c'(d)%7F%0D%0A"),
    ],
)
def test_a_header_holds_printable_ascii_only(value: str, written: str) -> None:
    assert header_value(value) == written


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_binary_and_structured_say_the_same(name: str) -> None:
    event = msgspec.convert(sample(EVENTS[name]), EVENTS[name])
    found = cloud_event(record(event, name), EPOCH)
    made = binary(found)
    said = {header[3:]: unquote(value) for header, value in made.headers.items() if "ce-" in header}
    if "data" in found:
        said |= {"datacontenttype": made.headers["Content-Type"], "data": json.loads(made.body)}
    assert said == json.loads(structured(found).body)
    assert made.body or "data" not in found


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_kind_of_event_fits_the_schema(name: str) -> None:
    body = sample(EVENTS[name])
    event = msgspec.convert(body, EVENTS[name])
    found = cloud_event(record(event, name), EPOCH)
    check_attributes(found)
    jsonschema.validate(found, SCHEMA)
    assert found["type"] == f"company.tap.{name}"


def sample(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """A body with a value in every required field."""
    fields = msgspec.structs.fields(shape)
    return {field.name: _some(field.type) for field in fields if field.required}


def _some(kind: Any) -> Any:
    plain: dict[Any, Any] = {str: "x", int: 3, bool: True, bytes: b"\x01\xff"}
    if kind in plain:
        return plain[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return sample(kind)
    arguments = typing.get_args(kind)
    match typing.get_origin(kind):
        case typing.Annotated:
            return _within(_some(arguments[0]), arguments[1])
        case typing.Literal:
            return arguments[0]
        case origin:
            return {tuple: [], dict: {}}[origin]


def _within(value: Any, bounds: msgspec.Meta) -> Any:
    if bounds.pattern is not None:
        return "0" * 64  # the one pattern of event bodies is a hash
    return value if bounds.ge is None else max(value, bounds.ge)


def test_every_kind_says_what_it_is_about_or_has_nothing_to_say() -> None:
    silent = {EpochOpened, LogClosed, RosterChanged}
    assert SUBJECT.keys() == set(EVENTS.values()) - silent
    for shape, field in SUBJECT.items():
        (found,) = [one for one in msgspec.structs.fields(shape) if one.name == field]
        assert (type_text(found.type), found.required) == ("text", True), shape


# ---------------------------------------------------------------- what is passed on, and what is not


def test_default_values_are_left_out_and_bytes_are_base64() -> None:
    assert data_of(AnswerAccepted(question=POST, place="c:x", rev=1)) == {
        "question": POST,
        "place": "c:x",
        "rev": 1,
    }
    assert data_of(KeyRotated(key=b"\x01\xff", key_id="k"))["key"] == "Af8="


def test_a_secret_ballot_shows_no_choice() -> None:
    open_, secret = [
        BallotCast(poll=POST, place="c:x", rev=1, choices=(2,), secret=secret)
        for secret in (False, True)
    ]
    assert data_of(open_)["choices"] == (2,)
    assert "choices" not in data_of(secret)
    assert b"choices" not in line(record(secret))


def test_i11_a_regions_part_of_a_secret_poll_shows_no_numbers() -> None:
    tallied = PollTallied(
        poll=POST, place="c:x", region="br", rev=1, voters=1, counts=(0, 1), pairs=(0, 1, 0, 0)
    )
    assert data_of(tallied) == {"poll": POST, "place": "c:x", "region": "br", "rev": 1}


def test_direct_messages_show_no_words() -> None:
    words = "do not tell"
    for event in (
        PostPublished(post=POST, kind="message", place="d:x", at=1, text=words, mentions=(words,)),
        ReplyPublished(
            post=POST, kind="reply", place="d:x", root=POST, parent=POST, at=1, text=words
        ),
        PostEdited(post=POST, root=POST, place="d:x", rev=2, text=words, title=words, reason=words),
    ):
        assert words.encode() not in line(record(event))
        assert data_of(event)["place"] == "d:x"
        open_ = msgspec.structs.replace(event, place="c:x")
        assert words.encode() in line(record(open_))


def test_what_somebody_reads_and_who_reports_stays_here() -> None:
    read = cloud_event(record(ReadMarked(channel="t:" + POST, up_to=5)), EPOCH)
    assert not {"tapactor", "data", "subject"} & read.keys()
    flag = FlagRaised(target=POST, root=POST, place="c:x", rev=1, reason="rude")
    assert "tapactor" not in cloud_event(record(flag), EPOCH)


def test_erased_and_unknown_bodies_have_no_data() -> None:
    erased = cloud_event(record(None, "post.published"), EPOCH)
    unknown = cloud_event(record(None, "survey.opened", body=b"\x81\xa1x\x01"), EPOCH)
    for event in (erased, unknown):
        assert not {"data", "datacontenttype", "subject"} & event.keys()
        check_attributes(event)


def test_without_an_actor_there_is_no_empty_attribute() -> None:
    assert "tapactor" not in cloud_event(record(KeyRotated(key=b"k", key_id="1"), actor=""), EPOCH)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
        (2**47 - 1, "6429-10-17T02:45:55.327Z"),
    ],
)
def test_times_are_utc_with_three_digits(milliseconds: int, text: str) -> None:
    assert rfc3339(milliseconds) == text


def test_a_batch_is_an_array_and_a_line_has_no_break() -> None:
    one = record(PostPublished(post=POST, kind="update", place="c:x", at=1, text="a\nb\u2028c"))
    assert encode([]) == b"[]"
    event = cloud_event(one, EPOCH)
    assert json.loads(encode([event, event])) == [json.loads(line(one))] * 2
    assert b"\n" not in line(one)


async def test_the_same_event_read_live_and_from_the_log_is_the_same(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as node:
        live: list[bytes] = []
        node.tap.subscribe(lambda records: live.extend(line(r, node.tap.epoch) for r in records))
        await node.register("asha")
        place = await node.community("asha")
        await node.post("asha", place, "hello")
        async with node.reader.snapshot() as snapshot:
            records = await event_log.page(snapshot, 0, 100)
        stored = [line(one, node.tap.epoch) for one in records]
        assert stored[-len(live) :] == live
        assert len(live) >= 4
