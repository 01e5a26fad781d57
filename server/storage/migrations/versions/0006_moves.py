"""People who move between regions: from where, to where, and what their old home said last

Runs before the deploy: older versions pass over columns and tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _text(name: str, default: str = "") -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _rev() -> "sa.Column[int]":
    return sa.Column("rev", BIG, server_default="0", nullable=False)


def upgrade() -> None:
    op.add_column("persons", _text("previous"))
    op.add_column("persons", _text("moving_to"))
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
        _text("origin"),
        _text("to_"),
        _rev(),
        _text("cut", "[]"),
        _text("carried_keys", "[]"),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_releases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "moves_attended",
        sa.Column("person", sa.Text(), nullable=False),
        _rev(),
        _text("to_"),
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
