"""Who may hear what, remembered: a client that comes back should not cost a read of the database.

An answer is remembered as it was loaded, at its position, and forgotten when an event after it may have
changed it (``visibility.alters``). So what is remembered is true as of everything noted so far (I12).
"""

import sys
from collections.abc import Collection, Sequence
from typing import NamedTuple

from server.domain.visibility import alters
from server.storage.event_log import Record

PEOPLE_MAX = 50_000
"""Everybody of the design's 30,000 at once; about 1 KB each."""
CHANNELS_PER_PERSON_MAX = 256
"""Watched channels remembered of one person."""


class Permit(NamedTuple):
    """``own``: channels that come unasked. ``allowed``: others that were asked about and may be watched."""

    position: int
    own: frozenset[str]
    allowed: frozenset[str]


class Permits:
    """``start``: everything before this position is too old to be remembered by."""

    def __init__(self, start: int, people_max: int = PEOPLE_MAX) -> None:
        self._people: dict[str, Permit] = {}
        self._people_max = people_max
        self._altered: dict[str, int] = {}
        """Position of the last event that may have changed a person's answers, while it matters."""
        self._all_altered = start

    def find(self, person: str, asked: Collection[str]) -> Permit | None:
        """What is remembered, if it answers for all the asked channels."""
        known = self._people.get(person)
        if known is None:
            return None
        may = known.own | known.allowed
        return known if all(name in may for name in asked) else None

    def keep(
        self, person: str, position: int, own: frozenset[str], allowed: frozenset[str]
    ) -> None:
        """Remembers what was loaded at a position, unless it may have changed since."""
        if not own or position < max(self._all_altered, self._altered.get(person, 0)):
            return
        known = self._people.get(person)
        if known is not None and known.own == own:
            own, allowed = known.own, known.allowed | allowed
        if len(allowed) > CHANNELS_PER_PERSON_MAX:
            allowed = frozenset()
        if known is None and len(self._people) >= self._people_max:
            del self._people[next(iter(self._people))]
        self._people[person] = Permit(position, own, allowed)

    def note(self, records: Sequence[Record]) -> None:
        """Forgets what these commits may have changed. Positions must rise."""
        for record in records:
            people = alters(record.event)
            if people is None:
                self._people.clear()
                self._altered.clear()
                self._all_altered = record.position
                continue
            for person in people:
                self._forget(person, record.position)

    def _forget(self, person: str, position: int) -> None:
        known = self._people.get(person)
        if known is not None and known.position < position:
            del self._people[person]
        self._altered[person] = position
        if len(self._altered) > self._people_max:
            self._all_altered = position
            self._altered.clear()


def interned(channels: Collection[str]) -> frozenset[str]:
    """One string object per channel for all who hear it: thousands of connections hold its name."""
    return frozenset([sys.intern(name) for name in channels])
