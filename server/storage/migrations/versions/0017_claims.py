"""Claims of an author are found without reading all they were thanked for

Runs before the deploy: older versions read the wider index as they read the narrow one.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAME = "ix_score_acts_author"


def upgrade() -> None:
    op.drop_index(NAME, table_name="score_acts")
    op.create_index(NAME, "score_acts", ["author", "quarter", "giver"])


def downgrade() -> None:
    op.drop_index(NAME, table_name="score_acts")
    op.create_index(NAME, "score_acts", ["author", "quarter"])
