"""People who move between regions: from where, to where, and what their old home said last

Runs before the deploy: older versions pass over columns and tables.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("persons", text("previous"))
    op.add_column("persons", text("moving_to"))
    op.create_table(
        "person_homes",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "region", name=op.f("pk_person_homes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "releases",
        sa.Column("person", sa.Text(), nullable=False),
        text("origin"),
        text("to_"),
        big("rev"),
        text("cut", "[]"),
        text("carried_keys", "[]"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_releases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "moves_attended",
        sa.Column("person", sa.Text(), nullable=False),
        big("rev"),
        text("to_"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_moves_attended")),
        sqlite_with_rowid=False,
    )
    # Nobody has moved before this version: their home is where they were registered.
    op.execute(
        "INSERT INTO person_homes (person, region) "
        "SELECT person, registered_in FROM persons WHERE registered_in <> ''"
    )


def downgrade() -> None:
    for name in ("moves_attended", "releases", "person_homes"):
        op.drop_table(name)
    with op.batch_alter_table("persons") as batch_op:
        batch_op.drop_column("moving_to")
        batch_op.drop_column("previous")
