"""Keys that cost a hundredth of Ed25519, for the mass of schedules; every eighth one has the real ones.

Whoever knows the public half can sign, which nobody in a simulation does but its owner; damaged bytes fail
to verify all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import InvalidSignature

from server.federation.frames import Succession
from server.federation.trust import Roster, key_id, private_key


class QuickKey:
    """Both halves of a key pair at once."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

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
    """Believes in quick keys, also where they follow one another."""

    def _follow(self, word: Succession) -> bool:
        news = super()._follow(word)
        if news:
            known: Any = self._keys[word.region]
            known[key_id(word.key)] = QuickKey(word.key)
        return news


class Keys:
    """Of all regions. ``real``: Ed25519."""

    def __init__(self, regions: Iterable[str], real: bool) -> None:
        self._real = real
        self.first = {region: self.draw(region, 0) for region in regions}
        self._pinned = {region: self._public(key) for region, key in self.first.items()}

    def draw(self, region: str, number: int) -> Any:
        """A region's private key; ``number``: how often it was replaced."""
        seed = hashlib.sha256(f"key {number} of {region}".encode()).digest()
        return private_key(seed) if self._real else QuickKey(seed)

    def roster(self, region: str, own: Iterable[Any] = ()) -> Roster:
        """Everybody's first key, and all that the region itself ever signed by."""
        made = Roster({}) if self._real else QuickRoster({})
        made._keys = {name: dict([public]) for name, public in self._pinned.items()}
        made._keys[region].update([self._public(key) for key in own])
        return made

    @staticmethod
    def _public(key: Any) -> tuple[str, Any]:
        public = key.public_key()
        return key_id(public.public_bytes_raw()), public
