"""What one consumer outside is shown of the tap: events that pass its filter, in the names it may know.

A filter hides events and never places: what is passed over moves the cursor too, so a consumer that wants one
event in a million does not read the million again.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from server.app.cloudevents import TYPE_PREFIX, CloudEvent, cloud_event
from server.app.naming import Names, View, people_in
from server.app.tap import Tap
from server.domain.events import ScoringPolicyChanged
from server.domain.ids import Cursor
from server.storage.event_log import Record
from server.storage.queries import people as persons
from server.storage.queries import scoring
from server.storage.reader import Reader, Snapshot

RECORDS_PER_READ = 1_000
"""Looked at in one turn of a consumer: some 20 ms, then others have theirs."""
TERMS_MAX = 20
"""Of one kind in a filter: more is a rule that belongs into the consumer."""

Nameless = Callable[[Collection[str]], Awaitable[Collection[str]]]
"""Of these people, those whom their region names to nobody outside."""

TypePattern = Annotated[str, Meta(pattern=r"^company\.tap\.[a-z_.]{0,64}\*?$", max_length=80)]
"""An event type, or its beginning and ``*``."""
LaneName = Annotated[str, Meta(min_length=1, max_length=70)]
SubjectId = Annotated[str, Meta(min_length=1, max_length=128)]
Terms = Meta(max_length=TERMS_MAX)


class OffRegions:
    """People at home where scores are off: what they do is counted for nothing here, and named to nobody who might
    count it elsewhere (docs/scoring.md). Which regions these are is remembered until one changes its policy."""

    def __init__(self, tap: Tap, reader: Reader) -> None:
        self._reader = reader
        self._off: frozenset[str] | None = None
        self._changes = 0
        tap.subscribe(self._committed)

    async def __call__(self, people: Collection[str]) -> Collection[str]:
        """``Nameless``. Where no region is off nobody is looked up. Whose home is not known here is not named either:
        it may be one of them."""
        if self._off == frozenset():
            return ()
        changes = self._changes
        async with self._reader.snapshot() as snapshot:
            off = self._off if self._off is not None else await _off(snapshot)
            homes = await persons.homes(snapshot, people) if off else {}
        if self._changes == changes:
            self._off = off
        return [person for person in people if homes.get(person, "") in off | {""}] if off else ()

    def _committed(self, records: Sequence[Record]) -> None:
        if any(isinstance(record.event, ScoringPolicyChanged) for record in records):
            self._off = None
            self._changes += 1


async def _off(snapshot: Snapshot) -> frozenset[str]:
    policies = await scoring.policies(snapshot)
    return frozenset(region for region, policy in policies.items() if policy.scores == "off")


async def nobody(_people: Collection[str]) -> Collection[str]:
    """Where every region lets its people be named."""
    return ()


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which events a consumer wants: of each kind that says something, one has to fit (a subset of the prefix and
    exact dialects of CloudEvents Subscriptions). Subjects as the consumer is shown them."""

    types: Annotated[tuple[TypePattern, ...], Terms] = ()
    lanes: Annotated[tuple[LaneName, ...], Terms] = ()
    subjects: Annotated[tuple[SubjectId, ...], Terms] = ()

    def may_take(self, record: Record) -> bool:
        """Whether type and lane fit; cheap, before anything is rendered."""
        if self.types and not any(_fits(pattern, record.type) for pattern in self.types):
            return False
        return not self.lanes or record.id.lane in self.lanes

    def takes(self, event: CloudEvent) -> bool:
        return not self.subjects or event.get("subject") in self.subjects


EVERYTHING = Filter()


def _fits(pattern: str, name: str) -> bool:
    wanted = pattern.removeprefix(TYPE_PREFIX)
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


class Shown(NamedTuple):
    """``position``: up to where the log was looked at, which is where to go on."""

    events: list[CloudEvent]
    position: int


class Feed(NamedTuple):
    """One consumer's view of the tap."""

    tap: Tap
    filter: Filter = EVERYTHING
    names: Names = "shown"
    key: bytes = b""
    """What its pseudonyms are made with."""
    nameless: Nameless = nobody

    async def read(self, after: int, limit: int) -> Shown:
        """Up to ``limit`` events after a position, of at most ``RECORDS_PER_READ`` looked at.

        No event and another position: nothing of interest up to there, and there may be more."""
        wide = self.filter == EVERYTHING
        records = await self.tap.read(after, limit if wide else RECORDS_PER_READ)
        if not records:
            return Shown([], after)
        shown, position = await self.show(records, limit)
        return Shown(shown, position)

    async def show(self, records: Sequence[Record], limit: int) -> Shown:
        """The first ``limit`` of the records that pass, and the position of the last one looked at."""
        wanted = [record for record in records if self.filter.may_take(record)]
        view = await self._view(wanted)
        events: list[CloudEvent] = []
        for record in wanted:
            event = cloud_event(record, self.tap.epoch, view)
            if self.filter.takes(event):
                events.append(event)
                if len(events) == limit:
                    return Shown(events, record.position)
        return Shown(events, records[-1].position)

    def cursor(self, position: int) -> str:
        return str(Cursor(self.tap.epoch, position))

    async def _view(self, records: Iterable[Record]) -> View:
        named: set[str] = set()
        if self.names == "shown":  # else nobody is named anyway
            for record in records:
                named |= people_in(record.actor, record.event)
        nameless = await self.nameless(named) if named else ()
        return View(self.names, self.key, nameless)


def position_of(event: CloudEvent) -> int:
    return int(event["tapposition"])
