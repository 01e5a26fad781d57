"""Which encoding, whose credentials, and whether a browser's page is ours."""

from __future__ import annotations

import pytest

from server.realtime.frames import Encoding
from server.realtime.handshake import Credentials, credentials_of, encoding_of, is_own_origin


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
    ("authorization", "cookies", "found"),
    [
        ("Bearer abc", [], Credentials("abc", False)),
        ("bearer abc ", ["tap_session=xyz"], Credentials("abc", False)),
        (None, ["theme=dark; tap_session=xyz"], Credentials("xyz", True)),
        (None, ['tap_session="xyz"'], Credentials("xyz", True)),
        ("Basic abc", [], Credentials("", False)),
        (None, ["tap_session=", "xtap_session=a", "tap_session"], Credentials("", False)),
        (None, [], Credentials("", False)),
    ],
)
def test_finds_the_secret(
    authorization: str | None, cookies: list[str], found: Credentials
) -> None:
    assert credentials_of(authorization, cookies) == found


@pytest.mark.parametrize(
    ("origin", "host", "public_url", "own"),
    [
        ("https://tap.example", "tap.example", "", True),
        ("http://localhost:8420", "localhost:8420", "", True),
        ("https://TAP.example", "tap.Example", "", True),
        ("https://tap.example", "10.0.0.1:8420", "https://tap.example", True),
        ("https://tap.example", "10.0.0.1:8420", "https://tap.example/", True),
        ("http://tap.example", "10.0.0.1:8420", "https://tap.example", False),
        ("https://evil.example", "tap.example", "https://tap.example", False),
        ("https://tap.example.evil", "tap.example", "", False),
        ("https://tap.example:444", "tap.example", "", False),
        ("null", "tap.example", "", False),
        ("file://tap.example", "tap.example", "", False),
        ("https://", "", "", False),
        ("http://[::1", "tap.example", "", False),
        ("", "tap.example", "", False),
        (None, "tap.example", "https://tap.example", False),
        ("https://tap.example", None, "", False),
    ],
)
def test_knows_our_own_pages(
    origin: str | None, host: str | None, public_url: str, own: bool
) -> None:
    assert is_own_origin(origin, host, public_url) is own
