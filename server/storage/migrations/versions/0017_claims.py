"""Claims of an author are found without reading all they were thanked for

Runs before the deploy: older versions read the wider index as they read the narrow one. It is there before the narrow one
goes, so that nobody reads without; on PostgreSQL scoring waits while it is built, which people do not notice.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NARROW, WIDE = "ix_score_acts_author", "ix_score_acts_author_giver"


def upgrade() -> None:
    op.create_index(WIDE, "score_acts", ["author", "quarter", "giver"])
    op.drop_index(NARROW, table_name="score_acts")


def downgrade() -> None:
    op.create_index(NARROW, "score_acts", ["author", "quarter"])
    op.drop_index(WIDE, table_name="score_acts")
