"""Fresh events of a lane before those that are missing behind them, and how to find people and communities first

Runs before the deploy: older versions pass over both, as long as no lane has a lead.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import BIG, big

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_LISTED = sa.text(
    "type IN ('person.registered', 'person.profile_changed', 'person.status_changed', 'person.role_changed',"
    " 'person.handed_over', 'person.taken_over', 'community.created', 'community.changed',"
    " 'community.role_changed', 'topic.defined')"
)


def upgrade() -> None:
    op.create_table(
        "leads",
        sa.Column("lane_id", BIG, autoincrement=False, nullable=False),
        big("base"),
        sa.Column("base_hash", sa.LargeBinary(), nullable=False),
        big("seq"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        big("listed"),
        sa.PrimaryKeyConstraint("lane_id", name=op.f("pk_leads")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_events_listed",
        "events",
        ["lane_id", "seq"],
        sqlite_where=_LISTED,
        postgresql_where=_LISTED,
    )


def downgrade() -> None:
    op.drop_index("ix_events_listed", table_name="events")
    op.drop_table("leads")
