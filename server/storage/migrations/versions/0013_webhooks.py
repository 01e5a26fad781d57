"""Webhooks with what they would not have, and whom a service may read about

Runs before the deploy: older versions pass over the tables and the column.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG, big, text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", text("names", "shown"))
    op.create_table(
        "webhooks",
        sa.Column("webhook", sa.Text(), nullable=False),
        text("label"),
        text("url"),
        text("mode"),
        text("filter", "{}"),
        text("names"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("secret_before", sa.LargeBinary(), nullable=False),
        big("before_until"),
        big("rate"),
        text("person"),
        big("at"),
        text("state"),
        big("position"),
        big("size"),
        big("failures"),
        big("failing_since"),
        big("next_at"),
        text("reason"),
        sa.PrimaryKeyConstraint("webhook", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "webhook_dead",
        sa.Column("webhook", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        text("event"),
        text("type"),
        text("error"),
        big("attempts"),
        big("at"),
        sa.PrimaryKeyConstraint("webhook", "position", name=op.f("pk_webhook_dead")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("webhook_dead")
    op.drop_table("webhooks")
    op.drop_column("sessions", "names")
