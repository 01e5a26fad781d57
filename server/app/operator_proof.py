"""Who holds the node's signing key is its operator: a word signed for one request, and nothing stored.

``tap peers`` on the node's machine reads the key file anyway; so no second secret has to be made, kept and
guarded. docs/protocol/http.md 2.6.
"""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.domain import limits
from server.domain.errors import Code, Refusal

SCHEME = "Tap-Operator"
_DOMAIN = b"tap operator 1"


def sign(private: Ed25519PrivateKey, method: str, path: str, now: int, body: bytes = b"") -> str:
    """The header Authorization of one request. ``now``: UTC milliseconds."""
    signature = private.sign(_signed(method, path, now, body))
    return f"{SCHEME} {now}.{base64.urlsafe_b64encode(signature).decode()}"


def refusal_of(
    header: str, public_key: str, method: str, path: str, now: int, body: bytes = b""
) -> Refusal | None:
    """Why the header proves nothing; None when it does. ``public_key``: in base64."""
    _, _, word = header.partition(" ")
    time, _, signature = word.partition(".")
    try:
        at = int(time)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.urlsafe_b64decode(signature), _signed(method, path, at, body))
    except (ValueError, binascii.Error, InvalidSignature):
        return Refusal(Code.BAD_SIGNATURE, "this was not signed with the key of this node")
    if abs(now - at) > limits.OPERATOR_PROOF_SECONDS_MAX * 1000:
        return Refusal(Code.EXPIRED, "this was signed at another time: compare the clocks")
    return None


def _signed(method: str, path: str, at: int, body: bytes) -> bytes:
    parts = [_DOMAIN, method.encode(), path.encode(), str(at).encode()]
    # Who copies the word must not put it before another wish.
    if body:
        parts.append(hashlib.sha256(body).hexdigest().encode())
    return b"\n".join(parts)
