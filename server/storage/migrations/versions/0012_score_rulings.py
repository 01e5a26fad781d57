"""Keeps what people decided about credits, beside the acts

Runs before the deploy: older versions do not look for it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score_rulings",
        sa.Column("act", sa.Text(), nullable=False),
        *[
            sa.Column(name, sa.Text(), server_default="", nullable=False)
            for name in ("giver", "author", "content", "quarter")
        ],
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("act", name=op.f("pk_score_rulings")),
    )


def downgrade() -> None:
    op.drop_table("score_rulings")
