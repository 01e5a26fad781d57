"""Notices that the other side has gone: asks after a while of silence, gives up without an answer."""

from typing import Literal

SILENCE_MS_MAX = 30_000
PONG_MS_MAX = 10_000
PROBE_MS_MAX = 3_000
"""After sleep or a change of network a connection may only look alive: ask, and do not wait long."""


class Silence:
    """Times are UTC milliseconds; nothing is awaited between ``stop`` and ``listen``."""

    def __init__(self) -> None:
        self._due: int | None = None
        self._is_asked = False

    def listen(self, now: int) -> None:
        """From now on; also at every sign of life."""
        self._due = now + SILENCE_MS_MAX
        self._is_asked = False

    def heard(self, now: int) -> None:
        if self._due is not None:
            self.listen(now)

    def stop(self) -> None:
        self._due = None

    def ask(self, now: int, patience_ms: int) -> None:
        """The question is being asked now."""
        self._due = now + patience_ms
        self._is_asked = True

    def wake_at(self) -> int | None:
        return self._due

    def woken(self, now: int) -> Literal["ask", "dead"] | None:
        """What is to be done now, if anything."""
        if self._due is None or now < self._due:
            return None
        return "dead" if self._is_asked else "ask"
