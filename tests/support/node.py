"""A whole node in this process, without sockets: real database, real writer, injected clock and entropy."""

import asyncio
import hashlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from server.app.handle import Answer, Handler
from server.app.tap import TAIL_RECORDS, Tap
from server.domain.commands import Command, RegisterPerson, SetPersonRole, from_builtins
from server.domain.decide import Context, Decided
from server.domain.decide.people import registration, role_change
from server.domain.errors import Refusal
from server.domain.events import NAMES, VERSIONS, Event, encode_body
from server.domain.facts import Facts
from server.domain.ids import LaneKey, next_hlc
from server.domain.wire import (
    HEADER_VERSION,
    Header,
    LaneBatch,
    SignedHead,
    WireEvent,
    chain,
    commitment,
    encode_header,
    genesis,
)
from server.storage.connection import WriterConnection, open_writer
from server.storage.migrate import upgrade
from server.storage.node import open_node
from server.storage.reader import Reader

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


class Clock:
    """UTC milliseconds that move only when told."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds


class Steady:
    """Milliseconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class Entropy:
    """Bytes that look random and are the same in every run with the same seed."""

    def __init__(self, seed: str) -> None:
        self._seed, self._n = seed, 0

    def __call__(self, n: int) -> bytes:
        self._n += 1
        return hashlib.shake_256(f"{self._seed}:{self._n}".encode()).digest(n)


def _grant(wish: SetPersonRole, facts: Facts, _context: Context) -> Decided:
    return role_change(wish, "", facts)


class TestNode:
    """Handler, tap and reader of one region with helpers in the words of a test."""

    __test__ = False

    def __init__(
        self, region: str, handler: Handler, tap: Tap, reader: Reader, clock: Clock, url: str
    ) -> None:
        self.region, self.handler, self.tap = region, handler, tap
        self.reader, self.clock, self.url = reader, clock, url
        self._keys = itertools.count(1)

    async def do(self, person: str, /, do: str, key: str = "", **arguments: Any) -> dict[str, Any]:
        """Runs a command and returns its answer's result; a refusal fails the test."""
        outcome = await self.try_do(person, do, key, **arguments)
        assert isinstance(outcome, Answer), outcome
        return outcome.result

    async def try_do(
        self, person: str, /, do: str, key: str = "", **arguments: Any
    ) -> Answer | Refusal:
        command: Command = from_builtins({"do": do, **arguments})
        self.clock.advance(1)
        return await self.handler.handle(
            person, key or f"test-key-{self.region}-{next(self._keys)}", command
        )

    async def register(
        self,
        person: str,
        *roles: str,
        name: str = "",
        unit: str = "",
        country: str = "",
        bot: bool = False,
    ) -> str:
        """A person whose home is here, with region-wide roles."""
        wish = RegisterPerson(
            person=person, name=name or person.title(), unit=unit, country=country, bot=bot
        )
        outcome = await self.handler.append(
            lambda facts, context: registration(wish, "", facts, context)
        )
        assert not isinstance(outcome, Refusal), outcome
        for role in roles:
            grant = SetPersonRole(person=person, role=role, on=True)  # type: ignore[arg-type]
            await self.handler.append(partial(_grant, grant))
        return person

    async def community(self, owner: str, name: str = "Tea", **arguments: Any) -> str:
        """A community's place, ``c:<id>``."""
        answer = await self.do(owner, "community.create", name=name, **arguments)
        return "c:" + str(answer["community"])

    async def post(
        self, author: str, place: str, text: str = "hello", kind: str = "update", **arguments: Any
    ) -> str:
        answer = await self.do(
            author, "post.publish", place=place, kind=kind, text=text, **arguments
        )
        return str(answer["post"])

    async def reply(self, author: str, parent: str, text: str = "yes", **arguments: Any) -> str:
        answer = await self.do(author, "reply.publish", parent=parent, text=text, **arguments)
        return str(answer["post"])


@cache
def migrated() -> bytes:
    """An empty SQLite database of the newest schema: migrating takes longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="tap-schema-") as folder:
        path = Path(folder, "empty.db")
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


def new_sqlite(path: Path) -> str:
    """The address of a migrated database; one that is there already is kept."""
    if not path.exists():
        path.write_bytes(migrated())
    return f"sqlite:///{path}"


@asynccontextmanager
async def open_test_node(
    folder: Path,
    region: str = "in",
    *,
    clock: Clock | None = None,
    groups: Mapping[str, frozenset[str]] | None = None,
    url: str = "",
    wrap: Callable[[WriterConnection], WriterConnection] = lambda connection: connection,
    tail_records: int = TAIL_RECORDS,
    peers: Collection[str] = (),
) -> AsyncIterator[TestNode]:
    """A node on a database below ``folder`` (or at ``url``); opening the same folder again finds its data.

    ``wrap``: puts something between the writer and its connection."""
    clock = clock or Clock()
    if url:
        await asyncio.to_thread(upgrade, url)
    url = url or new_sqlite(folder / f"{region}.db")
    connection = wrap(open_writer(url))
    entropy = Entropy(region)
    with connection.transaction() as tx:
        identity = open_node(tx, region, entropy(4))
    reader = Reader.open(url)
    tap = Tap(reader, tail_records)
    handler = Handler(
        connection,
        tap,
        region=region,
        epoch=identity.epoch,
        groups=groups or {},
        now=clock,
        entropy=Entropy(f"{region}{identity.epoch}{clock.now}"),
        peers=frozenset(peers),
    )
    handler.start()
    try:
        yield TestNode(region, handler, tap, reader, clock, url)
    finally:
        await handler.close()
        await reader.close()


class ForeignLog:
    """A lane of another region, built by hand: for events no command here can make."""

    def __init__(self, region: str = "de", lane: str = "global", epoch: int = 7 << 32) -> None:
        self.key = LaneKey(region, epoch, lane)
        self.seq, self.hash, self.hlc = 0, genesis(*self.key), 0

    def batch(self, now: int, *events: tuple[str, Event]) -> LaneBatch:
        """The next events of the lane as (actor, event) pairs; unsigned: signatures are checked earlier."""
        after, previous, made = self.seq, self.hash, []
        for actor, event in events:
            self.seq += 1
            self.hlc = next_hlc(self.hlc, now)
            body, salt, name = encode_body(event), bytes(16), NAMES[type(event)]
            header = encode_header(
                Header(
                    HEADER_VERSION,
                    *self.key,
                    self.seq,
                    name,
                    VERSIONS[name],
                    self.hlc,
                    actor,
                    (),
                    commitment(salt, body),
                )
            )
            self.hash = chain(self.hash, header)
            made.append(WireEvent(header, self.hash, salt, body))
        head = SignedHead(*self.key, self.seq, self.hash, "test", b"")
        return LaneBatch(self.key, after, previous, tuple(made), head)
