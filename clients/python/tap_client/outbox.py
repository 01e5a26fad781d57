"""The commands not yet answered: sent oldest first, a window at a time, again after a cut or a "later".

A command leaves by its final answer. One that cannot be brought through is settled as refused, and holds
up nobody: one the node closes the connection over, one it fails at again and again, one too old to be
sent again safely. What the node says of itself (busy, full, stopping) is no command's fault: then all
wait, in their order.
"""

from collections.abc import Callable, Iterable

from tap_client.backoff import delay_seconds
from tap_client.effects import Effect, Send, Settle
from tap_client.errors import Refused, Stale, TapError, refused
from tap_client.frames import Done, Frame
from tap_client.store import Waiting

COMMANDS_IN_FLIGHT = 16
"""A node accepts bursts of 30; the rest waits here instead of being refused there."""
OUTBOX_MAX = 1_000
"""A loop gone wild must not fill the disk, nor a day's backlog be a surprise to the node."""
FAULTS_MAX = 3
"""So often a node may fail at one command before that is told to its owner."""
NODE_WIDE = frozenset(
    {"rate_limited", "overloaded", "read_only", "disk_full", "stopping", "recovering"}
)
"""Refusals that speak of the node, not of the command."""
KEY_KEPT_MS = 6 * 24 * 3600 * 1000
"""Nodes remember command keys for seven days; one day less, for clocks and long links."""


class Pending:
    """``retry_at``: UTC milliseconds before which the command is not sent again; 0 for at once."""

    __slots__ = ("attempts", "faults", "retry_at", "sent", "waiting")

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self.sent = False
        self.attempts = 0
        self.faults = 0
        self.retry_at = 0


class Outbox:
    """``waiting``: what an earlier run left behind."""

    def __init__(
        self, waiting: Iterable[Waiting], in_flight_max: int, chance: Callable[[], float]
    ) -> None:
        self._pending = {one.key: Pending(one) for one in waiting}
        self._window_max = self._window = in_flight_max
        self._chance = chance
        self._paused_until = 0
        self._pauses = 0

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, waiting: Waiting) -> None:
        self._pending.setdefault(waiting.key, Pending(waiting))

    def flush(self, now: int) -> list[Effect]:
        """What may be sent now, oldest first."""
        if now < self._paused_until:
            return []
        self._paused_until = 0
        room = self._window - sum(pending.sent for pending in self._pending.values())
        effects: list[Effect] = []
        for pending in self._pending.values():
            if len(effects) >= room:
                break
            if not pending.sent and pending.retry_at <= now:
                pending.sent, pending.retry_at = True, 0
                key, command, _ = pending.waiting
                effects.append(Send({"t": "do", "key": key, "command": command}))
        return effects

    def wake_at(self) -> int | None:
        """When ``flush`` has something to send again, UTC milliseconds."""
        times = [pending.retry_at for pending in self._pending.values() if pending.retry_at]
        return self._paused_until or min(times, default=None)

    def done(self, key: str, frame: Frame, now: int) -> list[Effect]:
        """A node's answer to a command; one we do not know was settled before."""
        pending = self._pending.get(key)
        if pending is None:
            return []
        if frame.get("ok"):
            self._window, self._pauses = self._window_max, 0
            repeated = bool(frame.get("repeated", False))
            done = Done(dict(frame.get("answer") or {}), str(frame.get("cursor", "")), repeated)
            return [self._settle(key, done), *self.flush(now)]
        refusal = refused(frame.get("error"))
        pending.sent = False
        if not refusal.retry:
            return [self._settle(key, refusal), *self.flush(now)]
        if refusal.code in NODE_WIDE:
            self._paused_until = now + self._later(self._pauses)
            self._pauses += 1
            return []
        return self._fault(pending, refusal, now)

    def _fault(self, pending: Pending, refusal: Refused, now: int) -> list[Effect]:
        """The node failed at this command."""
        pending.faults += 1
        if pending.faults >= FAULTS_MAX:
            return [self._settle(pending.waiting.key, refusal), *self.flush(now)]
        pending.retry_at = now + self._later(pending.attempts)
        pending.attempts += 1
        return []

    def _later(self, attempt: int) -> int:
        return round(delay_seconds(attempt, self._chance) * 1000)

    def lost(self) -> None:
        """The connection is gone: nothing is on its way any more, and the next one is told at once."""
        self._paused_until = 0
        for pending in self._pending.values():
            pending.sent = False

    def blamed(self, code: str, reason: str, times: int = 1) -> list[Effect]:
        """A frame of ours was at fault. One in flight: that one. Several: find out one by one.

        ``times``: how often it must have been, where the fault may be the node's."""
        flying = [pending for pending in self._pending.values() if pending.sent]
        if len(flying) > 1:
            self._window = 1
            return []
        for pending in flying:
            pending.faults += 1
        guilty = [pending.waiting.key for pending in flying if pending.faults >= times]
        return [self._settle(key, Refused(code, reason)) for key in guilty]

    def expired(self, now: int) -> list[Effect]:
        """Commands that a node might have forgotten and would do twice."""
        old = [key for key, one in self._pending.items() if now - one.waiting.since > KEY_KEPT_MS]
        return [self._settle(key, Stale(f"command {key} waited too long")) for key in old]

    def _settle(self, key: str, outcome: Done | TapError) -> Settle:
        del self._pending[key]
        return Settle(key, outcome)
