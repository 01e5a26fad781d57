"""Which encoding, and from where."""

from __future__ import annotations

import pytest

from server.realtime.frames import Encoding
from server.realtime.handshake import (
    client_address,
    encoding_of,
    networks,
)


@pytest.mark.parametrize(
    ("offers", "encoding"),
    [
        (["tap.v1.json"], Encoding.JSON),
        (["tap.v1.msgpack, tap.v1.json"], Encoding.MSGPACK),
        (["tap.v9.json", " tap.v1.json "], Encoding.JSON),
        (["chat"], None),
        ([], None),
    ],
)
def test_takes_the_first_encoding_we_speak(offers: list[str], encoding: Encoding | None) -> None:
    assert encoding_of(offers) is encoding


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6", "198.51.100.1:4711"], "198.51.100.1"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", [], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_counts_for_whoever_is_behind_trusted_proxies(
    peer: str, forwarded: list[str], found: str
) -> None:
    trusted = networks(["127.0.0.1", "::1", "10.0.0.0/8", "no address"])
    assert client_address(peer, forwarded, trusted) == found


def test_may_trust_everybody() -> None:
    trusted = networks(["*"])
    assert client_address("203.0.113.7", ["198.51.100.1, 192.0.2.1"], trusted) == "198.51.100.1"
