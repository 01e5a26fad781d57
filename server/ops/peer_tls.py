"""What links use of TLS: whom to trust, which certificate to show, and when the own ones end."""

import ssl
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from server.ops.config import Config, FederationSection
from server.ops.core import StartError


def context(federation: FederationSection) -> ssl.SSLContext | None:
    """For the links this node opens; None when nothing is configured. Raises StartError."""
    if not federation.ca_file and not federation.certificate:
        return None
    try:
        made = ssl.create_default_context(cafile=federation.ca_file or None)
        if federation.certificate:
            made.load_cert_chain(federation.certificate, federation.key)
    except OSError as error:  # ssl.SSLError is one
        raise StartError(
            f"[federation] ca_file, certificate or key cannot be used: {error}"
        ) from None
    return made


def ends_at(config: Config) -> int | None:
    """When the first of this node's own certificates ends, UTC milliseconds; None when it has none."""
    files = (config.http.tls_certificate, config.federation.certificate)
    return min((end for file in files if file for end in _ends(Path(file))), default=None)


def _ends(file: Path) -> Iterable[int]:
    """Of each certificate in the chain. Raises StartError."""
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StartError(f"the certificate {file} cannot be read: {error}") from None
    return [int(one.not_valid_after_utc.timestamp() * 1000) for one in chain]
