"""One connection proving both ends to each other, in three HELLO (docs/protocol/federation.md 7).

    dialing end                                  accepting end
    HELLO(nonce d)                 ->
                                   <-            HELLO(nonce a, proof over d and a)
    HELLO(nonce d, proof over a and d)  ->
                                                 both ends are proven

The accepting end proves itself first: it speaks only to regions in its roster, and what it tells
them is public. Neither end shows a vector before the other is proven. A proof covers both regions and
the role, so it can neither be reflected nor used at a third region.
"""

import re
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.domain.errors import Code, Refused
from server.federation import asking, ephemeral, packing
from server.federation.frames import Hello
from server.federation.trust import Proof, Role, Roster, key_id, sign_proof, verify_proof

VERSIONS = (1, 1)
"""Lowest and highest protocol version this code speaks."""
FEATURES = (packing.FEATURE, asking.FEATURE, ephemeral.FEATURE)
"""What is optional and understood here."""
SOFTWARE = "tap/"
"""The feature that names the program's version (section 21.1); told to operators, never acted on."""

_SOFTWARE = re.compile(re.escape(SOFTWARE) + r"([0-9A-Za-z.+-]{1,28})", re.ASCII)


class Identity(NamedTuple):
    """Who this node is towards its peers."""

    region: str
    epoch: int
    private: Ed25519PrivateKey
    software: str = ""
    """The version of the program, for the other side's operator."""

    @property
    def key_id(self) -> str:
        return key_id(self.private.public_key().public_bytes_raw())


class Handshake:
    """Sans-I/O: give it each HELLO, send what it answers; ``proven`` when both ends are."""

    def __init__(self, me: Identity, peer: str, roster: Roster, role: Role, nonce: bytes) -> None:
        self.role: Role = role
        self.proven = False
        self.epoch = 0
        """The peer's epoch, once it has spoken."""
        self.features: frozenset[str] = frozenset()
        """What is optional and understood by both."""
        self.version = 0
        """The protocol version both speak, once the peer has spoken."""
        self.software = ""
        """What the peer says its program is; nothing is decided by it."""
        self._me = me
        self._peer = peer
        self._roster = roster
        self._nonce = nonce
        self._offered = FEATURES
        self._versions = VERSIONS
        self._first: Hello | None = None

    def opening(self, now: int) -> Hello:
        """The dialing end's first word."""
        return self._hello(now, b"")

    def receive(self, hello: Hello, now: int) -> Hello | None:
        """The answer to a HELLO, if one is due. Raises Refused and proves nothing."""
        self._check_names(hello)
        version = self.version = self._common_version(hello.versions)
        self.software = _software(hello.features)
        if self.role == "accept" and self._first is None:
            self._first = hello
            return self._hello(now, self._proof(hello, version))
        if self._first is not None and hello.nonce != self._first.nonce:
            raise Refused(Code.BAD_FRAME, "the nonce changed within one handshake")
        self._roster.learn_all([word for word in hello.keys if word.region == self._peer])
        verify_proof(self._expected(hello, version), hello.proof, self._roster)
        self.epoch = hello.epoch
        self.features = frozenset(self._offered).intersection(hello.features)
        self.proven = True
        return self._hello(now, self._proof(hello, version)) if self.role == "dial" else None

    def _check_names(self, hello: Hello) -> None:
        if self.proven:
            raise Refused(Code.BAD_FRAME, "both ends are proven: no more HELLO is expected")
        if hello.region != self._peer:
            raise Refused(
                Code.UNKNOWN_PEER, f"expected region {self._peer}, this is {hello.region}"
            )
        if hello.to != self._me.region:
            raise Refused(Code.UNKNOWN_PEER, f"this is {self._me.region}, not {hello.to}")

    def _hello(self, now: int, proof: bytes) -> Hello:
        me = self._me
        names = (me.region, self._peer, self._versions, me.epoch, me.key_id)
        features = (*self._offered, *((SOFTWARE + me.software,) if me.software else ()))
        keys = self._roster.words(me.region)
        return Hello(*names, self._nonce, now, proof, features, keys)

    def _proof(self, other: Hello, version: int) -> bytes:
        me = self._me
        proof = Proof(
            self.role, me.region, self._peer, version, me.epoch, me.key_id, self._nonce, other.nonce
        )
        return sign_proof(proof, me.private)

    def _expected(self, other: Hello, version: int) -> Proof:
        role: Role = "accept" if self.role == "dial" else "dial"
        return Proof(
            role,
            other.region,
            other.to,
            version,
            other.epoch,
            other.key_id,
            other.nonce,
            self._nonce,
        )

    def _common_version(self, theirs: tuple[int, int]) -> int:
        """The highest version both speak. Raises Refused(unsupported_version)."""
        ours = max(self._versions[0], self._roster.version_min), self._versions[1]
        lowest, highest = max(ours[0], theirs[0]), min(ours[1], theirs[1])
        if lowest > highest:
            raise Refused(
                Code.UNSUPPORTED_VERSION,
                f"we speak versions {ours[0]} to {ours[1]}, the peer {theirs[0]} to {theirs[1]}",
            )
        return highest


def _software(features: tuple[str, ...]) -> str:
    found = next(filter(None, map(_SOFTWARE.fullmatch, features)), None)
    return found[1] if found else ""
