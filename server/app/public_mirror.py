"""A database of its own that holds what scoring needs of the lanes every region has, and nothing else.

docs/scoring.md section 9. The same folds and the same scoring consumer run on it as on a node, but fed with
the public lanes alone and up to a *cut* (where each of these lanes ended): so its ledgers are those that
any region computes, whatever else the node knows. It follows the log forward: what a day adds is what a
day costs, and neither the writer nor the loop of a running node is asked for anything.

House rules:

1. No words: texts, titles and names are left out before anything is folded. Topics stay, since standing is
   told by topic; so whoever keeps a mirror destroys it with the first erasure (``discard``).
2. Whole or gone: it is marked whole in the commit that reaches a cut. One that is not whole, was made by
   another version, or is ahead of the cut asked for is begun anew.
3. Order-free (I6): lanes are read one after the other, not as they arrived.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from server import __version__
from server.app.score_desk import Desk
from server.app.scores import Scores
from server.app.tap import Tap
from server.domain.events import (
    AnnouncementAcknowledged,
    BallotCast,
    Event,
    FollowChanged,
    LaneEnd,
    ReactionChanged,
    ReadMarked,
)
from server.domain.ids import LaneKey
from server.domain.visibility import CONTROL, GLOBAL
from server.scoring.model import Act
from server.scoring.rules import Rulebook
from server.storage import tables as t
from server.storage.connection import WriterConnection, open_writer
from server.storage.event_log import Record, lane_page, lane_tips, record_of
from server.storage.projections import fold
from server.storage.projections.base import Meta
from server.storage.reader import Reader
from server.storage.sql import Tx, statement, upsert

T = TypeVar("T")
Cut = tuple[LaneEnd, ...]
PUBLIC_LANES = (GLOBAL, CONTROL)
"""``control`` for the erasures of what stood in ``global``."""
NAME = "mirror"
_WORDS = ("text", "title", "about", "reason", "note", "lang", "name")
_LISTS = ("mentions", "notify", "attachments", "skills")
_UNUSED = (BallotCast, AnnouncementAcknowledged, FollowChanged, ReadMarked)
"""Nobody is credited for these, and they are a good part of any log."""

_MARK = upsert(t.consumers, ["epoch", "position", "rules"])
_PUT_LANE = upsert(t.lanes, ["seq"])
_STATE = select(t.consumers.c.name, t.consumers.c.position, t.consumers.c.rules)
_LANES = statement(select(t.lanes.c.region, t.lanes.c.epoch, t.lanes.c.lane, t.lanes.c.id))
_CREDITS = select(
    t.credits_.c.person, t.credits_.c.at, t.credits_.c.milli_points, t.credits_.c.line
).order_by(t.credits_.c.person, t.credits_.c.at, t.credits_.c.act)
_HOMES = select(t.persons.c.person, t.persons.c.home).where(t.persons.c.rev > 0)


class PublicCredit(NamedTuple):
    """One line of a public ledger: UTC milliseconds, points in thousandths."""

    at: int
    milli_points: int
    topics: tuple[str, ...]


class _Line(msgspec.Struct):
    topics: tuple[str, ...] = ()


_line = msgspec.json.Decoder(_Line).decode


# -- cuts ----------------------------------------------------------------------------------------------


async def cut_here(reader: Reader) -> Cut:
    """Where the public lanes end on this node, in one snapshot."""
    async with reader.snapshot() as snapshot:
        tips = await lane_tips(snapshot)
    return tuple(
        [
            LaneEnd(region=key.region, epoch=key.epoch, lane=key.lane, seq=tips[key].seq)
            for key in sorted(tips)
            if key.lane in PUBLIC_LANES and tips[key].seq > 0
        ]
    )


async def missing(reader: Reader, cut: Cut) -> Cut:
    """The ends of a cut that this node has not reached yet."""
    held = {key_of(end): end.seq for end in await cut_here(reader)}
    return tuple([end for end in cut if held.get(key_of(end), 0) < end.seq])


async def records(reader: Reader, end: LaneEnd, after: int) -> AsyncIterator[list[Record]]:
    """The events of a lane after a number, up to an end."""
    while after < end.seq:
        async with reader.snapshot() as snapshot:
            page = await lane_page(snapshot, key_of(end), after)
        yield [record_of(0, raw.header, raw.body) for raw in page[: end.seq - after]]
        after += len(page)


def key_of(end: LaneEnd) -> LaneKey:
    return LaneKey(end.region, end.epoch, end.lane)


# -- the mirror ----------------------------------------------------------------------------------------


class _Writer:
    """The jobs of the scoring consumer, done at once: nobody else writes here."""

    def __init__(self, connection: WriterConnection, region: str) -> None:
        self.connection, self.region = connection, region

    async def run(self, work: Callable[[Tx], T]) -> T:
        with self.connection.transaction() as tx:
            return work(tx)


class Mirror:
    """Made by ``opened``. ``follow`` a cut before anything is read from it."""

    def __init__(self, writer: _Writer, tap: Tap, reader: Reader, rulebook: Rulebook) -> None:
        self._writer, self._tap, self._reader = writer, tap, reader
        self._ids: dict[LaneKey, int] = {}
        self._scores = Scores(tap, writer, reader, now=lambda: 0, rulebook=rulebook)
        with writer.connection.transaction() as tx:
            for region, epoch, lane, id in tx.rows(_LANES, {}):
                self._ids[LaneKey(region, epoch, lane)] = id

    async def follow(self, source: Reader, cut: Cut) -> None:
        """Brings the mirror from where it is to a cut that is not behind it."""
        await self._mark("")
        held = {key_of(end): end.seq for end in await cut_here(self._reader)}
        await self._scores.catch_up()
        for end in cut:
            async for page in records(source, end, held.get(key_of(end), 0)):
                await self._take(page)
        await self._mark(__version__)

    async def _take(self, page: Sequence[Record]) -> None:
        first = self._tap.position + 1
        taken = [
            record._replace(position=position, event=_without_words(record.event), body=b"")
            for position, record in enumerate(page, first)
        ]
        await self._writer.run(lambda tx: self._fold(tx, taken))
        self._tap.committed(taken)
        await self._scores.catch_up()

    def _fold(self, tx: Tx, taken: Sequence[Record]) -> None:
        for record in taken:
            if record.event is not None:
                fold(tx, record.event, _meta(record))
        last = taken[-1].id
        key = LaneKey(last.region, last.epoch, last.lane)
        values = {**key._asdict(), "id": self._id(key), "seq": last.seq, "hash": b""}
        tx.execute(_PUT_LANE, values)

    def _id(self, key: LaneKey) -> int:
        if key not in self._ids:
            self._ids[key] = len(self._ids) + 1
        return self._ids[key]

    async def _mark(self, version: str) -> None:
        """Which version made it whole; empty while it is not."""
        values = {"name": NAME, "epoch": 0, "position": 0, "rules": version}
        await self._writer.run(lambda tx: tx.execute(_MARK, values))

    async def credits(self) -> dict[str, tuple[PublicCredit, ...]]:
        """The public ledger of everybody at home in the mirror's region who has one."""
        found: dict[str, list[PublicCredit]] = {}
        async with self._reader.snapshot() as snapshot:
            for person, at, milli, line in await snapshot.rows(_CREDITS):
                credit = PublicCredit(at, milli, _line(line).topics)
                found.setdefault(person, []).append(credit)
        return {person: tuple(credits) for person, credits in found.items()}

    async def acts(self) -> list[Act]:
        """What its ledgers are computed from."""
        async with self._reader.snapshot() as snapshot:
            return await Desk(snapshot).all_acts()

    async def homes(self) -> dict[str, str]:
        """Where everybody is at home; empty for whoever moves just then."""
        async with self._reader.snapshot() as snapshot:
            return {row.person: row.home for row in await snapshot.rows(_HOMES)}


@asynccontextmanager
async def opened(file: Path, region: str, rulebook: Rulebook, cut: Cut) -> AsyncIterator[Mirror]:
    """The mirror in a file, for the ledgers of a region's people; made anew where it is no use for the cut."""
    if not await _useful(file, cut):
        discard(file)
    url = f"sqlite:///{file}"
    connection = open_writer(url)
    with connection.transaction() as tx:
        _make_tables(tx)
    reader = Reader.open(url)
    try:
        tap = Tap(reader)
        tap.open(0, await _scored(reader))
        yield Mirror(_Writer(connection, region), tap, reader, rulebook)
    finally:
        await reader.close()
        connection.close()


def _make_tables(tx: Tx) -> None:
    """As this version has them, in one commit; a mirror is never migrated."""
    made: list[ExecutableDDLElement] = []
    for table in t.metadata.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        made += [CreateIndex(index, if_not_exists=True) for index in table.indexes]
    for ddl in made:
        tx.cursor.execute(str(ddl.compile(dialect=sqlite.dialect())))


def discard(file: Path) -> None:
    """Takes a mirror off the disk; what still reads it reads on, and nobody finds it again."""
    for path in _files(file):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _files(file: Path) -> Iterator[Path]:
    for suffix in ("", "-wal", "-shm"):
        yield file.with_name(file.name + suffix)


async def _useful(file: Path, cut: Cut) -> bool:
    """Whether a mirror is whole, ours, and nowhere ahead of a cut."""
    if not await asyncio.to_thread(file.exists):
        return False
    reader = Reader.open(f"sqlite:///{file}")
    try:
        async with reader.snapshot() as snapshot:
            marks = {row.name: row.rules for row in await snapshot.rows(_STATE)}
        ends = {key_of(end): end.seq for end in cut}
        ahead = [end for end in await cut_here(reader) if ends.get(key_of(end), 0) < end.seq]
        return marks.get(NAME) == __version__ and not ahead
    finally:
        await reader.close()


async def _scored(reader: Reader) -> int:
    """Up to where the consumer's acts are kept: events after it, if any, were no acts."""
    async with reader.snapshot() as snapshot:
        return max([row.position for row in await snapshot.rows(_STATE)], default=0)


def _meta(record: Record) -> Meta:
    id = record.id
    return Meta(id.region, record.actor, record.at, record.position, id.epoch, id.lane, id.seq)


# -- words -----------------------------------------------------------------------------------------------


def _without_words(event: Event | None) -> Event | None:
    """What scoring needs of an event; None for what nobody is credited for."""
    if event is None or isinstance(event, _UNUSED):
        return None
    if isinstance(event, ReactionChanged) and event.reaction == "emoji":
        return None
    blank = dict(_blanks(type(event)))
    for name, part in _PARTS.items():
        value = getattr(event, name, None)
        if value is not None:
            blank[name] = msgspec.structs.replace(value, **part(value))
    return msgspec.structs.replace(event, **blank)


@cache
def _blanks(shape: type[Event]) -> tuple[tuple[str, Any], ...]:
    """The fields of a kind of event that hold words, with what stands there instead."""
    fields = [field.name for field in msgspec.structs.fields(shape)]
    return tuple(
        [(name, "") for name in fields if name in _WORDS]
        + [(name, ()) for name in fields if name in _LISTS]
    )


_PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "praise": lambda praise: {"behaviour": ""},
    "paper": lambda paper: {"abstract": "", "link": ""},
    "poll": lambda poll: {"choices": ("",) * len(poll.choices)},
}
