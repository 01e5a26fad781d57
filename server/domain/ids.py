"""Names of things: regions, lanes, epochs, events, cursors, objects, places and channels.

An object id (post, community, conversation, topic ...) is a ULID in lower case: 26 characters of
Crockford base 32, 48 bits of milliseconds then 80 bits of entropy, so ids sort by time and any node
may mint one (github.com/ulid/spec). A person id comes from the company's directory and contains no
region, because people move between regions.

A *place* is where content lives and doubles as a channel: ``c:<community>`` or ``d:<conversation>``.
Other channels: ``t:<root post>`` (a thread), ``u:<person>`` (one person's own devices) and ``g``
(directory facts every colleague may see: people, communities, topics).
"""

import hashlib
import re
from typing import NamedTuple, NewType

Region = NewType("Region", str)
"""A country's node: a short lower-case code such as ``in``, ``de``, ``br``."""
PersonId = NewType("PersonId", str)
ObjectId = NewType("ObjectId", str)
Place = NewType("Place", str)
Channel = NewType("Channel", str)
Millis = NewType("Millis", int)
"""UTC milliseconds since 1970-01-01."""
Hlc = NewType("Hlc", int)
"""Hybrid logical clock: milliseconds << 16 | counter. For display order and ties only (DESIGN 6)."""
Epoch = NewType("Epoch", int)
"""An incarnation of a log: ordinal << 32 | 32 random bits, so two restores never collide.

Below 2**53 for any ordinal under two million, so JSON readers keep it exact."""

REGION_PATTERN = re.compile(r"[a-z][a-z0-9-]{1,15}")
PERSON_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
OBJECT_PATTERN = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
LANE_PATTERN = re.compile(r"control|global|local|(?:group|pair)\.[a-z0-9.-]{1,64}")

# One text per value, so that a text may stand for the value: no signs, no leading zeros, no digits
# of other scripts. 18 digits stay below 2**63, 14 of an epoch below 2**56.
_NUMBER, _EPOCH = r"(0|[1-9][0-9]{0,17})", r"(0|[1-9a-f][0-9a-f]{0,13})"
_EVENT_ID = re.compile(
    rf"({REGION_PATTERN.pattern}):{_EPOCH}:({LANE_PATTERN.pattern}):{_NUMBER}", re.ASCII
)
EVENT_ID_PATTERN = rf"^{_EVENT_ID.pattern}$(?!\n)"
_CURSOR = re.compile(rf"{_EPOCH}\.{_NUMBER}", re.ASCII)

GLOBAL_CHANNEL = Channel("g")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class LaneKey(NamedTuple):
    """One gap-free, hash-chained sequence: an origin's incarnation and one audience of regions."""

    region: str
    epoch: int
    lane: str


class EventId(NamedTuple):
    """(region, epoch, lane, seq); as text ``in:1e5c3a0b7:global:42`` (epoch in hexadecimal)."""

    region: str
    epoch: int
    lane: str
    seq: int

    def __str__(self) -> str:
        return f"{self.region}:{self.epoch:x}:{self.lane}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Raises ValueError when the text is no event id."""
        found = _EVENT_ID.fullmatch(text)
        if found is None:
            raise ValueError("not an event id")
        region, epoch, lane, seq = found.groups()
        return cls(region, int(epoch, 16), lane, int(seq))


class Cursor(NamedTuple):
    """A reader's place in one node's commit order: ``<epoch in hex>.<position>``; opaque to clients."""

    epoch: int
    position: int

    def __str__(self) -> str:
        return f"{self.epoch:x}.{self.position}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError when the text is no cursor."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise ValueError("not a cursor")
        return cls(int(found[1], 16), int(found[2]))


def new_epoch(ordinal: int, entropy: bytes) -> int:
    """The ``ordinal``th incarnation of a log, told apart from every other try at it by 4 random bytes."""
    return ordinal << 32 | int.from_bytes(entropy[:4], "big")


def incarnation(epoch: int) -> int:
    """Which incarnation of its log an epoch is, from 1."""
    return epoch >> 32


def object_id(now: int, entropy: bytes) -> str:
    """A ULID from milliseconds and at least 10 bytes of entropy."""
    number = (now & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(entropy[:10], "big")
    # Two characters (10 bits) at a time: 13 table look-ups instead of 26 shifts.
    pairs = _PAIRS
    return "".join([pairs[number >> shift & 0x3FF] for shift in range(120, -1, -10)])


def derived_object_id(at: int, *parts: str) -> str:
    """The same ULID every time for the same parts: imports are re-runnable and need no look-up."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return object_id(max(at, 0), digest)


def sealed(poll: str, person: str) -> str:
    """Names a poll to those who know it, and to nobody else: the 80 bits of its id are beyond guessing."""
    if poll.startswith(SEALED):
        return poll
    words = "\x1f".join(("tap kept 1", poll, person)).encode()
    return SEALED + hashlib.sha256(words).hexdigest()


SEALED = "sealed."


def community_place(community: str) -> str:
    return "c:" + community


def thread_channel(root: str) -> str:
    return "t:" + root


def presence_channel(person: str) -> str:
    return f"p:{person}"


def person_channel(person: str) -> str:
    return "u:" + person


def hlc_millis(hlc: int) -> int:
    return hlc >> 16


def next_hlc(last: int, now: int) -> int:
    """The next reading of a hybrid logical clock: never behind ``now``, never equal to ``last``.

    Kulkarni et al., "Logical Physical Clocks" (2014), section 3; the counter takes the low 16 bits and
    simply carries into the milliseconds when more than 65,535 events share one."""
    return max(last + 1, now << 16)
