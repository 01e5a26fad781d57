"""What the upgrade request of a client socket says: encoding and address (section 3.1)."""

import re
from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from server.app.addresses import address_in, counted_as
from server.realtime.frames import Encoding

EVERYBODY = "*"

Network = IPv4Network | IPv6Network


_TOKEN = "[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
_HEAD = re.compile(f"GET /[!-~]* HTTP/1\\.1\r\n((?:{_TOKEN}:[\t -~]*\r\n)+)\r\n".encode())
_KEY = re.compile("[A-Za-z0-9+/]{22}==")
_OFFERS = re.compile(f"{_TOKEN}(?:, ?{_TOKEN})*")
HEAD_BYTES_MAX = 4096
"""Of a handshake that is read at once: below every bound of a more patient reader."""
OFFER_CHARS_MAX = 200
"""Of extensions: what is agreed on is remembered by it. Browsers use 25 to 50."""


class PlainRequest(dict[str, str]):
    """The headers of a handshake by their names in small letters, each once."""

    def get_all(self, name: str) -> list[str]:
        """As ``Headers`` of websockets."""
        value = self.get(name.lower())
        return [] if value is None else [value]


def plain_request(data: bytes) -> PlainRequest | None:
    """An upgrade as browsers and libraries ask for it, whole and without fault (RFC 6455 4.2.1); None leaves
    it to websockets."""
    head = _HEAD.fullmatch(data) if len(data) <= HEAD_BYTES_MAX else None
    if head is None:
        return None
    lines = head[1].decode("ascii").split("\r\n")
    found = PlainRequest()
    for line in lines[:-1]:
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip(" \t")
    get = found.get
    plain = (
        len(found) == len(lines) - 1
        and get("upgrade", "").lower() == "websocket"
        and get("connection", "").lower() in ("upgrade", "keep-alive, upgrade")
        and get("sec-websocket-version") == "13"
        and _KEY.fullmatch(get("sec-websocket-key", ""))
        and _OFFERS.fullmatch(get("sec-websocket-protocol", ""))
        and len(get("sec-websocket-extensions", "")) <= OFFER_CHARS_MAX
        and "transfer-encoding" not in found
        and "content-length" not in found
    )
    return found if plain else None


def encoding_of(offers: Iterable[str]) -> Encoding | None:
    """The first subprotocol we speak, in the client's order; ``offers`` are header values."""
    for offer in offers:
        for name in offer.split(","):
            for encoding in Encoding:
                if name.strip() == encoding.subprotocol:
                    return encoding
    return None


def networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Trusted proxies as the configuration names them; what is no address or network trusts nobody."""
    found: list[Network] = []
    for name in names:
        if name == EVERYBODY:
            found += [IPv4Network("0.0.0.0/0"), IPv6Network("::/0")]
            continue
        try:
            found.append(ip_network(name, strict=False))
        except ValueError:
            continue
    return tuple(found)


def client_address(peer: str, forwarded: Iterable[str], trusted: Collection[Network]) -> str:
    """Whom handshakes are counted for: the nearest that is no trusted proxy. Each proxy appends who
    asked it (X-Forwarded-For), so the list is read from its end, and only as far as it can be believed."""
    hops = [hop for header in forwarded for hop in header.split(",")]
    nearest = peer
    while hops and _is_trusted(nearest, trusted):
        further = hops.pop()
        if address_in(further) is None:
            break
        nearest = further
    return counted_as(nearest)


def _is_trusted(text: str, trusted: Collection[Network]) -> bool:
    address = address_in(text)
    return address is not None and any(address in network for network in trusted)
