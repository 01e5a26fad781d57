"""The states of a session and every move between them, as one literal table (section 2).

The picture of it is in docs/protocol/client.md; ``diagram`` draws it.

- OPENING         the handshake is done, ``hello`` must come within 10 s
- AUTHENTICATING  who is it, and what may they hear
- CATCHING_UP     a page after ``sent`` was asked for (or of a replay, up to ``sent``)
- BEHIND          the reader does not keep up: nothing is asked for until it has read
- PARKED          the device is in the background: the same until it is in the foreground again
- RELOADING       an event changed what the person may hear: asking again, held at its position
- LIVE            in the hub; everything up to the hub's position was sent or is owed by it
- DRAINING        the node stops; only answers to commands already taken are waited for
- CLOSED          nothing more is said

An input that is not in its state's row is late, and ignored. A move that is not in it is our mistake.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from server.realtime import effects as fx
from server.realtime.frames import (
    Background,
    Do,
    Foreground,
    Hello,
    Ping,
    Rewind,
    Token,
    Typing,
    Unwatch,
    Watch,
)


class State(StrEnum):
    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    CATCHING_UP = "catching_up"
    BEHIND = "behind"
    PARKED = "parked"
    RELOADING = "reloading"
    LIVE = "live"
    DRAINING = "draining"
    CLOSED = "closed"


class CloseCode:
    """Section 8."""

    GOING_AWAY = 1001
    BAD_FRAME = 4400
    UNAUTHENTICATED = 4401
    BAD_ORIGIN = 4403
    NO_SUBPROTOCOL = 4406
    HELLO_TIMEOUT = 4408
    TOO_MANY_CONNECTIONS = 4409
    TOO_LARGE = 4413
    RATE_LIMITED = 4429
    UNAVAILABLE = 4503


Kind = type[fx.Input]
Row = Mapping[Kind, tuple[State, ...]]
_O, _A, _C, _B, _P, _R, _L, _D, _X = State


def _joined(stay: State) -> dict[Kind, tuple[State, ...]]:
    """What every state after AUTHENTICATING and before an end takes alike."""
    return {
        Hello: (stay, _X),
        Watch: (stay, _X),
        Unwatch: (stay,),
        Do: (stay, _X),
        Ping: (stay,),
        Token: (stay, _X),
        Typing: (stay, _X),
        Rewind: (stay, _R, _X),
        Background: (_P, stay, _X),
        Foreground: (stay, _X),
        fx.Malformed: (stay, _X),
        fx.Authorized: (stay, _X),
        fx.Answered: (stay,),
        fx.ValuesMissed: (stay,),
        fx.Renewed: (stay, _X),
        fx.Tick: (stay, _X),
        fx.Expelled: (_X,),
        fx.Drain: (_D, _X),
        fx.Lost: (_X,),
    }


TABLE: Mapping[State, Row] = {
    _O: {
        Hello: (_A,),
        Watch: (_X,),
        Unwatch: (_X,),
        Do: (_X,),
        Token: (_X,),
        Typing: (_X,),
        Rewind: (_X,),
        Background: (_X,),
        Foreground: (_X,),
        Ping: (_O,),
        fx.Malformed: (_X,),
        fx.Tick: (_O, _X),
        fx.Drain: (_X,),
        fx.Lost: (_X,),
    },
    _A: {
        Hello: (_A, _X),
        Watch: (_A, _X),
        Unwatch: (_A, _X),
        Do: (_A, _X),
        Token: (_A, _X),
        Typing: (_A, _X),
        Rewind: (_A, _X),
        Background: (_A, _X),
        Foreground: (_A, _X),
        Ping: (_A,),
        fx.Malformed: (_A, _X),
        fx.SignedIn: (_A, _X),
        fx.Interests: (_C, _X),
        fx.Expelled: (_X,),
        fx.Drain: (_X,),
        fx.Lost: (_X,),
    },
    _C: _joined(_C) | {fx.Page: (_C, _R, _L), fx.PageFailed: (_C, _X), fx.Paused: (_B,)},
    _B: _joined(_B) | {fx.Resumed: (_C,)},
    _P: _joined(_P) | {Rewind: (_P, _X), Foreground: (_C, _R, _X)},
    _R: _joined(_R) | {fx.Interests: (_R, _C, _X)},
    _L: _joined(_L)
    | {
        Unwatch: (_L, _C),
        Rewind: (_C, _R, _X),
        fx.Authorized: (_L, _C, _X),
        fx.Turned: (_R,),
        fx.Flooded: (_C,),
        fx.Paused: (_B,),
    },
    _D: {Do: (_D,), Ping: (_D,), fx.Answered: (_D, _X), fx.Expelled: (_X,), fx.Lost: (_X,)},
    _X: {},
}
"""state -> input -> the states it may lead to."""


def diagram() -> str:
    """The moves from one state to another in Mermaid's words, each with the inputs that make it."""
    moves: dict[tuple[State, State], list[str]] = {}
    for state, row in TABLE.items():
        for kind, ends in row.items():
            for end in ends:
                if end is not state:
                    moves.setdefault((state, end), []).append(_words(kind.__name__))
    lines = [f"    {start} --> {end}{_label(end, names)}" for (start, end), names in moves.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {_O}", *lines, f"    {_X} --> [*]"])


def _label(end: State, names: list[str]) -> str:
    """Everything may close a connection; section 8.2 says what does."""
    return "" if end is _X else ": " + ", ".join(names)


def _words(name: str) -> str:
    """``PageFailed`` as ``page failed``."""
    return re.sub("(?<=.)(?=[A-Z])", " ", name).lower()
