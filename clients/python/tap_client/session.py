"""The client's side of the live protocol without sockets, clocks or chance: frames in, effects out.

    DOWN --opened--> GREETING --welcome--> CATCHING_UP --mark--> LIVE        (any) --lost--> DOWN
                                   \\--welcome fresh or reset--> LIVE         (any) --fatal--> ENDED

House rules:

1. ``places`` knows what was handed out, ``outbox`` what was not answered, ``choice`` by what to connect,
   ``credentials`` with which token, ``silence`` when to ask whether the node is there, ``gap`` what an
   event that could not be handled makes of the frames after it. This file only lets them talk.
2. A command stays in the outbox until its ``done``; after a reconnect it is sent again with its key.
3. A refused token is never shown again.
4. Effects are performed in the order they are returned.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from tap_client import frames
from tap_client.backoff import STEADY_MS, advised_seconds
from tap_client.choice import Choice, Failure, Remembered
from tap_client.credentials import Credentials
from tap_client.effects import (
    Cut,
    Effect,
    Fail,
    Hear,
    Live,
    Move,
    Remember,
    Renew,
    Reset,
    Retry,
    Send,
    Show,
    Typing,
    Warn,
)
from tap_client.errors import ProtocolError, TapError, Unauthenticated, refused
from tap_client.frames import Event, Frame
from tap_client.gap import Gap
from tap_client.link import End
from tap_client.outbox import COMMANDS_IN_FLIGHT, FAULTS_MAX, Outbox
from tap_client.places import TOO_OLD, Places
from tap_client.silence import PONG_MS_MAX, PROBE_MS_MAX, Silence
from tap_client.store import Waiting

CLOSE_UNAUTHENTICATED = 4401
CLOSE_FATAL = frozenset({4403, 4406})
CLOSE_BLAMES_A_FRAME = {1009: "too_large", 4400: "bad_frame", 4413: "too_large"}
CLOSE_NODE_AT_FAULT = 1011
CLOSE_OF_THE_NODE_MIN = 4000
"""Codes of our own protocol are answers of the node: the transport works."""
TYPING_MS = 3_000
"""The node forgets a word after six seconds."""


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
        token: str | None,
        cursor: str | None,
        outbox: Iterable[Waiting],
        chance: Callable[[], float],
        *,
        client: str = "tap-client",
        in_flight_max: int = COMMANDS_IN_FLIGHT,
        is_renewable: bool = False,
    ) -> None:
        self.state = State.DOWN
        self.person = ""
        self.presence: dict[str, str] = {}
        self.credentials = Credentials(token, is_renewable)
        self.choice = Choice()
        self._client = client
        self._chance = chance
        self._places = Places(cursor)
        self._outbox = Outbox(outbox, in_flight_max, chance)
        self._silence = Silence()
        self._gap = Gap()
        self._typed: dict[str, int] = {}
        self._in_background = False
        self._attempt = 0
        self._retry_ms = 0
        self._said_bye = False
        self._welcomed_at: int | None = None
        self._websocket_at: int | None = None

    @property
    def cursor(self) -> str | None:
        return self._places.cursor

    @property
    def channels(self) -> frozenset[str]:
        return self._places.channels

    @property
    def unsettled(self) -> int:
        return len(self._outbox)

    # -- connections ----------------------------------------------------------------------------------

    def opened(self) -> list[Effect]:
        """A connection stands: say hello."""
        self.state = State.GREETING
        self._retry_ms = 0
        hello: Frame = {"t": "hello", "client": self._client}
        self.credentials.shown()
        if self.credentials.token is not None:
            hello["token"] = self.credentials.token
        return [Send(hello | self._places.hello())]

    def lost(self, end: End, now: int) -> list[Effect]:
        """The connection is gone or could not be made."""
        if self.state is State.ENDED:
            return []
        effects = self._blamed(end)
        if self._welcomed_at is not None and now - self._welcomed_at >= STEADY_MS:
            self._attempt = 0
        is_nodes_word = self._said_bye or (end.code or 0) >= CLOSE_OF_THE_NODE_MIN
        is_transports_fault = self._welcomed_at is None and not is_nodes_word
        self._retry_ms = max(self._retry_ms, end.retry_ms)
        self._let_go()
        if end.code == CLOSE_UNAUTHENTICATED:
            self.credentials.refuse()
            if not self.credentials.is_renewable:
                error = Unauthenticated("unauthenticated", end.reason, status=401)
                return [*effects, *self.fail(error)]
        if end.code in CLOSE_FATAL:
            error_ = ProtocolError(f"the node closed with {end.code}: {end.reason}")
            return [*effects, *self.fail(error_)]
        if is_transports_fault and self.choice.failed(_failure(end)):
            return [*effects, Retry(0)]
        return [*effects, self._later()]

    def fail(self, error: TapError) -> list[Effect]:
        self.state = State.ENDED
        return [Fail(error)]

    def token_failed(self) -> list[Effect]:
        """The provider could not be reached before a connection."""
        return [self._later()]

    def _blamed(self, end: End) -> list[Effect]:
        if blame := CLOSE_BLAMES_A_FRAME.get(end.code or 0):
            return self._outbox.blamed(blame, end.reason)
        if end.code == CLOSE_NODE_AT_FAULT:
            return self._outbox.blamed("internal", end.reason, FAULTS_MAX)
        return []

    def _let_go(self) -> None:
        self.state = State.DOWN
        self._welcomed_at = self._websocket_at = None
        self._said_bye = False
        self._silence.stop()
        self._gap.close()
        self._typed.clear()
        self.presence.clear()
        self._outbox.lost()

    def _later(self) -> Retry:
        if self._in_background:
            return Retry(None)
        seconds = advised_seconds(self._attempt, self._retry_ms, self._chance)
        self._attempt += 1
        self._retry_ms = 0
        return Retry(seconds)

    # -- what the program notices ------------------------------------------------------------------------

    def network_changed(self, known: Remembered | None, now: int) -> list[Effect]:
        """Another network, or the machine woke: while down connect at once (the caller ends the wait),
        else find out soon whether we are still connected."""
        self._attempt = 0
        if self.state is State.DOWN:
            self.choice = Choice(known, now)
        return self._ask(now, PROBE_MS_MAX) if self._is_welcome else []

    def background(self) -> list[Effect]:
        """Nobody looks: the node keeps only our place, and a lost connection stays lost."""
        self._in_background = True
        self._silence.stop()
        return [Send({"t": "background"})] if self._is_welcome else []

    def foreground(self, now: int) -> list[Effect]:
        self._in_background = False
        self._attempt = 0
        if not self._is_welcome:
            return []
        self._silence.listen(now)
        return [Send({"t": "foreground"}), *self._ask(now, PROBE_MS_MAX)]

    def stop_reading(self) -> None:
        """The application has too much to do; until ``read_on`` silence means nothing."""
        self._silence.stop()

    def read_on(self, now: int) -> None:
        if self._is_welcome and not self._in_background:
            self._silence.listen(now)

    def typing(self, channel: str, now: int) -> list[Effect]:
        """The person types there; said again every three seconds at most."""
        said = self._typed.get(channel)
        if self.state is not State.LIVE or (said is not None and now - said < TYPING_MS):
            return []
        self._typed[channel] = now
        return [Send({"t": "typing", "channel": channel})]

    def typed(self, channel: str) -> None:
        """What was typed there is sent or thrown away: the next key counts at once."""
        self._typed.pop(channel, None)

    def take(self, token: str) -> list[Effect]:
        """The provider's token. Raises Unauthenticated if the node refused that one before."""
        self.credentials.take(token)
        return [Send({"t": "token", "token": token})] if self._is_welcome else []

    def rewind(self, cursor: str, unheard: list[Event]) -> list[Effect]:
        """The application could not handle these events, or lost (none named) what followed its cursor:
        give it again from there on."""
        self._places.go_back(cursor, unheard)
        if not self._is_welcome:
            return []
        if unheard:
            self._gap.failed(unheard[0].position)
        else:
            self._gap.asked()
        if self._places.is_replaying:
            return [Cut("a replay has to begin again")]
        return [Send({"t": "ping"}), Send({"t": "rewind", "cursor": cursor})]

    # -- frames -----------------------------------------------------------------------------------------

    def received(self, frame: Frame, now: int) -> list[Effect]:
        """What follows from a frame at ``now`` (UTC ms). Raises ProtocolError; unknown ones pass."""
        self._silence.heard(now)
        match self._gap.judge(frame):
            case "pass_over":
                return []
            case "unclear":
                return [Cut("a gap that could not be closed")]
        match frame["t"]:
            case "event":
                return self._event(frames.event(frame))
            case "value":
                return self._value(frame)
            case "done":
                return self._outbox.done(text(frame, "key"), frame, now)
            case "mark":
                return self._mark(text(frame, "cursor"))
            case "welcome":
                return self._welcome(frame, now)
            case "reset":
                cursor = text(frame, "cursor")
                self._places.reset(cursor)
                return [Reset(str(frame.get("reason", "")), cursor)]
            case "watching":
                return self._watching(frame.get("id"), frame.get("refused") or [])
            case "typing":
                people = (str(one) for one in frame.get("people", ()))
                others = tuple(one for one in people if one != self.person)
                return [Typing(text(frame, "channel"), others)]
        return self._about_the_connection(frame)

    def heard_something(self, now: int) -> None:
        """A sign of life that is no frame."""
        self._silence.heard(now)

    def _about_the_connection(self, frame: Frame) -> list[Effect]:
        match frame["t"]:
            case "bye":
                self._said_bye = True
                retry_ms = frame.get("retry_ms")
                self._retry_ms = retry_ms if isinstance(retry_ms, int) else 0
            case "expiring":
                return [Renew()] if self.credentials.is_renewable else []
            case "renewed":
                self.credentials.renewed(frame)
            case "error":
                return [Warn(f"the node could not use a frame: {refused(frame.get('error'))}")]
        return []

    def _event(self, event: Event) -> list[Effect]:
        if not self._places.is_new(event):
            return []
        return [Hear(event, self.cursor if self._places.passed(event) else None)]

    def _value(self, frame: Frame) -> list[Effect]:
        value = frames.value(frame)
        if value.of == "presence" and isinstance(value.value, dict):
            self.presence[value.id] = str(value.value.get("state"))
        return [Show(value)]

    def _mark(self, cursor: str) -> list[Effect]:
        moved: list[Effect] = [Move(cursor)] if self._places.mark(cursor) else []
        return [*moved, *self._now_live()]

    def _now_live(self) -> list[Effect]:
        if self.state is not State.CATCHING_UP:
            return []
        self.state = State.LIVE
        return [Live()]

    def _welcome(self, frame: Frame, now: int) -> list[Effect]:
        self.person = str(frame.get("person", ""))
        self.state = State.CATCHING_UP
        self._welcomed_at = now
        self._silence.listen(now)
        self.credentials.welcomed(frame, now)
        effects = self._chosen(now)
        cursor, resume = text(frame, "cursor"), frame.get("resume")
        again = self._places.welcomed(frame)
        if resume not in ("complete", "paged"):
            reason = str(frame.get("reason") or "")
            effects.append(Reset(reason, cursor) if resume == "reset" else Move(cursor))
            effects += self._now_live()
        effects += map(Send, again)
        if self._in_background:
            effects += self.background()
        return [*effects, *self._outbox.expired(now), *self._outbox.flush(now)]

    def _chosen(self, now: int) -> list[Effect]:
        """The transport in use works."""
        is_news = self.choice.welcomed()
        again_ms = self.choice.again_ms
        self._websocket_at = None if again_ms is None else now + again_ms
        return [Remember(self.choice.transport, now)] if is_news else []

    # -- channels -----------------------------------------------------------------------------------------

    def watch(self, channels: Iterable[str], since: str | None) -> list[Effect]:
        """Hear these channels too; with ``since`` their events after that cursor first (again)."""
        frame = self._places.watch(channels, since)
        return [Send(frame)] if self._is_welcome else []

    def unwatch(self, channels: Iterable[str]) -> list[Effect]:
        frame = self._places.unwatch(channels)
        for channel in frame["channels"]:
            self.presence.pop(channel[2:], None)
        return [Send(frame)] if self._is_welcome else []

    def _watching(self, number: object, refusals: list[dict[str, Any]]) -> list[Effect]:
        too_old = [str(r.get("channel")) for r in refusals if r.get("code") in TOO_OLD]
        forbidden = [str(r.get("channel")) for r in refusals if r.get("code") not in TOO_OLD]
        effects: list[Effect] = []
        if forbidden:
            effects.append(Warn(f"may not watch {', '.join(forbidden)}"))
        if too_old:
            names = ", ".join(too_old)
            effects.append(Warn(f"too much was missed on {names}: hearing what is new"))
        return [*effects, *map(Send, self._places.watching(number, refusals))]

    @property
    def _is_welcome(self) -> bool:
        return self.state in (State.CATCHING_UP, State.LIVE)

    # -- commands and time --------------------------------------------------------------------------------

    def do(self, waiting: Waiting, now: int) -> list[Effect]:
        """A command, already kept in the store."""
        self._outbox.put(waiting)
        return self._outbox.flush(now) if self._is_welcome else []

    def woken(self, now: int) -> list[Effect]:
        """The time ``wake_at`` named has come."""
        if not self._is_welcome:
            return []
        effects = self._outbox.flush(now)
        match self._silence.woken(now):
            case "ask":
                effects += self._ask(now, PONG_MS_MAX)
            case "dead":
                return [*effects, Cut("no answer")]
        if self._websocket_at is not None and now >= self._websocket_at:
            effects += self._try_websocket(now)
        return effects

    def wake_at(self) -> int | None:
        """When ``woken`` should be called next, UTC milliseconds."""
        if not self._is_welcome:
            return None
        times = (self._outbox.wake_at(), self._silence.wake_at(), self._websocket_at)
        return min((time for time in times if time is not None), default=None)

    def _ask(self, now: int, patience_ms: int) -> list[Effect]:
        self._silence.ask(now, patience_ms)
        return [Send({"t": "ping"})]

    def _try_websocket(self, now: int) -> list[Effect]:
        if self.state is not State.LIVE or self._in_background:
            self._websocket_at = now + (self.choice.again_ms or 0)
            return []
        self._websocket_at = None
        self.choice.try_websocket()
        return [Cut("to try a websocket again")]


def _failure(end: End) -> Failure:
    return "absent" if end.is_absent else "late" if end.is_late else "cut"


def text(frame: dict[str, Any], field: str) -> str:
    """A field that must be text. Raises ProtocolError."""
    value = frame.get(field)
    if not isinstance(value, str):
        raise ProtocolError(f"a {frame['t']} frame lacks its {field}")
    return value
