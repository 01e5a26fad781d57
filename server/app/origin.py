"""Whose page a browser was on when it sent something."""

from urllib.parse import urlsplit


def is_own_origin(origin: str | None, host: str | None, public_url: str) -> bool:
    """Whether a browser's page is ours: its host is the one it asked, or the node's public one.

    Cookies are sent by browsers whatever page asks; so without this any page could change something, or open
    a socket (RFC 6455 10.2), in its visitor's name."""
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
