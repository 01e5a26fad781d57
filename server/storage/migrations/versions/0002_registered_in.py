"""Who registered a person, which their home stops telling once they move

Runs before the deploy: older versions pass over the column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "persons", sa.Column("registered_in", sa.Text(), server_default="", nullable=False)
    )
    op.execute("UPDATE persons SET registered_in = home WHERE home_rev = 0")


def downgrade() -> None:
    with op.batch_alter_table("persons") as batch_op:
        batch_op.drop_column("registered_in")
