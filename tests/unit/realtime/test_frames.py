"""Every client frame in both encodings, every way to get one wrong, and ready server frames."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from server.domain import limits
from server.domain.commands import MarkRead
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import BallotCast, PollClosed
from server.realtime import frames
from server.realtime.frames import Do, Encoding, Form, Hello, Ping, Unwatch, Watch
from tests.unit.realtime.scenes import EPOCH, ME, TEA, THREAD, UTC, post, record
from tests.unit.realtime.wire import EventSource

ODD = {
    "extension": msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"a")),
    "key that is no text": b"\x81\xc0\x01",
    "key that is a map": b"\x81\x80\x01",
    "no utf-8": b"\xa1\xff",
    "no time": b"\xd7\xff" + bytes([255] * 8),
    "deep": bytes([0x91] * 900) + b"\xc0",
}
"""MessagePack that a decoder passes over where it knows no such field."""

BOTH = pytest.mark.parametrize("encoding", list(Encoding), ids=lambda e: e.subprotocol)
EACH = pytest.mark.parametrize("form", list(Form), ids=lambda form: form.name)
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)


def decode(encoding: Encoding, value: Any) -> frames.FromClient:
    return frames.decode(encoding, _PACK[encoding](value), encoding is Encoding.JSON)


def refusal(encoding: Encoding, raw: bytes, text: bool | None = None) -> Refusal:
    with pytest.raises(Refused) as refused:
        frames.decode(encoding, raw, encoding is Encoding.JSON if text is None else text)
    return refused.value.refusal


def read(ready: bytes, deflates: bool = True) -> Frame:
    """What a client reads from a ready frame, by an independent parser."""
    wire = Protocol(CLIENT, max_size=None)
    if deflates:
        wire.extensions = [PerMessageDeflate(True, True, 15, 15)]
    wire.receive_data(ready)
    (frame,) = wire.events_received()
    assert wire.parser_exc is None
    assert isinstance(frame, Frame)
    assert frame.fin
    return frame


def payload(ready: bytes, form: Form) -> Any:
    if form is Form.EVENT_STREAM:
        (found,) = EventSource().feed(ready)
        return found
    frame = read(ready, form in (Form.JSON_DEFLATE, Form.MSGPACK_DEFLATE))
    assert frame.opcode is (Opcode.TEXT if form.encoding is Encoding.JSON else Opcode.BINARY)
    return _UNPACK[form.encoding](bytes(frame.data))


# -- well-formed ---------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("value", "frame"),
    [
        ({"t": "hello"}, Hello()),
        (
            {"t": "hello", "token": "s", "cursor": "1.2", "channels": [THREAD], "client": "web/1"},
            Hello(token="s", cursor="1.2", channels=(THREAD,), client="web/1"),
        ),
        ({"t": "hello", "from": "a newer client"}, Hello()),
        ({"t": "watch", "id": 7, "channels": [THREAD]}, Watch(id=7, channels=(THREAD,))),
        (
            {"t": "watch", "id": 7, "channels": [], "since": "1.2"},
            Watch(id=7, channels=(), since="1.2"),
        ),
        ({"t": "unwatch", "channels": [THREAD]}, Unwatch(channels=(THREAD,))),
        ({"t": "ping"}, Ping()),
        (
            {
                "t": "do",
                "key": "12345678",
                "command": {"do": "read.mark", "channel": TEA, "up_to": 5},
            },
            Do("12345678", MarkRead(channel=TEA, up_to=5)),
        ),
    ],
)
def test_reads_each_frame(encoding: Encoding, value: Any, frame: frames.FromClient) -> None:
    assert decode(encoding, value) == frame


# -- malformed -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("value", "code", "field"),
    [
        ({}, Code.UNKNOWN_KIND, "t"),
        ({"t": "sing"}, Code.UNKNOWN_KIND, "t"),
        ({"t": 5}, Code.UNKNOWN_KIND, "t"),
        ({"t": None}, Code.UNKNOWN_KIND, "t"),
        ([], Code.BAD_FRAME, None),
        ("hello", Code.BAD_FRAME, None),
        (None, Code.BAD_FRAME, None),
        ({"t": "watch", "channels": []}, Code.BAD_FRAME, None),
        ({"t": "watch", "id": "7", "channels": []}, Code.BAD_VALUE, "id"),
        ({"t": "watch", "id": -1, "channels": []}, Code.BAD_VALUE, "id"),
        ({"t": "watch", "id": 2**53, "channels": []}, Code.BAD_VALUE, "id"),
        ({"t": "watch", "id": 1, "channels": TEA}, Code.BAD_VALUE, "channels"),
        ({"t": "watch", "id": 1, "channels": [5]}, Code.BAD_VALUE, "channels[0]"),
        ({"t": "watch", "id": 1, "channels": ["x" * 81]}, Code.BAD_VALUE, "channels[0]"),
        ({"t": "watch", "id": 1, "channels": [TEA] * 257}, Code.BAD_VALUE, "channels"),
        ({"t": "watch", "id": 1, "channels": [], "since": 5}, Code.BAD_VALUE, "since"),
        ({"t": "unwatch"}, Code.BAD_FRAME, None),
        ({"t": "hello", "token": 5}, Code.BAD_VALUE, "token"),
        ({"t": "hello", "token": "x" * 513}, Code.BAD_VALUE, "token"),
        ({"t": "hello", "cursor": "1" * 41}, Code.BAD_VALUE, "cursor"),
        ({"t": "hello", "client": "x" * 65}, Code.BAD_VALUE, "client"),
        ({"t": "do", "command": {}}, Code.BAD_FRAME, None),
        ({"t": "do", "key": "short", "command": {}}, Code.BAD_VALUE, "key"),
        ({"t": "do", "key": "x" * 65, "command": {}}, Code.BAD_VALUE, "key"),
        ({"t": "do", "key": "12345678"}, Code.BAD_FRAME, None),
    ],
)
def test_refuses_what_does_not_fit(
    encoding: Encoding, value: Any, code: Code, field: str | None
) -> None:
    found = refusal(encoding, _PACK[encoding](value))
    assert (found.code, found.field) == (code, field)


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        (Encoding.JSON, b""),
        (Encoding.JSON, b"{"),
        (Encoding.JSON, b'{"t":"ping"} and more'),
        (Encoding.JSON, b'{"t":"ping","x":NaN}'),
        (Encoding.JSON, b'\xef\xbb\xbf{"t":"ping"}'),
        (Encoding.JSON, b'{"t":"hello","token":"\xff"}'),
        (Encoding.JSON, b'{"t":"ping","unknown":"\xc3\x28"}'),
        (Encoding.JSON, b'{"t":"ping","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        (
            Encoding.JSON,
            b'{"t":"do","key":"12345678","command":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ),
        (Encoding.MSGPACK, b""),
        (Encoding.MSGPACK, b"\x81\xa1t"),
        (Encoding.MSGPACK, b"\x81\xa1t\xa4ping\x00"),
        (Encoding.MSGPACK, b"\xdf\xff\xff\xff\xff"),
        (Encoding.MSGPACK, b"\x82\xa1t\xa5hello\xa5token\xa1\xff"),
        (Encoding.MSGPACK, b"\x82\xa1t\xa4ping\xa1x" + b"\x91" * 100_000 + b"\xc0"),
        (Encoding.MSGPACK, b"\xc1"),
    ],
)
def test_refuses_what_is_no_message(encoding: Encoding, raw: bytes) -> None:
    assert refusal(encoding, raw).code == Code.BAD_ENCODING


@BOTH
def test_refuses_the_other_encodings_messages(encoding: Encoding) -> None:
    raw = _PACK[encoding]({"t": "ping"})
    assert refusal(encoding, raw, text=encoding is Encoding.MSGPACK).code == Code.BAD_ENCODING


@BOTH
def test_refuses_what_is_too_large(encoding: Encoding) -> None:
    raw = _PACK[encoding]({"t": "ping", "x": "x" * limits.CLIENT_FRAME_BYTES_MAX})
    assert refusal(encoding, raw).code == Code.TOO_LARGE


@BOTH
@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        ({"do": "sing"}, Code.UNKNOWN_KIND, "do"),
        ({}, Code.UNKNOWN_KIND, "do"),
        ({"do": "read.mark", "channel": "g", "up_to": 5}, Code.BAD_VALUE, "channel"),
        ({"do": "read.mark", "channel": TEA, "up_to": 5, "x": 1}, Code.BAD_VALUE, None),
        (5, Code.BAD_VALUE, None),
    ],
)
def test_refuses_a_malformed_command_under_its_key(
    encoding: Encoding, command: Any, code: Code, field: str | None
) -> None:
    frame = decode(encoding, {"t": "do", "key": "12345678", "command": command})
    assert isinstance(frame, Do)
    assert isinstance(frame.command, Refusal)
    assert (frame.key, frame.command.code, frame.command.field) == ("12345678", code, field)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
    | st.sampled_from(["hello", "watch", "unwatch", "do", "ping", TEA, "12345678"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.text(max_size=4)
        | st.sampled_from(["t", "id", "key", "command", "channels", "since", "cursor", "do"]),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@BOTH
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_a_refusal(encoding: Encoding, raw: bytes) -> None:
    _try(encoding, raw)


@BOTH
@given(value=_VALUES)
def test_any_value_is_a_frame_or_a_refusal(encoding: Encoding, value: Any) -> None:
    _try(encoding, _PACK[encoding](value))


@BOTH
@given(
    kind=st.sampled_from(["hello", "watch", "unwatch", "do", "ping"]),
    fields=st.dictionaries(
        st.sampled_from(["id", "key", "command", "channels", "since", "cursor", "token", "client"]),
        _VALUES,
    ),
)
def test_any_fields_are_a_frame_or_a_refusal(
    encoding: Encoding, kind: str, fields: dict[str, Any]
) -> None:
    _try(encoding, _PACK[encoding]({"t": kind, **fields}))


MALFORMED = {Code.BAD_ENCODING, Code.BAD_FRAME, Code.BAD_VALUE, Code.UNKNOWN_KIND}


def _try(encoding: Encoding, raw: bytes) -> None:
    found: object
    try:
        found = frames.decode(encoding, raw, encoding is Encoding.JSON)
    except Refused as refused:
        found = refused.refusal.code
    assert found in MALFORMED if isinstance(found, Code) else isinstance(found, frames.FromClient)


# -- ready frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [frames.TEXT, frames.BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_writes_any_length_as_rfc_6455_5_2_says(first: int, size: int) -> None:
    ready = frames.websocket_frame(first, b"x" * size)
    assert read(ready, deflates=False).data == b"x" * size
    assert len(ready) == size + (2 if size < 126 else 4 if size < 2**16 else 10)


@pytest.mark.parametrize("first", [frames.TEXT, frames.BINARY])
@pytest.mark.parametrize("size", [512, 2_043, 2_044, 4_096, 65_536, 300_000])
def test_deflates_so_that_any_inflater_reads_it_alone(first: int, size: int) -> None:
    """RFC 7692 7.2; the sizes where the parser goes another way are among them."""
    said = random.Random(size).randbytes(size // 2).hex().encode()
    ready = frames.deflated_frame(first, said)
    assert ready[0] == first | 0x40
    assert len(ready) < 0.7 * size
    assert read(ready).data == said
    assert not ready.endswith(b"\0\0\xff\xff"), "the end of the flush is not sent"


def test_what_is_small_is_not_deflated() -> None:
    """RFC 7692 6 lets each message choose; a packet is not saved by it."""
    small = b"x" * (limits.DEFLATE_BYTES_MIN - 1)
    assert frames.deflated_frame(frames.TEXT, small) == frames.websocket_frame(frames.TEXT, small)
    assert frames.deflated_frame(frames.TEXT, small + b"x")[0] == frames.TEXT | frames.DEFLATED


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("deflates", [False, True])
def test_a_form_is_an_encoding_deflated_or_not(encoding: Encoding, deflates: bool) -> None:
    form = Form.of_websocket(encoding, deflates)
    assert form.encoding is encoding
    ready = frames.encode(frames.Mark(cursor="5." + "1" * 600), form)
    assert bool(ready[0] & frames.DEFLATED) is deflates


@EACH
def test_writes_an_event_with_its_fields_and_no_defaults(form: Form) -> None:
    ready = frames.event(record(12, TEA, event=post(text="né 👍")), form, EPOCH)
    assert payload(ready, form) == {
        "t": "event",
        "position": 12,
        "id": f"in:{EPOCH:x}:global:12",
        "type": "post.published",
        "at": UTC + 12,
        "by": "bob",
        "channels": [TEA],
        "body": {"post": "0" * 26, "kind": "update", "place": TEA, "at": UTC, "text": "né 👍"},
    }


@EACH
def test_writes_bytes_as_base64_where_the_encoding_has_none(form: Form) -> None:
    closed = PollClosed(poll="p", place=TEA, voters=1, regions=1, quorum=True, digest=b"\1\2")
    body = payload(frames.event(record(1, TEA, event=closed), form, EPOCH), form)["body"]
    assert body["digest"] == ("AQI=" if form.encoding is Encoding.JSON else b"\1\2")


@EACH
def test_writes_no_choice_of_a_secret_ballot(form: Form) -> None:
    """I11"""
    ballot = BallotCast(poll="p", place=TEA, rev=1, choices=(2,), secret=True)
    body = payload(frames.event(record(1, ME, event=ballot), form, EPOCH), form)["body"]
    assert "choices" not in body


@EACH
def test_writes_an_empty_body_for_an_erased_event(form: Form) -> None:
    erased = record(3, TEA)._replace(event=None, body=b"")
    assert payload(frames.event(erased, form, EPOCH), form)["body"] == {}


@EACH
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_writes_what_it_knows_of_an_event_with_a_field_nobody_can_be_told(
    form: Form, odd: bytes
) -> None:
    """I9: whatever a region puts beside the fields of an event, the events behind it are still told."""
    said = record(1, TEA)
    fields = msgspec.msgpack.decode(said.body) | {"more": msgspec.Raw(odd)}
    strange = said._replace(body=msgspec.msgpack.encode(fields))
    assert frames.event(strange, form, EPOCH) == frames.event(said, form, EPOCH)


@EACH
def test_a_field_that_another_kind_of_event_has_means_nothing(form: Form) -> None:
    closed = PollClosed(poll="p", place=TEA, voters=1, regions=1, quorum=True, digest=b"")
    said = record(1, TEA, event=closed)
    fields = msgspec.msgpack.decode(said.body) | {"attachments": ["a"]}
    strange = said._replace(body=msgspec.msgpack.encode(fields))
    assert payload(frames.event(strange, form, EPOCH), form)["body"]["attachments"] == ["a"]


@EACH
def test_writes_a_field_of_a_newer_version(form: Form) -> None:
    said = record(1, TEA)
    fields = msgspec.msgpack.decode(said.body) | {"more": {"a": [1, "b", None]}}
    newer = said._replace(body=msgspec.msgpack.encode(fields))
    assert payload(frames.event(newer, form, EPOCH), form)["body"] == fields


@EACH
def test_writes_each_server_frame_as_documented(form: Form) -> None:
    internal = Refusal(Code.INTERNAL, "our fault", "field")
    said = {
        frames.Welcome(
            cursor="5.1",
            epoch=5,
            region="in",
            person="asha",
            server_time=UTC,
            expires_at=UTC + 1,
            resume="fresh",
            reason=None,
            channels=("g",),
        ): {
            "t": "welcome",
            "cursor": "5.1",
            "epoch": 5,
            "region": "in",
            "person": "asha",
            "server_time": UTC,
            "expires_at": UTC + 1,
            "resume": "fresh",
            "reason": None,
            "channels": ["g"],
        },
        frames.Mark(cursor="5.2"): {"t": "mark", "cursor": "5.2"},
        frames.Watching(
            id=7, channels=(TEA,), refused=(frames.RefusedChannel("t:x", "bad_value"),)
        ): {
            "t": "watching",
            "id": 7,
            "channels": [TEA],
            "refused": [{"channel": "t:x", "code": "bad_value"}],
        },
        frames.Done(key="k", ok=False, error=frames.error_body(internal)): {
            "t": "done",
            "key": "k",
            "ok": False,
            "error": {
                "code": "internal",
                "message": "our fault",
                "field": "field",
                "retry": True,
            },
        },
        frames.Pong(server_time=UTC): {"t": "pong", "server_time": UTC},
        frames.Reset(reason="too_far_behind", cursor="5.9"): {
            "t": "reset",
            "reason": "too_far_behind",
            "cursor": "5.9",
        },
        frames.Bye(code=1001, reason="stopping", retry_ms=5): {
            "t": "bye",
            "code": 1001,
            "reason": "stopping",
            "retry_ms": 5,
        },
    }
    for frame, shape in said.items():
        assert payload(frames.encode(frame, form), form) == shape


@EACH
def test_says_that_a_command_was_repeated_or_not(form: Form) -> None:
    done = frames.Done(key="k", ok=True, answer={"post": "p"}, cursor="5.1", repeated=False)
    assert payload(frames.encode(done, form), form) == {
        "t": "done",
        "key": "k",
        "ok": True,
        "answer": {"post": "p"},
        "cursor": "5.1",
        "repeated": False,
    }


# -- server-sent events (section 6.6) --------------------------------------------------------------------


def test_an_event_comes_with_the_place_it_brings_the_reader_to() -> None:
    awkward = "one\ntwo\r\nid: 9.9\n\ndata: {}"
    ready = frames.event(record(12, TEA, event=post(text=awkward)), Form.EVENT_STREAM, EPOCH)
    source = EventSource()
    (event,) = source.feed(ready)
    assert event["body"]["text"] == awkward
    assert source.last_id == f"{EPOCH:x}.12"


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (frames.Mark(cursor="5.3"), "5.3"),
        (frames.Reset(reason="too_far_behind", cursor="5.3"), "5.3"),
        (frames.Pong(server_time=UTC), ""),
        # Its cursor is where the command was committed; the reader may not be there yet.
        (frames.Done(key="a-key-of-mine", ok=True, answer={}, cursor="5.3"), ""),
    ],
)
def test_only_a_place_is_an_id(frame: frames.ServerFrame, place: str) -> None:
    source = EventSource()
    source.feed(frames.encode(frame, Form.EVENT_STREAM))
    assert source.last_id == place


def test_what_is_replayed_leaves_the_reader_where_it_is() -> None:
    source = EventSource()
    source.feed(frames.encode(frames.Mark(cursor="5.7"), Form.EVENT_STREAM))
    ready = frames.event(record(3, TEA), Form.EVENT_STREAM, EPOCH)
    (event,) = source.feed(frames.without_place(ready) + frames.KEEP_ALIVE)
    assert (event["position"], source.last_id, source.comments) == (3, "5.7", 1)


def test_a_browser_is_told_when_to_come_back() -> None:
    source = EventSource()
    source.feed(
        frames.encode(frames.Bye(code=1001, reason="stopping", retry_ms=730), Form.EVENT_STREAM)
    )
    assert source.retry_ms == 730
