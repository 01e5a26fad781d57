"""What the upgrade request of a client socket says: encoding, credentials, origin (section 3.1)."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from server.realtime.frames import Encoding

COOKIE = "tap_session"


class Credentials(NamedTuple):
    """``secret``: the session cookie's or the bearer token, empty when there is none."""

    secret: str
    from_cookie: bool


def encoding_of(offers: Iterable[str]) -> Encoding | None:
    """The first subprotocol we speak, in the client's order; ``offers`` are header values."""
    for offer in offers:
        for name in offer.split(","):
            for encoding in Encoding:
                if name.strip() == encoding.subprotocol:
                    return encoding
    return None


def credentials_of(authorization: str | None, cookies: Iterable[str]) -> Credentials:
    """A bearer token goes before the cookie: only programs can send one."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credentials(token.strip(), from_cookie=False)
    for header in cookies:
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value:
                return Credentials(value.strip('"'), from_cookie=True)
    return Credentials("", from_cookie=False)


def is_own_origin(origin: str | None, host: str | None, public_url: str) -> bool:
    """Whether a browser's page is ours: its host is the one it asked, or the node's public one.

    Cookies are sent by browsers whatever page asks; so without this any page could open a socket in its
    visitor's name (RFC 6455 10.2)."""
    if not origin:
        return False
    try:
        asked = urlsplit(origin)
    except ValueError:  # e.g. an unfinished IPv6 address
        return False
    if asked.scheme not in ("http", "https") or not asked.netloc:
        return False
    public = urlsplit(public_url)
    if public.netloc and (asked.scheme, asked.netloc.lower()) == (
        public.scheme,
        public.netloc.lower(),
    ):
        return True
    return host is not None and asked.netloc.lower() == host.lower()
