"""What may leave a region, and profiles of which some regions know more than others

Runs before the deploy: older versions pass over the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FIELDS = ("title", "unit", "country", "about", "locale", "timezone")


def _text(name: str, default: str = "") -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _big(name: str) -> "sa.Column[int]":
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, server_default="0", nullable=False)


def upgrade() -> None:
    op.create_table(
        "fuller_profiles",
        sa.Column("person", sa.Text(), nullable=False),
        _big("rev"),
        *[_text(name) for name in FIELDS],
        _text("skills", "[]"),
        _big("given"),
        _text("lane"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_fuller_profiles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "residency",
        sa.Column("region", sa.Text(), nullable=False),
        _big("rev"),
        _text("policy"),
        _text("regions", "[]"),
        _text("groups", "{}"),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_residency")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("residency")
    op.drop_table("fuller_profiles")
