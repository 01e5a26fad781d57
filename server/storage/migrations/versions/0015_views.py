"""Boards, nominations, how leaders answer, and figures published once

Runs before the deploy: older versions pass over the tables.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG, big, text

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "merits",
        *[_key(name) for name in ("period", "community", "topic", "person")],
        *[big(name) for name in ("milli", "people", "units", "countries")],
        text("kinds", "{}"),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("period", "community", "topic", "person", name=op.f("pk_merits")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_merits_board", "merits", ["period", "community", "topic", "listed", "milli"]
    )
    op.create_table(
        "leader_months",
        _key("person"),
        _key("month"),
        big("members"),
        text("measures", "{}"),
        sa.PrimaryKeyConstraint("person", "month", name=op.f("pk_leader_months")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_leader_months_month", "leader_months", ["month"])
    op.create_table(
        "published_figures",
        *[_key(name) for name in ("view", "period", "cell")],
        text("figures", "{}"),
        big("at"),
        sa.PrimaryKeyConstraint("view", "period", "cell", name=op.f("pk_published_figures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recognition_reads",
        _key("person"),
        sa.Column("at", BIG, nullable=False),
        _key("reader"),
        text("quarter"),
        sa.PrimaryKeyConstraint("person", "at", "reader", name=op.f("pk_recognition_reads")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("recognition_reads", "published_figures", "leader_months", "merits"):
        op.drop_table(name)
