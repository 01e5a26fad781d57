"""When a webhook is tried again, given up on or passed over: pure, ``now`` and chance come in (tap.md section 8).

                 2xx                    5xx, 3xx, no answer, "not here"
    active ◄────────────── failing ◄──────────────────────────── active
                              │ three days of it, 410, too many dead letters
                              ▼
                            paused: an operator must look

Three kinds of failure, and each has another remedy:

1. *The event is at fault*: the receiver is there and will not have this one (400, 413, 422 ...). Asked again it
   says the same, so the event becomes a dead letter and the next one has its turn. Of a batch half is sent, until the
   one at fault stands alone.
2. *The receiver is at fault* or away (5xx, a timeout, a wrong certificate, 401, 404 ...): every event would fare
   the same, so all wait in order, and nothing is passed over.
3. *The receiver has ended* (410): nothing more is sent.
"""

from enum import Enum, StrEnum, auto
from typing import NamedTuple

from server.domain import limits
from server.domain.durations import DAY_MS, HOUR_MS, MINUTE_MS

BACKOFF_FIRST_MS = 1_000
"""A restart of a receiver takes a few seconds."""
BACKOFF_MS_MAX = limits.WEBHOOK_BACKOFF_SECONDS_MAX * 1_000
PAUSE_MS = limits.WEBHOOK_FAILING_HOURS_MAX * HOUR_MS
RETRY_AFTER_MS_MAX = DAY_MS
"""What a receiver may ask for; more is a mistake of its clock."""


class State(StrEnum):
    ACTIVE = "active"
    FAILING = "failing"
    PAUSED = "paused"


class Place(NamedTuple):
    """Where one webhook stands. Times in UTC milliseconds."""

    state: State = State.ACTIVE
    position: int = 0
    """Everything up to here was delivered, became a dead letter, or was not wanted."""
    size: int = limits.WEBHOOK_BATCH_EVENTS_MAX
    """How many events go together, where they may."""
    failures: int = 0
    """In a row; of the receiver, not of single events."""
    failing_since: int = 0
    next_at: int = 0
    reason: str = ""
    """Of the last failure, or of the pause."""


class Answered(NamedTuple):
    status: int
    retry_after_ms: int = 0
    words: str = ""
    """The beginning of the body."""


class Unreached(NamedTuple):
    """``why``: refused, too slow, a wrong certificate, an address that may not be asked."""

    why: str


Outcome = Answered | Unreached


class Verdict(Enum):
    DELIVERED = auto()
    REFUSED = auto()
    FAILED = auto()
    GONE = auto()


ABOUT_THE_RECEIVER = frozenset({401, 402, 403, 404, 405, 407, 408, 421, 423, 425, 426, 429})
"""Answers with 4xx that every event would get: who we are, where it is, not now."""


def verdict(outcome: Outcome) -> Verdict:
    if isinstance(outcome, Unreached):
        return Verdict.FAILED
    status = outcome.status
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status == 410:
        return Verdict.GONE
    if 400 <= status < 500 and status not in ABOUT_THE_RECEIVER:
        return Verdict.REFUSED
    return Verdict.FAILED


class Sent(NamedTuple):
    """What was sent: how many events, and the position that is dealt with when they are."""

    events: int
    upto: int


class Step(NamedTuple):
    place: Place
    dead: bool = False
    """The one event that was sent is to be kept as a dead letter."""


def after(place: Place, outcome: Outcome, sent: Sent, now: int, draw: float, rate: int = 0) -> Step:
    """Where a webhook stands after an attempt. ``draw``: from [0, 1); ``rate``: requests a minute it allows, 0 for
    any."""
    soon = now + (MINUTE_MS // rate if rate else 0)
    match verdict(outcome):
        case Verdict.DELIVERED:
            size = min(place.size * 2, limits.WEBHOOK_BATCH_EVENTS_MAX)
            return Step(Place(position=sent.upto, size=size, next_at=soon))
        case Verdict.REFUSED if sent.events > 1:
            smaller = place._replace(size=sent.events // 2, next_at=soon, reason=said(outcome))
            return Step(smaller._replace(state=State.ACTIVE, failures=0, failing_since=0))
        case Verdict.REFUSED:
            dead = Place(position=sent.upto, size=place.size, next_at=soon, reason=said(outcome))
            return Step(dead, dead=True)
        case Verdict.GONE:
            return Step(paused(place, "the receiver says that it is gone for good (410)"))
        case Verdict.FAILED:
            return Step(_failed(place, outcome, now, draw))


def _failed(place: Place, outcome: Outcome, now: int, draw: float) -> Place:
    since = place.failing_since or now
    if now - since >= PAUSE_MS:
        hours = limits.WEBHOOK_FAILING_HOURS_MAX
        return paused(place, f"it failed for {hours} hours, last: {said(outcome)}")
    asked = outcome.retry_after_ms if isinstance(outcome, Answered) else 0
    wait = max(backoff(place.failures, draw), min(asked, RETRY_AFTER_MS_MAX))
    return place._replace(
        state=State.FAILING,
        failures=place.failures + 1,
        failing_since=since,
        next_at=now + wait,
        reason=said(outcome),
    )


def backoff(failures: int, draw: float) -> int:
    """Milliseconds to wait after so many failures before: full jitter, so that receivers which come back are not met
    by everybody at once (Brooker, "Exponential Backoff And Jitter", 2015)."""
    most = min(BACKOFF_MS_MAX, BACKOFF_FIRST_MS << min(failures, 20))
    return int(most * draw)


def paused(place: Place, reason: str) -> Place:
    return place._replace(state=State.PAUSED, reason=reason)


def resumed(place: Place, skip_to: int = 0) -> Place:
    """As an operator has it go on; ``skip_to``: the position of an event that is left out."""
    return Place(position=max(place.position, skip_to))


def moved(place: Place, upto: int) -> Place:
    """After events that nobody wanted."""
    return place._replace(position=upto)


def said(outcome: Outcome) -> str:
    """An outcome in words, for the operator."""
    match outcome:
        case Unreached(why):
            return why
        case Answered(status, _, words):
            return f"{status}: {words}" if words else f"it answered {status}"
