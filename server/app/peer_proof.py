"""A plain request between regions, signed with the sender's node key (docs/protocol/federation.md 20.2).

The word holds for one receiver, one path and a few minutes. It is no secret that it was said, and to hear it
again brings nobody but the sender's region anything; so no word is remembered (docs/adr/0013).
"""

import base64
import binascii
from collections.abc import Callable, Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from server.domain import limits
from server.domain.errors import Code, Refusal

SCHEME = "Tap-Peer"
_DOMAIN = b"tap peer 1"

Keys = Callable[[str], Iterable[bytes]]
"""The pinned keys of a region, 32 bytes each; none for one that is not known."""


def sign(private: Ed25519PrivateKey, region: str, to: str, method: str, path: str, now: int) -> str:
    """The header Authorization of one request. ``now``: UTC milliseconds."""
    signature = private.sign(_signed(region, to, method, path, now))
    return f"{SCHEME} {region}.{now}.{base64.urlsafe_b64encode(signature).decode()}"


def sender(header: str, keys: Keys, to: str, method: str, path: str, now: int) -> str | Refusal:
    """The region that signed the header, or why that is not proven."""
    scheme, _, word = header.partition(" ")
    region, _, rest = word.partition(".")
    time, _, text = rest.partition(".")
    pinned = list(keys(region))
    if scheme != SCHEME or not pinned:
        return Refusal(Code.UNKNOWN_PEER, "this is for regions that are named here as peers")
    try:
        at, signature = int(time), base64.urlsafe_b64decode(text)
    except (ValueError, binascii.Error):
        return Refusal(Code.BAD_SIGNATURE, "the signature cannot be read")
    signed = _signed(region, to, method, path, at)
    if not any(_fits(key, signature, signed) for key in pinned):
        return Refusal(Code.BAD_SIGNATURE, f"this was not signed with a pinned key of {region}")
    if abs(now - at) > limits.PEER_PROOF_SECONDS_MAX * 1000:
        return Refusal(Code.EXPIRED, "this was signed at another time: compare the clocks")
    return region


def _fits(key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(region: str, to: str, method: str, path: str, at: int) -> bytes:
    return "\n".join([_DOMAIN.decode(), region, to, method, path, str(at)]).encode()
