"""The client's side of the live protocol without sockets, clocks or chance: frames in, effects out.

    DOWN --opened--> GREETING --welcome--> CATCHING_UP --mark--> LIVE        (any) --lost--> DOWN
                                   \\--welcome fresh or reset--> LIVE         (any) --fatal--> ENDED

House rules:

1. ``last`` is the highest position handed out; its cursor is what a reconnect resumes from.
2. A channel watched with ``since`` has a place of its own in ``heard`` until the node says
   ``watching``, because its older events arrive after newer ones of other channels. An event is new
   when it is beyond the place of every channel of ours it is on; so each is handed out once, however
   replays and live traffic overlap.
3. A command stays in the outbox until its ``done``; after a reconnect it is sent again with its key.
4. Effects are performed in the order they are returned.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from tap_client import frames
from tap_client.backoff import delay_seconds
from tap_client.effects import (
    Effect,
    Fail,
    Hear,
    Live,
    Move,
    Reset,
    Retry,
    Send,
    Show,
    Warn,
)
from tap_client.errors import ProtocolError, TapError, Unauthenticated, refused
from tap_client.frames import Event, Frame
from tap_client.outbox import COMMANDS_IN_FLIGHT, Outbox
from tap_client.store import Waiting

CLOSE_UNAUTHENTICATED = 4401
CLOSE_FATAL = frozenset({4403, 4406})
CLOSE_BLAMES_A_FRAME = frozenset({1009, 4400, 4413})


class State(Enum):
    DOWN = "down"
    GREETING = "greeting"
    CATCHING_UP = "catching up"
    LIVE = "live"
    ENDED = "ended"


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
        self._outbox = Outbox(outbox, in_flight_max, chance)
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
        effects: list[Effect] = []
        if code in CLOSE_BLAMES_A_FRAME:
            effects = self._outbox.blamed("bad_frame" if code == 4400 else "too_large", reason)
        self.state = State.DOWN
        self._outbox.lost()
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

    # -- frames -----------------------------------------------------------------------------------------

    def received(self, frame: Frame, now: int) -> list[Effect]:
        """What follows from a frame at ``now`` (UTC ms). Raises ProtocolError; unknown ones pass."""
        match frame["t"]:
            case "event":
                return self._event(frames.event(frame))
            case "value":
                return [Show(frames.value(frame))]
            case "done":
                return self._outbox.done(text(frame, "key"), frame, now)
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
        return [*effects, *self._outbox.expired(now), *self._outbox.flush(now)]

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

    # -- commands -----------------------------------------------------------------------------------------

    def do(self, waiting: Waiting, now: int) -> list[Effect]:
        """A command, already kept in the store."""
        self._outbox.put(waiting)
        return self.woken(now)

    def woken(self, now: int) -> list[Effect]:
        """The time ``wake_at`` named has come."""
        return self._outbox.flush(now) if self._is_welcome else []

    def wake_at(self) -> int | None:
        """When ``woken`` should be called next, UTC milliseconds."""
        return self._outbox.wake_at() if self._is_welcome else None


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
