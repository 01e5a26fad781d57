"""How long a ledger says who, what and where: after a region's ``retention_days`` a line is bare.

docs/scoring.md section 9.6. A bare line keeps its day, kind, topics and points, so that the lines still
add up to the total; which post it was about, its words, who gave it and how it came to its points are
gone from the table. What is in the log goes by erasure, not by this.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from server.app.handle import Handler
from server.domain.scoring_policy import CAUTIOUS, ScoringPolicy
from server.scoring.rules import DAY_MS, day_of
from server.storage import tables as t
from server.storage.queries import scoring
from server.storage.reader import Reader
from server.storage.sql import Tx, statement, upsert

NAME = "retention"
LINES_PER_JOB = 500
"""Some ten milliseconds of the writer's time."""
GONE: dict[str, Any] = {
    "content": "",
    "content_title": "",
    "by": None,
    "by_text": "",
    "factors": [],
    "what": "It is older than the ledger says more about.",
}

_c = t.credits_.c
_OLD = (
    select(_c.act, _c.line)
    .where(_c.at >= bindparam("since"), _c.at < bindparam("before"), _c.act > bindparam("after"))
    .order_by(_c.act)
    .limit(LINES_PER_JOB)
)
_SET = statement(update(t.credits_).where(_c.act == bindparam("a")).values(line=bindparam("line")))
_DONE = select(t.consumers.c.position).where(t.consumers.c.name == NAME)
_SAVE = upsert(t.consumers, ["epoch", "position", "rules"])


def bare_before(policy: ScoringPolicy, now: int) -> int:
    """Lines before this moment are bare; 0: none. UTC milliseconds, always the start of a day."""
    if policy.retention_days == 0:
        return 0
    return max(0, day_of(now) - policy.retention_days) * DAY_MS


def bare(line: Mapping[str, Any]) -> dict[str, Any]:
    """A ledger line without what it was about."""
    return {**line, **{name: value for name, value in GONE.items() if name in line}}


async def tidy(handler: Handler, reader: Reader, now: int) -> int:
    """Bares the lines that became too old since the last time; how many. Raises Refused."""
    async with reader.snapshot() as snapshot:
        policy = (await scoring.policies(snapshot)).get(handler.region, CAUTIOUS)
        row = await snapshot.one(_DONE)
    since, before = (row[0] if row else 0), bare_before(policy, now)
    count, after = 0, ""
    while since < before:
        async with reader.snapshot() as snapshot:
            page = await snapshot.rows(_OLD, {"since": since, "before": before, "after": after})
        await handler.run(lambda tx, page=page: _bare(tx, page))  # type: ignore[misc]
        count += len(page)
        if len(page) < LINES_PER_JOB:
            await handler.run(lambda tx: _save(tx, before))
            break
        after = page[-1].act
    return count


def _bare(tx: Tx, page: Sequence[Any]) -> None:
    for act, line in page:
        tx.execute(_SET, {"a": act, "line": encoded(bare(msgspec.json.decode(line)))})


def _save(tx: Tx, before: int) -> None:
    tx.execute(_SAVE, {"name": NAME, "epoch": 0, "position": before, "rules": ""})


def encoded(line: Mapping[str, Any]) -> str:
    return msgspec.json.encode(line).decode()
