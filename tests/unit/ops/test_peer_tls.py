"""What links use of TLS: contexts from files, and when the node's own certificates end."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from server.federation.status import DAY, days_left
from server.ops import peer_tls
from server.ops.config import Config, FederationSection, HttpSection, NodeSection
from server.ops.core import StartError
from tests.support.certificates import certify


def _config(**sections: msgspec.Struct) -> Config:
    return Config(node=NodeSection(region="de", name="Germany"), **sections)  # type: ignore[arg-type]


def test_nothing_configured_is_the_system_s_trust() -> None:
    assert peer_tls.context(FederationSection()) is None
    assert peer_tls.ends_at(_config()) is None


def test_a_private_authority_is_the_only_one(tmp_path: Path) -> None:
    chain, key = map(str, certify(tmp_path))
    made = peer_tls.context(FederationSection(ca_file=chain, certificate=chain, key=key))
    assert made is not None
    assert len(made.get_ca_certs()) <= 1
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert made.check_hostname


@pytest.mark.parametrize("name", ["ca_file", "certificate"])
def test_a_file_that_is_none_is_said_at_the_start(tmp_path: Path, name: str) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for file in (str(nonsense), str(tmp_path / "missing.pem")):
        given = FederationSection(**{name: file, "key": file if name == "certificate" else ""})
        with pytest.raises(StartError, match="cannot be used"):
            peer_tls.context(given)
        with pytest.raises(StartError, match="cannot be read"):
            peer_tls.ends_at(_config(http=HttpSection(tls_certificate=file, tls_key=file)))


def test_the_first_certificate_that_ends_counts(tmp_path: Path) -> None:
    chain, key = map(str, certify(tmp_path))
    http = HttpSection(tls_certificate=chain, tls_key=key)
    federation = FederationSection(certificate=chain, key=key)
    ends = peer_tls.ends_at(_config(http=http))
    assert ends is not None
    assert ends == peer_tls.ends_at(_config(federation=federation))
    assert ends == peer_tls.ends_at(_config(http=http, federation=federation))


def test_days_are_whole_and_go_below_nought() -> None:
    assert days_left(None, 5) is None
    assert days_left(10 * DAY, 0) == 10
    assert days_left(10 * DAY, 1) == 9
    assert days_left(10 * DAY, 10 * DAY + 1) == -1
