"""What regions and people want told of contributions, and what was published

Runs before the deploy: older versions pass over the tables and columns.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG, big, text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("communities", text("mode", "quiet"))
    for column in (
        big("level"),
        sa.Column("shown", sa.Boolean(), server_default=sa.true(), nullable=False),
        text("origin"),
        big("epoch"),
        big("seq"),
    ):
        op.add_column("standings", column)
    op.create_table(
        "scoring_policies",
        sa.Column("region", sa.Text(), nullable=False),
        big("rev"),
        text("policy"),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_scoring_policies")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scoring_choices",
        sa.Column("person", sa.Text(), nullable=False),
        big("rev"),
        text("choice", "{}"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_scoring_choices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scoring_histories",
        sa.Column("person", sa.Text(), nullable=False),
        big("rev"),
        big("before"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_scoring_histories")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scoring_roots",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        big("day"),
        text("rules"),
        text("quarter"),
        text("cut", "[]"),
        big("people"),
        text("root"),
        sa.PrimaryKeyConstraint("region", "epoch", "seq", name=op.f("pk_scoring_roots")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for name in ("scoring_roots", "scoring_histories", "scoring_choices", "scoring_policies"):
        op.drop_table(name)
    for column in ("seq", "epoch", "origin", "shown", "level"):
        op.drop_column("standings", column)
    op.drop_column("communities", "mode")
