"""What is read at once is read as ``websockets`` would: the same answers, whatever comes and however it is cut."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from server.realtime import websocket
from server.realtime.handshake import HEAD_BYTES_MAX, OFFER_CHARS_MAX, plain_request
from server.realtime.wire import EXTENSIONS, accepted, agreed, plain_frame
from tests.unit.realtime.echo import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    RSV1,
    TEXT,
    Heard,
    Peer,
    close,
    deflate,
    frame,
)

DEFLATE = "permessage-deflate; client_max_window_bits"

# -- frames --------------------------------------------------------------------------------------------

_OPCODES = st.sampled_from([CONT, TEXT, BINARY, 3, CLOSE, PING, PONG])
_PAYLOADS = st.one_of(
    st.binary(max_size=8),
    st.text(max_size=8).map(str.encode),
    st.sampled_from([b"", b"x" * 125, b"x" * 126, b"x" * 127, "é".encode() * 200, b"x" * 70_000]),
)
_PLAIN = st.builds(frame, st.sampled_from([TEXT, BINARY, PING, PONG]), _PAYLOADS)
_ANY = st.builds(frame, _OPCODES, _PAYLOADS, st.booleans(), st.sampled_from([0, 0, 0, RSV1, 2]))
_DEFLATED = st.builds(lambda said: frame(TEXT, deflate(said.encode()), rsv=RSV1), st.text())
_PIECES = st.builds(
    lambda one, two: frame(TEXT, one, fin=False) + frame(PING) + frame(CONT, two),
    _PAYLOADS,
    _PAYLOADS,
)
_UNMASKED = st.binary(max_size=5).map(lambda said: bytes((0x81, len(said))) + said)
_LONG_WAY = st.sampled_from(
    [b"\x81\xfe\x00\x01\0\0\0\0x", b"\x81\xff" + b"\0" * 7 + b"\x01\0\0\0\0x"]
)
_CLOSES = st.sampled_from([close(), close(None), close(1005), close(4000, b"\xff")])
_MOSTLY_PLAIN = st.one_of(_PLAIN, _PLAIN, _PLAIN, _DEFLATED, _PIECES, _LONG_WAY)
_STREAMS = st.tuples(
    st.lists(_MOSTLY_PLAIN, max_size=5), st.lists(st.one_of(_ANY, _UNMASKED, _CLOSES), max_size=2)
).map(lambda parts: b"".join([*parts[0], *parts[1]]))


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(data), *[one % (len(data) + 1) for one in at]})
    return [data[start:end] for start, end in pairwise(edges)]


def heard(writes: Sequence[bytes], offer: str) -> tuple[list[Heard], bool]:
    peer = Peer(offer)
    peer.send(*writes)
    told, ended = peer.hear(), peer.ended
    peer.lose()
    return told, ended


@given(_STREAMS, st.lists(st.integers(0, 2**20), max_size=6), st.sampled_from(["", DEFLATE]))
def test_any_frames_cut_anywhere_are_read_as_by_websockets(
    data: bytes, at: list[int], offer: str
) -> None:
    """Messages, pongs, close codes and the end are those of the parser alone, given all at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(websocket, "plain_frame", lambda _data, _at: None)
        expected = heard([data], offer)
    assert heard(cut(data, at), offer) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        frame(TEXT, b"whole")[:-1],
        frame(TEXT, b"piece", fin=False),
        frame(TEXT, b"deflated", rsv=RSV1),
        frame(TEXT, b"\xff"),
        frame(CONT, b"more"),
        frame(PING, b"x" * 126),
        frame(BINARY, b"x" * 2**16),
        frame(CLOSE, struct.pack("!H", 1000)),
        b"\x81\x05hello",
        b"\x81\xfe\x00",
    ],
)
def test_what_is_not_plain_is_left_to_websockets(data: bytes) -> None:
    assert plain_frame(data, 0) is None


def test_nothing_is_kept_after_what_was_not_plain() -> None:
    peer = Peer()
    said = frame(TEXT, b"hel", fin=False) + frame(CONT, b"lo")
    peer.send(said[:4])
    assert peer._server._wire is not None
    peer.send(said[4:])
    assert peer.hear() == [Heard(TEXT, b"hello")]
    assert peer._server._wire is None


# -- handshakes ----------------------------------------------------------------------------------------

_LINES = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "tap.v1.json",
}


def request(first: str = "GET /api/v1/live HTTP/1.1", more: str = "", **other: str) -> bytes:
    """``other``: by name with underscores; empty leaves the line out."""
    lines = _LINES | {name.replace("_", "-"): value for name, value in other.items()}
    text = "".join([f"{name}: {value}\r\n" for name, value in lines.items() if value])
    return f"{first}\r\n{text}{more}\r\n".encode("latin-1")


def by_websockets(data: bytes) -> bytes:
    """Its whole answer but for the date; empty when it gives none."""
    server = ServerProtocol(extensions=EXTENSIONS)
    server.receive_data(data)
    events = server.events_received()
    if not events:
        return b""
    (asked,) = events
    assert isinstance(asked, Request)
    response = server.accept(asked)
    if response.status_code == 101:
        response.headers["Sec-WebSocket-Protocol"] = "tap.v1.json"
    del response.headers["Date"]
    return response.serialize()


def at_once(data: bytes) -> bytes | None:
    found = plain_request(data)
    extensions = None if found is None else agreed(found.get("sec-websocket-extensions"))
    if found is None or extensions is None:
        return None
    return accepted(found["sec-websocket-key"], extensions, "tap.v1.json")


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request("GET /api/v1/live?x=1 HTTP/1.1"),
        request(Connection="keep-alive, Upgrade", Upgrade="WebSocket"),
        request(Sec_WebSocket_Protocol="tap.v1.msgpack, tap.v1.json"),
        request(Sec_WebSocket_Extensions=DEFLATE),
        request(Sec_WebSocket_Extensions="x-unknown; a=1, permessage-deflate"),
        request(Sec_WebSocket_Extensions="permessage-deflate; server_max_window_bits=10"),
        request(Authorization="Bearer x", Cookie="tap_session=y", Origin="https://tap.example"),
        request(more="X-Empty:\r\n"),
    ],
)
def test_a_plain_handshake_is_answered_as_by_websockets(data: bytes) -> None:
    assert at_once(data) == by_websockets(data)
    assert by_websockets(data).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request() + frame(TEXT, b"early"),
        request("POST /api/v1/live HTTP/1.1"),
        request("GET /api/v1/live HTTP/1.0"),
        request("GET /api/v1 /live HTTP/1.1"),
        request(Upgrade="h2c"),
        request(Upgrade=""),
        request(Connection="close"),
        request(Sec_WebSocket_Version="12"),
        request(Sec_WebSocket_Version=""),
        request(Sec_WebSocket_Key="short=="),
        request(Sec_WebSocket_Key=""),
        request(Sec_WebSocket_Protocol=""),
        request(Sec_WebSocket_Protocol="tap.v1.json,,"),
        request(Sec_WebSocket_Extensions="; permessage-deflate"),
        request(Sec_WebSocket_Extensions="x" * (OFFER_CHARS_MAX + 1)),
        request(more="Host: twice\r\n"),
        request(more="X-Folded: a\r\n b\r\n"),
        request(more="Content-Length: 1\r\n"),
        request(more="Transfer-Encoding: chunked\r\n"),
        request(more="X-Nul: \0\r\n"),
        request(more="X-Latin: \xe9\r\n"),
        request(more="no colon\r\n"),
        request(more="X-Lone: a\nX-Feed: b\r\n"),
        request(more=f"X-Long: {'x' * HEAD_BYTES_MAX}\r\n"),
    ],
)
def test_any_other_handshake_is_left_to_websockets(data: bytes) -> None:
    assert at_once(data) is None


@given(st.data())
def test_no_handshake_is_let_in_that_websockets_refuses(data: st.DataObject) -> None:
    """One line of it made anew, out of the same words and what breaks them."""
    name = data.draw(st.sampled_from([*_LINES, "Sec-WebSocket-Extensions", "Origin"]))
    part = st.sampled_from(
        [*_LINES.values(), DEFLATE, ",", ";", "=", " ", "\t", "\r\n", "\0", "x", ":", '"']
    )
    value = "".join(data.draw(st.lists(part, max_size=4)))
    asked = request(more=f"{name}: {value}\r\n", **{name.replace("-", "_"): ""})
    answer = at_once(asked)
    assert answer is None or answer == by_websockets(asked)
