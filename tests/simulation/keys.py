"""Keys that cost a hundredth of Ed25519, for the mass of schedules; every eighth one has the real ones.

Whoever knows the public half can sign, which nobody in a simulation does but its owner; damaged bytes fail
to verify all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature

from server.federation.trust import Roster, key_id
from tests.unit.federation.lab import key_of, roster_of


class QuickKey:
    """Both halves of a key pair at once."""

    def __init__(self, region: str) -> None:
        self._secret = hashlib.sha256(b"quick key of " + region.encode()).digest()

    def public_key(self) -> QuickKey:
        return self

    def public_bytes_raw(self) -> bytes:
        return self._secret

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._secret).digest()

    def verify(self, signature: bytes, data: bytes) -> None:
        if self.sign(data) != signature:
            raise InvalidSignature


class QuickRoster(Roster):
    """Pins quick keys."""

    def __init__(self, keys: Iterable[tuple[str, QuickKey]]) -> None:
        super().__init__({})
        self._keys: Any = {region: {key_id(key.public_bytes_raw()): key} for region, key in keys}


def keys_of(regions: Iterable[str], real: bool) -> tuple[dict[str, Any], Roster]:
    """A private key for each region, and the roster that pins them all."""
    regions = tuple(regions)
    if real:
        return {region: key_of(region) for region in regions}, roster_of(*regions)
    keys = {region: QuickKey(region) for region in regions}
    return keys, QuickRoster(keys.items())
