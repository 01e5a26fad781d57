"""What a node keeps of secrets it must be able to say again: sealed, so that a copy of the database opens nothing.

Signatures of webhooks need the secret itself, so a hash (as of tokens) does not do. One key of 32 bytes, in a
file beside the database, seals them and makes the keys of pseudonyms.
"""

import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
_NONCE_BYTES = 12


class Unsealable(Exception):
    """What was sealed with another key, or for something else."""


class Seal:
    """``key``: of KEY_BYTES; ``entropy``: for nonces."""

    def __init__(self, key: bytes, entropy: Callable[[int], bytes]) -> None:
        self._key, self._entropy = key, entropy
        self._cipher = ChaCha20Poly1305(self.key_for("seal"))

    def close(self, secret: bytes, about: str) -> bytes:
        """``about``: what it is the secret of; it opens for nothing else."""
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises Unsealable."""
        nonce, secret = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, secret, about.encode())
        except (InvalidTag, ValueError):
            raise Unsealable(f"the secret of {about} was sealed with another key") from None

    def key_for(self, purpose: str) -> bytes:
        """A key for one purpose, the same each time; from it nobody finds another."""
        return hmac.digest(self._key, f"tap {purpose}".encode(), "sha256")

    def pseudonyms(self, consumer: str) -> bytes:
        """What the pseudonyms of one consumer are made with."""
        return self.key_for(f"pseudonyms {consumer}")
