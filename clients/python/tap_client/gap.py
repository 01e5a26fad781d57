"""Repairing a gap in place: the node is asked to send again what follows the cursor (``rewind``).

    WHOLE --failed--> ASKED --pong--> ANSWERED --event up to the failed one--> WHOLE
                                         `--anything else: UNCLEAR, only a new connection is exact

A ``ping`` goes before the ``rewind``: what comes before its ``pong`` was already on its way, and is
passed over, because it comes again. The first event after it must not lie beyond the one that failed.
"""

import sys
from enum import Enum
from typing import Literal

from tap_client.frames import Frame

Verdict = Literal["take", "pass_over", "unclear"]


class State(Enum):
    WHOLE = "whole"
    ASKED = "asked"
    ANSWERED = "answered"


class Gap:
    def __init__(self) -> None:
        self._state = State.WHOLE
        self._position: int | None = 0  # None: what was lost is not known
        self._repeats = 0

    def failed(self, position: int) -> int:
        """The event at this position failed, for the how-manieth time."""
        self._repeats = self._repeats + 1 if position == self._position else 1
        self._position = position
        self._state = State.ASKED
        return self._repeats

    def asked(self) -> None:
        """What was lost is not known: after the ``pong`` everything is taken."""
        self._position = None
        self._state = State.ASKED

    def close(self) -> None:
        """Nothing is owed any more, or a new connection brings it."""
        self._state = State.WHOLE

    def judge(self, frame: Frame) -> Verdict:
        if self._state is State.WHOLE:
            return "take"
        kind = frame["t"]
        if kind in ("welcome", "reset"):
            self._state = State.WHOLE
        if kind == "pong" and self._state is State.ASKED:
            self._state = State.ANSWERED
        if kind not in ("event", "mark"):
            return "take"
        if self._state is State.ASKED:
            return "pass_over"
        last = sys.maxsize if self._position is None else self._position
        if frame.get("position", 0) > last or (kind == "mark" and self._position is not None):
            return "unclear"
        self._state = State.WHOLE
        return "take"
