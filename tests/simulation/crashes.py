"""Where a process may die: every point with a name, and the traps that a schedule sets there.

A trap is (region, point, n-th hit). The node dies at that point, with whatever is durable by then, and
starts again after a pause.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Point(StrEnum):
    APPENDED = "after an append, before anyone is told"
    MID_BATCH = "in the middle of a foreign batch: the transaction is rolled back"
    COMMITTED = "after the commit of a foreign batch, before its ACK"
    EARLY = "after the commit of events that came before those behind them, before their ACK"
    JOINED = "after the commit that made a lane whole up to its lead and beyond, before its ACK"
    NOTIFIED = "after the links were told of a commit, before its ACK"
    ACK_SENT = "after an ACK is sent, before the peer reads it"
    BATCH_SENT = "after a BATCH is sent, before the peer reads it"
    WANT_SENT = "after a WANT is sent, before anything comes"
    HELLO_SENT = "after a HELLO is sent, before the other end is proven"
    HEADS_SENT = "after a HEAD is sent, before the peer reads it"
    EPOCH_MARKED = "between the mark of a new epoch and its first append"
    RECOVERING = "with a part of an own lost tail brought back"
    ERASED = "after an erasure, before its receipt"
    POLL_STOPPED = "after its word that it takes no more ballots, before the poll is closed"
    HANDED_OVER = "after somebody is handed over, before they are released"
    RELEASED = "after somebody is released, before they are taken over"
    KEY_ANNOUNCED = "after its next key is announced, before that signs anything"


class Traps:
    """One node's. Counts hits, so that a run can tell which points it reached."""

    def __init__(self, reached: Counter[Point], died: Counter[Point]) -> None:
        self._reached, self._died = reached, died
        self._set: dict[Point, int] = {}

    def set(self, point: Point, nth: int) -> None:
        self._set[point] = nth

    def clear(self) -> None:
        self._set.clear()

    def springs(self, point: Point) -> bool:
        """Whether the process ends here."""
        self._reached[point] += 1
        if point not in self._set:
            return False
        self._set[point] -= 1
        if self._set[point]:
            return False
        del self._set[point]
        self._died[point] += 1
        return True
