"""Named points in time and the one timer that serves them all.

The timer may fire early and is then simply set again: moving a deadline later (each frame received
moves the silence deadline) costs nothing.
"""

from enum import StrEnum
from typing import NamedTuple


class Due(StrEnum):
    DIAL = "dial"
    HELLO = "hello"
    """A connection must be proven by now."""
    PING = "ping"
    SILENCE = "silence"
    GOSSIP = "gossip"
    """The peer is told which lanes moved."""
    APPLY = "apply"
    """A postponed apply is tried again."""
    EPHEM = "ephem"
    """What people are doing is told."""
    EXPIRE = "expire"
    """What a lost connection told of people counts no more."""


class Deadline(NamedTuple):
    due: Due
    conn: int = 0


class Deadlines:
    """All times in UTC milliseconds."""

    def __init__(self) -> None:
        self._at: dict[Deadline, int] = {}
        self._armed: int | None = None
        self._now = 0

    def set(self, due: Due, at: int, conn: int = 0) -> None:
        self._at[Deadline(due, conn)] = at

    def soon(self, due: Due, at: int) -> None:
        """Sets it unless it is set."""
        self._at.setdefault(Deadline(due), at)

    def drop(self, due: Due, conn: int = 0) -> None:
        self._at.pop(Deadline(due, conn), None)

    def clear(self) -> None:
        """Nothing is waited for, and whoever set the timer may cancel it."""
        self._at.clear()
        self._armed = None

    def clock(self, now: int) -> None:
        """Tell the time. A clock set back moves every deadline with it, so that none is far away."""
        if now < self._now:
            back = self._now - now
            self._at = {name: at - back for name, at in self._at.items()}
            self._armed = None
        self._now = now

    def fired(self) -> None:
        self._armed = None

    def take(self) -> list[Deadline]:
        """What is due, earliest first; taken once."""
        due = sorted((at, name) for name, at in self._at.items() if at <= self._now)
        for _, name in due:
            del self._at[name]
        return [name for _, name in due]

    def arm(self) -> int | None:
        """The time to set the timer to, or None if the one that is set will do."""
        earliest = min(self._at.values(), default=None)
        if earliest is None or (self._armed is not None and self._armed <= earliest):
            return None
        self._armed = earliest
        return earliest
