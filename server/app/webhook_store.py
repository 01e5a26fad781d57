"""The queries of webhooks: what an operator set, where each stands, and what its receiver would not have."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from server.app.feed import Filter
from server.app.naming import Names
from server.app.webhook_steps import Place, State
from server.domain import limits
from server.storage import tables as t
from server.storage.reader import Snapshot
from server.storage.sql import Tx, statement, upsert

Mode = Literal["structured", "binary", "batch"]

_w, _d = t.webhooks.c, t.webhook_dead.c
_ALL = select(t.webhooks).order_by(_w.webhook)
_INSERT = statement(insert(t.webhooks))
_DELETE = [
    statement(delete(table).where(table.c.webhook == bindparam("webhook")))
    for table in (t.webhook_dead, t.webhooks)
]
_PLACE = statement(
    update(t.webhooks)
    .where(_w.webhook == bindparam("name"))
    .values({name: bindparam(name) for name in Place._fields})
)
_SECRETS = statement(
    update(t.webhooks)
    .where(_w.webhook == bindparam("name"))
    .values({name: bindparam(name) for name in ("secret", "secret_before", "before_until")})
)
_BURY = upsert(t.webhook_dead, ["error", "attempts", "at"])
_RAISE = statement(
    delete(t.webhook_dead).where(
        _d.webhook == bindparam("webhook"), _d.position == bindparam("position")
    )
)
_FAILED_AGAIN = statement(
    update(t.webhook_dead)
    .where(_d.webhook == bindparam("name"), _d.position == bindparam("place"))
    .values(attempts=_d.attempts + 1, error=bindparam("error"), at=bindparam("at"))
)
_COUNT = statement(
    select(func.count()).select_from(t.webhook_dead).where(_d.webhook == bindparam("webhook"))
)
_COUNTS = select(_d.webhook, func.count()).group_by(_d.webhook)
_DEAD = (
    select(t.webhook_dead)
    .where(_d.webhook == bindparam("webhook"), _d.position > bindparam("after"))
    .order_by(_d.position)
    .limit(bindparam("limit"))
)
_ONE_DEAD = select(t.webhook_dead).where(
    _d.webhook == bindparam("webhook"), _d.position == bindparam("position")
)

_filter = msgspec.json.Decoder(Filter).decode


class Hook(NamedTuple):
    """What an operator set. ``secret`` and ``secret_before`` are sealed; the latter signs until ``before_until``."""

    webhook: str
    label: str
    url: str
    mode: Mode
    filter: Filter
    names: Names
    secret: bytes
    secret_before: bytes
    before_until: int
    rate: int
    """Requests a minute that the receiver allows; 0 for any."""
    person: str
    """Who made it; empty for the node's operator."""
    at: int


class Dead(NamedTuple):
    """An event that a receiver would not have; ``at``: when it was last tried."""

    position: int
    event: str
    type: str
    error: str
    attempts: int
    at: int


# -- writing, in the writer's transaction ----------------------------------------------------------------


def insert_hook(tx: Tx, hook: Hook, place: Place) -> None:
    wanted = msgspec.json.encode(hook.filter).decode()
    tx.execute(_INSERT, hook._asdict() | {"filter": wanted} | place._asdict())


def delete_hook(tx: Tx, webhook: str) -> None:
    for forget in _DELETE:
        tx.execute(forget, {"webhook": webhook})


def save_place(tx: Tx, webhook: str, place: Place) -> None:
    tx.execute(_PLACE, {"name": webhook} | place._asdict())


def save_secrets(tx: Tx, hook: Hook) -> None:
    tx.execute(
        _SECRETS,
        {
            "name": hook.webhook,
            "secret": hook.secret,
            "secret_before": hook.secret_before,
            "before_until": hook.before_until,
        },
    )


def bury(tx: Tx, webhook: str, dead: Dead) -> None:
    tx.execute(_BURY, {"webhook": webhook} | dead._asdict())


def dead_count(tx: Tx, webhook: str) -> int:
    row = tx.one(_COUNT, {"webhook": webhook})
    return int(row[0]) if row else 0


def raise_dead(tx: Tx, webhook: str, position: int) -> None:
    """It was delivered after all."""
    tx.execute(_RAISE, {"webhook": webhook, "position": position})


def failed_again(tx: Tx, webhook: str, position: int, error: str, at: int) -> None:
    tx.execute(_FAILED_AGAIN, {"name": webhook, "place": position, "error": error, "at": at})


# -- reading ---------------------------------------------------------------------------------------------


async def hooks(snapshot: Snapshot) -> list[tuple[Hook, Place]]:
    """All of them with where each stands; at most WEBHOOKS_MAX."""
    return [_hook(row) for row in await snapshot.rows(_ALL)]


async def dead_counts(snapshot: Snapshot) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in await snapshot.rows(_COUNTS)}


async def dead(snapshot: Snapshot, webhook: str, after: int = 0) -> Sequence[Dead]:
    """A page in the order of the log."""
    asked = {"webhook": webhook, "after": after, "limit": limits.PAGE_ITEMS_MAX}
    return [_dead(row) for row in await snapshot.rows(_DEAD, asked)]


async def one_dead(snapshot: Snapshot, webhook: str, position: int) -> Dead | None:
    row = await snapshot.one(_ONE_DEAD, {"webhook": webhook, "position": position})
    return _dead(row) if row else None


def _hook(row: Any) -> tuple[Hook, Place]:
    columns = row._asdict()
    hook = {name: columns[name] for name in Hook._fields}
    hook |= {
        "filter": _filter(columns["filter"]),
        "secret": bytes(columns["secret"]),
        "secret_before": bytes(columns["secret_before"]),
    }
    place = {name: columns[name] for name in Place._fields}
    return Hook(**hook), Place(**place | {"state": State(columns["state"])})


def _dead(row: Any) -> Dead:
    columns = row._asdict()
    return Dead(**{name: columns[name] for name in Dead._fields})
