"""Sends webhooks over HTTPS: the way out, where a receiver's address must not become a way in.

Whoever may name a receiver could else have this node ask the machines around it (server-side request forgery).
So a name is looked up here, every address it has must be one of the open internet or of the networks the
operator named, and exactly such an address is connected to: a name that means something else a moment later (DNS
rebinding) changes nothing. Redirects are answers like others. Certificates are checked, always.

Each webhook has a client of its own, so that a connection made to one receiver's name never carries another's.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from server import __version__
from server.app.webhook_steps import Answered, Outcome, Unreached
from server.app.webhook_worker import Consent
from server.domain import limits
from server.ops import http_date

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

CONNECTIONS_PER_WEBHOOK = 2
"""One for the log's events, one for what an operator tries beside them."""
ASKED_RATE = 600
"""Requests a minute that a receiver is asked to allow: ten a second, in batches a thousand events."""
RATE_MAX = 60_000
"""Requests a minute that are told apart: one a millisecond is the least pause there is."""
WORDS_MAX = 40
"""Of a header that is at fault, shown to whoever made the webhook."""
_NAT64 = IPv6Network("64:ff9b::/96")
_OPEN = IPv6Network("2000::/3")
"""All of IPv6 that is given out for the open internet (IANA, IPv6 Address Space). Beyond it lie other ways to write an
IPv4 address, a local NAT64 (RFC 8215) among them, which Python takes for global."""


class Forbidden(Exception):
    """An address that may not be asked; the text says why."""


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Raises ValueError for what is no network."""
    return tuple([ip_network(text) for text in texts])


def may_ask(address: Address, networks: Sequence[Network]) -> bool:
    """Whether a request may go to an address: one of the open internet, or of the networks the operator named."""
    address = _inner(address)
    if any(address in network for network in networks):
        return True
    if isinstance(address, IPv6Address) and address not in _OPEN:
        return False
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address only wraps: who is not let in at the door must not come by the window."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


class WebhookSender:
    """``webhook_worker.Sender``. ``networks``: private ones that may be asked all the same; ``tls``: None for the
    system's authorities; ``now``: UTC milliseconds."""

    def __init__(
        self,
        networks: Sequence[Network],
        tls: ssl.SSLContext | None,
        now: Callable[[], int],
        seconds_max: float = limits.WEBHOOK_ANSWER_SECONDS_MAX,
    ) -> None:
        self._networks, self._now, self._seconds_max = networks, now, seconds_max
        self._tls = tls or ssl.create_default_context()
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def post(
        self, webhook: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        try:
            async with self._answer(webhook, "POST", url, headers, body) as answer:
                words = await _beginning(answer)
                wait = retry_after(answer.headers.get("retry-after", ""), self._now())
                return Answered(answer.status_code, wait, words)
        except (Forbidden, TimeoutError, OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            return Unreached(_in_words(error))

    async def ask(self, webhook: str, url: str, origin: str) -> Consent | str:
        """The handshake of CloudEvents' webhooks, section 4: a status says nothing, only the header does."""
        named = {"WebHook-Request-Origin": origin, "WebHook-Request-Rate": str(ASKED_RATE)}
        try:
            async with self._answer(webhook, "OPTIONS", url, named, b"") as answer:
                allowed = answer.headers.get("webhook-allowed-origin", "")
                rate = answer.headers.get("webhook-allowed-rate", "*")
        except (Forbidden, TimeoutError, OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            return f"the receiver cannot be asked whether it wants this: {_in_words(error)}"
        if allowed not in ("*", origin):
            return (
                "the receiver does not say that it wants this: it has to answer OPTIONS with "
                f"WebHook-Allowed-Origin: {origin}"
            )
        if rate == "*":
            return Consent()
        granted = _positive(rate)
        if granted is None:
            return (
                "the receiver does not say how often it may be asked: WebHook-Allowed-Rate is a "
                f"number of requests a minute, or *, and here {rate[:WORDS_MAX]!r}"
            )
        return Consent(min(granted, RATE_MAX))

    @asynccontextmanager
    async def _answer(
        self, webhook: str, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[httpx.Response]:
        async with asyncio.timeout(self._seconds_max):
            named = httpx.URL(url)
            address = await self._address(named)
            more = {
                "Host": named.netloc.decode("ascii"),
                "User-Agent": f"Tap/{__version__}",
                "Accept-Encoding": "identity",
            }
            request = self._client(webhook).build_request(
                method,
                named.copy_with(host=str(address)),
                headers={**headers, **more},
                content=body or None,
                extensions={"sni_hostname": named.host},
            )
            answer = await self._client(webhook).send(request, stream=True)
            try:
                yield answer
            finally:
                await answer.aclose()

    async def _address(self, url: httpx.URL) -> Address:
        """One that may be asked; raises Forbidden when any of the name's addresses may not."""
        loop = asyncio.get_running_loop()
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(entry[4][0]) for entry in found]
        for address in addresses:
            if not may_ask(address, self._networks):
                raise Forbidden(
                    f"{url.host} is {address}, which webhooks.networks does not let be asked"
                )
            if url.scheme != "https" and not address.is_loopback:
                raise Forbidden("only a receiver on this machine may be asked without TLS")
        return addresses[0]

    def _client(self, webhook: str) -> httpx.AsyncClient:
        client = self._clients.get(webhook)
        if client is None:
            client = self._clients[webhook] = httpx.AsyncClient(
                verify=self._tls,
                timeout=self._seconds_max,
                limits=httpx.Limits(max_connections=CONNECTIONS_PER_WEBHOOK),
                follow_redirects=False,
                trust_env=False,  # a proxy would look the name up anew
            )
        return client

    async def forget(self, webhook: str) -> None:
        client = self._clients.pop(webhook, None)
        if client is not None:
            await client.aclose()

    async def close(self) -> None:
        for webhook in list(self._clients):
            await self.forget(webhook)


def _positive(text: str) -> int | None:
    """A positive integer in decimal, however long; beyond ``RATE_MAX`` it may be told as less. None for any other."""
    digits = text.lstrip("0")
    if not (text.isascii() and digits.isdecimal()):
        return None
    return int(digits) if len(digits) <= len(str(RATE_MAX)) else RATE_MAX


async def _beginning(answer: httpx.Response) -> str:
    """The first words of an answer, on one line. The rest is not read: the connection ends instead."""
    raw = b""
    async for piece in answer.aiter_raw(limits.WEBHOOK_ANSWER_BYTES_MAX):
        raw = (raw + piece)[: limits.WEBHOOK_ANSWER_BYTES_MAX]
        if len(raw) == limits.WEBHOOK_ANSWER_BYTES_MAX:
            break
    text = raw.decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def retry_after(value: str, now: int) -> int:
    """Milliseconds to wait by a header Retry-After, in seconds or as a date (RFC 9110 10.2.3); 0 without one."""
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value) * 1000
    at = http_date.seconds_of(value)
    return 0 if at is None else max(0, int(at * 1000) - now)


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "it did not answer in time"
    return str(error) or type(error).__name__
