"""With which vocabulary the log was folded, whether it left something unread, and how often it was read anew

Runs before the deploy: older versions pass over the columns. What earlier versions could not read they did not
note: so there may be something, and the first start reads the log once. That fills, too, what revisions before
this one made anew and left to ``tap rebuild``.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", text("vocabulary"))
    op.add_column("node", big("unread"))
    op.add_column("node", big("reading"))
    op.execute(sa.text("UPDATE node SET unread = 1"))


def downgrade() -> None:
    with op.batch_alter_table("node") as batch_op:
        for name in ("reading", "unread", "vocabulary"):
            batch_op.drop_column(name)
