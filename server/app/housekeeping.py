"""What a node forgets in time: client keys nobody can resend any more, sessions that ended, and what old
ledger lines were about (``score_retention``).

Runs through the one writer in small pieces, so that people's commands are never far behind."""

import asyncio
import contextlib
from collections.abc import Callable

from sqlalchemy import bindparam, delete, select, tuple_

from server.app import score_retention
from server.app.handle import Handler
from server.domain import limits
from server.domain.durations import DAY_MS
from server.domain.errors import Refused
from server.storage import tables as t
from server.storage.reader import Reader
from server.storage.sql import Statement, Tx, statement

EVERY_SECONDS = 3_600
ROWS_PER_JOB = 2_000
"""A few milliseconds of the writer's time."""

_KEYS = t.command_keys.c
_OLD_KEYS = (
    select(_KEYS.key, _KEYS.person).where(_KEYS.at < bindparam("before")).limit(ROWS_PER_JOB)
)
_FORGET_KEYS = statement(
    delete(t.command_keys).where(tuple_(_KEYS.key, _KEYS.person).in_(_OLD_KEYS))
)
_ENDED = (
    select(t.sessions.c.digest)
    .where(t.sessions.c.expires_at < bindparam("before"))
    .limit(ROWS_PER_JOB)
)
_FORGET_SESSIONS = statement(delete(t.sessions).where(t.sessions.c.digest.in_(_ENDED)))


async def tidy(handler: Handler, now: int) -> int:
    """Forgets what is out of date at ``now`` (UTC milliseconds); how many rows went.

    Raises Refused when the node cannot write."""
    keys = await _forget(handler, _FORGET_KEYS, now - limits.KEY_KEPT_DAYS * DAY_MS)
    return keys + await _forget(handler, _FORGET_SESSIONS, now)


async def _forget(handler: Handler, rows: Statement, before: int) -> int:
    def work(tx: Tx) -> int:
        return tx.execute(rows, {"before": before})

    total = 0
    while (gone := await handler.run(work)) > 0:
        total += gone
    return total


async def run(handler: Handler, reader: Reader, now: Callable[[], int]) -> None:
    """Tidies at start and every hour until cancelled; a node that cannot write is left alone."""
    while True:
        with contextlib.suppress(Refused):
            await tidy(handler, now())
            await score_retention.tidy(handler, reader, now())
        await asyncio.sleep(EVERY_SECONDS)
