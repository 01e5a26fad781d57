"""What a session asks its surroundings to do; performed in the order given."""

from typing import NamedTuple

from tap_client.errors import TapError
from tap_client.frames import Done, Event, Frame, Value


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


class Typing(NamedTuple):
    """Who is typing in a channel now, without this person."""

    channel: str
    people: tuple[str, ...]


class Retry(NamedTuple):
    """Connect again after so long; None: when the program is in the foreground again."""

    seconds: float | None


class Cut(NamedTuple):
    """End this connection: it is dead, or only a new one can say what was missed."""

    reason: str


class Renew(NamedTuple):
    """Ask for a new token, and hand it to ``Session.take``."""


class Remember(NamedTuple):
    """This transport works on the network in use."""

    transport: str
    at: int


class Warn(NamedTuple):
    """Worth a line in the log."""

    message: str


class Fail(NamedTuple):
    """Connecting again cannot help."""

    error: TapError


Effect = (
    Send
    | Hear
    | Show
    | Typing
    | Move
    | Reset
    | Settle
    | Live
    | Retry
    | Cut
    | Renew
    | Remember
    | Warn
    | Fail
)
