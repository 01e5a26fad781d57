"""Which further events an erasure destroys, who asked for it, and what it destroyed here

Runs before the deploy: older versions pass over the tables and columns. Goes through the log once.
"""

import msgspec
import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


PAGE_EVENTS = 5_000
BIRTHS = ("post.published", "reply.published")
NAMED_BY = {
    **dict.fromkeys(BIRTHS, "post"),
    "post.edited": "post",
    "flag.raised": "target",
    "flag.resolved": "target",
}
"""Type -> the field of its body that names the post."""
ADDED = (
    ("origin", sa.Text(), ""),
    ("person", sa.Text(), ""),
    ("posts", BIG, "0"),
    ("at", BIG, "0"),
    ("lanes", sa.Text(), "[]"),
)


def upgrade() -> None:
    for name, kind, default in ADDED:
        op.add_column("erasures", sa.Column(name, kind, server_default=default, nullable=False))
    op.create_table(
        "erasing",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("position", BIG, server_default="0", nullable=False),
        sa.Column("bodies", BIG, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_erasing")),
        sqlite_with_rowid=False,
    )
    bodies = op.create_table(
        "bodies",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.PrimaryKeyConstraint("post", "position", name=op.f("pk_bodies")),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), bodies)


def _fill(connection: sa.Connection, bodies: sa.Table) -> None:
    events = sa.table("events", sa.column("position"), sa.column("type"), sa.column("body"))
    index = sa.table("event_channels", sa.column("position"))
    wanted = (
        sa.select(events.c.position, events.c.type, events.c.body)
        .where(events.c.type.in_(NAMED_BY), events.c.body.is_not(None))
        # What was shown when it was published is found on its thread.
        .where(events.c.type.not_in(BIRTHS) | events.c.position.not_in(sa.select(index.c.position)))
        .order_by(events.c.position)
        .limit(PAGE_EVENTS)
    )
    after = 0
    while page := connection.execute(wanted.where(events.c.position > after)).all():
        after = page[-1].position
        rows = [
            {"post": post, "position": row.position}
            for row in page
            if (post := _named(row.body, NAMED_BY[row.type]))
        ]
        if rows:
            connection.execute(sa.insert(bodies), rows)


def _named(body: bytes, field: str) -> str:
    """The post a body names; empty for a body that nobody could fold."""
    try:
        value = msgspec.msgpack.decode(bytes(body))
    except (msgspec.DecodeError, RecursionError):
        return ""
    post = value.get(field) if isinstance(value, dict) else None
    return post if isinstance(post, str) and len(post) <= 128 else ""


def downgrade() -> None:
    op.drop_table("bodies")
    op.drop_table("erasing")
    with op.batch_alter_table("erasures") as batch_op:
        for name, _, _ in ADDED:
            batch_op.drop_column(name)
