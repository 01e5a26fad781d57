"""One hash over many ledgers: two regions that computed the same print the same 64 digits.

Of each person the milli-points of each UTC day go in. Neither the order of people nor that of days changes
anything, and somebody without a day has no ledger.
"""

from collections.abc import Mapping
from hashlib import sha256

Days = Mapping[int, int]
"""UTC day, counted from 1970-01-01 -> milli-points."""


def root(ledgers: Mapping[str, Days]) -> str:
    """SHA-256, in hexadecimal, over the leaves of all people."""
    leaves = [
        f"{person}\n{leaf(ledgers[person])}\n" for person in sorted(ledgers) if ledgers[person]
    ]
    return sha256("".join(leaves).encode()).hexdigest()


def leaf(days: Days) -> str:
    """SHA-256, in hexadecimal, over one person's days."""
    return sha256("".join([f"{day} {days[day]}\n" for day in sorted(days)]).encode()).hexdigest()
