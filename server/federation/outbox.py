"""What waits to be written to one connection, most urgent first (docs/protocol/federation.md 9.2).

Within a rank the order is kept. Of one lane a batch never overtakes another: ``serving`` ranks it LIVE only once
all its BULK ones are acknowledged.
"""

from collections import deque
from enum import IntEnum


class Rank(IntEnum):
    """Lower goes first."""

    WORD = 0
    """Everything but batches: small, and others wait for it (ACK frees credit, PING measures)."""
    LIVE = 1
    """Batches of ``control``, and of lanes of which one batch is all that is missing."""
    BULK = 2
    """Batches of lanes that are catching up."""


class Outbox:
    """Its size is bounded by the peer's credit (I9)."""

    def __init__(self) -> None:
        self._ranks: tuple[deque[bytes], ...] = tuple(deque() for _ in Rank)

    def put(self, data: bytes, rank: Rank) -> None:
        self._ranks[rank].append(data)

    def take(self) -> bytes | None:
        """The next message to write, or None."""
        for waiting in self._ranks:
            if waiting:
                return waiting.popleft()
        return None

    def drop_batches(self) -> None:
        """The connection is being closed: what was not written is still in the log."""
        for rank in (Rank.LIVE, Rank.BULK):
            self._ranks[rank].clear()
