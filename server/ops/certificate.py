"""When this node's own TLS certificate ends. Whoever renews it replaces the file; a restart takes it up."""

import ssl
from datetime import UTC
from pathlib import Path

from cryptography import x509


def ends_at(file: Path) -> int | None:
    """UTC milliseconds of the end of the first certificate in a PEM chain; None when there is none."""
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError, ssl.SSLError):
        return None
    return int(certificate.not_valid_after_utc.astimezone(UTC).timestamp() * 1000)


class Certificate:
    """The certificate a running node serves: the one that was there when it started, whatever the file
    holds by now. ``until`` is None where a proxy does TLS."""

    def __init__(self, file: str) -> None:
        self.until = ends_at(Path(file)) if file else None
