"""Whose secret a request brings."""

from __future__ import annotations

import pytest

from server.app.credentials import Credentials, credentials_of


@pytest.mark.parametrize(
    ("authorization", "cookies", "found"),
    [
        (["Bearer abc"], [], Credentials("abc", False)),
        (["bearer abc "], ["tap_session=xyz"], Credentials("abc", False)),
        ([], ["theme=dark; tap_session=xyz"], Credentials("xyz", True)),
        ([], ['tap_session="xyz"'], Credentials("xyz", True)),
        (["Basic abc"], [], Credentials("", False)),
        ([], ["tap_session=", "xtap_session=a", "tap_session"], Credentials("", False)),
        (["Bearer abc", "Bearer xyz"], [], Credentials("abc, Bearer xyz", False)),
        ([], [], Credentials("", False)),
    ],
)
def test_finds_the_secret(authorization: list[str], cookies: list[str], found: Credentials) -> None:
    assert credentials_of(authorization, cookies) == found
