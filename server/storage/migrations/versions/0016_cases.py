"""Cases about credits, who they are about, how they were decided, and what that comes to

Runs before the deploy: older versions pass over the tables.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CASE = ("case_id", "region")


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def _table(name: str, keys: tuple[str, ...], *columns: "sa.Column[object]") -> None:
    op.create_table(
        name,
        *[_key(key) for key in keys],
        *columns,
        sa.PrimaryKeyConstraint(*keys, name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    _table(
        "cases",
        CASE,
        text("kind"),
        text("parties", "[]"),
        *[text(name) for name in ("quarter", "reason", "person", "line", "content", "about")],
        big("received"),
        text("flows", "[]"),
        big("at"),
    )
    op.create_index("ix_cases_newest", "cases", ["region", "at", "case_id"])
    _table("case_parties", ("person", *CASE))
    _table(
        "case_decisions",
        CASE,
        big("rev"),
        *[text(name) for name in ("outcome", "reason", "person")],
        big("at"),
    )
    _table("credit_rulings", CASE, big("rev"), text("quarter"), text("pairs", "[]"))


def downgrade() -> None:
    for name in ("credit_rulings", "case_decisions", "case_parties", "cases"):
        op.drop_table(name)
