"""Whether a browser's page is ours."""

from __future__ import annotations

import pytest

from server.app.origin import is_own_origin


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
