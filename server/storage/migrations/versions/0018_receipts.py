"""What an erasure left is seen to once for each database: rows go when it is, whatever receipt is in the log

Runs before the deploy: to older versions a row without its receipt is owed, and one that is gone is not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        sa.text(
            "DELETE FROM erasing WHERE EXISTS (SELECT 1 FROM erasure_receipts, node"
            " WHERE erasure_receipts.request = erasing.request AND erasure_receipts.region = node.region)"
        )
    )


def downgrade() -> None:
    """Nothing: a row that is gone is not owed to an older version either."""
