"""Every ballot where it stands, what regions say when a poll closes, and its outcome by region

Runs before the deploy. The tables of polls are folds: ``tap rebuild`` fills what is new from the log.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG, big, text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _key(name: str, kind: Any = None) -> sa.Column[Any]:
    return sa.Column(name, kind or sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "ballot_casts",
        _key("poll"),
        _key("region"),
        _key("epoch", BIG),
        _key("lane"),
        _key("seq", BIG),
        text("person"),
        big("rev"),
        text("choices", "[]"),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("poll", "region", "epoch", "lane", "seq", name="pk_ballot_casts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ballots_kept",
        _key("poll"),
        _key("person"),
        sa.PrimaryKeyConstraint("poll", "person", name="pk_ballots_kept"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "poll_outcomes",
        _key("poll"),
        _key("region"),
        big("rank"),
        text("outcome", "{}"),
        sa.PrimaryKeyConstraint("poll", "region", name="pk_poll_outcomes"),
        sqlite_with_rowid=False,
    )
    op.add_column("poll_choices", big("firsts"))
    op.drop_table("polls")
    op.create_table(
        "polls",
        _key("poll"),
        text("place"),
        text("home"),
        big("closes_at"),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("closing", sa.Boolean(), nullable=False),
        big("voters"),
        big("local_changed"),
        sa.PrimaryKeyConstraint("poll", name="pk_polls"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_polls_place", "polls", ["place", "local_changed"])
    op.drop_table("poll_regions")
    op.create_table(
        "poll_regions",
        _key("poll"),
        _key("region"),
        big("voters"),
        text("counts", "[]"),
        text("pairs", "[]"),
        big("rev"),
        big("closed_epoch"),
        big("closed_at"),
        text("ends", "[]"),
        text("waits_for", "[]"),
        big("verdict"),
        sa.PrimaryKeyConstraint("poll", "region", name="pk_poll_regions"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("poll_regions")
    op.create_table(
        "poll_regions",
        _key("poll"),
        _key("region"),
        big("voters"),
        text("counts", "[]"),
        big("rev"),
        big("closed_ballots"),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("poll", "region", name="pk_poll_regions"),
        sqlite_with_rowid=False,
    )
    op.drop_table("polls")
    op.create_table(
        "polls",
        _key("poll"),
        text("place"),
        big("voters"),
        text("outcome"),
        big("local_changed"),
        sa.PrimaryKeyConstraint("poll", name="pk_polls"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_polls_place", "polls", ["place", "local_changed"])
    with op.batch_alter_table("poll_choices") as batch_op:
        batch_op.drop_column("firsts")
    op.drop_table("poll_outcomes")
    op.drop_table("ballots_kept")
    op.drop_table("ballot_casts")
