"""Nodes that do TLS themselves: regions prove their keys and talk inside it."""

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.processes import places, running, tips, until

pytestmark = pytest.mark.e2e


def certify(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=30))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "private.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


async def test_two_regions_talk_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, private = certify(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))  # whom a node trusts, as on any machine
    monkeypatch.setenv("TAP_HTTP__TLS_CERTIFICATE", str(chain))
    monkeypatch.setenv("TAP_HTTP__TLS_KEY", str(private))
    made = places(tmp_path, "de", "in")
    for place in made.values():
        text = place.config.read_text()
        place.config.write_text(text.replace("http://", "https://"))
    async with running(made.values()):
        assert "ready on https://127.0.0.1" in made["de"].log.read_text()
        await until(
            "each region holds the other's first events",
            lambda: all({region for region, _ in tips(p)} == {"de", "in"} for p in made.values()),
        )
