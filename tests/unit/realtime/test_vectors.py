"""The conformance vectors of the client protocol, read and played by the server's own session.

docs/protocol/client.md section 11 says how to use them elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from server.domain import limits
from server.domain.commands import COMMANDS
from server.domain.errors import Code, Refused
from server.realtime import effects as fx
from server.realtime import frames, loads, replies
from server.realtime.frames import Encoding, Form
from server.realtime.states import CloseCode, diagram
from tests.unit.realtime.desk import Desk, Line, Permissions
from tests.unit.realtime.scenes import joined, post, record
from tests.unit.realtime.wire import messages
from tests.vectors.client import generate

FRAMES = json.loads((generate.FOLDER / "frames.json").read_text("utf-8"))
PAGE = Path(__file__).parents[3] / "docs/protocol/client.md"
TRANSCRIPTS = sorted(generate.FOLDER.glob("transcript-*.json"))


def _cases(name: str) -> Any:
    return pytest.mark.parametrize("case", FRAMES[name], ids=lambda case: case["case"])


def _raw(case: dict[str, Any]) -> Iterator[tuple[Encoding, bytes]]:
    yield Encoding.JSON, case["json"].encode()
    yield Encoding.MSGPACK, bytes.fromhex(case["msgpack"])


def test_the_files_are_what_the_generator_writes() -> None:
    found = {path.name: path.read_text("utf-8") for path in generate.FOLDER.glob("*.json")}
    assert found == generate.written(), "run: python -m tests.vectors.client.generate"


@_cases("from_client")
def test_reads_a_frame_alike_in_both_encodings(case: dict[str, Any]) -> None:
    one, two = [frames.decode(e, raw, e is Encoding.JSON) for e, raw in _raw(case)]
    assert one == two


@_cases("refused")
def test_refuses_a_frame_alike_in_both_encodings(case: dict[str, Any]) -> None:
    for encoding, raw in _raw(case):
        with pytest.raises(Refused) as refused:
            frames.decode(encoding, raw, encoding is Encoding.JSON)
        found = refused.value.refusal
        assert (found.code, found.field) == (case["code"], case["field"])


@_cases("no_message")
def test_refuses_what_is_no_message(case: dict[str, Any]) -> None:
    encoding = next(e for e in Encoding if e.subprotocol == case["encoding"])
    with pytest.raises(Refused) as refused:
        frames.decode(encoding, bytes.fromhex(case["bytes"]), encoding is Encoding.JSON)
    assert refused.value.refusal.code == case["code"]


_SHAPES = {shape.__struct_config__.tag: shape for shape in frames.ServerFrame.__subclasses__()}


@_cases("from_node")
def test_writes_a_frame_alike_in_both_encodings(case: dict[str, Any]) -> None:
    """Field by field as the vector has it; MessagePack maps may differ in order, JSON does not."""
    value = json.loads(case["json"])
    assert msgpack.unpackb(bytes.fromhex(case["msgpack"])) == value
    if value["t"] == "event":
        return  # made from a record: test_frames has it
    frame = msgspec.convert(value, _SHAPES[value["t"]])
    for form in Form:
        assert messages(frames.encode(frame, form), form) == [value]


# -- transcripts -------------------------------------------------------------------------------------------


class Player:
    """Plays one transcript: the client and the world act, the node's answers are compared."""

    def __init__(self, script: dict[str, Any], form: Form) -> None:
        self.form = form
        self.permissions = Permissions(self._people(script["people"]))
        self.desk = Desk(
            self.permissions,
            epoch=generate.EPOCH,
            ring={"events_max": script.get("ring_events", 512)},
            page_events=script.get("page_events", 200),
            high_water_bytes=1 << 20,
            lasts_ms=1000 * script.get("token_seconds", 30 * 86_400),
        )
        self.heard: list[Any] = []
        self.line: Line | None = None

    @staticmethod
    def _people(people: dict[str, Any]) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        return {name: (frozenset(p["own"]), frozenset(p["may"])) for name, p in people.items()}

    def open(self) -> Line:
        if self.line is None:
            self.line = Line(self.desk, self.heard.append, self.form)
        return self.line

    def step(self, step: dict[str, Any]) -> None:
        match step:
            case {"client": said}:
                text = self.form.encoding is Encoding.JSON
                raw = json.dumps(said).encode() if text else msgpack.packb(said)
                self.open().say(raw, text)
            case {"node": expected}:
                assert self.heard, f"nothing was said instead of {expected}"
                assert self.heard.pop(0) == expected
                return
            case {"closed": code}:
                assert self.open().closed == code
                return
            case {"commit": channels} | {"membership": channels}:
                self._commit(channels, "membership" in step, step.get("then", {}))
            case {"break": True}:
                self.open().drop()
                self.line = None
            case {"open": True}:
                self.open()
            case {"seconds": seconds}:
                self.desk.now += int(seconds * 1000)
                self.open().feed(fx.Tick())
                self.desk.present.tell(self.desk.now)
            case {"types": [person, channel]}:
                self.desk.present.typing.said(channel, person, self.desk.now)
            case {"appears": [person, before, after]}:
                self.desk.present.moved(person, before, after, self.desk.now)
            case {"stop_retry_ms": retry_ms}:
                self.open().feed(fx.Drain(retry_ms))
            case _:
                raise AssertionError(f"no such step: {step}")
        assert not self.heard, "more was said than the transcript has"
        self.settle()

    def settle(self) -> None:
        self.desk.settle()
        if self.line is not None:
            self.line.read()

    def _commit(self, channels: list[str], membership: bool, then: dict[str, Any]) -> None:
        event = joined(generate.TEA) if membership else post(generate.TEA)
        self.permissions.then(**self._people(then))
        self.desk.commit(record(len(self.desk.log) + 1, *channels, event=event))


@pytest.mark.parametrize("form", list(Form), ids=lambda form: form.name)
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_plays_a_transcript(path: Path, form: Form) -> None:
    script = json.loads(path.read_text("utf-8"))
    player = Player(script, form)
    for step in script["steps"]:
        player.step(step)
    assert not player.heard


# -- the page ---------------------------------------------------------------------------------------------

_EXAMPLE = re.compile(r"```json\n(\{.*?\})\n```\n`([0-9a-f ]+)`", re.DOTALL)


def test_every_example_of_the_page_is_the_same_in_both_encodings() -> None:
    examples = _EXAMPLE.findall(PAGE.read_text("utf-8"))
    assert len(examples) >= 15
    for text, packed in examples:
        assert msgpack.unpackb(bytes.fromhex(packed)) == json.loads(text), text


def test_the_page_draws_exactly_the_table_of_states() -> None:
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text("utf-8"), diagram()


def test_the_page_shows_every_frame_and_every_reason() -> None:
    text = PAGE.read_text("utf-8")
    shown = {json.loads(one)["t"] for one, _ in _EXAMPLE.findall(text)}
    said = {json.loads(c["json"])["t"] for c in FRAMES["from_client"] + FRAMES["from_node"]}
    assert shown == said
    for reason in ("bad_cursor", "unknown_epoch", "ahead", "too_far_behind"):
        assert f"`{reason}`" in text


def _rows(section: str) -> list[list[str]]:
    """The cells of a section's tables, without their heads."""
    (text,) = re.findall(rf"^#+ {re.escape(section)}[. ][^\n]*\n(.*?)(?=^#)", _page(), re.M | re.S)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _page() -> str:
    return PAGE.read_text("utf-8")


def test_the_page_lists_every_command_with_its_fields() -> None:
    written = {row[0].strip("`"): row[1] for row in _rows("4.10")[1:]}
    actual = {}
    for name, shape in COMMANDS.items():
        fields = [(f"`{f.name}`", f.required) for f in msgspec.structs.fields(shape)]
        actual[name] = ", ".join([text if required else f"[{text}]" for text, required in fields])
    assert written == actual


def test_the_page_lists_every_close_code() -> None:
    written = {int(row[0]) for row in _rows("8.2") if row[0].isdigit()}
    ours = {value for name, value in vars(CloseCode).items() if name.isupper()}
    assert written == ours | {1002, 1007, 1009, 1011}


def test_the_page_lists_the_codes_of_error_frames_and_refused_channels() -> None:
    errors, refused = [
        set(re.findall(r"`([a-z_]+)`", "".join(row[0] for row in _rows(section)[1:])))
        for section in ("8.1", "5.5")
    ]
    assert errors | refused <= set(Code)
    assert errors >= {case["code"] for case in FRAMES["refused"] + FRAMES["no_message"]}
    told = (replies.OF_ANOTHER, replies.NOT_HEARD, loads.INTERNAL, loads.GONE)
    assert errors >= {refusal.code for refusal in told}


def test_the_page_s_limits_are_ours() -> None:
    named = re.findall(r"`([A-Z][A-Z0-9_]+)`", "".join(row[2] for row in _rows("9")))
    assert len(named) >= 20
    assert [name for name in named if not hasattr(limits, name)] == []
