"""What links use of TLS: whom to trust, and which certificate to show."""

import ssl

from server.ops.config import FederationSection
from server.ops.core import StartError


def trusting(ca_file: str) -> ssl.SSLContext | None:
    """Trusts the authorities of a file only; None where none is named. Raises StartError."""
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else None
    except OSError as error:  # ssl.SSLError is one
        raise StartError(f"{ca_file} holds no certificates that can be used: {error}") from None


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
