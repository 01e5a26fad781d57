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
    EPHEMERAL = 2
    """What may be lost (EPHEM): one at most, made when the one before is written."""
    BULK = 3
    """Batches of lanes that are catching up."""


class Outbox:
    """Its size is bounded by the peer's credit (I9)."""

    def __init__(self) -> None:
        self._ranks: tuple[deque[bytes], ...] = tuple(deque() for _ in Rank)

    def put(self, data: bytes, rank: Rank) -> None:
        self._ranks[rank].append(data)

    def take(self, bytes_max: int = 0) -> list[bytes]:
        """The next message to write, and those after it that go with it into ``bytes_max``; or none."""
        taken: list[bytes] = []
        size = 0
        for waiting in self._ranks:
            while waiting and (not taken or size + len(waiting[0]) <= bytes_max):
                size += len(waiting[0])
                taken.append(waiting.popleft())
            if waiting:
                break
        return taken

    def waits(self, rank: Rank) -> bool:
        return bool(self._ranks[rank])

    def drop_batches(self) -> None:
        """The connection is being closed: what was not written is still in the log, or may be lost."""
        for rank in (Rank.LIVE, Rank.EPHEMERAL, Rank.BULK):
            self._ranks[rank].clear()
