"""A node without its network: lock, schema, identity, writer, tap and readers, opened in that order.

``tap serve`` puts the network around it; verbs that work on a stopped node (``tap user``, ``tap
digest``) use it alone. Whatever is in the way of opening becomes a ``StartError`` in plain words.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from alembic.util import CommandError
from sqlalchemy.exc import DatabaseError

from server.app.erasure import audience_of
from server.app.handle import Handler
from server.app.moves import Moves
from server.app.tap import Tap
from server.domain.decide import scoring as decide_scoring
from server.domain.decide.copies import adopt
from server.domain.errors import Code, Refusal
from server.ops import extents, lock
from server.ops.config import Config
from server.ops.extents import Doubt, Keeper
from server.ops.place import database_url
from server.storage import migrate, rebuild
from server.storage.connection import InUse, WriterConnection, open_writer
from server.storage.node import Identity, WrongRegion
from server.storage.queries.erasures import Audience
from server.storage.reader import Reader

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The node cannot be opened; the text says why and what to do."""


class Core(NamedTuple):
    """What everything else stands on."""

    config: Config
    identity: Identity
    reader: Reader
    tap: Tap
    handler: Handler
    keeper: Keeper


def now() -> int:
    """UTC milliseconds: the one clock, handed to whoever needs the time."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def opened(
    config: Config, purpose: str, doubt: Doubt | None = None, clock: Callable[[], int] = now
) -> AsyncIterator[Core]:
    """The core while the block runs. ``purpose`` names the holder of the lock; ``doubt``: why the log is to
    go on in a new epoch, beside what its extent says; ``clock``: another one only where a past is made up.
    Raises StartError."""
    os.umask(0o077)  # the database is for nobody else on this machine
    with _held(Path(config.node.data_dir), purpose):
        url = database_url(config)
        with explained(config):
            await asyncio.to_thread(migrate.upgrade, url)
            connection = open_writer(url, alone=True)
            await asyncio.to_thread(_read_anew, connection)
            identity = _identity(connection, config, doubt)
        reader = Reader.open(url)
        core = _core(config, identity, reader, connection, clock)
        with explained(config):
            core.handler.start()
        try:
            await core.keeper.update()
            await adopt_policy(core, config)
            await adopt_scoring(core, config)
            yield core
        finally:
            await core.keeper.update()
            await core.handler.close()
            await reader.close()


def _core(
    config: Config,
    identity: Identity,
    reader: Reader,
    connection: WriterConnection,
    clock: Callable[[], int],
) -> Core:
    tap = Tap(reader)
    handler = Handler(
        connection,
        tap,
        region=identity.region,
        epoch=identity.epoch,
        groups=groups(config),
        now=clock,
        entropy=os.urandom,
        peers=config.regions - {identity.region},
    )
    return Core(
        config, identity, reader, tap, handler, Keeper(Path(config.node.data_dir), handler, tap)
    )


async def adopt_policy(core: Core, config: Config) -> None:
    """What the configuration says may leave is in the log before anything is decided by it."""
    rule = partial(adopt, config.residency.policy, config.regions, config.lanes.groups)
    _adopted("residency", await core.handler.append(rule))


async def adopt_scoring(core: Core, config: Config) -> None:
    """And what it says may be told of people's contributions."""
    rule = partial(decide_scoring.adopt, config.scoring_policy)
    _adopted("scoring", await core.handler.append(rule))


def _adopted(policy: str, outcome: dict[str, Any] | Refusal) -> None:
    if isinstance(outcome, Refusal) and outcome.code is not Code.CLOSED:
        raise StartError(
            f"The {policy} policy cannot be written into the log ({outcome.message}), and without that "
            "nothing may be decided by it."
        )


def make_moves(core: Core) -> Moves:
    """The node's part in people's moves; also what an operator drives on a stopped node."""
    return Moves(
        handler=core.handler,
        tap=core.tap,
        reader=core.reader,
        now=now,
        accept=core.config.people.accept_moves,
    )


def groups(config: Config) -> dict[str, frozenset[str]]:
    return {name: frozenset(members) for name, members in config.lanes.groups.items()}


def audience(config: Config) -> Audience:
    """Whose receipts an erasure needs: of this region and its peers, those its lanes are for."""
    regions = frozenset({config.node.region, *[peer.region for peer in config.peers]})
    return audience_of(regions, groups(config))


def _read_anew(connection: WriterConnection) -> None:
    """What an earlier version could not read is folded before anybody reads the tables."""
    try:
        report = rebuild.upgrade_on(connection)
    except BaseException:
        connection.close()
        raise
    if report is not None:
        log.info("the log was read anew", events=report.events, changed=list(report.different))


def _identity(connection: WriterConnection, config: Config, doubt: Doubt | None) -> Identity:
    folder = Path(config.node.data_dir)
    try:
        with connection.transaction() as tx:
            return extents.identify(tx, config.node.region, folder, now(), doubt)[1]
    except BaseException:
        connection.close()
        raise


@contextmanager
def _held(folder: Path, purpose: str) -> Iterator[None]:
    with ExitStack() as stack:
        _take(stack, folder, purpose)
        yield


def _take(stack: ExitStack, folder: Path, purpose: str) -> None:
    try:
        stack.enter_context(lock.hold(folder, purpose))
    except lock.Locked as error:
        raise StartError(f"{error} One process at a time: stop it first.") from None
    except lock.NotOwner as error:
        raise StartError(str(error)) from None
    except OSError as error:
        raise StartError(
            f"The data folder {folder} cannot be used: {error.strerror}. Check that it is mounted "
            "writable and belongs to the user that runs Tap."
        ) from None


@contextmanager
def explained(config: Config) -> Iterator[None]:
    """Turns what a database says into what its operator can do. Raises StartError."""
    try:
        yield
    except WrongRegion as error:
        raise StartError(
            f"{str(error).capitalize()}: correct node.region or node.data_dir ({config.node.data_dir})."
        ) from None
    except InUse as error:
        raise StartError(
            f"{str(error).capitalize()}: one process at a time writes it, on whichever machine. Stop the other, or "
            "correct storage.url."
        ) from None
    except CommandError as error:
        raise StartError(
            f"The database was made by another version of Tap ({error}): install that version or newer."
        ) from None
    except ModuleNotFoundError as error:
        raise StartError(
            f"storage.url needs the package {error.name}: install tap-server[postgres]."
        ) from None
    except PermissionError as error:  # a file beside the database
        raise StartError(
            f"{error.filename} cannot be used: {error.strerror}. Check the owner and mode of all that is in "
            f"{config.node.data_dir}."
        ) from None
    except (DatabaseError, sqlite3.DatabaseError) as error:
        raise StartError(_advice(str(getattr(error, "orig", None) or error))) from None


_ADVICE = (
    ("locked", "another program has it open: end that program (a backup, a database browser)"),
    ("readonly", "it cannot be written: check the mount and the owner of the data folder"),
    ("unable to open", "it cannot be opened: check the owner and mode of the data folder"),
    ("not a database", "the file is no database: restore the last backup"),
    ("malformed", "it is damaged: keep a copy, restore the last backup; peers send the rest"),
    ("disk I/O error", "the disk is full or fails: `tap doctor` says which"),
    ("full", "the disk is full: free space first"),
    ("connection", "the database server cannot be reached: check storage.url and that it runs"),
)


def _advice(said: str) -> str:
    for word, advice in _ADVICE:
        if word in said:
            return f'The database says "{said.strip()}": {advice}.'
    return f'The database cannot be used: "{said.strip()}".'
