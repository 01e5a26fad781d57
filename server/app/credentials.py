"""What a request proves its sender with: a bearer token or the session cookie, over HTTP and in a handshake."""

from collections.abc import Iterable
from typing import NamedTuple

from server.app.auth import COOKIE


class Credentials(NamedTuple):
    """``secret``: the session cookie's or the bearer token, empty when there is none."""

    secret: str
    from_cookie: bool


def credentials_of(authorization: Iterable[str], cookies: Iterable[str]) -> Credentials:
    """From the values of both headers. A bearer token goes before the cookie: only programs can send one."""
    scheme, _, token = ", ".join(authorization).partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return Credentials(token.strip(), from_cookie=False)
    for header in cookies:
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value:
                return Credentials(value.strip('"'), from_cookie=True)
    return Credentials("", from_cookie=False)
