"""What the upgrade request of a client socket says: encoding and address (section 3.1)."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from server.realtime.frames import Encoding

EVERYBODY = "*"
SITE_BITS = 64
"""Of an IPv6 address: any host of a site may take as many of the others as it likes."""

Address = IPv4Address | IPv6Address
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
        if _address(further) is None:
            break
        nearest = further
    return _counted_as(nearest)


def _is_trusted(text: str, trusted: Collection[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in trusted)


@lru_cache(maxsize=1024)  # as below, and to write an address costs more than to look it up
def _counted_as(text: str) -> str:
    address = _address(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, SITE_BITS), strict=False))
    return text if address is None else str(address)


@lru_cache(maxsize=1024)  # mostly the same few: proxies, and offices behind one address
def _address(text: str) -> Address | None:
    """An address, perhaps with a port; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
