"""The client's side of the live protocol without sockets, clocks or chance: frames in, effects out.

    DOWN --opened--> GREETING --welcome--> CATCHING_UP --mark--> LIVE        (any) --lost--> DOWN
                                   \\--welcome fresh or reset--> LIVE         (any) --fatal--> ENDED

House rules:

1. ``last`` is the highest position handed out; its cursor is what a reconnect resumes from.
2. A channel watched with ``since`` has a place of its own in ``heard`` until the node says
   ``watching``, because its older events arrive after newer ones of other channels. An event is new
   when it is beyond the place of every channel of ours it is on; so each is handed out once, however
   replays and live traffic overlap.
3. A command stays in ``outbox`` until its ``done``; after a reconnect it is sent again with its key.
4. Effects are performed in the order they are returned.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, NamedTuple

from tap_client import frames
from tap_client.backoff import delay_seconds
from tap_client.errors import ProtocolError, Refused, Stale, TapError, Unauthenticated, refused
from tap_client.frames import Done, Event, Frame, Value
from tap_client.store import Waiting

COMMANDS_IN_FLIGHT = 16
"""A node accepts bursts of 30; the rest waits here instead of being refused there."""
KEY_KEPT_MS = 6 * 24 * 3600 * 1000
"""Nodes remember command keys for seven days; one day less, for clocks and long links."""
CLOSE_UNAUTHENTICATED = 4401
CLOSE_FATAL = frozenset({4403, 4406})
CLOSE_BLAMES_A_FRAME = frozenset({1009, 4400, 4413})


class State(Enum):
    DOWN = "down"
    GREETING = "greeting"
    CATCHING_UP = "catching up"
    LIVE = "live"
    ENDED = "ended"


# -- effects --------------------------------------------------------------------------------------


class Send(NamedTuple):
    frame: Frame


class Hear(NamedTuple):
    """Give the event to the application. ``cursor``: what to keep afterwards, if it moved."""

    event: Event
    cursor: str | None


class Show(NamedTuple):
    value: Value


class Move(NamedTuple):
    """Everything up to here has been heard: keep the cursor."""

    cursor: str


class Reset(NamedTuple):
    """The node cannot say what was missed: fetch anew, then go on from ``cursor``."""

    reason: str
    cursor: str


class Settle(NamedTuple):
    """A command has its final outcome and leaves the outbox."""

    key: str
    outcome: Done | TapError


class Live(NamedTuple):
    """Caught up: what comes next is happening now."""


class Retry(NamedTuple):
    seconds: float


class Warn(NamedTuple):
    """Worth a line in the log."""

    message: str


class Fail(NamedTuple):
    """Connecting again cannot help."""

    error: TapError


Effect = Send | Hear | Show | Move | Reset | Settle | Live | Retry | Warn | Fail


class Pending:
    """One command in the outbox. ``retry_at``: UTC milliseconds before which it is not sent again."""

    __slots__ = ("attempts", "retry_at", "sent", "waiting")

    def __init__(self, waiting: Waiting) -> None:
        self.waiting = waiting
        self.sent = False
        self.attempts = 0
        self.retry_at = 0


class Session:
    """One client's conversation with its node, over any number of connections."""

    def __init__(
        self,
        token: str,
        cursor: str | None,
        outbox: Iterable[Waiting],
        chance: Callable[[], float],
        *,
        client: str = "tap-client",
        in_flight_max: int = COMMANDS_IN_FLIGHT,
    ) -> None:
        self.state = State.DOWN
        self.channels: frozenset[str] = frozenset()
        self.person = ""
        self._token = token
        self._client = client
        self._chance = chance
        self._epoch, self._last = split(cursor) if cursor else ("", -1)
        self._watched: dict[str, None] = {}
        self._heard: dict[str, int] = {}
        self._replays: dict[int, list[str]] = {}
        self._outbox = {waiting.key: Pending(waiting) for waiting in outbox}
        self._window_max = self._window = in_flight_max
        self._attempt = 0
        self._watch_id = 0
        self._retry_ms: int | None = None

    @property
    def cursor(self) -> str | None:
        return join(self._epoch, self._last) if self._epoch else None

    @property
    def unsettled(self) -> int:
        return len(self._outbox)

    # -- connections ----------------------------------------------------------------------------------

    def opened(self) -> list[Effect]:
        """A connection stands: say hello."""
        self.state = State.GREETING
        self._retry_ms = None
        hello: Frame = {"t": "hello", "token": self._token, "client": self._client}
        if self.cursor:
            hello["cursor"] = self.cursor
        if plain := [channel for channel in self._watched if channel not in self._heard]:
            hello["channels"] = plain
        return [Send(hello)]

    def lost(self, code: int | None, reason: str) -> list[Effect]:
        """The connection is gone, with the websocket's close code, or could not be made (None)."""
        if self.state is State.ENDED:
            return []
        effects = self._blame(code, reason) if code in CLOSE_BLAMES_A_FRAME else []
        self.state = State.DOWN
        for pending in self._outbox.values():
            pending.sent = False
        if code == CLOSE_UNAUTHENTICATED:
            return [*effects, *self.fail(Unauthenticated("unauthenticated", reason, status=401))]
        if code in CLOSE_FATAL:
            return [*effects, *self.fail(ProtocolError(f"the node closed with {code}: {reason}"))]
        return [*effects, Retry(self._delay())]

    def fail(self, error: TapError) -> list[Effect]:
        self.state = State.ENDED
        return [Fail(error)]

    def _delay(self) -> float:
        delay = delay_seconds(self._attempt, self._chance)
        self._attempt += 1
        if self._retry_ms is None:
            return delay
        return self._retry_ms / 1000 + self._chance()

    def _blame(self, code: int | None, reason: str) -> list[Effect]:
        """A frame of ours was at fault. One in flight: that one. Several: find out one by one."""
        flying = [pending for pending in self._outbox.values() if pending.sent]
        if len(flying) > 1:
            self._window = 1
            return []
        kind = "bad_frame" if code == 4400 else "too_large"
        return [self._settle(pending.waiting.key, Refused(kind, reason)) for pending in flying]

    # -- frames -----------------------------------------------------------------------------------------

    def received(self, frame: Frame, now: int) -> list[Effect]:
        """What follows from a frame at ``now`` (UTC ms). Raises ProtocolError; unknown ones pass."""
        match frame["t"]:
            case "event":
                return self._event(frames.event(frame))
            case "value":
                return [Show(frames.value(frame))]
            case "done":
                return self._done(frame, now)
            case "mark":
                return self._mark(text(frame, "cursor"))
            case "welcome":
                return self._welcome(frame, now)
            case "reset":
                return self._reset(str(frame.get("reason", "")), text(frame, "cursor"))
            case "bye":
                retry_ms = frame.get("retry_ms")
                self._retry_ms = retry_ms if isinstance(retry_ms, int) else None
            case "watching":
                return self._watching(frame.get("id"), frame.get("refused") or [])
            case "error":
                return [Warn(f"the node could not use a frame: {refused(frame.get('error'))}")]
        return []

    def _event(self, event: Event) -> list[Effect]:
        if not self._is_new(event):
            return []
        for channel in event.channels:
            if channel in self._heard:
                self._heard[channel] = max(self._heard[channel], event.position)
        moved = event.position > self._last
        self._last = max(self._last, event.position)
        return [Hear(event, self.cursor if moved else None)]

    def _is_new(self, event: Event) -> bool:
        if event.position > self._last:
            return True
        heard, ours = self._heard, self.channels
        places = [heard.get(name, self._last) for name in event.channels if name in ours]
        return bool(places) and event.position > max(places)

    def _mark(self, cursor: str) -> list[Effect]:
        effects: list[Effect] = []
        position = split(cursor)[1]
        if position > self._last:
            self._last = position
            effects.append(Move(cursor))
        return [*effects, *self._now_live()]

    def _now_live(self) -> list[Effect]:
        if self.state is not State.CATCHING_UP:
            return []
        self.state = State.LIVE
        self._attempt = 0
        return [Live()]

    def _welcome(self, frame: Frame, now: int) -> list[Effect]:
        self.person = str(frame.get("person", ""))
        self.channels = frozenset(map(str, frame.get("channels", ()))) | self._watched.keys()
        self.state = State.CATCHING_UP
        resume, cursor = frame.get("resume"), text(frame, "cursor")
        effects: list[Effect] = []
        if resume not in ("complete", "paged"):
            effects += self._restart(resume == "reset", str(frame.get("reason") or ""), cursor)
        self._replays.clear()
        for channel, heard in self._heard.items():
            effects.append(self._watch_frame([channel], join(self._epoch, heard)))
        return [*effects, *self._expired(now), *self._flush(now)]

    def _restart(self, missed: bool, reason: str, cursor: str) -> list[Effect]:
        """No replay follows: go on from the node's cursor; say so if something was missed."""
        self._epoch, self._last = split(cursor)
        self._heard = dict.fromkeys(self._heard, self._last)
        first = Reset(reason, cursor) if missed else Move(cursor)
        return [first, *self._now_live()]

    def _reset(self, reason: str, cursor: str) -> list[Effect]:
        self._epoch, self._last = split(cursor)
        self._heard = dict.fromkeys(self._heard, self._last)
        return [Reset(reason, cursor)]

    # -- channels -----------------------------------------------------------------------------------------

    def watch(self, channels: Iterable[str], since: str | None) -> list[Effect]:
        """Hear these channels too; with ``since`` their events after that cursor first (again)."""
        names = list(channels)
        self._watched |= dict.fromkeys(names)
        self.channels |= set(names)
        if since is not None:
            self._heard |= dict.fromkeys(names, split(since)[1])
        return [self._watch_frame(names, since)] if self._is_welcome else []

    def unwatch(self, channels: Iterable[str]) -> list[Effect]:
        names = list(channels)
        self._forget(names)
        return [Send({"t": "unwatch", "channels": names})] if self._is_welcome else []

    def _watching(self, number: object, refusals: list[dict[str, Any]]) -> list[Effect]:
        """A replay is through: from here on its channels are like all others (section 6.3).

        What we may not hear is not asked for again; what is too old is heard from now on."""
        for channel in self._replays.pop(number, []) if isinstance(number, int) else []:
            self._heard.pop(channel, None)
        too_old = [str(r.get("channel")) for r in refusals if r.get("code") == "gone"]
        forbidden = [str(r.get("channel")) for r in refusals if r.get("code") != "gone"]
        self._forget(forbidden)
        effects: list[Effect] = []
        if forbidden:
            effects.append(Warn(f"may not watch {', '.join(forbidden)}"))
        if too_old:
            effects.append(
                Warn(f"too much was missed on {', '.join(too_old)}: hearing what is new")
            )
            effects.append(self._watch_frame(too_old, None))
        return effects

    def _forget(self, channels: list[str]) -> None:
        for channel in channels:
            self._watched.pop(channel, None)
            self._heard.pop(channel, None)
        self.channels -= set(channels)

    @property
    def _is_welcome(self) -> bool:
        return self.state in (State.CATCHING_UP, State.LIVE)

    def _watch_frame(self, channels: list[str], since: str | None) -> Send:
        self._watch_id += 1
        frame: Frame = {"t": "watch", "id": self._watch_id, "channels": channels}
        if since is None:
            return Send(frame)
        self._replays[self._watch_id] = channels
        return Send(frame | {"since": since})

    # -- commands -------------------------------------------------------------------------------------------

    def do(self, waiting: Waiting, now: int) -> list[Effect]:
        """A command, already kept in the store."""
        self._outbox.setdefault(waiting.key, Pending(waiting))
        return self._flush(now)

    def woken(self, now: int) -> list[Effect]:
        """The time ``wake_at`` named has come."""
        return self._flush(now)

    def wake_at(self) -> int | None:
        """When ``woken`` should be called next, UTC milliseconds."""
        if not self._is_welcome:
            return None
        times = [pending.retry_at for pending in self._outbox.values() if pending.retry_at]
        return min(times, default=None)

    def _flush(self, now: int) -> list[Effect]:
        """Send what may be sent, oldest first, at most the window at once."""
        if not self._is_welcome:
            return []
        room = self._window - sum(pending.sent for pending in self._outbox.values())
        effects: list[Effect] = []
        for pending in self._outbox.values():
            if len(effects) >= room:
                break
            if not pending.sent and pending.retry_at <= now:
                pending.sent, pending.retry_at = True, 0
                key, command, _ = pending.waiting
                effects.append(Send({"t": "do", "key": key, "command": command}))
        return effects

    def _done(self, frame: Frame, now: int) -> list[Effect]:
        pending = self._outbox.get(text(frame, "key"))
        if pending is None:
            return []
        key = pending.waiting.key
        if frame.get("ok"):
            self._window = self._window_max
            repeated = bool(frame.get("repeated", False))
            done = Done(dict(frame.get("answer") or {}), str(frame.get("cursor", "")), repeated)
            return [self._settle(key, done), *self._flush(now)]
        refusal = refused(frame.get("error"))
        if not refusal.retry:
            return [self._settle(key, refusal), *self._flush(now)]
        pending.sent = False
        pending.retry_at = now + round(delay_seconds(pending.attempts, self._chance) * 1000)
        pending.attempts += 1
        return []

    def _settle(self, key: str, outcome: Done | TapError) -> Settle:
        del self._outbox[key]
        return Settle(key, outcome)

    def _expired(self, now: int) -> list[Effect]:
        old = [key for key, p in self._outbox.items() if now - p.waiting.since > KEY_KEPT_MS]
        return [self._settle(key, Stale(f"command {key} waited too long")) for key in old]


# -- cursors -------------------------------------------------------------------------------------------------


def split(cursor: str) -> tuple[str, int]:
    """(epoch, position) of a cursor. Raises ProtocolError."""
    epoch, dot, position = cursor.partition(".")
    if not dot or not position.isdecimal():
        raise ProtocolError(f"{cursor!r} is no cursor")
    return epoch, int(position)


def join(epoch: str, position: int) -> str:
    return f"{epoch}.{position}"


def text(frame: dict[str, Any], field: str) -> str:
    """A field that must be text. Raises ProtocolError."""
    value = frame.get(field)
    if not isinstance(value, str):
        raise ProtocolError(f"a {frame['t']} frame lacks its {field}")
    return value
