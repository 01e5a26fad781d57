"""The dialling side of a polled connection (docs/protocol/federation.md 1). Part of the edge.

Nothing is asked twice: a request that fails ends the connection, and the link begins anew from what is
durable. So it does not matter which of the two was lost, the request or its answer.
"""

import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from ssl import SSLContext

import httpx

from server.domain import limits
from server.federation.connection import CLOSE_SECONDS_MAX, Gone
from server.federation.gauges import certificate_until
from server.federation.polled import BODY_BYTES_MAX, GONE, TAKE_BYTES, joined, parted

POLLED_SECONDS_MAX = 600
"""Then the websocket is tried again: whatever stood in its way may be gone."""


class PollingSocket:
    """One request at a time to say, one to hear; ``send`` and ``receive`` raise Gone at the end."""

    take_bytes = TAKE_BYTES

    def __init__(self, client: httpx.AsyncClient, url: str, certificate_until: int | None) -> None:
        self._client, self._url = client, url
        self.certificate_until = certificate_until
        self._heard: deque[bytes] = deque()
        self._until = time.monotonic() + POLLED_SECONDS_MAX

    async def send(self, *messages: bytes) -> None:
        await self._post("say", joined(messages), 204)

    async def receive(self) -> bytes:
        while not self._heard:
            if time.monotonic() > self._until:
                raise Gone("trying a websocket again")
            body = await self._post("hear", b"", 200)
            try:
                self._heard += parted(body)
            except ValueError as error:
                raise Gone(f"the answer is malformed: {error}") from None
        return self._heard.popleft()

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(httpx.HTTPError):
            await self._client.delete(self._url, timeout=CLOSE_SECONDS_MAX)

    async def _post(self, act: str, body: bytes, expected: int) -> bytes:
        try:
            request = self._client.stream("POST", f"{self._url}/{act}", content=body)
            async with request as response:
                answer = await _read(response)
        except httpx.HTTPError as error:
            raise Gone(f"{type(error).__name__}: {error}") from None
        if response.status_code == GONE:
            raise Gone(f"closed with {answer[:200].decode(errors='replace')}")
        if response.status_code != expected:
            raise Gone(f"the answer to {act} was {response.status_code}")
        return answer


async def _read(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Gone("an answer is too large")
        parts.append(part)
    return b"".join(parts)


@contextlib.asynccontextmanager
async def connect(url: str, tls: SSLContext | None) -> AsyncIterator[PollingSocket]:
    """A polled connection to ``url``. Raises Gone: nobody there who speaks it."""
    timeout = httpx.Timeout(
        limits.LONG_POLL_SECONDS_MAX + limits.HELLO_SECONDS_MAX, connect=limits.HELLO_SECONDS_MAX
    )
    plain = {
        "accept-encoding": "identity"
    }  # batches are packed already, and bounds hold on the line
    async with httpx.AsyncClient(verify=tls or True, timeout=timeout, headers=plain) as client:
        try:
            opened = await client.post(url)
        except httpx.HTTPError as error:
            raise Gone(f"{type(error).__name__}: {error}") from None
        if opened.status_code != 201 or not opened.text.isalnum():
            raise Gone(f"polling was answered with {opened.status_code}")
        until = certificate_until(opened.extensions["network_stream"])
        yield PollingSocket(client, f"{url}/{opened.text}", until)
