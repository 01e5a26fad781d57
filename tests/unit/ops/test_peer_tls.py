"""What links use of TLS: contexts from files, and when the first certificate ends."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from server.ops import peer_tls
from server.ops.certificate import Certificate
from server.ops.config import FederationSection
from server.ops.core import StartError
from tests.support.certificates import certify


def test_nothing_configured_is_the_system_s_trust() -> None:
    assert peer_tls.context(FederationSection()) is None


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


def test_the_first_certificate_that_ends_counts(tmp_path: Path) -> None:
    chain = str(certify(tmp_path)[0])
    until = Certificate(chain).until
    assert until is not None
    assert Certificate("", chain, chain).until == until
    assert Certificate("", "").until is None
