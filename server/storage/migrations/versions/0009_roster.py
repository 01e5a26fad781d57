"""Finds the few events about keys and the roster at every start, however long the log is

Runs before the deploy: older versions do not look for it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ABOUT_COMPANY = sa.text("type IN ('key.rotated', 'key.retired', 'roster.changed', 'log.closed')")


def upgrade() -> None:
    op.create_index(
        "ix_events_company",
        "events",
        ["position"],
        sqlite_where=_ABOUT_COMPANY,
        postgresql_where=_ABOUT_COMPANY,
    )


def downgrade() -> None:
    op.drop_index("ix_events_company", table_name="events")
