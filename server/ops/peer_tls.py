"""What a node uses of TLS: whom its links trust, and which certificates it shows."""

import ssl

from server.ops.config import FederationSection, HttpSection
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


def require_served(http: HttpSection) -> None:
    """That the node can do TLS by itself with what is configured, if it is to. Raises StartError."""
    if not http.tls_certificate:
        return
    try:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A password is nowhere configured, and nobody is there to be asked for one.
        made.load_cert_chain(http.tls_certificate, http.tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise StartError(
            f"http.tls_certificate {http.tls_certificate} and http.tls_key {http.tls_key} cannot be used: {error}"
        ) from None
