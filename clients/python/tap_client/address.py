"""A node's address, as sockets need it."""

import ipaddress
from urllib.parse import urlsplit, urlunsplit

LIVE_PATH = "/api/v1/live"


def live_address(url: str) -> str:
    """The websocket address of a node's http(s) address. Raises ValueError."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https address")
    return urlunsplit((scheme, parts.netloc, LIVE_PATH, "", ""))


def is_loopback(address: str) -> bool:
    """Whether the address is this machine's own; no proxy can reach that for us."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
