"""Files of posts, the bytes that lie here, and who uploaded them

Runs before the deploy: older versions pass over the tables.
"""

import sqlalchemy as sa
from alembic import op

from server.storage.migrations.columns import big, text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_posts",
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        big("rank"),
        text("type"),
        big("size"),
        text("name"),
        big("width"),
        big("height"),
        text("alt"),
        sa.Column("stays", sa.Boolean(), nullable=False),
        sa.Column("thumbnail", sa.LargeBinary(), nullable=False),
        text("origin"),
        text("lanes", "[]"),
        sa.PrimaryKeyConstraint("post", "hash", name=op.f("pk_media_posts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_media_posts_hash", "media_posts", ["hash"])
    op.create_table(
        "media",
        sa.Column("hash", sa.Text(), nullable=False),
        text("type"),
        big("size"),
        big("width"),
        big("height"),
        sa.Column("thumbnail", sa.LargeBinary(), nullable=False),
        sa.Column("stays", sa.Boolean(), nullable=False),
        big("at"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_media")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "uploads",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        big("at"),
        sa.PrimaryKeyConstraint("hash", "person", name=op.f("pk_uploads")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_uploads_person", "uploads", ["person", "at"])
    op.create_table(
        "media_loose",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_media_loose")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("media_loose")
    op.drop_table("uploads")
    op.drop_table("media")
    op.drop_table("media_posts")
