"""The whole conversations of tests/vectors/client, with this SDK as the client.

A ``client`` step is what a program wants; the SDK must say exactly that frame (its own name and numbers of
watches aside). What it says besides, such as the ping that goes before a rewind, the player answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tap_client import frames
from tap_client.effects import Effect, Hear, Move, Reset, Send
from tap_client.frames import Event, Frame
from tap_client.link import End
from tap_client.places import split
from tap_client.session import Session, State
from tap_client.store import Waiting

VECTORS = Path(__file__).parents[2] / "vectors" / "client"
NOT_OURS = {
    "do-malformed": "says what the SDK has no way to say",
    "hello-first": "speaks before it has greeted",
    "hello-timeout": "never greets",
    "reset-bad-cursor": "resumes from what is no cursor",
}
NAMES = sorted(path.stem.removeprefix("transcript-") for path in VECTORS.glob("transcript-*.json"))


class Player:
    """Plays the node against one session; notes what its application heard and kept."""

    def __init__(self) -> None:
        self.session = Session("", None, (), lambda: 0.5)
        self.heard: list[Event] = []
        self.kept: str | None = None
        self.now = 0
        self._started = False
        self._ids: dict[int, int] = {}

    def play(self, step: dict[str, Any]) -> None:
        match step:
            case {"client": frame}:
                self._client(frame)
            case {"node": frame}:
                self._node(frame)
            case {"closed": code}:
                self.session.lost(End(code, ""), self.now)
            case {"break": _}:
                self.session.lost(End(1006, ""), self.now)
            case {"seconds": seconds}:
                self.now += round(seconds * 1000)

    def _client(self, wanted: Frame) -> None:
        said = self._perform(self._want(wanted))
        if wanted["t"] != "ping":
            # Whatever it asks besides is answered at once.
            for ping in [frame for frame in said if frame["t"] == "ping"]:
                said.remove(ping)
                self._perform(self.session.received({"t": "pong", "server_time": 0}, self.now))
        (frame,) = said
        if wanted["t"] == "watch":
            self._ids[wanted["id"]] = frame.pop("id")
        without = ("client", "id") if wanted["t"] in ("hello", "watch") else ()
        assert frame == {name: value for name, value in wanted.items() if name not in without}

    def _want(self, wanted: Frame) -> list[Effect]:
        session = self.session
        match wanted["t"]:
            case "hello":
                return self._hello(wanted)
            case "watch":
                return session.watch(wanted["channels"], wanted.get("since"))
            case "unwatch":
                return session.unwatch(wanted["channels"])
            case "do":
                return session.do(Waiting(wanted["key"], wanted["command"], self.now), self.now)
            case "ping":
                due = session.wake_at()
                # In the background nothing is asked by itself.
                return [Send({"t": "ping"})] if due is None else session.woken(due)
            case "token":
                return session.take(wanted["token"])
            case "background":
                return session.background()
            case "foreground":
                return session.foreground(self.now)
            case "rewind":
                lost = [one for one in self.heard if one.position > split(wanted["cursor"])[1]]
                return session.rewind(wanted["cursor"], lost)
            case "typing":
                session.typed(wanted["channel"])
                return session.typing(wanted["channel"], self.now)
        raise AssertionError(f"no way to say {wanted}")

    def _hello(self, wanted: Frame) -> list[Effect]:
        # Without the cursor it would have: another run of a program that keeps none.
        if not self._started or ("cursor" not in wanted and self.session.cursor):
            token, cursor = wanted.get("token"), wanted.get("cursor")
            self.session = Session(token, cursor, (), lambda: 0.5)
            self.session.watch(wanted.get("channels", ()), None)
            self._started = True
        return self.session.opened()

    def _node(self, frame: Frame) -> None:
        if frame["t"] == "watching" and frame["id"] in self._ids:
            frame = frame | {"id": self._ids[frame["id"]]}
        self._perform(self.session.received(frame, self.now))

    def _perform(self, effects: list[Effect]) -> list[Frame]:
        for effect in effects:
            match effect:
                case Hear(event, cursor):
                    self.heard.append(event)
                    self.kept = cursor or self.kept
                case Move(cursor) | Reset(_, cursor):
                    self.kept = cursor
        said = [dict(effect.frame) for effect in effects if isinstance(effect, Send)]
        for frame in said:
            frame.pop("client", None)
        return said


def cursor_after(steps: list[dict[str, Any]]) -> str | None:
    """The rule of section 6.1, on its own."""
    cursor: str | None = None
    for frame in (step["node"] for step in steps if "node" in step):
        match frame["t"]:
            case "welcome" if frame["resume"] in ("fresh", "reset"):
                cursor = frame["cursor"]
            case "reset" | "mark":
                cursor = frame["cursor"]
            case "event" if cursor and frame["position"] > split(cursor)[1]:
                cursor = f"{split(cursor)[0]}.{frame['position']}"
    return cursor


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_OURS])
def test_transcript(name: str) -> None:
    steps = json.loads((VECTORS / f"transcript-{name}.json").read_text("utf-8"))["steps"]
    player = Player()
    for step in steps:
        player.play(step)
    events = [step["node"] for step in steps if step.get("node", {}).get("t") == "event"]
    assert player.heard == [frames.event(frame) for frame in events]
    resumed = any(step.get("client", {}).get("cursor") for step in steps[:3])
    if not resumed:
        assert player.kept == cursor_after(steps)
    if any("closed" in step for step in steps):
        assert player.session.state in (State.DOWN, State.ENDED)


def test_what_is_left_out_is_there() -> None:
    assert set(NOT_OURS) < set(NAMES)
