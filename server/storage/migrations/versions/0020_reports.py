"""How far the moderators' answer to reports goes, and when both were made

Runs before the deploy: older versions pass over the columns. Goes through the log once.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from alembic import op
from msgspec import Meta

from server.storage.migrations.columns import big

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

PAGE_EVENTS = 5_000
RAISED, RESOLVED = "flag.raised", "flag.resolved"
HLC, ACTOR = 7, 8
"""Where they stand in an event's header."""


class Named(msgspec.Struct):
    """Which version of a register a body is; ``seen`` where a newer region sent it. What fits no column was never
    folded."""

    target: Annotated[str, Meta(pattern=r"^[^\x00]{1,128}$")]
    rev: Annotated[int, Meta(ge=1, lt=2**53)]
    seen: Annotated[int, Meta(gt=-(2**53), lt=2**53)] = 0


_header = msgspec.msgpack.Decoder(list[Any]).decode
_body = msgspec.msgpack.Decoder(Named).decode


def upgrade() -> None:
    op.add_column("flags", big("at"))
    op.add_column("flag_resolutions", big("seen"))
    op.add_column("flag_resolutions", big("at"))
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    raised, resolved = _timed("flags"), _timed("flag_resolutions")
    raised = raised.where(sa.column("person") == sa.bindparam("actor"))
    resolved = resolved.values(seen=sa.bindparam("answered"))
    for kind, header, body in _events(connection):
        try:
            named = _body(body)
        except (ValueError, RecursionError):
            continue  # nobody could fold it
        values = {"post": named.target, "number": named.rev, "time": header[HLC] >> 16}
        if kind == RAISED:
            connection.execute(raised, values | {"actor": header[ACTOR]})
        else:
            connection.execute(resolved, values | {"answered": named.seen})


def _timed(name: str) -> sa.Update:
    """Of two events that are the same version the first was folded."""
    table = sa.table(name, *map(sa.column, ("target", "person", "rev", "seen", "at")))
    c = table.c
    this = (c.target == sa.bindparam("post"), c.rev == sa.bindparam("number"), c.at == 0)
    return sa.update(table).where(*this).values(at=sa.bindparam("time"))


def _events(connection: sa.Connection) -> Iterator[tuple[str, list[Any], bytes]]:
    events = sa.table("events", *map(sa.column, ("position", "type", "header", "body")))
    wanted = (
        sa.select(events)
        .where(events.c.type.in_((RAISED, RESOLVED)), events.c.body.is_not(None))
        .order_by(events.c.position)
        .limit(PAGE_EVENTS)
    )
    after = 0
    while page := connection.execute(wanted.where(events.c.position > after)).all():
        for row in page:
            yield row.type, _header(bytes(row.header)), bytes(row.body)
        after = page[-1].position


def downgrade() -> None:
    op.drop_column("flag_resolutions", "at")
    op.drop_column("flag_resolutions", "seen")
    op.drop_column("flags", "at")
