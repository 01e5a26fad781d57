"""Files of posts, asked of another region's node over plain HTTP. Part of the edge.

docs/protocol/federation.md section 20. A request beside the link, so that a film delays no event; signed with
the node's key. What comes is nothing but bytes: whoever asked compares their hash.
"""

import ssl
from collections.abc import AsyncIterator, Callable

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.app import peer_proof
from server.app.media import Unavailable
from server.domain import limits
from server.federation.dialled import MEDIA_PATH

PIECE_BYTES = 64 * 1024
SILENCE_SECONDS = 10
"""A region that says nothing for so long is taken for absent, and the next one is asked."""


class PeerFiles:
    """``app.media.Source``. ``private``, ``url_of``: this node's key and a region's address as of now; ``tls``:
    None for the system's authorities."""

    def __init__(
        self,
        region: str,
        private: Callable[[], Ed25519PrivateKey],
        url_of: Callable[[str], str | None],
        clock: Callable[[], int],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._region, self._private, self._clock = region, private, clock
        self._url_of = url_of
        self._client = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            timeout=SILENCE_SECONDS,
            limits=httpx.Limits(max_connections=limits.MEDIA_FETCHES_MAX),
        )

    async def stream(self, region: str, hash: str) -> AsyncIterator[bytes]:
        """Raises Unavailable, also half-way."""
        url = self._url_of(region)
        if url is None:
            raise Unavailable("it is no peer")
        path, now = MEDIA_PATH + hash, self._clock()
        word = peer_proof.sign(self._private(), self._region, region, "GET", path, now)
        try:
            async with self._client.stream(
                "GET", url + hash, headers={"Authorization": word, "Accept-Encoding": "identity"}
            ) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Unavailable(f"it answered {answer.status_code}")
                async for piece in answer.aiter_raw(PIECE_BYTES):
                    yield piece
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        await self._client.aclose()
