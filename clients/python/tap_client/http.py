"""Plain requests to one node, on the standard library: log in, read views, send imports.

``Http`` blocks and belongs to one thread; from a coroutine call it with ``asyncio.to_thread``, as
``login`` does.
"""

import asyncio
import http.client
import json
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

from tap_client.errors import ProtocolError, Unreachable, refused

PREFIX = "/api/v1"
JSON = "application/json"


class Http:
    """One kept-alive connection. Paths are below /api/v1 (``/feed``), or absolute with a host's
    root (``//healthz``)."""

    def __init__(self, url: str, token: str = "", timeout_seconds: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https address")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_seconds)
        self._token = token
        self.url = url

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, **query: object) -> Any:
        """The answer's JSON. Raises Refused, Unreachable, ProtocolError."""
        text = urlencode({name: value for name, value in query.items() if value is not None})
        return self._answer("GET", path + ("?" + text if text else ""), None, JSON)

    def post(self, path: str, value: Any = None) -> Any:
        """As ``get``, with a JSON body."""
        return self._answer("POST", path, json.dumps(value or {}).encode(), JSON)

    def post_lines(self, path: str, lines: list[bytes]) -> Any:
        """As ``get``, with a JSON Lines body."""
        body = b"".join([line + b"\n" for line in lines])
        return self._answer("POST", path, body, "application/x-ndjson")

    def upload(self, data: bytes | BinaryIO) -> Any:
        """A file, as bytes or opened for reading them; the answer's ``hash`` is what a post attaches. As ``get``."""
        return self._answer("POST", "/media", data, "application/octet-stream")

    def delete(self, path: str) -> Any:
        """As ``get``."""
        return self._answer("DELETE", path, None, JSON)

    def close(self) -> None:
        self._connection.close()

    def _answer(self, method: str, path: str, body: bytes | BinaryIO | None, kind: str) -> Any:
        full = path[1:] if path.startswith("//") else PREFIX + path
        headers = {"Accept": JSON} | ({"Content-Type": kind} if body is not None else {})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        status, text = self._exchange(method, full, body, headers)
        try:
            answer = json.loads(text) if text else {}
        except ValueError:
            answer = None
        if status >= 400:
            raise refused(answer.get("error") if isinstance(answer, dict) else None, status)
        if answer is None:
            raise ProtocolError(f"{self.url}{full} answered {status} without JSON")
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes | BinaryIO | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            # The connection's state is unknown now; the next request opens a new one.
            self._connection.close()
            raise Unreachable(f"{self.url} does not answer: {error}") from error


async def login(url: str, person: str, password: str, device: str) -> str:
    """A device token for this person; ``device`` is how their list of devices names it.

    Raises Unauthenticated, Refused, Unreachable."""
    wish = {"person": person, "password": password, "device": device}

    def ask() -> str:
        with Http(url) as http_:
            return str(http_.post("/login", wish)["token"])

    return await asyncio.to_thread(ask)
