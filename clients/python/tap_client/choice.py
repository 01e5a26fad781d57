"""Which transport to use: a websocket where the network lets one through, else an event stream, else
long-polling. tests/vectors/sdk/choice.json holds both SDKs to the same choices.

- Two attempts cut off before ``welcome``, or one that brought none in time, or a transport that is not
  there: the next one. After the last comes the first again: then it is the node that is away.
- What was welcomed is remembered for its network for a day. Where a websocket is remembered it gets
  more time: it is the node that is slow.
- While something else is in use the websocket is tried again, after a minute and then ever less often.
"""

from typing import Literal, NamedTuple

Transport = Literal["websocket", "events", "poll"]
Failure = Literal["cut", "late", "absent"]
"""Cut off or refused, no welcome in time, or not offered here."""

FAILURES_MAX = 2
WELCOME_MS_MAX = 3_000
WELCOME_MS_PATIENT = 10_000
"""For what is known to work here, and for every transport once all of them have failed."""
REMEMBERED_MS = 24 * 3_600_000
AGAIN_MS_MIN = 60_000
AGAIN_MS_MAX = 30 * 60_000

ORDER: tuple[Transport, ...] = ("websocket", "events", "poll")


class Remembered(NamedTuple):
    """What worked on a network, and when (UTC milliseconds)."""

    transport: str
    at: int


class Choice:
    """``known``: what is remembered of the network in use."""

    def __init__(self, known: Remembered | None = None, now: int = 0) -> None:
        self._known: Transport | None = None
        if known is not None and now - known.at < REMEMBERED_MS:
            self._known = next((name for name in ORDER if name == known.transport), None)
        self.transport: Transport = self._known or "websocket"
        self._failures = 0
        self._tried = 0
        self._fallback: Transport | None = None
        self._again_ms = AGAIN_MS_MIN

    @property
    def patience_ms(self) -> int:
        """How long to wait for the welcome."""
        if self._fallback is not None:
            return WELCOME_MS_MAX
        known = self._known == self.transport or self._tried >= len(ORDER) - 1
        return WELCOME_MS_PATIENT if known else WELCOME_MS_MAX

    @property
    def again_ms(self) -> int | None:
        """After how long in use the websocket is tried again; None while it is in use."""
        return None if self.transport == "websocket" else self._again_ms

    def failed(self, how: Failure) -> bool:
        """An attempt ended before its welcome. True: another transport is to be tried at once."""
        if self._fallback is not None:
            return self._trial_failed(self._fallback)
        self._failures += 1
        if how == "cut" and self._failures < FAILURES_MAX:
            return False
        self._failures = 0
        self._tried += 1
        self.transport = ORDER[(ORDER.index(self.transport) + 1) % len(ORDER)]
        return how != "cut" and self._tried % len(ORDER) != 0

    def welcomed(self) -> bool:
        """The transport in use was welcomed. True: that is news, to be remembered."""
        is_news = self._known != self.transport
        self._known = self.transport
        self._failures = self._tried = 0
        self._fallback = None
        if self.transport == "websocket":
            self._again_ms = AGAIN_MS_MIN
        return is_news

    def try_websocket(self) -> None:
        """Once more; should it fail, the transport in use until now follows at once."""
        self._fallback = self.transport
        self.transport = "websocket"

    def _trial_failed(self, fallback: Transport) -> bool:
        self.transport = fallback
        self._fallback = None
        self._again_ms = min(2 * self._again_ms, AGAIN_MS_MAX)
        return True
