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
    """What a running node serves and shows to peers: the certificates that were there when it started,
    whatever the files hold by now. ``until``: of the first that ends; None where a proxy does TLS."""

    def __init__(self, *files: str) -> None:
        ends = [ends_at(Path(file)) for file in files if file]
        self.until = min((end for end in ends if end is not None), default=None)
