"""One HTTP/1.1 request on its own connection, whose answer can be read while it comes (RFC 9112).

As much as event streams and long polls need, on asyncio's streams, so that waiting costs no thread and
can be broken off.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tap_client.errors import Unreachable

HEADER_LINES_MAX = 100
LINE_BYTES_MAX = 4 * 1024 * 1024
"""A line of an event stream is a whole frame."""
PIECE_BYTES_MAX = 64 * 1024


class Answer:
    """``headers``: names in lower case."""

    def __init__(self, status: int, headers: dict[str, str], reader: asyncio.StreamReader) -> None:
        self.status = status
        self.headers = headers
        self._reader = reader

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Unreachable when it is cut off."""
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            async for piece in self._chunks():
                yield piece
        elif (length := self.headers.get("content-length")) is not None:
            yield await self._reader.readexactly(int(length))
        else:
            while piece := await self._reader.read(PIECE_BYTES_MAX):
                yield piece

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self._reader.readuntil(b"\n")).split(b";")[0], 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)


@asynccontextmanager
async def exchange(
    url: str, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> AsyncIterator[Answer]:
    """``url``: the node's http(s) address. Raises Unreachable, also while the body is read."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=secure, limit=LINE_BYTES_MAX)
        try:
            given = {"Host": parts.netloc, "Connection": "close", **headers}
            if method == "POST":
                given["Content-Length"] = str(len(body))
            lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            await writer.drain()
            yield await _head(reader)
        finally:
            writer.close()
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        raise Unreachable(f"{url} does not answer: {error!r}") from error


async def _head(reader: asyncio.StreamReader) -> Answer:
    """Status and headers. Raises EOFError, ValueError."""
    parts = (await reader.readline()).split(b" ", 2)
    if len(parts) < 2:
        raise EOFError("closed without an answer")
    status = int(parts[1])
    headers: dict[str, str] = {}
    for _ in range(HEADER_LINES_MAX):
        line = (await reader.readline()).decode("latin-1").strip()
        if not line:
            return Answer(status, headers, reader)
        name, _colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
    raise ValueError("too many headers")
