"""When a certificate ends, read off its file."""

import datetime
from pathlib import Path

import pytest

from server.ops.certificate import Certificate, ends_at
from tests.support.certificates import certify

DAY = 86_400_000


def test_a_certificate_s_end_is_read_off_its_file(tmp_path: Path) -> None:
    chain, _ = certify(tmp_path)
    left = (Certificate(str(chain)).until or 0) - datetime.datetime.now(
        datetime.UTC
    ).timestamp() * 1000
    assert 28 * DAY < left < 30 * DAY


def test_where_a_proxy_does_tls_there_is_none() -> None:
    assert Certificate("").until is None


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff" * 100])
def test_what_is_no_certificate_has_no_end(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "chain.pem"
    file.write_bytes(content)
    assert ends_at(file) is None
    assert ends_at(tmp_path / "missing.pem") is None
