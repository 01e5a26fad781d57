"""Forks that were proven, and whether this node still brings back what a restored database lacked

Runs before the deploy: older versions pass over both.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("node", sa.Column("recovering_since", big, server_default="0", nullable=False))
    op.create_table(
        "forks",
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("epoch", big, nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", big, nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("found_at", big, server_default="0", nullable=False),
        sa.Column("resolved_at", big, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("region", "epoch", "lane", name=op.f("pk_forks")),
    )


def downgrade() -> None:
    op.drop_table("forks")
    with op.batch_alter_table("node") as batch_op:
        batch_op.drop_column("recovering_since")
