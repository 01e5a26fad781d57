"""Plain requests: answers, refusals, a node that is not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from tap_client import Http, ProtocolError, Refused, Unauthenticated, Unreachable, login


class Node(BaseHTTPRequestHandler):
    """Answers what the test put there, and notes what was asked."""

    protocol_version = "HTTP/1.1"
    answers: ClassVar[list[tuple[int, bytes]]] = []
    asked: ClassVar[list[tuple[str, str, str, bytes]]] = []

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization", "")
        self.asked.append((self.command, self.path, token, body))
        status, text = self.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = _any

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Node.answers.clear()
    Node.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_values_go_out_and_come_back(url: str) -> None:
    Node.answers += [(200, b'{"a": 1}'), (200, b'{"b": 2}'), (200, b""), (200, b'{"new": 2}')]
    with Http(url, "secret") as http:
        assert http.get("/feed", view="latest", before=None, limit=5) == {"a": 1}
        assert http.post("/commands", {"key": "k"}) == {"b": 2}
        assert http.delete("/sessions/x") == {}
        assert http.post_lines("/import", [b"1", b"2"]) == {"new": 2}
    assert Node.asked == [
        ("GET", "/api/v1/feed?view=latest&limit=5", "Bearer secret", b""),
        ("POST", "/api/v1/commands", "Bearer secret", b'{"key": "k"}'),
        ("DELETE", "/api/v1/sessions/x", "Bearer secret", b""),
        ("POST", "/api/v1/import", "Bearer secret", b"1\n2\n"),
    ]


def test_addresses_outside_the_api_begin_with_two_slashes(url: str) -> None:
    Node.answers.append((200, b"{}"))
    with Http(url) as http:
        http.get("//healthz")
    assert Node.asked[0][:3] == ("GET", "/healthz", "")


def test_a_refusal_is_raised_with_all_it_says(url: str) -> None:
    error = {"code": "bad_value", "message": "too long", "field": "title", "retry": False}
    Node.answers.append((422, json.dumps({"error": error}).encode()))
    with (
        Http(url) as http,
        pytest.raises(Refused, match=r"bad_value: too long \(field title\)") as e,
    ):
        http.post("/commands")
    assert (e.value.status, e.value.field, e.value.retry) == (422, "title", False)


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"[]", b""])
def test_a_proxys_error_page_is_a_refusal_too(url: str, body: bytes) -> None:
    Node.answers.append((502, body))
    with Http(url) as http, pytest.raises(Refused, match="502 without saying why"):
        http.get("/me")


def test_an_answer_that_is_no_json_is_the_nodes_fault(url: str) -> None:
    Node.answers.append((200, b"<html>"))
    with Http(url) as http, pytest.raises(ProtocolError):
        http.get("/me")


def test_nobody_there() -> None:
    with Http("http://127.0.0.1:1") as http, pytest.raises(Unreachable, match="does not answer"):
        http.get("/me")
    with pytest.raises(ValueError, match="address"):
        Http("tap.example.com")


async def test_login_gives_a_device_token(url: str) -> None:
    Node.answers += [
        (200, b'{"token": "t", "expires_at": 1}'),
        (401, b'{"error": {"code": "bad_credentials", "message": "no"}}'),
    ]
    assert await login(url, "asha", "secret words", "laptop") == "t"
    assert json.loads(Node.asked[0][3]) == {
        "person": "asha",
        "password": "secret words",
        "device": "laptop",
    }
    with pytest.raises(Unauthenticated):
        await login(url, "asha", "wrong", "laptop")
