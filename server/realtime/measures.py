"""What is measured of the live layer, read off its parts twice a second (docs/operations/metrics.md)."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from server.app import metrics
from server.realtime.hub import Hub
from server.realtime.presence import Presence, Typing
from server.realtime.values import Values

BUFFERS_MEASURED_MAX = 1_000
"""Twice a second: below a millisecond."""


class Waiting(Protocol):
    """A connection, as far as its buffer goes."""

    def waiting_bytes(self) -> int: ...


class Measures:
    """``seconds``: of a clock that never jumps. ``slow``: connections that do not take what waits."""

    def __init__(self, hub: Hub, seconds: Callable[[], float]) -> None:
        self.slow: dict[Waiting, None] = {}
        self._hub, self._seconds = hub, seconds
        self._published: deque[tuple[int, float]] = deque()
        """Commits on their way to clients: the last position of each, and since when."""

    def published(self, position: int) -> None:
        """A commit up to a position is known, and being handed out."""
        self._published.append((position, self._seconds()))

    def delivered(self) -> None:
        """A slice went out; commits that reached everybody are through."""
        while self._published and self._published[0][0] <= self._hub.delivered:
            _, since = self._published.popleft()
            metrics.LIVE_LAG_SECONDS.observe(self._seconds() - since)

    def measure(self, *told: Typing | Presence | None) -> None:
        hub = self._hub
        metrics.of(metrics.WEBSOCKET_FRAMES_SENT, "event").inc(hub.frames)
        metrics.WEBSOCKET_BYTES_SENT.inc(hub.bytes)
        hub.frames = hub.bytes = 0
        metrics.RING_BYTES.set(hub.ring.bytes)
        for size in hub.audiences:
            metrics.FAN_OUT_CONNECTIONS.observe(size)
        hub.audiences.clear()
        self._measure_losses(hub.values, *told)
        self._measure_buffers()

    def _measure_losses(self, *told: Values | Typing | Presence | None) -> None:
        for one in told:
            if one is not None:
                metrics.of(metrics.LIVE_CONFLATED, one.of).inc(one.conflated)
                one.conflated = 0
        hub = self._hub
        metrics.of(metrics.LIVE_DROPPED, Typing.of).inc(hub.dropped)
        metrics.of(metrics.LIVE_DROPPED, Values.of).inc(hub.values.dropped)
        hub.dropped = hub.values.dropped = 0

    def _measure_buffers(self) -> None:
        """Of many, the first ones stand for all: measuring must not cost what it measures."""
        some = list(islice(self.slow, BUFFERS_MEASURED_MAX))
        waiting = sum([connection.waiting_bytes() for connection in some])
        metrics.WEBSOCKET_BUFFERED_BYTES.set(waiting * len(self.slow) / max(1, len(some)))
