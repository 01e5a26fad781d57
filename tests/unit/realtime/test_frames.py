"""Every client frame in both encodings, every way to get one wrong, and ready server frames."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import CLIENT, Protocol

from server.domain import limits
from server.domain.commands import MarkRead
from server.domain.errors import Code, Refusal, Refused
from server.domain.events import BallotCast, PollClosed
from server.realtime import frames
from server.realtime.frames import Do, Encoding, Hello, Ping, Unwatch, Watch
from tests.unit.realtime.scenes import EPOCH, ME, TEA, THREAD, UTC, post, record

BOTH = pytest.mark.parametrize("encoding", list(Encoding), ids=lambda e: e.subprotocol)
_PACK = (msgspec.json.encode, msgspec.msgpack.encode)
_UNPACK = (msgspec.json.decode, msgspec.msgpack.decode)


def decode(encoding: Encoding, value: Any) -> frames.FromClient:
    return frames.decode(encoding, _PACK[encoding](value), encoding is Encoding.JSON)


def refusal(encoding: Encoding, raw: bytes, text: bool | None = None) -> Refusal:
    with pytest.raises(Refused) as refused:
        frames.decode(encoding, raw, encoding is Encoding.JSON if text is None else text)
    return refused.value.refusal


def payload(ready: bytes, encoding: Encoding) -> Any:
    """What a client reads from a ready frame, by an independent parser."""
    wire = Protocol(CLIENT, max_size=None)
    wire.receive_data(ready)
    (frame,) = wire.events_received()
    assert wire.parser_exc is None
    assert frame.fin  # type: ignore[union-attr]
    assert frame.opcode is (Opcode.TEXT if encoding is Encoding.JSON else Opcode.BINARY)  # type: ignore[union-attr]
    return _UNPACK[encoding](bytes(frame.data))  # type: ignore[union-attr]


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


@BOTH
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_writes_any_length_as_rfc_6455_5_2_says(encoding: Encoding, size: int) -> None:
    ready = frames.websocket_frame(b"x" * size, encoding)
    wire = Protocol(CLIENT, max_size=None)
    wire.receive_data(ready)
    (frame,) = wire.events_received()
    assert frame.data == b"x" * size  # type: ignore[union-attr]
    assert len(ready) == size + (2 if size < 126 else 4 if size < 2**16 else 10)


@BOTH
def test_writes_an_event_with_its_fields_and_no_defaults(encoding: Encoding) -> None:
    ready = frames.event(record(12, TEA, event=post(text="né 👍")), encoding)
    assert payload(ready, encoding) == {
        "t": "event",
        "position": 12,
        "id": f"in:{EPOCH:x}:global:12",
        "type": "post.published",
        "at": UTC + 12,
        "by": "bob",
        "channels": [TEA],
        "body": {"post": "0" * 26, "kind": "update", "place": TEA, "at": UTC, "text": "né 👍"},
    }


@BOTH
def test_writes_bytes_as_base64_where_the_encoding_has_none(encoding: Encoding) -> None:
    closed = PollClosed(poll="p", place=TEA, voters=1, counts=(1,), cut={"in": 3}, digest=b"\1\2")
    body = payload(frames.event(record(1, TEA, event=closed), encoding), encoding)["body"]
    assert body["digest"] == ("AQI=" if encoding is Encoding.JSON else b"\1\2")


@BOTH
def test_writes_no_choice_of_a_secret_ballot(encoding: Encoding) -> None:
    """I11"""
    ballot = BallotCast(poll="p", place=TEA, rev=1, choices=(2,), secret=True)
    body = payload(frames.event(record(1, ME, event=ballot), encoding), encoding)["body"]
    assert "choices" not in body


@BOTH
def test_writes_an_empty_body_for_an_erased_event(encoding: Encoding) -> None:
    erased = record(3, TEA)._replace(event=None, body=b"")
    assert payload(frames.event(erased, encoding), encoding)["body"] == {}


@BOTH
def test_writes_each_server_frame_as_documented(encoding: Encoding) -> None:
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
        assert payload(frames.encode(frame, encoding), encoding) == shape


@BOTH
def test_says_that_a_command_was_repeated_or_not(encoding: Encoding) -> None:
    done = frames.Done(key="k", ok=True, answer={"post": "p"}, cursor="5.1", repeated=False)
    assert payload(frames.encode(done, encoding), encoding) == {
        "t": "done",
        "key": "k",
        "ok": True,
        "answer": {"post": "p"},
        "cursor": "5.1",
        "repeated": False,
    }
