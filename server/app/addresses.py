"""Addresses of callers, and as whom they are counted where one address must not take all of something."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address
SITE_BITS = 64
"""Of an IPv6 address: any host of a site may take as many of the others as it likes."""


@lru_cache(maxsize=1024)  # as below, and to write an address costs more than to look it up
def counted_as(text: str) -> str:
    """One name for all addresses of one site; what is no address stands for itself."""
    address = address_in(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, SITE_BITS), strict=False))
    return text if address is None else str(address)


@lru_cache(maxsize=1024)  # mostly the same few: proxies, and offices behind one address
def address_in(text: str) -> Address | None:
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
