"""What may leave a region, and profiles of which some regions know more than others

Runs before the deploy: older versions pass over the tables.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIELDS = ("title", "unit", "country", "about", "locale", "timezone")


def upgrade() -> None:
    op.create_table(
        "fuller_profiles",
        sa.Column("person", sa.Text(), nullable=False),
        big("rev"),
        *[text(name) for name in FIELDS],
        text("skills", "[]"),
        big("given"),
        text("lane"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_fuller_profiles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "residency",
        sa.Column("region", sa.Text(), nullable=False),
        big("rev"),
        text("policy"),
        text("regions", "[]"),
        text("groups", "{}"),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_residency")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("residency")
    op.drop_table("fuller_profiles")
