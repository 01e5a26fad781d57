"""What a session is told and what it asks for: two closed sets of plain values.

Inputs are frames of the client, results of what was asked for, and what happened to the connection.
Effects are verbs; they are performed in the order they are returned, by ``connection.Connection``.
``Moment`` is everything a session may know of the world when it is told something.
"""

from typing import NamedTuple

from server.app.handle import Answer
from server.domain.commands import Command
from server.domain.errors import Refusal
from server.domain.facts import PersonFact
from server.realtime import presence
from server.realtime.frames import FromClient, ServerFrame
from server.realtime.ring import Ready


class Moment(NamedTuple):
    """``now``: milliseconds of a clock that never jumps, for limits; ``utc``: UTC milliseconds, for
    people. The rest are positions: ``hub``, of the hub; ``sent``, up to where the hub has written to
    this connection (means something only while live); ``flushed``, up to which touched values have been
    sent; ``narrowed``, of the newest event that took channels from people who did not hear it; ``log``,
    of the log, which the hub follows.

    A result is handed in only once the hub has reached the position the result is as of."""

    now: int
    utc: int
    hub: int
    sent: int
    flushed: int
    narrowed: int
    log: int = 0


# -- inputs -----------------------------------------------------------------------------------------------


class Malformed(NamedTuple):
    """A message that is no frame. ``fatal``: nothing after it can be trusted to be understood."""

    refusal: Refusal
    fatal: bool


class SignedIn(NamedTuple):
    """Who it is, or why not; ``connections``: how many others this person has open; ``expires_at``: UTC
    milliseconds, when what they signed in with ends."""

    who: PersonFact | Refusal
    connections: int
    expires_at: int


class Renewed(NamedTuple):
    """Whose a newer token is and when it ends, as in SignedIn."""

    token: str
    who: PersonFact | Refusal
    expires_at: int


class Interests(NamedTuple):
    """What the person may hear, as of ``position``: their own channels, and those of the ``asked`` ones
    that are allowed; or why nothing."""

    ticket: int
    position: int
    own: frozenset[str]
    asked: frozenset[str]
    allowed: frozenset[str]
    refusal: Refusal | None = None


class Authorized(NamedTuple):
    """Which of the channels of a ``watch`` are allowed, as of ``position``; the others with a code."""

    id: int
    since: int | None
    position: int
    allowed: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


class Page(NamedTuple):
    """What was caught up with: complete up to ``upto``. ``ready``: it came from the ring."""

    ticket: int
    entries: tuple[Ready, ...]
    upto: int
    ready: bool


class PageFailed(NamedTuple):
    ticket: int
    refusal: Refusal


class Answered(NamedTuple):
    """A command's outcome."""

    key: str
    outcome: Answer | Refusal


class Turned(NamedTuple):
    """An event at ``position`` may have changed what this person may hear; it was still delivered."""

    position: int


class Flooded(NamedTuple):
    """One batch had more for this connection than it may hold."""


class Paused(NamedTuple):
    """The reader does not keep up: the write buffer is above its high-water mark."""


class Resumed(NamedTuple):
    """The write buffer has drained."""


class ValuesMissed(NamedTuple):
    """Values that changed after ``since`` could not be handed over, as the connection had left."""

    since: int


class Tick(NamedTuple):
    """Time passed; comes at least at ``Session.deadline`` and every PING_SECONDS."""


class Expelled(NamedTuple):
    """The person signed out, was locked out, or (``reason`` moved) is at home elsewhere."""

    reason: str = "signed out"


class Drain(NamedTuple):
    """The node stops; come back after ``retry_ms``."""

    retry_ms: int


class Lost(NamedTuple):
    """The connection is gone, or its client said the end."""


Input = (
    FromClient
    | Malformed
    | SignedIn
    | Renewed
    | Interests
    | Authorized
    | Page
    | PageFailed
    | Answered
    | Turned
    | Flooded
    | Paused
    | Resumed
    | ValuesMissed
    | Tick
    | Expelled
    | Drain
    | Lost
)

# -- effects ----------------------------------------------------------------------------------------------


class SendFrame(NamedTuple):
    frame: ServerFrame


class SendEvents(NamedTuple):
    """Ready frames, joined into one write. ``replayed``: they lie before the place of the connection
    (section 6.3), and do not move it."""

    entries: tuple[Ready, ...]
    replayed: bool = False


class SendValues(NamedTuple):
    """Values that changed on the channels after a position (``since``), as far as they are not sent to
    everybody live anyway. ``resumed``: the position is a client's cursor, not our own account."""

    channels: tuple[str, ...]
    since: int
    resumed: bool


class Authenticate(NamedTuple):
    """Answered by SignedIn. ``token`` None: what came with the handshake."""

    token: str | None


class Renew(NamedTuple):
    """Answered by Renewed."""

    token: str


class JudgeBy(NamedTuple):
    """From now on the connection lives and dies with this secret."""

    secret: str


class LoadInterests(NamedTuple):
    """Answered by Interests with the same ticket."""

    ticket: int
    person: str
    asked: frozenset[str]


class Authorize(NamedTuple):
    """Answered by Authorized."""

    id: int
    since: int | None
    person: str
    channels: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()


class CatchUp(NamedTuple):
    """Answered by Page or PageFailed with the same ticket, or by Paused while the reader does not keep
    up. ``upto`` None: as far as the hub is."""

    ticket: int
    channels: tuple[str, ...]
    after: int
    upto: int | None


class Join(NamedTuple):
    """Become live in the hub on these channels (more of them, when live already)."""

    channels: tuple[str, ...]


class Drop(NamedTuple):
    """Stay live, without these channels."""

    channels: tuple[str, ...]


class Leave(NamedTuple):
    """Stop being live."""

    channels: tuple[str, ...]


class Submit(NamedTuple):
    """Answered by Answered."""

    person: str
    key: str
    command: Command


class Appear(NamedTuple):
    """To whoever watches the person, this connection shows them so."""

    state: presence.State


class SendPresence(NamedTuple):
    """The present state of these people."""

    people: tuple[str, ...]


class SayTyping(NamedTuple):
    """To whoever hears the channel: the person types there."""

    channel: str


class Close(NamedTuple):
    """Our half of the end, with a code of section 8: a close frame, or the end of the stream."""

    code: int
    reason: str


Effect = (
    SendFrame
    | SendEvents
    | SendValues
    | Authenticate
    | Renew
    | JudgeBy
    | LoadInterests
    | Authorize
    | CatchUp
    | Join
    | Drop
    | Leave
    | Submit
    | Appear
    | SendPresence
    | SayTyping
    | Close
)
