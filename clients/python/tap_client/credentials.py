"""The token a client connects with: renewed before it ends, and never shown again once it was refused."""

from tap_client.errors import Unauthenticated
from tap_client.frames import Frame

RENEW_BEFORE_MS = 60_000
"""A token with less left is renewed before connecting: the node's own warning comes then."""


class Credentials:
    """``token``: the first one, or None where a provider is asked first."""

    def __init__(self, token: str | None, is_renewable: bool) -> None:
        self.token = token
        self.is_renewable = is_renewable
        self._lives_on: str | None = None
        self._refused: set[str] = set()
        self._ends_at: int | None = None
        self._ahead_ms = 0

    def is_due(self, now: int) -> bool:
        """Whether to renew before connecting."""
        if not self.is_renewable:
            return False
        if self.token is None or self.token in self._refused:
            return True
        return self._ends_at is not None and now >= self._ends_at - RENEW_BEFORE_MS

    def shown(self) -> None:
        """In a hello: the connection lives and dies with this one, until another was ``renewed`` (3.4)."""
        self._lives_on = self.token

    def welcomed(self, frame: Frame, now: int) -> None:
        """What a welcome says of the node's clock, and of when the credentials end."""
        server_time = frame.get("server_time")
        if isinstance(server_time, int) and server_time > 0:
            self._ahead_ms = server_time - now
        self._end_at(frame)

    def renewed(self, frame: Frame) -> None:
        """The node took the last token; it ends at the frame's ``expires_at``, by the node's clock."""
        self._lives_on = self.token
        self._end_at(frame)

    def _end_at(self, frame: Frame) -> None:
        expires_at = frame.get("expires_at")
        if isinstance(expires_at, int):
            self._ends_at = expires_at - self._ahead_ms

    def refuse(self) -> None:
        """The node does not accept, or no longer, the token that the connection lived on."""
        if self._lives_on is not None:
            self._refused.add(self._lives_on)

    def take(self, token: str) -> None:
        """The provider's answer. Raises Unauthenticated if the node refused that one before."""
        if token in self._refused:
            raise Unauthenticated("unauthenticated", "the same token again, which was refused")
        self.token = token
        self._ends_at = None
