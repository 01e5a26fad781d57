"""One hash over many ledgers: two regions that computed the same print the same 64 digits.

Of each person the milli-points of each UTC day go in, a *bucket*. The order of the ledgers changes nothing,
and an empty ledger is no ledger. Where two roots differ, ``differences`` names the buckets.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from server.scoring.rules import day_of


class Entry(Protocol):
    """What a root needs of a line."""

    @property
    def at(self) -> int: ...
    @property
    def milli_points(self) -> int: ...


class Entries(Protocol):
    """What a root needs of a ledger: of a ``model.Ledger``, or of a shorter one."""

    @property
    def person(self) -> str: ...
    @property
    def lines(self) -> Sequence[Entry]: ...


def root(ledgers: Iterable[Entries]) -> str:
    """SHA-256, in hexadecimal, over the leaves by person."""
    leaves = sorted([(ledger.person, leaf(ledger)) for ledger in ledgers if ledger.lines])
    return sha256(
        "".join([f"{person}\n{hash_}\n" for person, hash_ in leaves]).encode()
    ).hexdigest()


def leaf(ledger: Entries) -> str:
    """SHA-256, in hexadecimal, over a person's days."""
    text = "".join([f"{day} {milli}\n" for day, milli in sorted(days(ledger).items())])
    return sha256(text.encode()).hexdigest()


def days(ledger: Entries) -> Counter[int]:
    """UTC day -> milli-points."""
    found: Counter[int] = Counter()
    for line in ledger.lines:
        found[day_of(line.at)] += line.milli_points
    return found


class Difference(NamedTuple):
    """A bucket that two sides do not agree on; None: that side has no line on the day."""

    person: str
    day: int
    ours: int | None
    theirs: int | None


Buckets = Mapping[tuple[str, int], int]
"""(person, UTC day) -> milli-points."""


def buckets(ledgers: Iterable[Entries]) -> Buckets:
    """What a root was made of."""
    return {
        (ledger.person, day): milli for ledger in ledgers for day, milli in days(ledger).items()
    }


def differences(ours: Buckets, theirs: Buckets) -> list[Difference]:
    """Every bucket on which two sides differ, by person and day; none where their roots are one."""
    found = [
        Difference(*key, ours.get(key), theirs.get(key))
        for key in sorted(ours.keys() | theirs.keys())
    ]
    return [one for one in found if one.ours != one.theirs]
