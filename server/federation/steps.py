"""What a link is told (inputs), what it asks for (effects), its states and their one table.

Inputs are facts in the past tense, effects are wishes. Connections are numbered by the edge; an
input that names a connection the link has given up is ignored. docs/protocol/federation.md section 10
draws the table below.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from server.domain.errors import STATUS, Code, Mistake, Refusal
from server.domain.ids import LaneKey
from server.domain.wire import LaneBatch
from server.federation.catchup import Page
from server.federation.ephemeral import Presence, Said, Shown
from server.federation.forks import ForkProof
from server.federation.frames import SEQ_END, Ask, Succession, Told
from server.federation.handshake import Identity
from server.federation.lanes import Course, Held
from server.federation.outbox import Rank

# -- states ------------------------------------------------------------------------------------------


class State(StrEnum):
    """Where a link is. ``refused``: one end does not accept who the other is; an operator must look."""

    IDLE = "idle"
    DIALING = "dialing"
    PROVING = "proving"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    BACKING_OFF = "backing_off"
    REFUSED = "refused"


class Trigger(StrEnum):
    DUE = "due"
    """It is time to dial."""
    CONNECTED = "connected"
    PROVEN = "proven"
    """A connection is ours to use, whoever dialled it."""
    CAUGHT_UP = "caught_up"
    FELL_BEHIND = "fell_behind"
    LOST = "lost"
    """No connection any more; this end dials again."""
    LEFT = "left"
    """No connection any more; the other end dials."""
    REJECTED = "rejected"
    STOPPED = "stopped"


TRANSITIONS: Mapping[tuple[State, Trigger], State] = {
    (State.IDLE, Trigger.DUE): State.DIALING,
    (State.IDLE, Trigger.PROVEN): State.CATCHING_UP,
    (State.IDLE, Trigger.STOPPED): State.IDLE,
    (State.DIALING, Trigger.CONNECTED): State.PROVING,
    (State.DIALING, Trigger.PROVEN): State.CATCHING_UP,
    (State.DIALING, Trigger.LOST): State.BACKING_OFF,
    (State.DIALING, Trigger.STOPPED): State.IDLE,
    (State.PROVING, Trigger.PROVEN): State.CATCHING_UP,
    (State.PROVING, Trigger.LOST): State.BACKING_OFF,
    (State.PROVING, Trigger.REJECTED): State.REFUSED,
    (State.PROVING, Trigger.STOPPED): State.IDLE,
    (State.CATCHING_UP, Trigger.PROVEN): State.CATCHING_UP,
    (State.CATCHING_UP, Trigger.CAUGHT_UP): State.LIVE,
    (State.CATCHING_UP, Trigger.LOST): State.BACKING_OFF,
    (State.CATCHING_UP, Trigger.LEFT): State.IDLE,
    (State.CATCHING_UP, Trigger.REJECTED): State.REFUSED,
    (State.CATCHING_UP, Trigger.STOPPED): State.IDLE,
    (State.LIVE, Trigger.PROVEN): State.CATCHING_UP,
    (State.LIVE, Trigger.FELL_BEHIND): State.CATCHING_UP,
    (State.LIVE, Trigger.LOST): State.BACKING_OFF,
    (State.LIVE, Trigger.LEFT): State.IDLE,
    (State.LIVE, Trigger.REJECTED): State.REFUSED,
    (State.LIVE, Trigger.STOPPED): State.IDLE,
    (State.BACKING_OFF, Trigger.DUE): State.DIALING,
    (State.BACKING_OFF, Trigger.PROVEN): State.CATCHING_UP,
    (State.BACKING_OFF, Trigger.STOPPED): State.IDLE,
    (State.REFUSED, Trigger.DUE): State.DIALING,
    (State.REFUSED, Trigger.PROVEN): State.CATCHING_UP,
    (State.REFUSED, Trigger.STOPPED): State.IDLE,
}


def next_state(state: State, trigger: Trigger) -> State:
    """Raises Mistake for a pair that cannot happen."""
    try:
        return TRANSITIONS[state, trigger]
    except KeyError:
        raise Mistake(f"a link that is {state} cannot be told {trigger}") from None


REJECTIONS = frozenset({Code.UNKNOWN_PEER, Code.BAD_SIGNATURE, Code.UNSUPPORTED_VERSION})
"""About who the other end is, not about what it sent: no retry mends them, a person does."""

GOING_AWAY = 1001
NORMAL = 1000


def close_code(code: Code) -> int:
    """The websocket close code of a refusal: 4000 + its HTTP status."""
    return 4000 + STATUS[code]


# -- inputs ------------------------------------------------------------------------------------------


class Started(NamedTuple):
    """The node runs: dial, if it is ours to dial. Before it nobody is let in and nothing is waited for."""


class Stopped(NamedTuple):
    """No connection is wanted any more: say why and close."""

    reason: Refusal = Refusal(Code.STOPPING, "the node is stopping")


class Opened(NamedTuple):
    """A connection to the peer stands, dialled by us or (``inbound``) claiming to be the peer.

    ``nonce``: 32 random bytes for its handshake."""

    conn: int
    inbound: bool
    nonce: bytes


class DialFailed(NamedTuple):
    reason: str


class Received(NamedTuple):
    """One whole message."""

    conn: int
    data: bytes


class Disconnected(NamedTuple):
    conn: int
    reason: str


class TipsLoaded(NamedTuple):
    """The answer to LoadTips: every lane this node holds, from one transaction."""

    conn: int
    tips: Mapping[LaneKey, Held]


class Committed(NamedTuple):
    """These lanes now reach this far in the local log."""

    tips: Mapping[LaneKey, int]


class PageLoaded(NamedTuple):
    """The answer to LoadPage; ``page`` None when nothing after ``after`` can be sent yet."""

    key: LaneKey
    after: int
    page: Page | None
    course: Course = Course.WHOLE


class Applied(NamedTuple):
    """The batch under application in this lane is committed; ``seq``: up to where the lane is whole."""

    key: LaneKey
    seq: int


class ApplyRefused(NamedTuple):
    key: LaneKey
    refusal: Refusal


class Relayed(NamedTuple):
    """Ask this peer for these origins too, beside its own; the relay's choice (9.5)."""

    origins: frozenset[str]


class ForkKnown(NamedTuple):
    """An origin signed two histories of a lane, as proven on any link or told by the operator."""

    proof: ForkProof


class Say(NamedTuple):
    """A question of ours, or an answer to the peer's, over the connection the question came by; nothing
    happens where that is gone."""

    frame: Ask | Told
    conn: int | None


class KeysKnown(NamedTuple):
    """New keys of any region, as learned on any link or from the log; the roster knows them already."""

    words: tuple[Succession, ...]


class Renamed(NamedTuple):
    """Who we are in handshakes from now on: another key signs for us."""

    me: Identity


class Looked(NamedTuple):
    """People and places (as channels) this region's people look at now, and others they look at no more."""

    wanted: Collection[str]
    left: Collection[str] = ()


class Allowed(NamedTuple):
    """The answer to LookedAt: what is so just now of those channels the peer may hear of; of the others it may not."""

    asked: Collection[str]
    shown: Mapping[str, Shown]


class Changed(NamedTuple):
    """This is so of people and places from now on; only what the peer looks at and may hear of is told."""

    shown: Mapping[str, Shown]


class Written(NamedTuple):
    """The EPHEM that was sent last is on the line."""

    conn: int


class TimerFired(NamedTuple):
    """The time asked for by SetTimer has come."""


Answer = TipsLoaded | Committed | PageLoaded | Applied | ApplyRefused
"""What the log, its reader and its writer say."""

Sight = Looked | Allowed | Changed | Written
"""What the live layer says (section 22)."""

Input = (
    Started
    | Stopped
    | Opened
    | DialFailed
    | Received
    | Disconnected
    | Relayed
    | ForkKnown
    | Say
    | KeysKnown
    | Renamed
    | TimerFired
    | Answer
    | Sight
)

# -- effects -----------------------------------------------------------------------------------------


class Dial(NamedTuple):
    """Connect to the peer's address; answered by Opened or DialFailed."""


class Send(NamedTuple):
    """Write one binary message, in order within its rank; the peer's credit bounds what is queued."""

    conn: int
    data: bytes
    events: int = 0
    rank: Rank = Rank.WORD


class Close(NamedTuple):
    """Close after what was sent; ``code`` is a websocket close code. Nothing answers it."""

    conn: int
    code: int
    reason: str


class LoadTips(NamedTuple):
    """Read how far every lane is held, in one transaction; answered by TipsLoaded."""

    conn: int


class LoadPage(NamedTuple):
    """Read up to PAGE_EVENTS_MAX events, none beyond ``upto`` (of another's lane BATCH_EVENTS_MAX), or BATCH_BYTES_MAX
    bytes; answered by PageLoaded."""

    key: LaneKey
    after: int
    course: Course = Course.WHOLE
    upto: int = SEQ_END


class Apply(NamedTuple):
    """Commit verified events, in order or early; answered by Applied or ApplyRefused. One per lane at a time."""

    batch: LaneBatch


class ProveFork(NamedTuple):
    """A batch, verified in itself, contradicts our copy of its lane: find the head that proves it.

    Answered by ForkKnown on every link, if there is one."""

    evidence: LaneBatch


class ForkProven(NamedTuple):
    """A peer proved a fork that was not known here; answered by ForkKnown on every link."""

    proof: ForkProof


class Spoken(NamedTuple):
    """The peer asks, or answers."""

    conn: int
    frame: Ask | Told


class LookedAt(NamedTuple):
    """The peer's people look at these channels now; answered by Allowed."""

    channels: Collection[str]


class Seen(NamedTuple):
    """What the peer says of its people: channels of presence, and who types in places."""

    states: Mapping[str, Presence]
    typing: Mapping[str, tuple[str, ...]]


class Counted(NamedTuple):
    """For counters: an EPHEM was sent or read, and what went together with a later change."""

    direction: str
    size: int
    said: Said
    conflated: int = 0


class KeysLearned(NamedTuple):
    """The peer told of keys that were not known here; answered by KeysKnown on every link."""

    words: tuple[Succession, ...]


class SetTimer(NamedTuple):
    """Answer TimerFired at this time (UTC milliseconds); replaces the timer before it."""

    at: int


class Report(NamedTuple):
    """For log and counters: the state changed, something was refused, or a connection was lost."""

    state: State
    refusal: Refusal | None = None
    note: str = ""


Effect = (
    Dial
    | Send
    | Close
    | LoadTips
    | LoadPage
    | Apply
    | ProveFork
    | ForkProven
    | Spoken
    | LookedAt
    | Seen
    | Counted
    | KeysLearned
    | SetTimer
    | Report
)
