"""Connections that claim to be the peer, until they have proven it (docs/protocol/federation.md 7)."""

from collections.abc import Iterator

from server.domain import limits
from server.federation.deadlines import Deadlines, Due
from server.federation.handshake import Handshake, Identity
from server.federation.trust import Role, Roster

GUESTS_MAX = 4
"""Unproven connections per peer at a time: one lost, one anew, and room for a mistake."""


class Guests:
    """Their handshakes, by number of the connection; each has until ``Due.HELLO``."""

    def __init__(self, me: Identity, peer: str, roster: Roster, deadlines: Deadlines) -> None:
        self._me, self._peer, self._roster = me, peer, roster
        self._deadlines = deadlines
        self._handshakes: dict[int, Handshake] = {}

    def introduce(self, me: Identity) -> None:
        """Who we are to those that come from now on."""
        self._me = me

    def __contains__(self, conn: int) -> bool:
        return conn in self._handshakes

    def __iter__(self) -> Iterator[int]:
        return iter(self._handshakes)

    def __getitem__(self, conn: int) -> Handshake:
        return self._handshakes[conn]

    def welcome(self, conn: int, role: Role, nonce: bytes, now: int) -> Handshake:
        handshake = Handshake(self._me, self._peer, self._roster, role, nonce)
        self._handshakes[conn] = handshake
        self._deadlines.set(Due.HELLO, now + limits.HELLO_SECONDS_MAX * 1000, conn)
        return handshake

    def forget(self, conn: int) -> Handshake:
        self._deadlines.drop(Due.HELLO, conn)
        return self._handshakes.pop(conn)

    def too_many(self) -> int | None:
        """The oldest inbound one, if there is no room for another: so nobody who only keeps a place can
        keep the peer out."""
        inbound = self._of("accept")
        return inbound[0] if len(inbound) >= GUESTS_MAX else None

    def dialled(self) -> list[int]:
        return self._of("dial")

    def _of(self, role: Role) -> list[int]:
        return [conn for conn, shake in self._handshakes.items() if shake.role == role]

    def clear(self) -> None:
        for conn in [*self]:
            self.forget(conn)
